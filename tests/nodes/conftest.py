"""Fixtures: the pack's nodes without ComfyUI, with fakes of `comfy_api.latest` and engines."""

from __future__ import annotations

import importlib.util
import sys
import types
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from tests.nodes.fake_memory import ON_DETACH, FakeMemory, ModelPatcher

ROOT = Path(__file__).parents[2]
PACK = "deepsound_pack_under_test"


class Recorded:
    """An input, output or schema that keeps the keywords it was made with."""

    def __init__(self, id: str | None = None, **keywords: Any) -> None:
        self.id = id
        self.keywords = keywords

    def __getattr__(self, name: str) -> Any:
        try:
            return self.__dict__["keywords"][name]
        except KeyError:
            raise AttributeError(name) from None


def comfy_type(io_type: str) -> type:
    """A socket type; its inputs and outputs know it by `io_type`."""
    return type(
        io_type,
        (),
        {
            "Input": type("Input", (Recorded,), {"io_type": io_type}),
            "Output": type("Output", (Recorded,), {"io_type": io_type}),
        },
    )


class MultiTypeInput(Recorded):
    """A socket for any of several types, which it joins by commas as the core does."""

    def __init__(self, id: str, types: list[type], **keywords: Any) -> None:
        super().__init__(id, **keywords)
        self.io_type = ",".join(kind.Input.io_type for kind in types)


class ComboInput(Recorded):
    """The newest core's menu: it knows `advanced`."""

    io_type = "COMBO"

    def __init__(
        self,
        id: str,
        options: list[str],
        default: str | None = None,
        tooltip: str = "",
        upload: Any = None,
        advanced: bool | None = None,
        optional: bool = False,
    ) -> None:
        super().__init__(id, options=options, default=default, tooltip=tooltip, upload=upload, optional=optional)


class Schema:
    """The newest core's schema, as far as the pack uses it."""

    def __init__(
        self,
        node_id: str,
        display_name: str,
        category: str,
        description: str = "",
        inputs: list[Recorded] | None = None,
        outputs: list[Recorded] | None = None,
        hidden: list[str] | None = None,
        is_output_node: bool = False,
        search_aliases: list[str] | None = None,
        is_input_list: bool = False,
    ) -> None:
        self.node_id, self.display_name, self.category, self.description = node_id, display_name, category, description
        self.inputs, self.outputs, self.hidden = inputs or [], outputs or [], hidden or []
        self.is_output_node, self.search_aliases = is_output_node, search_aliases or []
        self.is_input_list = is_input_list


class NodeOutput:
    """What `execute` gives back: `args` for the outputs, `ui` for the page."""

    def __init__(self, *args: Any, ui: Any = None) -> None:
        self.args, self.ui = args, ui


class VideoFromFile:
    """A VIDEO that is a file, with the trim window of newer cores."""

    def __init__(self, file: Any, *, start_time: float = 0, duration: float = 0) -> None:
        self.file, self.window = file, (start_time, duration)

    def get_stream_source(self) -> Any:
        return self.file

    def get_active_trim_window(self) -> tuple[float, float]:
        return self.window


