"""Imports point one way, and importing does nothing but import."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# What each part may import of the project, inside functions too. docs/architecture.md tells the same as a diagram.
EVERYONE = {"deepsound.types", "deepsound.errors", "deepsound.runtime", "deepsound"}
ALLOWED = {
    "deepsound/version.py": set(),
    "deepsound/types.py": {"deepsound.errors"},
    "deepsound/errors.py": set(),
    "deepsound/runtime": {"deepsound.errors", "deepsound.types", "deepsound.runtime"},
    "deepsound/models": {"deepsound.models"},
    "deepsound/weights": EVERYONE | {"deepsound.weights", "deepsound.media.files"},
    "deepsound/media": EVERYONE
    | {"deepsound.media", "deepsound.choices", "deepsound.models.silero", "deepsound.models.dtln"}
    | {"deepsound.models.whispered_speech"},
    "deepsound/silence.py": EVERYONE | {"deepsound.media.true_runs"},
    "deepsound/generate": EVERYONE
    | {"deepsound.engine_protocols", "deepsound.media", "deepsound.models", "deepsound.weights", "deepsound.generate"}
    # seeing_hearing aligns with words too: where a person gives none, a caption of the picture.
    | {"deepsound.reason.caption"},
    "deepsound/reason": EVERYONE
    | {"deepsound.engine_protocols", "deepsound.media", "deepsound.models", "deepsound.weights", "deepsound.reason"}
    | {"deepsound.combined_engine", "deepsound.engine_support", "deepsound.choices"},
    "deepsound/separate": EVERYONE
    | {"deepsound.choices", "deepsound.engine_protocols", "deepsound.media", "deepsound.models", "deepsound.weights"}
    | {"deepsound.separate", "deepsound.contracts", "deepsound.combined_engine"},
    "deepsound/calibrate": EVERYONE
    | {"deepsound.media", "deepsound.engine_protocols", "deepsound.evaluate.chart", "deepsound.calibrate"},
    "deepsound/combinations.py": {"deepsound.errors"},
    "deepsound/combined_engine.py": EVERYONE | {"deepsound.engine_protocols", "deepsound.engine_support"},
    "deepsound/arguments.py": {"deepsound.errors", "deepsound.runtime.seeds", "deepsound.types"},
    "deepsound/contracts.py": {
        "deepsound.errors",
        "deepsound.types",
        "deepsound.runtime.paths",
        "deepsound.runtime.sample_memory",
        "deepsound.media.views",
    },
    "deepsound/engine_protocols.py": EVERYONE | {"deepsound.media"},
    "deepsound/engine_support.py": EVERYONE | {"deepsound.media", "deepsound.engine_protocols"},
    "deepsound/engine_registry.py": set(),
    "deepsound/choices.py": {"deepsound.errors"},
    "deepsound/fallback.py": {"deepsound.errors", "deepsound.types", "deepsound.choices"},
    "deepsound/plugins.py": EVERYONE | {"deepsound.media", "deepsound.contracts", "deepsound.engine_protocols"},
    "deepsound/engines.py": EVERYONE
    | {"deepsound.media", "deepsound.contracts", "deepsound.engine_protocols", "deepsound.plugins"}
    | {"deepsound.combinations", "deepsound.combined_engine", "deepsound.engine_support", "deepsound.engine_registry"}
    # Names of models that lie in a folder, for menus.
    | {"deepsound.weights.omni_folders"},
    "deepsound/presets.py": {"deepsound.types", "deepsound.choices"},
    "deepsound/prompt_presets.py": {"deepsound.choices"},
    "deepsound/selection.py": EVERYONE
    | {"deepsound.combinations"}
    | {"deepsound.media", "deepsound.engines", "deepsound.silence", "deepsound.outcome", "deepsound.presets"}
    | {"deepsound.weights"},
    "deepsound/outcome.py": {"deepsound.types", "deepsound.segments"},
    "deepsound/outputs": EVERYONE | {"deepsound.media", "deepsound.weights", "deepsound.outcome", "deepsound.outputs"},
    "deepsound/pipeline.py": EVERYONE
    | {"deepsound.arguments"}
    | {"deepsound.media", "deepsound.engines", "deepsound.silence", "deepsound.outcome", "deepsound.outputs"}
    | {"deepsound.choices", "deepsound.fallback", "deepsound.presets", "deepsound.selection"}
    | {"deepsound.rank.best_of", "deepsound.pipeline_run", "deepsound.preparation", "deepsound.repair.plan"}
    | {"deepsound.separate.removal"},
    "deepsound/preparation.py": EVERYONE
    | {
        "deepsound.media",
        "deepsound.outcome",
        "deepsound.rank.limits",
        "deepsound.outputs",
        "deepsound.choices",
        "deepsound.fallback",
    }
    | {"deepsound.repair.plan", "deepsound.selection", "deepsound.separate.removal"},
    "deepsound/pipeline_run.py": EVERYONE
    | {"deepsound.media", "deepsound.engines", "deepsound.silence", "deepsound.outcome"}
    | {"deepsound.choices", "deepsound.fallback", "deepsound.presets", "deepsound.rank.best_of", "deepsound.repair"}
    | {"deepsound.segments", "deepsound.selection", "deepsound.reason.decided", "deepsound.separate.removal"},
    "deepsound/segments.py": EVERYONE,
    "deepsound/repair": EVERYONE
    | {"deepsound.media", "deepsound.separate", "deepsound.silence", "deepsound.segments", "deepsound.fallback"}
    | {"deepsound.choices", "deepsound.engine_protocols", "deepsound.engines", "deepsound.outcome"}
    | {"deepsound.presets", "deepsound.selection", "deepsound.repair"},
    "deepsound/mix": EVERYONE | {"deepsound.media", "deepsound.choices", "deepsound.mix"},
    "deepsound/compare": EVERYONE | {"deepsound.media", "deepsound.outputs", "deepsound.compare"},
    "deepsound/evaluate": EVERYONE
    | {"deepsound.media", "deepsound.models", "deepsound.weights", "deepsound.engines", "deepsound.silence"}
    | {"deepsound.outputs", "deepsound.evaluate"},
    "deepsound/rank": EVERYONE | {"deepsound.media", "deepsound.choices", "deepsound.evaluate", "deepsound.rank"},
    "deepsound/batch": EVERYONE
    | {"deepsound.combinations"}
    | {"deepsound.media", "deepsound.weights", "deepsound.outputs", "deepsound.pipeline", "deepsound.takes"}
    | {"deepsound.batch"},
    "deepsound/dry_run.py": EVERYONE
    | {"deepsound.choices"}
    | {
        "deepsound.arguments",
        *("deepsound.media", "deepsound.outputs", "deepsound.outcome", "deepsound.pipeline", "deepsound.fallback"),
        *(
            "deepsound.preparation",
            "deepsound.separate.removal",
            "deepsound.weights.catalogue",
            "deepsound.weights.locate",
        ),
        *("deepsound.weights.memory_estimate", "deepsound.weights.missing", "deepsound.weights.search_paths"),
    },
    "deepsound/takes.py": EVERYONE
    | {"deepsound.arguments", "deepsound.media.clip", "deepsound.outputs", "deepsound.pipeline"}
    | {"deepsound.preparation"},
    "deepsound/reproduce": EVERYONE
    | {"deepsound.media", "deepsound.engines", "deepsound.silence", "deepsound.contracts", "deepsound.fallback"}
    | {"deepsound.batch", "deepsound.compare", "deepsound.evaluate", "deepsound.weights", "deepsound.reproduce"}
    | {"deepsound.presets", "deepsound.selection"},
    "deepsound/comfy": EVERYONE | {"deepsound.media", "deepsound.batch", "deepsound.comfy"},
    "deepsound/train": EVERYONE
    | {"deepsound.media", "deepsound.models", "deepsound.weights", "deepsound.generate", "deepsound.reason"}
    | {"deepsound.separate", "deepsound.silence", "deepsound.engine_protocols", "deepsound.calibrate.agreement"}
    | {"deepsound.evaluate.chart", "deepsound.outputs.reading", "deepsound.train"},
    "deepsound/app": EVERYONE
    | {"deepsound.media", "deepsound.engines", "deepsound.pipeline", "deepsound.outcome", "deepsound.outputs"}
    | {
        "deepsound.choices",
        "deepsound.fallback",
        "deepsound.presets",
        "deepsound.takes",
        "deepsound.rank",
        "deepsound.reason",
        "deepsound.train.cot_items",
        "deepsound.train.review",
        "deepsound.app",
    },
}


# Every folder and module of the library stands here or in ALLOWED; `deepsound.app` and the like are its entrances.
FREE = {"deepsound/__init__.py", "deepsound/__main__.py", "deepsound/cli", "deepsound/v1.py"}
# A package of networks that is a part of another published model.
# The aligner is a part of both directions of Seeing and Hearing.
PARTS_OF_OTHERS = {("videollama2", "beats"), ("seeing_hearing", "aligner"), ("aligned_video", "aligner")}


def imported_by(path: Path, with_types: bool = True) -> set[str]:
    """The modules that a file imports anywhere, also inside functions; `with_types` counts those for checkers alone."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_checkers = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if not with_types and id(node) in for_checkers:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in MODULES:
                    found.add(inner)
                elif node.module != "deepsound" or not alias.name.startswith("__"):
                    found.add(inner if node.module == "deepsound" else node.module)
    return found


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in (ROOT / "deepsound").rglob("*.py")}


