"""Gate: install commands name real packages and the running Python, in one place."""

import ast
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from deepsound.errors import EngineError
from deepsound.runtime.packages import install_command, missing_package

ROOT = Path(__file__).parents[2]
ONE_PLACE = "deepsound/runtime/packages.py"


def texts_of(path: Path) -> str:
    """The string literals of a Python file, or a whole text file."""
    if path.suffix != ".py":
        return path.read_text(encoding="utf-8")
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return "\n".join(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_no_message_sends_people_to_this_package_s_name_on_the_index():
    files = [*ROOT.glob("deepsound/**/*.py"), *ROOT.glob("nodes/**/*.py"), *ROOT.glob("web/docs/**/*.md")]
    files += [*ROOT.glob("locales/**/*.json"), *ROOT.glob("docs/*.md"), ROOT / "README.md"]
    assert len(files) > 300
    wrong = [str(path.relative_to(ROOT)) for path in files if "deepsound[" in texts_of(path)]
    assert not wrong, "name the real packages: the name deepsound on the index is not this project's"


def test_install_commands_are_written_in_one_place():
    files = [*ROOT.glob("deepsound/**/*.py"), *ROOT.glob("nodes/**/*.py")]
    wrong = [str(path.relative_to(ROOT)) for path in files if "pip install" in texts_of(path)]
    assert not wrong, f"use deepsound.runtime.packages in {wrong}"
    assert (ROOT / ONE_PLACE).exists()


def test_the_command_is_the_running_python_s(monkeypatch):
    assert install_command("moviepy") == f"{sys.executable} -m pip install moviepy"
    monkeypatch.setattr(sys, "executable", r"C:\Program Files\Python\python.exe")
    command = install_command("silero-vad>=5.1")
    assert command == r'"C:\Program Files\Python\python.exe" -m pip install "silero-vad>=5.1"'
    monkeypatch.setattr(sys, "executable", None)
    assert install_command("ray").startswith("python -m pip")


def test_the_command_for_torch_s_companions_keeps_the_torch_that_is_there():
    torch = version("torch").partition("+")[0]
    assert install_command("torchaudio").endswith(f"-m pip install torchaudio torch=={torch}")


def test_a_missing_package_is_an_engine_error_that_says_what_to_do():
    error = missing_package("The video needs MoviePy", "moviepy", otherwise="leave it out")
    assert isinstance(error, EngineError) and error.exit_code == 4
    assert str(error) == f"The video needs MoviePy; leave it out, or install it with: {install_command('moviepy')}"


@pytest.mark.parametrize("name", ["render", "comfy", "scale", "app", "metrics", "quantised"])
def test_extras_are_still_declared_for_installs_from_a_clone(name):
    assert f"\n{name} = [" in (ROOT / "pyproject.toml").read_text()