class UntrimmableVideo:
    """A VIDEO of the oldest core: nothing but a file."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def get_stream_source(self) -> Any:
        return self.file


class VideoFromComponents:
    """A VIDEO that exists only as images, a rate and perhaps a sound."""

    def __init__(self, images: Any, audio: Any = None, frame_rate: Fraction = Fraction(25)) -> None:
        self.parts = SimpleNamespace(images=images, audio=audio, frame_rate=frame_rate)

    def get_components(self) -> Any:
        return self.parts

    def get_stream_source(self) -> Any:
        raise ValueError("Could not determine output format")


def _module(name: str, **members: Any) -> ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(members)
    return module


def _comfy_api() -> dict[str, ModuleType]:
    kinds = {
        name: comfy_type(name.upper()) for name in ("Audio", "Boolean", "Float", "Image", "Int", "String", "Video")
    }
    io = SimpleNamespace(
        **kinds,
        Combo=SimpleNamespace(Input=ComboInput),
        MultiType=SimpleNamespace(Input=MultiTypeInput),
        Input=Recorded,
        Output=Recorded,
        Schema=Schema,
        NodeOutput=NodeOutput,
        ComfyNode=type("ComfyNode", (), {"hidden": None}),
        UploadType=SimpleNamespace(video="video_upload"),
        FolderType=SimpleNamespace(output="output", temp="temp"),
        Hidden=SimpleNamespace(
            unique_id="UNIQUE_ID", prompt="PROMPT", extra_pnginfo="EXTRA_PNGINFO", dynprompt="DYNPROMPT"
        ),
    )
    ui = SimpleNamespace(
        PreviewVideo=lambda results: {"images": results, "animated": (True,)},
        SavedResult=lambda name, subfolder, type: {"filename": name, "subfolder": subfolder, "type": type},
    )
    latest = _module(
        "comfy_api.latest",
        io=io,
        ui=ui,
        ComfyExtension=type("ComfyExtension", (), {}),
        InputImpl=SimpleNamespace(
            VideoFromFile=VideoFromFile, VideoFromComponents=VideoFromComponents, UntrimmableVideo=UntrimmableVideo
        ),
    )
    return {"comfy_api": _module("comfy_api", latest=latest), "comfy_api.latest": latest}


class Blocker:
    """Stands for the host's value that stops what hangs on it."""

    def __init__(self, message: str | None) -> None:
        self.message = message


class Host:
    """What the pack may ask of ComfyUI, and a note of what it said; set `interrupted` to stop a run."""

    def __init__(self, root: Path) -> None:
        self.root, self.bars, self.texts, self.interrupted = root, [], [], False
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.memory = FakeMemory()
        self.folder_names_and_paths: dict[str, tuple[list[str], set[str]]] = {}
        self.arguments = SimpleNamespace(disable_metadata=False)
        self.prompt_id = "prompt 1"
        for folder in ("input", "output", "temp", "models", "user"):
            (root / folder).mkdir()

    def modules(self) -> dict[str, ModuleType]:
        manager = self.memory
        manager.throw_exception_if_processing_interrupted = self._check
        manager.InterruptProcessingException = InterruptedByHost
        patcher = _module("comfy.model_patcher", ModelPatcher=ModelPatcher)
        callbacks = _module("comfy.patcher_extension", CallbacksMP=SimpleNamespace(ON_DETACH=ON_DETACH))
        utils = _module(
            "comfy.utils",
            ProgressBar=lambda total, node_id=None: SimpleNamespace(
                update_absolute=lambda value, total: self.bars.append((node_id, value, total))
            ),
        )
        options = _module("comfy.cli_args", args=self.arguments)
        instance = SimpleNamespace(
            client_id="page",
            send_sync=lambda event, data, client: self._note_event(event, data),
        )
        return {
            "folder_paths": self._folder_paths(),
            "comfy.model_management": manager,
            "comfy.utils": utils,
            "comfy.cli_args": options,
            "server": _module("server", PromptServer=SimpleNamespace(instance=instance)),
            "comfy_execution": _module("comfy_execution"),
            "comfy_execution.graph_utils": _module("comfy_execution.graph_utils", ExecutionBlocker=Blocker),
            "comfy_execution.utils": _module(
                "comfy_execution.utils",
                get_executing_context=lambda: SimpleNamespace(prompt_id=self.prompt_id, node_id="7", list_index=None),
            ),
            "comfy.model_patcher": patcher,
            "comfy.patcher_extension": callbacks,
            "comfy": _module("comfy", model_management=manager, utils=utils, cli_args=options),
        }

    def _note_event(self, event: str, data: dict[str, Any]) -> None:
        """Status lines in `texts`, as (node, text), all other events in `events`."""
        if event == "deepsound.status":
            self.texts.append((data["node"], data["text"]))
        else:
            self.events.append((event, data))

    def _check(self) -> None:
        if self.interrupted:
            raise InterruptedByHost

    def _folder_paths(self) -> ModuleType:
        def annotated(name: str) -> tuple[str, str | None]:
            for kind in ("input", "output", "temp"):
                if name.endswith(f"[{kind}]"):
                    return name[: -len(kind) - 2], str(self.root / kind)
            return name, None

        def save_path(prefix: str, folder: str, width: int, height: int) -> tuple[str, str, int, str, str]:
            relative = Path(prefix)
            target = Path(folder, relative.parent)
            target.mkdir(parents=True, exist_ok=True)
            taken = len(list(target.glob(f"{relative.name}_*")))
            return str(target), relative.name, taken + 1, str(relative.parent), prefix

        def add_model_folder_path(kind: str, path: str) -> None:
            self.folder_names_and_paths.setdefault(kind, ([], set()))[0].append(path)

        def get_folder_paths(kind: str) -> list[str]:
            return list(self.folder_names_and_paths[kind][0])

        def get_filename_list(kind: str) -> list[str]:
            return [
                path.relative_to(folder).as_posix()
                for folder in get_folder_paths(kind)
                for path in Path(folder).rglob("*")
                if path.is_file()
            ]

        def get_full_path_or_raise(kind: str, name: str) -> str:
            return next(str(Path(folder, name)) for folder in get_folder_paths(kind) if Path(folder, name).is_file())

        return _module(
            "folder_paths",
            models_dir=str(self.root / "models"),
            folder_names_and_paths=self.folder_names_and_paths,
            add_model_folder_path=add_model_folder_path,
            get_folder_paths=get_folder_paths,
            get_filename_list=get_filename_list,
            get_full_path_or_raise=get_full_path_or_raise,
            annotated_filepath=annotated,
            get_save_image_path=save_path,
            filter_files_content_types=lambda names, kinds: [name for name in names if name.endswith((".mp4", ".mkv"))],
            **{f"get_{kind}_directory": partial(str, self.root / kind) for kind in ("input", "output", "temp", "user")},
        )


