"""`deepsound doctor` and `deepsound completion`."""

import json
import re
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from deepsound.cli import doctor
from deepsound.cli.main import main

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]


def findings(capsys, *flags) -> dict[str, dict[str, str]]:
    main(["doctor", "--json", *flags])
    return {f"{one['section']}/{one['name']}": one for one in json.loads(capsys.readouterr().out)}


def test_every_package_that_is_needed_is_looked_at():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    here = [one for one in map(Requirement, wanted) if one.marker is None or one.marker.evaluate()]
    assert sorted(doctor.NEEDED) == sorted(one.name for one in here)


def test_every_package_of_an_extra_is_looked_at():
    """The packages of training, the ComfyUI client, the timeline and the completion were not."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    lines = [line for name, lines in extras.items() if name not in ("test", "dev", "docs") for line in lines]
    assert {re.match(r"[\w-]+", line)[0] for line in lines} <= {*doctor.OPTIONAL, *doctor.NEEDED}


def test_a_sound_installation_ends_with_0_and_names_what_is_ready(capsys):
    assert main(["doctor"]) == 0
    page = capsys.readouterr().out
    assert re.search(r"^  draft +ready \(embedded\)$", page, re.MULTILINE)
    assert re.search(r"^- mmaudio_large_44k_v2 +lacks weights, [\d.]+ GB$", page, re.MULTILINE)


def test_no_path_of_the_user_is_shown_unless_asked_for(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path / "jane"))
    monkeypatch.setenv("DEEPSOUND_HOME", str(tmp_path / "jane" / "weights"))
    monkeypatch.chdir(tmp_path)
    assert "jane" not in json.dumps(findings(capsys))
    assert "jane" in findings(capsys, "--paths")["environment/DEEPSOUND_HOME"]["found"]


@pytest.mark.parametrize(
    ("name", "other", "problem"),
    [("torchvision", "0.25.0", "torchvision 0.25 beside torch 2.11"), ("scipy", "", "missing: reinstall deepsound")],
)
def test_what_does_not_fit_or_is_missing_is_wrong_and_ends_with_4(capsys, monkeypatch, name, other, problem):
    versions = {"torch": "2.11.0+cpu", name: other}
    monkeypatch.setattr(doctor, "_version", lambda package: versions.get(package, "2.11.0"))
    assert main(["doctor", "--json"]) == 4
    wrong = [one["found"] for one in json.loads(capsys.readouterr().out) if one["status"] == "wrong"]
    assert any(problem in found for found in wrong)


def test_weights_paths_that_cannot_be_read_are_a_finding_and_no_crash(capsys, monkeypatch, tmp_path):
    (tmp_path / "extra_model_paths.yaml").write_text("a: [", encoding="utf-8")
    monkeypatch.setenv("COMFYUI_PATH", str(tmp_path))
    assert main(["doctor", "--json"]) == 4
    assert "extra_model_paths.yaml" in capsys.readouterr().out


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_gets_its_completion(shell, capsys):
    pytest.importorskip("argcomplete")
    assert main(["completion", shell]) == 0
    assert "deepsound" in capsys.readouterr().out


def test_a_shell_that_asks_gets_options_and_commands():
    argcomplete = pytest.importorskip("argcomplete")
    from deepsound.cli.main import build_parser

    finder = argcomplete.CompletionFinder(build_parser())
    assert {"run", "doctor"} <= set(finder._get_completions(["deepsound"], "", "", None))
    flags = finder._get_completions(["deepsound", "run"], "--fall", "", None)
    assert [flag.strip() for flag in flags] == ["--fallback"]
