"""Messages that are put together at run time: the page leaves no English in them."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deepsound import contracts
from deepsound.errors import DeepSoundError
from deepsound.generate.draft.prompt_notes import prompt_notes
from deepsound.media.formats import CONTAINERS
from deepsound.media.inventory import Inventory, StreamEntry
from deepsound.media.mux_audit import audit
from deepsound.media.mux_report import MuxReport
from deepsound.outputs import naming
from deepsound.outputs.reading import read_result
from deepsound.reason.cot import Evidence, write_cot
from deepsound.runtime.packages import missing_package
from deepsound.separate import checkpoint_settings
from deepsound.types import Span
from deepsound.weights.comfyui_folders import comfyui_categories
from deepsound.weights.load import read_tensors
from deepsound.weights.missing import missing_weights
from deepsound.weights.search_paths import SearchPaths

NODE = shutil.which("node") or shutil.which("nodejs")
TRANSLATE = Path(__file__).parents[1] / "web" / "translate.mjs"


def translated(texts: list[str]) -> list[tuple[str, int]]:
    """Each text in Chinese, and how many words of it are English in a row of three or more."""
    if NODE is None:
        pytest.skip("no node: install Node.js 18 or newer to test the page's modules")
    run = subprocess.run([NODE, str(TRANSLATE)], input=json.dumps(texts), capture_output=True, text=True, timeout=600)
    assert run.returncode == 0, run.stderr
    return [(chinese, left) for chinese, left in json.loads(run.stdout)]


def error_of(call: Callable[[], object]) -> str:
    with pytest.raises(DeepSoundError) as raised:
        call()
    return str(raised.value)


def settings_errors(folder: Path) -> Iterator[str]:
    model = {"dim": 8, "depth": 1}
    for content in (
        {"model": {"depth": 1}},
        {"model": model | {"stft_n_fft": 512, "stft_hop_length": 1024}},
        {"model": model | {"dim": -3}},
        {"model": model, "audio": {"chunk_size": 10}},
        {"model": model | {"num_stems": 4}, "training": {"instruments": ["drums"]}},
        {"model": model, "training": [1]},
    ):
        file = folder / "own.json"
        file.write_text(json.dumps(content))
        yield error_of(lambda file=file: checkpoint_settings.voice_stem(file, checkpoint_settings.read(file)))


def weights_errors(folder: Path) -> Iterator[str]:
    contents = {
        "page.pth": b"<!DOCTYPE html><html>",
        "half.safetensors": b"\x40" + bytes(7),
        "lfs.pth": b"version https://git-lfs",
    }
    for file_name, content in contents.items():
        (folder / file_name).write_bytes(content)
        yield error_of(lambda path=folder / file_name: read_tensors(path))


def folders_errors(root: Path) -> Iterator[str]:
    for content in ("- 1", "own:\n  base_path: 7", "own:\n  loras: [1, 2]", "own: text"):
        (root / "extra_model_paths.yaml").write_text(content)
        yield error_of(lambda: comfyui_categories(root))


def naming_errors() -> Iterator[str]:
    for template in ("../{stem}", "{seed:x}", "{nobody}", " "):
        yield error_of(lambda template=template: naming.fields_of(template))
    yield error_of(lambda: naming.output_stem("{stem}", {"stem": ".."}))


def report_lines(folder: Path) -> list[str]:
    """What Mux says of a film with everything that mp4 cannot hold."""
    tracks = (
        StreamEntry(0, 1, "video", "h264"),
        StreamEntry(1, 1, "audio", "opus", "fra", "Commentary", frozenset({"default"})),
        StreamEntry(2, 2, "audio", "aac", "eng", "", frozenset({"default"})),
        StreamEntry(3, 1, "subtitle", "ass", "eng"),
        StreamEntry(4, 1, "attachment", "ttf"),
        StreamEntry(5, 1, "data", "klv"),
    )
    traits = {"alpha plane": "beside the packets", "HDR": "PQ", "interlacing": "yes", "bit depth": "10 bit"}
    tags = {"creation_time": "2026-01-01", "location": "+52+13"}
    source = Inventory(folder / "a.mkv", tracks, 0, ("one", "two"), tags, traits, "01:00:00:00")
    kept = (tracks[0], StreamEntry(1, 1, "audio", "aac"))
    output = Inventory(folder / "a.mp4", kept, 0, ("one",), {}, {"bit depth": "8 bit"})
    items = audit(source, output, CONTAINERS[".mp4"], 1, True, True, True)
    because = "its codec is ffv1"
    return MuxReport("mp4", "h264", "aac, 48000 Hz, stereo, 2.000 s", because, "as the source", "", items, -1.5).lines()


def composed(folder: Path) -> list[str]:
    thought = write_cot(Evidence(16, (0.5, 1.0), 4.0, (Span(0.2, 0.9),)))
    nobody = write_cot(Evidence(16, (), 4.0, ()))
    places = SearchPaths(cache=folder)
    lacking = ("mmaudio_large_44k_v2", "bs_roformer", "foleycrafter")
    return [
        *settings_errors(folder),
        *weights_errors(folder),
        *folders_errors(folder),
        *naming_errors(),
        *report_lines(folder),
        *(section for each in (thought, nobody) for section in (each.summary, each.caption, each.reasoning)),
        *prompt_notes("metal, xyzzy, choir, klang", "quux"),
        *(missing_weights(engine, places).message() for engine in lacking),
        error_of(lambda: read_result(folder / "no.result.json")),
        error_of(lambda: contracts.require_sound("a text", "The engine 'own'")),
        str(missing_package("Rendering needs MoviePy, which is not installed", "moviepy", otherwise="leave it off")),
    ]


def test_no_english_sentence_is_left_in_messages_that_are_made_of_parts(tmp_path):
    texts = composed(tmp_path)
    assert len(texts) >= 40
    assert [(text, chinese) for text, (chinese, left) in zip(texts, translated(texts), strict=True) if left] == []


def test_a_plugin_s_own_words_stay_as_they_are():
    assert translated(["My engine needs more wine."]) == [("My engine needs more wine.", 5)]
