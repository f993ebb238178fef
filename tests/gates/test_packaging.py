"""What is declared agrees with what is there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def lines_of(name: str) -> list[str]:
    return [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]


def test_requirements_are_the_dependencies_without_torch():
    declared = {line for line in PROJECT["project"]["dependencies"] if not line.startswith("torch")}
    assert set(lines_of("requirements.txt")) == declared


def test_dependencies_have_no_upper_pins():
    """0.3.0 pinned OpenCV under 5, which pushed other packs' OpenCV about and was answered "already satisfied"."""
    for line in PROJECT["project"]["dependencies"]:
        bounds = line.partition(";")[0]
        assert "<" not in bounds and "==" not in bounds, line


def test_python_3_10_gets_what_reads_settings_files():
    """Settings files are TOML, and 3.10 answered them with a request to install tomli."""
    markers = [Requirement(line).marker for line in PROJECT["project"]["dependencies"] if line.startswith("tomli")]
    assert len(markers) == 1
    assert markers[0].evaluate({"python_version": "3.10"}) and not markers[0].evaluate({"python_version": "3.11"})


def test_every_dependency_has_a_lower_bound_that_can_be_installed_alone():
    """A bound had never been tried: the 0.1.1 of a meter that was required then lacked what was used of it."""
    run = subprocess.run([sys.executable, "scripts/lower_bounds.py"], cwd=ROOT, capture_output=True, text=True)
    bounds = dict(line.split("==") for line in run.stdout.split())
    assert bounds["torchaudio"] == bounds["torch"]
    assert bounds.keys() - {"torchaudio"} == {re.split("[<>=]", line)[0] for line in PROJECT["project"]["dependencies"]}
    assert all(re.fullmatch(r"[0-9.]+\.\*", bound) for bound in bounds.values())
    assert bounds["soxr"] == "0.5.*"


def test_the_constraints_are_one_matching_set():
    pins = dict(line.split("==") for line in lines_of("constraints.txt"))
    assert set(pins) == {"torch", "torchaudio", "torchvision"}
    assert pins["torch"] == pins["torchaudio"]
    minor = int(pins["torch"].split(".")[1])
    assert pins["torchvision"].split(".")[1] == str(minor + 15)


@pytest.mark.parametrize("name", ["torchaudio", "torchvision"])
def test_the_installed_set_imports_together(name):
    pytest.importorskip(name, reason=f"{name} is in the [models] extra")


def test_the_version_is_written_once():
    import deepsound

    written = PROJECT["project"]["version"]
    assert deepsound.__version__ == written
    for path in (ROOT / "deepsound").rglob("*.py"):
        assert f'"{written}"' not in path.read_text(encoding="utf-8"), path


def test_every_data_file_of_the_package_is_installed_with_it():
    """A schema or network that no pattern names is in a clone and missing from `pip install .`."""
    patterns = PROJECT["tool"]["setuptools"]["package-data"]["deepsound"]
    listed = subprocess.run(
        ["git", "ls-files", "-z", "deepsound"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    data = [name.removeprefix("deepsound/") for name in listed.stdout.split("\0") if name and not name.endswith(".py")]
    covered = {
        path.relative_to(ROOT / "deepsound").as_posix() for one in patterns for path in (ROOT / "deepsound").glob(one)
    }
    assert len(data) > 30 and sorted(set(data) - covered) == []


def test_an_installed_copy_knows_its_version_without_pyproject(tmp_path):
    """`pip install .` copies the package alone, and its version is then the installation's."""
    shutil.copytree(ROOT / "deepsound", tmp_path / "deepsound", ignore=shutil.ignore_patterns("weights", "__pycache__"))
    info = tmp_path / "deepsound-9.8.7.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: deepsound\nVersion: 9.8.7\n")
    script = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import deepsound; print(deepsound.__version__)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "9.8.7"


def test_the_changelog_has_this_version_with_its_date_and_a_place_for_the_next():
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heads = re.findall(r"^## (.*)$", text, re.M)
    assert heads[0] == "[Unreleased]"
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", head) for head in heads[1:])
    assert any(head.startswith(f"[{PROJECT['project']['version']}] - ") for head in heads)
    groups = set(re.findall(r"^### (.*)$", text, re.M))
    assert groups <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_top_level_is_what_the_owner_asked_for():
    for name in (
        "nodes",
        "deepsound",
        "workflows",
        "web",
        "tests",
        "__init__.py",
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "requirements.txt",
        "constraints.txt",
        ".comfyignore",
        "CHANGELOG.md",
    ):
        assert (ROOT / name).exists(), name


def test_the_readme_begins_with_the_two_commands():
    top = (ROOT / "README.md").read_text()[:2500]
    assert "scripts/demo" in top and "scripts/test" in top


FORBIDDEN = re.compile(
    r"(?<![.\w])eval\(|(?<![.\w])exec\(|os\.system|shell=True|pickle\.load|import requests|"
    r"urllib\.request|\bsubprocess\b|weights_only=False"
)


def test_shipped_code_runs_no_programs_and_touches_no_network():
    for folder in ("deepsound", "nodes"):
        for path in (ROOT / folder).rglob("*.py"):
            found = FORBIDDEN.search(path.read_text())
            assert not found, f"{path.relative_to(ROOT)}: {found.group()}"


def test_files_and_functions_stay_readable():
    """Files under 350 lines; a longer one wants splitting."""
    for folder in ("deepsound", "nodes", "benchmarks"):
        for path in (ROOT / folder).rglob("*.py"):
            count = len(path.read_text().splitlines())
            assert count <= 350, f"{path.relative_to(ROOT)} has {count} lines"


def test_no_folder_stands_before_the_workflows():
    """ComfyUI serves a pack's templates from the first of these folders that exists (seen on 0.3.64 and 0.33)."""
    for folder in ("example_workflows", "example", "examples", "workflow"):
        assert not (ROOT / folder).exists(), f"{folder}/ would hide workflows/ from the template browser"
