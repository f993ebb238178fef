"""The whole MMAudio engine on tiny networks that lie on the disk as the published ones do."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from deepsound import engines
from deepsound.errors import Cancelled, EngineError, InputError, MediaError
from deepsound.generate.mmaudio import components as networks
from deepsound.generate.mmaudio import encoders
from deepsound.generate.mmaudio import sampling as sound
from deepsound.generate.mmaudio.frame_sampling import sync_view
from deepsound.generate.mmaudio.generator import MMAudioGenerator
from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
from deepsound.media.clip import Clip
from deepsound.media.sequence import ImageSequence
from deepsound.runtime.execution import Execution
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, GenerationRequest
from deepsound.weights.search_paths import register_model_folders
from tests.generate.mmaudio import tiny

pytestmark = pytest.mark.usefixtures("nothing_at_hand")

MakeVideo = Callable[..., Path]
QUIET = Progress()
FEW = GenerationRequest(steps=2, seed=7)


@pytest.fixture(scope="module")
def repackaged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_repackaged_44k(tmp_path_factory.mktemp("repackaged"))


@pytest.fixture
def small(published: Path) -> MMAudioGenerator:
    register_model_folders([published])
    return engine("small_16k")


def engine(variant: str, **options: object) -> MMAudioGenerator:
    made = engines.generator(f"mmaudio_{variant}", Execution(device="cpu", **options))  # type: ignore[arg-type]
    assert isinstance(made, MMAudioGenerator)
    return made


def same(one: Audio, other: Audio) -> bool:
    return torch.equal(one.waveform, other.waveform)


def test_the_sound_is_exactly_as_long_as_the_clip(small: MMAudioGenerator, clip: Clip) -> None:
    audio = small.generate(clip, FEW, QUIET)
    assert (audio.sample_rate, audio.channels, audio.samples) == (16000, 1, 19200)
    assert audio.waveform.abs().max() > 0
    assert clip.passes == 1


def test_files_that_other_packs_keep_give_44100_hz(repackaged: Path, clip: Clip) -> None:
    register_model_folders([repackaged])
    audio = engine("large_44k_v2").generate(clip, FEW, QUIET)
    assert (audio.sample_rate, audio.samples) == (44100, round(1.2 * 44100))
    assert bool(audio.waveform.isfinite().all())


def test_same_seed_same_samples_and_another_seed_others(small: MMAudioGenerator, clip: Clip) -> None:
    first = small.generate(clip, FEW, QUIET)
    model_cache().unload()
    feature_cache().clear()
    assert same(first, small.generate(clip, FEW, QUIET))
    assert not same(first, small.generate(clip, GenerationRequest(steps=2, seed=8), QUIET))


def test_takes_are_what_their_seeds_give_alone(small: MMAudioGenerator, clip: Clip) -> None:
    takes = small.takes(VisualCondition(clip), FEW, 3, QUIET)
    alone = [small.generate(clip, GenerationRequest(steps=2, seed=seed), QUIET) for seed in (7, 8, 9)]
    assert all(map(same, takes, alone))


def test_picture_words_and_guidance_all_matter(small: MMAudioGenerator, clip: Clip, make_video: MakeVideo) -> None:
    base = small.generate(clip, FEW, QUIET)
    grey = np.full((48, 64, 3), 9, np.uint8)
    other = Clip.open(make_video("other.mp4", fps=25, seconds=1.2, paint=lambda index: grey))
    assert not same(base, small.generate(other, FEW, QUIET))
    for changed in (
        GenerationRequest("rain", seed=7, steps=2),
        GenerationRequest("", "voice", seed=7, steps=2),
        GenerationRequest(seed=7, steps=3),
        GenerationRequest(seed=7, steps=2, guidance=1.0),
    ):
        assert not same(base, small.generate(clip, changed, QUIET))


def test_below_a_guidance_of_one_the_negative_prompt_plays_no_part(small: MMAudioGenerator, clip: Clip) -> None:
    plain = GenerationRequest(seed=7, steps=2, guidance=0.5)
    negative = GenerationRequest("", "voice", seed=7, steps=2, guidance=0.5)
    assert same(small.generate(clip, plain, QUIET), small.generate(clip, negative, QUIET))


def test_masking_hides_the_picture_and_keeps_its_timing(small: MMAudioGenerator, clip: Clip) -> None:
    masked = small.takes(VisualCondition(clip, masked=True), FEW, 1, QUIET)[0]
    blind = small.takes(VisualCondition(), GenerationRequest(steps=2, seed=7, duration_s=1.2), 1, QUIET)[0]
    assert masked.samples == blind.samples
    assert not same(masked, blind)
    assert not same(masked, small.generate(clip, FEW, QUIET))


def test_words_alone_sound_for_eight_seconds_or_as_long_as_asked(small: MMAudioGenerator) -> None:
    assert small.takes(VisualCondition(), GenerationRequest("rain", steps=1), 1, QUIET)[0].samples == 8 * 16000
    assert (
        small.takes(VisualCondition(), GenerationRequest("rain", steps=1, duration_s=0.64), 1, QUIET)[0].samples
        == 10240
    )


def test_a_still_picture_is_seen_and_has_no_timing(small: MMAudioGenerator) -> None:
    request = GenerationRequest(steps=2, seed=7, duration_s=1.0)
    dark, bright = (torch.full((3, 50, 70), level, dtype=torch.uint8) for level in (10, 240))
    first, second = (small.takes(VisualCondition(still=still), request, 1, QUIET)[0] for still in (dark, bright))
    assert first.samples == 16000
    assert not same(first, second)


def test_images_with_a_rate_are_heard_like_the_same_frames_in_a_file(small: MMAudioGenerator) -> None:
    images = torch.rand(10, 40, 60, 3, generator=torch.Generator().manual_seed(1))
    slow, fast = (small.takes(VisualCondition(ImageSequence(images, fps)), FEW, 1, QUIET)[0] for fps in (8.0, 10.0))
    assert (slow.samples, fast.samples) == (20000, 16000)


def test_part_of_a_clip_is_decoded_no_further(small: MMAudioGenerator, make_video: MakeVideo) -> None:
    long = Clip.open(make_video("long.mp4", fps=25, seconds=6.0))
    fractions: list[float] = []
    progress = Progress(on_event=lambda event: fractions.append(event.fraction or 0.0))
    audio = small.generate(long, GenerationRequest(steps=1, seed=7, duration_s=1.0), progress)
    assert audio.samples == 16000
    assert fractions == sorted(fractions)


def test_a_second_run_encodes_nothing_again(
    small: MMAudioGenerator,
    clip: Clip,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    small.generate(clip, FEW, QUIET)

    def refuse(*_: object) -> None:
        raise AssertionError("the picture was encoded again")

    monkeypatch.setattr(encoders, "_encode_pictures", refuse)
    monkeypatch.setattr(encoders, "_encode_segments", refuse)
    again = Clip.open(clip.path)
    assert small.generate(again, GenerationRequest(seed=8, steps=2), QUIET).samples == 19200
    assert small.generate(clip, GenerationRequest("", "human voice", seed=7, steps=2), QUIET).samples == 19200


def test_networks_are_shared_between_engines(small: MMAudioGenerator, clip: Clip) -> None:
    small.generate(clip, FEW, QUIET)
    held = {row.key for row in model_cache().report()}
    assert {key.name for key in held} == {"flow", "autoencoder", "vocoder", "clip", "synchformer"}
    engine("small_16k").generate(clip, FEW, QUIET)
    assert {row.key for row in model_cache().report()} == held


def test_settings_beside_the_weights_make_another_network(published: Path, clip: Clip, tmp_path: Path) -> None:
    models = shutil.copytree(published, tmp_path / "models")
    register_model_folders([models])
    first = engine("small_16k").generate(clip, FEW, QUIET)
    settings = (models / tiny.PUBLISHED["clip"]).with_name("open_clip_config.json")
    settings.write_text(settings.read_text().replace('"quick_gelu": true', '"quick_gelu": false'))
    assert not same(first, engine("small_16k").generate(clip, FEW, QUIET))


def test_offload_holds_one_stage_at_a_time_and_sounds_the_same(published: Path, clip: Clip) -> None:
    register_model_folders([published])
    kept = engine("small_16k").generate(clip, FEW, QUIET)
    model_cache().unload()
    feature_cache().clear()
    seen: list[set[str]] = []
    progress = Progress(on_event=lambda event: seen.append({row.key.name for row in model_cache().report()}))
    assert same(kept, engine("small_16k", offload=True).generate(clip, FEW, progress))
    assert max(map(len, seen)) == 1
    assert model_cache().report() == []


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_is_finite_and_its_own_sound(published: Path, clip: Clip, precision: str) -> None:
    register_model_folders([published])
    made = engine("small_16k", precision=precision)
    audio = made.generate(clip, FEW, QUIET)
    assert made.settings_in_use() == {"device": "cpu", "precision": precision}
    assert audio.waveform.dtype is torch.float32
    assert bool(audio.waveform.isfinite().all())
    assert {row.key.dtype for row in model_cache().report()} == {{"bf16": "bfloat16", "fp16": "float16"}[precision]}


def test_it_stops_within_every_stage(small: MMAudioGenerator, clip: Clip) -> None:
    events: list[float] = []
    small.generate(clip, FEW, Progress(on_event=lambda event: events.append(event.fraction or 0.0)))
    for stop_at in range(0, len(events), 3):
        token, seen = CancelToken(), []

        def listen(event: object, token: CancelToken = token, seen: list[object] = seen, limit: int = stop_at) -> None:
            seen.append(event)
            if len(seen) > limit:
                token.cancel()

        feature_cache().clear()
        with pytest.raises(Cancelled):
            small.generate(Clip.open(clip.path), FEW, Progress(on_event=listen, check=token.check))


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (GenerationRequest(duration_s=0.3), r"0\.3 s is too short for MMAudio: it needs at least 0\.64 s"),
        (GenerationRequest(duration_s=5.0), r"5 s is past the end of the video, which has 1\.20 s"),
        (GenerationRequest(duration_s=float("nan")), "duration is nan"),
        (GenerationRequest(steps=0), "steps is 0"),
        (GenerationRequest(steps=10**9), "steps is 1000000000"),
        (GenerationRequest(guidance=float("nan")), "guidance strength is nan"),
        (GenerationRequest(guidance=-1.0), "guidance strength is -1"),
        (GenerationRequest(prompt="la " * 5000), "prompt has 15000 characters"),
        (GenerationRequest(negative_prompt=float("nan")), "negative prompt is 'nan' .float.; expected text"),  # type: ignore[arg-type]
        (GenerationRequest(seed=-1), "expected a seed from 0 to 18446744073709551615, got -1"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_anything_is_loaded(
    clip: Clip,
    request_: GenerationRequest,
    message: str,
) -> None:
    with pytest.raises(InputError, match=message):
        engine("small_16k").generate(clip, request_, QUIET)


def test_a_clip_too_short_is_refused_with_the_minimum(small: MMAudioGenerator, make_video: MakeVideo) -> None:
    with pytest.raises(InputError, match=r"0\.64 s"):
        small.generate(Clip.open(make_video(fps=10, seconds=0.3)), FEW, QUIET)


@pytest.mark.parametrize("takes", [0, 65])
def test_takes_have_limits(small: MMAudioGenerator, takes: int) -> None:
    with pytest.raises(InputError, match=f"takes is {takes}"):
        small.takes(VisualCondition(), FEW, takes, QUIET)


def test_missing_weights_say_which_where_and_how(clip: Clip) -> None:
    with pytest.raises(EngineError, match=r"mmaudio_small_16k\.pth") as caught:
        engine("small_16k").generate(clip, FEW, QUIET)
    assert "deepsound models download" in str(caught.value)


def test_another_variant_s_file_is_told_by_its_tensors(published: Path, clip: Clip, tmp_path: Path) -> None:
    models = shutil.copytree(published, tmp_path / "models")
    tiny.save_pickled(tiny.flow_state(tiny.TINY_44K_V2.flow, seed=1), models / tiny.PUBLISHED["flow"])
    register_model_folders([models])
    with pytest.raises(EngineError, match=r"mmaudio_small_16k\.pth holds a network of 40 latent channels, version 2"):
        engine("small_16k").generate(clip, FEW, QUIET)


def test_a_named_file_decides_by_its_tensors_what_it_needs(
    published: Path,
    repackaged: Path,
    clip: Clip,
) -> None:
    register_model_folders([published, repackaged])
    own = {"mmaudio/small_16k": repackaged / tiny.REPACKAGED["flow"]}
    assert engine("small_16k", weights=own).generate(clip, FEW, QUIET).sample_rate == 44100


@pytest.mark.parametrize("role", list(tiny.PUBLISHED))
def test_a_truncated_file_is_named(published: Path, clip: Clip, tmp_path: Path, role: str) -> None:
    models = shutil.copytree(published, tmp_path / "models")
    damaged = models / tiny.PUBLISHED[role]
    damaged.write_bytes(damaged.read_bytes()[:1000])
    register_model_folders([models])
    with pytest.raises(EngineError, match=damaged.name):
        engine("small_16k").generate(clip, FEW, QUIET)


@pytest.mark.parametrize("role", list(tiny.PUBLISHED))
def test_a_file_of_something_else_is_named(published: Path, clip: Clip, tmp_path: Path, role: str) -> None:
    models = shutil.copytree(published, tmp_path / "models")
    other = models / tiny.PUBLISHED[role]
    torch.save({"some.weight": torch.zeros(3)}, other)
    register_model_folders([models])
    with pytest.raises(EngineError, match=f"{other.name}.* cannot be used: these are not the weights"):
        engine("small_16k").generate(clip, FEW, QUIET)


def test_out_of_memory_is_tried_once_more_with_offload(
    small: MMAudioGenerator,
    clip: Clip,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    expected, tried, said = small.generate(clip, FEW, QUIET), [], []
    plain = sound.decode_spectrograms

    def fail_once(stage: networks.MMAudioStage, *rest: object) -> object:
        tried.append(stage.components.offload)
        if len(tried) == 1:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return plain(stage, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(sound, "decode_spectrograms", fail_once)
    progress = Progress(on_event=lambda event: said.append(event.text))
    assert same(small.generate(clip, FEW, progress), expected)
    assert tried == [False, True]
    assert any("once more" in text for text in said)


@pytest.mark.parametrize(
    "wanted",
    [
        {"times": [0.0, 0.05, 0.3, 0.31, 0.32, 0.9, 1.0, 1.16], "seconds": 0.8, "fps": 10},
        {"size": (81, 47), "codec": "mpeg4", "fps": 25, "seconds": 1.2},
        {"rotation": 90, "fps": 25, "seconds": 1.2},
        {"fps": 5, "seconds": 1.2},
        {"fps": 60, "seconds": 1.2},
    ],
    ids=["varying rate", "odd size", "rotated", "5 fps", "60 fps"],
)
def test_any_video_is_heard_to_its_end(
    small: MMAudioGenerator,
    make_video: MakeVideo,
    wanted: dict[str, object],
) -> None:
    clip = Clip.open(make_video("any.mp4", **wanted))
    assert small.generate(clip, FEW, QUIET).samples == round(clip.duration_s * 16000)


def test_a_file_without_pictures_is_refused(small: MMAudioGenerator, tmp_path: Path) -> None:
    from deepsound.media.wav import write_wav

    write_wav(Audio(torch.zeros(1, 32000), 16000), tmp_path / "sound.wav")
    with pytest.raises(MediaError, match=r"sound\.wav"):
        small.generate(Clip.open(tmp_path / "sound.wav"), FEW, QUIET)


def test_decoding_stops_where_the_asked_part_ends(make_video: MakeVideo) -> None:
    clip = Clip.open(make_video("long.mp4", fps=25, seconds=8.0))
    ticked = clip.view(sync_view(1.0))
    seen: list[float] = []
    clip.view(sync_view(2.0), Progress(on_event=lambda event: seen.append(event.fraction or 0.0)))
    assert ticked.frame_numbers()[-1] <= 25
    assert max(fraction for fraction in seen if fraction < 1.0) < 0.5


def test_a_pickle_that_wants_to_run_code_is_refused(published: Path, clip: Clip, tmp_path: Path) -> None:
    models = shutil.copytree(published, tmp_path / "models")
    harmful = models / tiny.PUBLISHED["flow"]
    torch.save({"weights": _Harmful(tmp_path / "it ran")}, harmful)
    register_model_folders([models])
    with pytest.raises(EngineError, match=rf"{harmful.name} were not loaded: the file wants .* to be called"):
        engine("small_16k").generate(clip, FEW, QUIET)
    assert not (tmp_path / "it ran").exists()


class _Harmful:
    """Makes a file when it is unpickled, as something worse could."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)
