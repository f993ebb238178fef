"""The notebook, the Space, the container and the Cog predictor."""

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path
from types import ModuleType

import av
import pytest
import yaml

from deepsound.cli.main import build_parser

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "demo" / "deploy"


def module_of(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def streams(path: str) -> set[str]:
    with av.open(path) as container:
        return {stream.type for stream in container.streams}


@pytest.fixture
def shown(monkeypatch):
    """What the notebook displays, with a stand-in for IPython."""
    seen = []
    display = ModuleType("IPython.display")
    display.Audio = lambda path: ("sound", path)
    display.Video = lambda path, embed: ("video", path)
    display.display = lambda *things: seen.extend(things)
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    return seen


def test_the_notebook_runs_from_top_to_bottom(tmp_path, monkeypatch, shown, capsys):
    shutil.copytree(ROOT / "demo", tmp_path / "demo", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.chdir(tmp_path)
    notebook = json.loads((ROOT / "demo" / "quickstart.ipynb").read_text(encoding="utf-8"))
    names: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            exec(compile("".join(cell["source"]), "quickstart.ipynb", "exec"), names)  # noqa: S102
    assert "yes\n" in capsys.readouterr().out
    assert [kind for kind, _ in shown] == ["sound", "sound", "video", "video"]
    assert streams(shown[-1][1]) >= {"video", "audio"}


def test_the_space_starts_the_page_with_options_that_exist(monkeypatch):
    space = module_of(DEPLOY / "app.py")
    options = build_parser().parse_args(["app", *space.ADDRESS, "--max-upload", "200"])
    assert (options.host, options.port) == ("0.0.0.0", 7860)


def test_the_predictor_returns_a_video_with_sound(monkeypatch):
    cog = ModuleType("cog")
    cog.BasePredictor, cog.Path, cog.Input = object, Path, lambda **options: options.get("default")
    monkeypatch.setitem(sys.modules, "cog", cog)
    predictor = module_of(DEPLOY / "predict.py").Predictor()
    predictor.setup()
    path = predictor.predict(ROOT / "demo" / "silent_impacts.mp4", "wood", "embedded", 7, True)
    assert streams(str(path)) >= {"video", "audio"}
    assert list(predictor.pipelines) == ["embedded draft"]


def test_the_container_copies_what_is_there_and_is_no_root():
    text = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
    for line in re.findall(r"^COPY (.+) \S+$", text, flags=re.M):
        for name in line.split():
            assert (ROOT / name).exists(), name
    instructions = re.findall(r"^([A-Z]+) ", text, flags=re.M)
    assert instructions.index("USER") < instructions.index("ENTRYPOINT")
    extras = re.search(r'"\.\[([\w,]+)\]"', text)[1].split(",")
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert all(f"\n{extra} = [" in declared for extra in extras)


def test_cog_names_a_predictor_that_is_there():
    settings = yaml.safe_load((DEPLOY / "cog.yaml").read_text(encoding="utf-8"))
    path, name = settings["predict"].split(":")
    assert f"class {name}(" in (ROOT / path).read_text(encoding="utf-8")
