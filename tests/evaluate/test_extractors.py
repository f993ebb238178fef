"""Tests of the extractors on tiny networks saved in the published layout."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import numpy as np
import pytest
import torch

from deepsound.errors import Cancelled, DeepSoundError, EngineError, InputError
from deepsound.evaluate.extractors import EXTRACTORS, extractor, imagebind, offset_scorer, passt, synchformer
from deepsound.evaluate.extractors.pictures import ConstantRateFrames, resize_short_side, three_crops
from deepsound.evaluate.extractors.sound import mono
from deepsound.media.clip import Clip
from deepsound.media.views import Timeline
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import CancelToken, Progress, ProgressEvent
from deepsound.types import Audio
from tests.evaluate import tiny

QUIET = Progress()
SOUNDS = [name for name, entry in EXTRACTORS.items() if extractor(name).input_kind == "audio"]
CLIPS = [name for name in EXTRACTORS if name not in SOUNDS]


@pytest.fixture(scope="module")
def execution(tmp_path_factory: pytest.TempPathFactory) -> Execution:
    return Execution(device="cpu", weights=tiny.write(tmp_path_factory.mktemp("models")))


@pytest.fixture(autouse=True)
def alone(nothing_at_hand: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COMFYUI_PATH")


@pytest.fixture
def footage(make_video: Callable[..., Path]) -> Clip:
    return Clip.open(make_video(size=(96, 64), fps=10, seconds=8.0))


SHAPES = {
    "panns": {"features": (16,), "logits": (11,)},
    "passt": {"features": (16,), "logits": (11,)},
    "vggish": {"features": (8, 8)},
    "imagebind_audio": {"embedding": (12,)},
    "imagebind_video": {"embedding": (12,)},
    "synchformer_audio": {"features": (24, 6, 16)},
    "synchformer_video": {"features": (24, 8, 16)},
}


@pytest.mark.parametrize("name", SOUNDS)
def test_eight_seconds_of_sound(name: str, execution: Execution, noise: Callable[..., Audio]) -> None:
    tool = extractor(name)
    assert tool.available(execution) is None
    sound = noise(9.0, 44100, channels=2)
    outputs = tool.extract(sound, execution, QUIET)
    assert {key: tuple(tensor.shape) for key, tensor in outputs.items()} == SHAPES[name]
    assert set(outputs) == set(tool.outputs)
    assert all(tensor.dtype == torch.float32 and bool(tensor.isfinite().all()) for tensor in outputs.values())
    other = tool.extract(noise(9.0, 44100, channels=2, seed=1), execution, QUIET)
    assert not any(torch.allclose(outputs[key], other[key]) for key in outputs)


@pytest.mark.parametrize("name", CLIPS)
def test_eight_seconds_of_pictures(name: str, execution: Execution, footage: Clip) -> None:
    tool = extractor(name)
    assert tool.available(execution) is None
    footage.expect(*tool.views)  # type: ignore[attr-defined]
    outputs = tool.extract(footage, execution, QUIET)
    assert {key: tuple(tensor.shape) for key, tensor in outputs.items()} == SHAPES[name]
    assert all(bool(tensor.isfinite().all()) for tensor in outputs.values())


def test_both_views_of_a_clip_take_one_decoding_pass(execution: Execution, footage: Clip) -> None:
    tools = [extractor(name) for name in CLIPS]
    for tool in tools:
        footage.expect(*tool.views)  # type: ignore[attr-defined]
    for tool in tools:
        tool.extract(footage, execution, QUIET)
    assert footage.passes == 1


def test_offsets_of_both_ends(execution: Execution) -> None:
    generator = torch.Generator().manual_seed(0)
    video, audio = torch.randn(24, 8, 16, generator=generator), torch.randn(25, 6, 16, generator=generator)
    scorer = offset_scorer()
    assert scorer.available(execution) is None
    scored = scorer.score(video, audio, execution, QUIET)
    assert {name: tuple(logits.shape) for name, logits in scored.items()} == {"first": (21,), "last": (21,)}
    torch.testing.assert_close(scorer.score(video[10:], audio[10:24], execution, QUIET)["first"], scored["last"])
    whole = scorer.score(video[:14], audio[:14], execution, QUIET)
    torch.testing.assert_close(whole["first"], whole["last"])
    with pytest.raises(InputError, match=r"expected 14 segments \(4\.8 s\) or more, got 13"):
        scorer.score(video[:13], audio, execution, QUIET)


@pytest.mark.parametrize("name", SOUNDS)
def test_bad_sounds_are_told_and_the_rest_goes_on(
    name: str,
    execution: Execution,
    noise: Callable[..., Audio],
) -> None:
    good, broken = noise(8.0, 16000), noise(8.0, 16000)
    broken.waveform[0, 5] = math.nan
    empty, one = noise(0.0, 16000), noise(1 / 48000, 48000)
    results = extractor(name).extract_many([broken, good, empty, one, good], execution, QUIET)
    assert isinstance(results[0], InputError) and "not finite" in str(results[0])
    assert isinstance(results[2], InputError) and "no samples" in str(results[2])
    # PaSST pads everything to ten seconds; the others say what they need.
    assert name == "passt" or (isinstance(results[3], InputError) and "too short" in str(results[3]))
    first, last = results[1], results[4]
    assert not isinstance(first, DeepSoundError) and not isinstance(last, DeepSoundError)
    alone = extractor(name).extract(good, execution, QUIET)
    for key, tensor in alone.items():
        torch.testing.assert_close(first[key], tensor)
        torch.testing.assert_close(last[key], tensor)
    silence = extractor(name).extract(Audio(torch.zeros(1, 128000), 16000), execution, QUIET)
    assert all(bool(tensor.isfinite().all()) for tensor in silence.values())


@pytest.mark.parametrize("name", ["panns", "vggish"])
def test_several_at_once_give_what_each_gives_alone(
    name: str,
    execution: Execution,
    noise: Callable[..., Audio],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tool = extractor(name, 3.0)
    sounds = [noise(seconds, 16000, seed=seed) for seed, seconds in enumerate((3.0, 1.5, 4.0, 3.0))]
    alone = [tool.extract(sound, execution, QUIET) for sound in sounds]
    monkeypatch.setattr(type(tool), "at_once", {"cpu": 3})
    for together, single in zip(tool.extract_many(sounds, execution, QUIET), alone, strict=True):
        assert not isinstance(together, DeepSoundError)
        for key, tensor in single.items():
            torch.testing.assert_close(together[key], tensor)


@pytest.mark.parametrize(
    ("name", "says"),
    [("imagebind_video", "expected 4 pictures, got 2"), ("synchformer_video", "expected 200 pictures, got 75")],
)
def test_a_video_that_is_too_short(name: str, says: str, execution: Execution, make_video: Callable[..., Path]) -> None:
    clip = Clip.open(make_video(size=(64, 48), fps=10, seconds=3.0))
    with pytest.raises(InputError, match=says):
        extractor(name).extract(clip, execution, QUIET)


def test_too_little_is_looked_at(execution: Execution, footage: Clip, noise: Callable[..., Audio]) -> None:
    with pytest.raises(InputError, match="ImageBind: expected 4 s of video or more, got 3 s"):
        extractor("imagebind_video", 3.0).extract(footage, execution, QUIET)
    with pytest.raises(InputError, match=r"Synchformer: expected 0\.64 s"):
        extractor("synchformer_video", 0.5).extract(footage, execution, QUIET)
    with pytest.raises(InputError, match=r"expected 8 s, got 7\.90 s"):
        extractor("synchformer_audio").extract(noise(7.9, 16000), execution, QUIET)
    with pytest.raises(InputError, match="expected Clip, got Audio"):
        extractor("synchformer_video").extract(noise(8.0, 16000), execution, QUIET)


def test_what_is_missing_is_named(tmp_path: Path, noise: Callable[..., Audio]) -> None:
    bare = Execution(device="cpu")
    for name in EXTRACTORS:
        reason = extractor(name).available(bare)
        assert reason is not None and extractor(name).needs[0] in reason and "deepsound models download" in reason
    assert extractor("panns").available(replace(bare, download=True)) is None
    with pytest.raises(EngineError, match="not on this machine"):
        extractor("panns").extract(noise(1.0, 16000), bare, QUIET)
    with pytest.raises(EngineError, match="not on this machine"):
        extractor("panns").identity(bare)


def test_a_file_of_another_network_is_named(execution: Execution, noise: Callable[..., Audio]) -> None:
    swapped = replace(execution, weights={**execution.weights, "metrics/passt": execution.weights["metrics/vggish"]})
    with pytest.raises(EngineError, match=r"vggish-10086976\.pth cannot be used: these are not the weights of PaSST"):
        extractor("passt").extract(noise(8.0, 16000), swapped, QUIET)


def test_identities_depend_on_content_and_on_what_is_looked_at(execution: Execution, tmp_path: Path) -> None:
    identities = [extractor(name).identity(execution) for name in EXTRACTORS] + [offset_scorer().identity(execution)]
    assert len(set(identities)) == len(identities)
    copy = tmp_path / "copy.pth"
    copy.write_bytes(execution.weights["metrics/passt"].read_bytes())
    moved = replace(execution, weights={**execution.weights, "metrics/passt": copy})
    assert extractor("passt").identity(moved) == extractor("passt").identity(execution)
    assert extractor("passt", 10.0).identity(execution) != extractor("passt").identity(execution)
    assert extractor("imagebind_audio", 10.0).identity(execution) == extractor("imagebind_audio").identity(execution)
    with pytest.raises(InputError, match="no extractor 'pasta'"):
        extractor("pasta")


def test_cancelling_and_progress(execution: Execution, noise: Callable[..., Audio], footage: Clip) -> None:
    token, fractions = CancelToken(), []

    def listen(event: ProgressEvent) -> None:
        fractions.append(event.fraction)
        if len(fractions) == 3:
            token.cancel()

    with pytest.raises(Cancelled):
        extractor("vggish").extract_many([noise(1.0, 16000)] * 9, execution, Progress(listen, token.check))
    fractions.clear()
    extractor("vggish").extract_many(
        [noise(1.0, 16000)] * 3, execution, Progress(lambda event: fractions.append(event.fraction))
    )
    assert fractions[0] == 0.0 and fractions[-1] == 1.0 and fractions == sorted(fractions) and len(fractions) >= 4
    with pytest.raises(Cancelled):
        extractor("synchformer_video").extract(footage, execution, Progress(check=token.check))


def test_without_room_for_several_it_goes_on_with_one_at_a_time(
    execution: Execution,
    noise: Callable[..., Audio],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tool, tried, said = extractor("panns", 1.0), [], []
    run = type(tool).run

    def crowded(self: object, network: object, batch: torch.Tensor, progress: Progress) -> dict[str, torch.Tensor]:
        tried.append(len(batch))
        if len(batch) > 1:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(self, network, batch, progress)

    monkeypatch.setattr(type(tool), "run", crowded)
    monkeypatch.setattr(type(tool), "at_once", {"cpu": 3})
    results = tool.extract_many([noise(1.0, 16000)] * 3, execution, Progress(lambda event: said.append(event.text)))
    assert tried == [3, 1, 1, 1] and not any(isinstance(result, DeepSoundError) for result in results)
    assert any("Out of memory" in text for text in said)
    assert tool.extract_many([], execution, QUIET) == []


def test_precision_is_always_full(execution: Execution, noise: Callable[..., Audio]) -> None:
    sound = noise(1.0, 16000)
    halved = extractor("panns").extract(sound, replace(execution, precision="bf16"), QUIET)
    torch.testing.assert_close(
        halved["features"], extractor("panns").extract(sound, execution, QUIET)["features"], rtol=0, atol=0
    )


@pytest.mark.parametrize("rate", [16000, 44100, 48000, 11025, 44101])
def test_mono_is_centred_before_it_is_cut(rate: int, tone: Callable[..., Audio]) -> None:
    left = tone(2.0, rate, hz=300.0, level=0.4).waveform
    shifted = Audio(torch.cat((left, torch.zeros_like(left))) + 0.1, rate)
    heard = mono(shifted, 16000, 1.5)
    expected = 0.2 * torch.sin(2 * math.pi * 300 * torch.arange(24000, dtype=torch.float64) / 16000)
    assert heard.shape == (24000,)
    torch.testing.assert_close(heard[200:], expected[200:].float(), rtol=0, atol=2e-3)
    assert abs(float(mono(shifted, 16000, 1.5, centred=False)[200:].mean()) - 0.1) < 1e-3
    assert len(mono(shifted, 16000, 8.0)) == 32000


def test_resampling_is_that_of_the_whole_sound(noise: Callable[..., Audio]) -> None:
    torchaudio = pytest.importorskip("torchaudio")
    sound = noise(4.0, 44100, channels=2)
    whole = sound.waveform.mean(dim=0)
    whole = torchaudio.transforms.Resample(44100, 32000)(whole - whole.mean())
    torch.testing.assert_close(mono(sound, 32000, 1.5), whole[:48000], rtol=0, atol=1e-7)


def test_passts_spectrogram_is_that_of_its_definition() -> None:
    waveform = torch.randn(320000, generator=torch.Generator().manual_seed(0)) * 0.1
    spectrogram = passt.spectrogram(waveform)
    assert spectrogram.shape == (128, 1000)
    emphasised = waveform.double().numpy()
    emphasised = emphasised[1:] - 0.97 * emphasised[:-1]
    frame, window = 500, np.hanning(800)
    spectrum = np.fft.rfft(emphasised[frame * 320 - 400 : frame * 320 + 400] * window, 1024)
    mels = 1127 * np.log1p(np.arange(512) * 32000 / 1024 / 700)
    corners = np.linspace(0, 1127 * np.log1p(15000 / 700), 130)
    rising = (mels - corners[:-2, None]) / np.diff(corners)[:-1, None]
    falling = (corners[2:, None] - mels) / np.diff(corners)[1:, None]
    triangles = np.maximum(0, np.minimum(rising, falling))
    expected = (np.log(triangles @ np.abs(spectrum[:512]) ** 2 + 1e-5) + 4.5) / 5
    np.testing.assert_allclose(spectrogram[:, frame].numpy(), expected, atol=2e-4)
    np.testing.assert_allclose(passt.spectrogram(torch.zeros(320000)).numpy(), (np.log(1e-5) + 4.5) / 5, rtol=1e-6)


def test_synchformers_spectrograms_end_in_a_padded_frame() -> None:
    spectrograms = synchformer.spectrograms(torch.randn(128000, generator=torch.Generator().manual_seed(0)))
    assert spectrograms.shape == (24, 128, 66)
    np.testing.assert_allclose(spectrograms[:, :, 65].numpy(), 4.2677393 / (2 * 4.5689974), rtol=1e-6)
    again = synchformer.spectrograms(torch.randn(128000, generator=torch.Generator().manual_seed(0))[5120:15360])
    torch.testing.assert_close(again[0], spectrograms[1])


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        (128000, [(0, 32000), (48000, 80000), (96000, 128000)]),
        (32000, [(0, 32000)] * 3),
        (500, [(0, 32000)] * 3),
        (48000, [(0, 32000), (8000, 40000), (16000, 48000)]),
    ],
)
def test_stretches_reach_both_ends(samples: int, expected: list[tuple[int, int]]) -> None:
    assert imagebind.clip_bounds(samples) == expected


def test_imagebind_hears_the_first_channel_less_the_mean_of_all(noise: Callable[..., Audio]) -> None:
    pytest.importorskip("torchaudio")
    stereo = noise(8.0, 16000, channels=2).waveform
    heard = imagebind.spectrograms(stereo)
    assert heard.shape == (3, 128, 204)
    assert bool((heard[:, :, 198:] == 0).all()) and bool((heard[:, :, :198] != 0).any())
    torch.testing.assert_close(heard, imagebind.spectrograms(stereo[:1]), rtol=0, atol=1e-2)
    louder = torch.stack((stereo[0], 10 * stereo[1]))
    torch.testing.assert_close(imagebind.spectrograms(louder), heard, rtol=0, atol=5e-2)
    before = stereo.clone()
    imagebind.spectrograms(stereo)
    assert torch.equal(stereo, before)


class _Shown:
    def __init__(self, time_s: float, number: int) -> None:
        self.time_s, self.number = time_s, number

    def rgb(self, long_side: int) -> np.ndarray:
        return np.full((2, 3, 3), self.number, np.uint8)

    gray = rgb


def _ticked(times: list[float], per_second: float, ticks: int, duration_s: float) -> list[int]:
    watcher = ConstantRateFrames(per_second, ticks, lambda picture: picture).start(Timeline(duration_s, 25.0, 3, 2))
    for number, time_s in enumerate(times):
        watcher.see(_Shown(time_s, number))
    seen = watcher.result()
    return [int(seen.pictures[row, 0, 0, 0]) for row in seen.rows]


@pytest.mark.parametrize("per_second", [25, 0.5])
@pytest.mark.parametrize(
    "times",
    [
        [number / 30 for number in range(90)],
        [number / 10 for number in range(80)],
        [number / 25 for number in range(75)],
        [number / 60 for number in range(120)],
        [number * 1001 / 24000 for number in range(80)],
        list(np.cumsum(np.random.default_rng(0).uniform(0.005, 0.2, 60))),
        [0.0, 0.02, 0.06, 0.58, 3.1],
    ],
    ids=["30", "10", "25", "60", "23.976", "varying", "halves"],
)
def test_ticks_take_the_frames_ffmpegs_fps_filter_takes(times: list[float], per_second: float) -> None:
    times = [0.0, *times[1:]]
    expected = _through_ffmpeg(times, per_second)
    assert _ticked(times, per_second, len(expected), times[-1] + 10.0) == expected


def test_a_short_clip_has_as_many_ticks_as_it_lasts() -> None:
    assert _ticked([0.0], 25, 10, 0.1) == [0, 0, 0]
    assert _ticked([number / 25 for number in range(200)], 25, 5, 8.0) == [0, 1, 2, 3, 4]
    assert len(_ticked([number / 10 for number in range(80)], 0.5, 9, 8.0)) == 4


def _through_ffmpeg(times: list[float], per_second: float) -> list[int]:
    """The number of the frame that FFmpeg's filter gives at each tick, up to the last frame's first."""
    ticks_per_second = 90000
    graph = av.filter.Graph()
    source = graph.add_buffer(width=16, height=16, format="gray", time_base=Fraction(1, ticks_per_second))
    steady, sink = graph.add("fps", f"fps={per_second}"), graph.add("buffersink")
    source.link_to(steady)
    steady.link_to(sink)
    graph.configure()
    seen: list[int] = []
    for number, time_s in enumerate(times):
        frame = av.VideoFrame.from_ndarray(np.full((16, 16), number, np.uint8), format="gray")
        frame.pts, frame.time_base = round(time_s * ticks_per_second), Fraction(1, ticks_per_second)
        source.push(frame)
        with suppress(av.BlockingIOError):
            while True:
                seen.append(int(sink.pull().to_ndarray()[0, 0]))
    return seen


@pytest.mark.parametrize("size", [(100, 150), (150, 100), (120, 120), (333, 224)])
def test_resizing_is_torchvisions(size: tuple[int, int]) -> None:
    v2 = pytest.importorskip("torchvision.transforms.v2")
    picture = torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    expected = v2.Resize(224, interpolation=v2.InterpolationMode.BICUBIC)(picture)
    assert torch.equal(resize_short_side(picture), expected)


@pytest.mark.parametrize(
    ("size", "corners"),
    [((301, 224), [(0, 0), (39, 0), (77, 0)]), ((224, 301), [(0, 0), (0, 39), (0, 77)]), ((224, 224), [(0, 0)] * 3)],
)
def test_three_crops(size: tuple[int, int], corners: list[tuple[int, int]]) -> None:
    rows, columns = torch.meshgrid(*(torch.arange(side) for side in size), indexing="ij")
    crops = three_crops(torch.stack((rows, columns)))
    assert crops.shape == (3, 2, 224, 224)
    assert [tuple(crop[:, 0, 0].tolist()) for crop in crops] == corners


def test_pieces_are_neighbours_in_every_crop() -> None:
    pictures = torch.arange(4, dtype=torch.uint8)[None, :, None, None, None].expand(1, 4, 3, 224, 230)
    pieces = imagebind.video_crops(pictures)
    assert pieces.shape == (1, 9, 3, 2, 224, 224)
    assert pieces[0, :, 0, :, 0, 0].tolist() == [[0, 1]] * 3 + [[1, 2]] * 3 + [[2, 3]] * 3