def files_of(part: str) -> list[Path]:
    path = ROOT / part
    return sorted(path.rglob("*.py")) if path.is_dir() else [path] if path.exists() else []


def is_within(module: str, allowed: set[str]) -> bool:
    return any(module == name or (name != "deepsound" and module.startswith(name + ".")) for name in allowed)


def families(base: str) -> set[str]:
    return {path.parent.name for path in (ROOT / base).glob("*/__init__.py")}


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Paths of modules that import each other in a ring, each found once."""
    found: list[list[str]] = []
    done: set[str] = set()

    def walk(module: str, path: list[str]) -> None:
        if module in path:
            found.append([*path[path.index(module) :], module])
        elif module not in done:
            for other in sorted(imports.get(module, ())):
                walk(other, [*path, module])
            done.add(module)

    for module in sorted(imports):
        walk(module, [])
    return found


def test_a_circle_is_found():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c", "b"]]
    assert circles({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == []


def test_no_module_imports_in_a_circle_also_not_inside_functions():
    imports = {
        module: {other for other in imported_by(path, with_types=False) if other in MODULES and other != module}
        for module, path in MODULES.items()
    }
    assert sum(map(len, imports.values())) > 500
    assert circles(imports) == []


@pytest.mark.parametrize("base", ["deepsound/models", "deepsound/generate", "deepsound/reason"])
def test_no_family_imports_another_family_s_package(base):
    names, prefix = families(base), base.replace("/", ".")
    assert names
    for family in names:
        for path in files_of(f"{base}/{family}"):
            others = {
                other
                for module in imported_by(path)
                for other in names - {family}
                if is_within(module, {f"{prefix}.{other}"}) and (family, other) not in PARTS_OF_OTHERS
            }
            assert not others, f"{path.relative_to(ROOT)} imports from the family {sorted(others)}"


def test_every_part_of_the_library_has_its_rule():
    tops = {path for path in (ROOT / "deepsound").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    names = {path.relative_to(ROOT).as_posix() for path in tops}
    assert names == set(ALLOWED) | FREE


@pytest.mark.parametrize("part", [part for part in ALLOWED if files_of(part)])
def test_imports_point_one_way(part):
    for path in files_of(part):
        own = {module for module in imported_by(path) if module.split(".")[0] in {"deepsound", "nodes"}}
        wrong = {module for module in own if not is_within(module, ALLOWED[part])}
        assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


HOST_FILES = {"comfy_host.py", "host_folders.py", "host_memory.py"}
HOST = {"comfy", "comfy_api", "comfy_execution", "folder_paths", "server", "execution", "latent_preview"}


def test_the_library_knows_nothing_of_comfyui():
    for path in (ROOT / "deepsound").rglob("*.py"):
        used = {module.split(".")[0] for module in imported_by(path)}
        assert not used & (HOST | {"nodes"}), f"{path.relative_to(ROOT)} imports {sorted(used & HOST)}"


def test_only_the_host_files_touch_comfyui_internals():
    for path in (ROOT / "nodes").glob("*.py"):
        used = {module.split(".")[0] for module in imported_by(path)} & (HOST - {"comfy_api"})
        assert path.name in HOST_FILES or not used, f"{path.name} imports {sorted(used)}"


WITHOUT_SOCKETS = """
import builtins, importlib, pkgutil, socket, subprocess, sys
def refuse(*args, **kwargs): raise AssertionError("a socket or process was opened on import")
socket.socket.connect = refuse; socket.create_connection = refuse; subprocess.Popen.__init__ = refuse
import logging
handlers = list(logging.getLogger().handlers)
before = list(sys.path)
import deepsound
for module in pkgutil.walk_packages(deepsound.__path__, "deepsound."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
spec = importlib.util.spec_from_file_location("pack", "__init__.py", submodule_search_locations=["."])
pack = importlib.util.module_from_spec(spec); sys.modules["pack"] = pack; spec.loader.exec_module(pack)
assert callable(pack.comfy_entrypoint) and pack.WEB_DIRECTORY
assert not {"comfy", "comfy_api", "folder_paths"} & set(sys.modules)
assert logging.getLogger().handlers == handlers, "the root logger was configured"
assert sys.path == before, "sys.path was changed"
"""


def test_the_pack_imports_in_a_fresh_interpreter_without_comfyui_and_without_sockets():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SOCKETS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_importing_the_package_is_cheap():
    script = (
        "import sys, deepsound, deepsound.types, deepsound.engines, deepsound.media.views; "
        "sys.exit(str({'torch', 'numpy', 'av', 'cv2'} & set(sys.modules) or '') or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
