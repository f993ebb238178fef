"""The scripts' common part: Windows, names with spaces, an environment made once."""

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import environment

ROOT = Path(__file__).parents[2]
NAMES = ("demo", "test", "check")


@pytest.fixture
def runs(monkeypatch):
    """The commands that would run, in place of running them."""
    seen = []
    monkeypatch.setattr(environment, "ensure", lambda extras: seen.append(["ensure", extras]))
    monkeypatch.setattr(environment, "_run", lambda *command: seen.append([str(word) for word in command]) or 0)
    return seen


@pytest.mark.parametrize("name", NAMES)
def test_bash_and_batch_call_the_same_command(name):
    bash, batch = (ROOT / "scripts" / name).read_text(), (ROOT / "scripts" / f"{name}.bat").read_text()
    assert f'in_environment {name} "$@"' in bash
    assert f'%RUN% "%~dp0environment.py" {name} %*' in batch
    assert "*.bat text eol=crlf" in (ROOT / ".gitattributes").read_text()


def test_programs_of_the_environment_on_both_systems():
    assert environment.program("python", windows=False).parts[-3:] == (".venv", "bin", "python")
    assert environment.program("python", windows=True).parts[-3:] == (".venv", "Scripts", "python.exe")


def test_the_demo_takes_names_with_spaces_from_where_it_was_started(runs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert environment.main(["demo", "my clip.mp4"]) == 0
    assert runs[0] == ["ensure", "render"]
    assert runs[1][1:3] == ["run", str(tmp_path / "my clip.mp4")]


def test_the_demo_ends_at_the_first_clip_that_fails(monkeypatch, runs):
    monkeypatch.setattr(environment, "_run", lambda *command: runs.append(command) or 3)
    assert environment.main(["demo"]) == 3
    assert len(runs) == 2


def test_what_is_installed_already_is_not_installed_again(monkeypatch, tmp_path):
    started = []
    monkeypatch.setattr(environment, "VENV", tmp_path)
    monkeypatch.setattr(subprocess, "run", lambda command, **options: started.append(command))
    environment.ensure("render")
    assert [command[1:3] for command in started] == [["-m", "venv"], ["-m", "pip"]]
    environment.ensure("render")
    assert len(started) == 2
    (tmp_path / "installed-render").write_text("another pyproject.toml")
    environment.ensure("render")
    assert len(started) > 2


@pytest.mark.parametrize("arguments", [[], ["tset"], ["ensure"], ["check", "more"]])
def test_anything_else_is_answered_with_the_usage(arguments):
    run = subprocess.run(
        [sys.executable, "scripts/environment.py", *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 2
    assert "environment.py demo" in run.stderr
