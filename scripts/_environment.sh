# Makes the project's own .venv, once; sourced by the scripts beside it. $1 names the extras to install.
# A second start only compares a fingerprint of what was asked for, so it takes no time.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

ALL_EXTRAS=app,comfy,foleycrafter,models,quantised,reasoner,render,scale,train,test,dev

find_python() {
  local name
  for name in "${PYTHON:-}" python3 python3.13 python3.12 python3.11 python3.10 python; do
    if [ -n "$name" ] && "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
      echo "$name"
      return
    fi
  done
  echo "Python 3.10 or newer with the venv module is needed and was not found; install it or set PYTHON." >&2
  return 1
}

ensure_environment() {
  local extras=$1 wanted
  wanted=$(cat pyproject.toml constraints.txt; echo "$extras")
  if [ "$(cat ".venv/installed-$extras" 2>/dev/null)" = "$wanted" ]; then
    return
  fi
  [ -x .venv/bin/python ] || "$(find_python)" -m venv .venv
  echo "Installing into .venv (about a minute the first time) ..." >&2
  .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[$extras]"
  printf '%s\n' "$wanted" > ".venv/installed-$extras"
}

# The Python of that version ("3.13"), as an installed program or one that pyenv keeps; nothing where there is none.
python_of_version() {
  local candidate
  for candidate in "python$1" "$HOME"/.pyenv/versions/"$1".*/bin/python; do
    if "$candidate" -c "import sys, venv, ensurepip; sys.exit('%d.%d' % sys.version_info[:2] != '$1')" 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
}

# Copies what a clone would hold (tracked and new files, no build folders) to $1.
copy_sources() {
  mkdir -p "$1"
  git ls-files -z --cached --others --exclude-standard --deduplicate | while IFS= read -r -d '' file; do
    [ -e "$file" ] && printf '%s\0' "$file"
  done | tar --create --null --files-from=- | tar --extract --directory="$1"
}
