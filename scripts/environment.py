"""The project's own environment, `.venv`, and what runs in it; needs only Python.

    python scripts/environment.py demo [my.mp4 ...]      two example clips, or yours, get their finished sound
    python scripts/environment.py test [pytest arguments]
    python scripts/environment.py check                  lints, formatting and types
    python scripts/environment.py ensure EXTRA[,EXTRA]   makes the environment, or does nothing

The scripts beside it (`demo`, `demo.bat`, ...) find a Python and call this one.
"""

# ruff: noqa: S603
from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
ALL_EXTRAS = "app,comfy,foleycrafter,models,quantised,reasoner,render,scale,train,test,dev"
DEMO_CLIPS = ("demo/silent_impacts.mp4", "demo/narrated_landscape.mp4")
OLDEST_PYTHON = (3, 10)


def program(name: str, windows: bool = os.name == "nt") -> Path:
    """A program of the environment: `.venv/bin/NAME`, on Windows `.venv\\Scripts\\NAME.exe`."""
    return VENV / "Scripts" / f"{name}.exe" if windows else VENV / "bin" / name


def ensure(extras: str) -> None:
    """Make `.venv` with these extras; where it is as asked for already, that is all that is found out.

    Raises SystemExit for a Python that is too old, and CalledProcessError where pip fails.
    """
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"Python 3.10 or newer is needed, this is {sys.version.split()[0]}; install one, or set PYTHON.")
    done = VENV / f"installed-{extras}"
    wanted = "\n".join([*(_text(ROOT / name) for name in ("pyproject.toml", "constraints.txt")), extras, ""])
    if done.is_file() and _text(done) == wanted:
        return
    if not program("python").is_file():
        subprocess.run([sys.executable, "-m", "venv", str(VENV)], check=True)
    print("Installing into .venv (minutes the first time, most of it torch) ...", file=sys.stderr, flush=True)
    pip = [str(program("python")), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-c", "constraints.txt", "-e", f".[{extras}]"], check=True, cwd=ROOT)
    done.write_text(wanted, encoding="utf-8")


def demo(videos: Sequence[str]) -> int:
    """Give the videos (names as seen from where the script was started) their finished sound, in `demo-output`."""
    clips = [str(Path(video).absolute()) for video in videos] or [str(ROOT / clip) for clip in DEMO_CLIPS]
    ensure("render")
    for clip in clips:
        print(f"\n=== {clip}", flush=True)
        code = _run(program("deepsound"), "run", clip, "--output_dir", str(ROOT / "demo-output"), "--pictures")
        if code != 0:
            return code
    print(f"\nEverything is in {ROOT / 'demo-output'}")
    return 0


def check() -> int:
    """Lints, formatting and types; the JavaScript part needs node and npm, and says so where they are missing."""
    ensure(os.environ.get("DEEPSOUND_EXTRAS") or ALL_EXTRAS)
    for command in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
        if (code := _run(program(command[0]), *command[1:])) != 0:
            return code
    npm, npx = shutil.which("npm"), shutil.which("npx")
    if npm is None or npx is None:
        print("eslint was not run: npm is not installed (on Debian: apt-get install nodejs npm).", file=sys.stderr)
        return 0
    quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--silent")
    if not (ROOT / "node_modules" / "eslint").is_dir() and _run(npm, "ci", *quiet) != 0:
        print("eslint was not run: its packages could not be installed from package-lock.json.", file=sys.stderr)
        return 0
    return _run(npx, "--no-install", "eslint", "web", "tests/web", "eslint.config.mjs")


def test(arguments: Sequence[str]) -> int:
    """Every check and every test."""
    if (code := check()) != 0:
        return code
    # Three workers on two cores: those with the pages and servers of ComfyUI wait half of their time.
    workers = ("--numprocesses", "3", "--dist", "loadfile")
    return _run(program("python"), "-m", "pytest", *workers, *arguments)


def main(arguments: Sequence[str]) -> int:
    """Run one of the four; 2 for anything else."""
    command, *rest = arguments or [""]
    if command == "demo":
        return demo(rest)
    if command == "test":
        return test(rest)
    if command == "check" and not rest:
        return check()
    if command == "ensure" and len(rest) == 1:
        ensure(rest[0])
        return 0
    print(__doc__, file=sys.stderr)
    return 2


def _run(*command: str | Path) -> int:
    return subprocess.run([str(word) for word in command], check=False, cwd=ROOT).returncode


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)
    except KeyboardInterrupt:
        sys.exit(130)