class InterruptedByHost(Exception):
    """Stands for the host's own interruption, which nobody may swallow."""


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    """A stand-in for ComfyUI with its folders in a temporary place; other files' tests find nothing of it."""
    from deepsound.runtime.device_placement import PlainPlacement
    from deepsound.runtime.model_cache import model_cache
    from deepsound.weights.missing import register_download_action
    from deepsound.weights.search_paths import register_model_folders

    host = Host(tmp_path)
    for name, module in {**_comfy_api(), **host.modules()}.items():
        monkeypatch.setitem(sys.modules, name, module)
    yield host
    model_cache().place_with(PlainPlacement())
    register_download_action("")
    register_model_folders([])


@pytest.fixture
def pack(host: Host) -> Iterator[ModuleType]:
    """The repository's root, loaded the way ComfyUI loads a pack: under a name of its own, with relative imports."""
    spec = importlib.util.spec_from_file_location(PACK, ROOT / "__init__.py", submodule_search_locations=[str(ROOT)])
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[PACK] = module
    spec.loader.exec_module(module)
    yield module
    for name in [name for name in sys.modules if name == PACK or name.startswith(f"{PACK}.")]:
        del sys.modules[name]


@pytest.fixture
def nodes(pack: ModuleType) -> dict[str, type]:
    """The pack's node classes by id, each with its hidden inputs filled in."""
    import asyncio

    classes = asyncio.run(pack.comfy_entrypoint().get_node_list())
    for node in classes:
        node.hidden = SimpleNamespace(
            unique_id="7", prompt={"7": {}}, extra_pnginfo={"workflow": {"nodes": []}}, dynprompt=None
        )
    return {node.define_schema().node_id: node for node in classes}


@pytest.fixture
def load_video(nodes, host, make_video) -> Callable[..., Any]:
    """What Load Video gives for a clip in the input folder; the options are make_video's."""

    def load(**wanted: Any) -> Any:
        make_video("input/clip.mp4", **wanted)
        return nodes["DeepSoundLoadVideo"].execute("clip.mp4", 0.0, 0.0).args[0]

    return load
