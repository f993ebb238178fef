# Finds a Python and the project's own .venv; sourced by the scripts beside it. What is in .venv, and when it is made
# anew, is environment.py's, which demo.bat and test.bat call as well.
set -euo pipefail
started_in=$(pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."

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

# Runs environment.py from where the script was started, so that the names of videos are the caller's.
in_environment() {
  local root=$PWD python
  python=$(find_python)
  cd "$started_in"
  exec "$python" "$root/scripts/environment.py" "$@"
}

ALL_EXTRAS=$("$(find_python)" -c 'import sys; sys.path.insert(0, "scripts"); import environment; print(environment.ALL_EXTRAS)')

ensure_environment() {
  "$(find_python)" scripts/environment.py ensure "$1"
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
