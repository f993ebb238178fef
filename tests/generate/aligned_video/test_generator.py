"""Tests of audio to video and joint generation on tiny networks in the published layouts."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from deepsound.errors import Cancelled, EngineError, InputError
from deepsound.generate.aligned_video.components import locate_weights
from deepsound.generate.aligned_video.generator import AlignedVideo, audio_to_video, video_with_sound
from deepsound.generate.aligned_video.output import write_video
from deepsound.generate.aligned_video.request import AlignedVideoRequest
from deepsound.generate.aligner import animatediff
from deepsound.media.clip import Clip
from deepsound.runtime.execution import Execution
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio
from deepsound.weights.search_paths import register_model_folders
from tests.generate.aligned_video import tiny

QUIET = Progress()
ON_CPU = Execution(device="cpu", precision="fp32")
SOUND = Audio(0.1 * torch.randn(2, 44100, generator=torch.Generator().manual_seed(1)), 44100)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write_published(tmp_path_factory.mktemp("aligned-video"))


@pytest.fixture(autouse=True)
def only_these(nothing_at_hand: None, models: Path) -> None:
    register_model_folders([models])


def drawn(
    sound: Audio = SOUND, progress: Progress = QUIET, execution: Execution = ON_CPU, **changed: Any
) -> AlignedVideo:
    return audio_to_video(sound, AlignedVideoRequest(**tiny.settings(**changed)), execution, progress)


def imagined(progress: Progress = QUIET, execution: Execution = ON_CPU, **changed: Any) -> AlignedVideo:
    return video_with_sound(AlignedVideoRequest(**tiny.settings(**changed)), execution, progress)


def test_a_video_for_a_sound_and_the_file_it_is_written_to(tmp_path: Path) -> None:
    video = drawn()
    assert video.images.shape == (2, 64, 64, 3) and 0 <= float(video.images.min()) <= float(video.images.max()) <= 1
    assert (video.audio.samples, video.audio.sample_rate, video.audio.channels) == (44100, 44100, 2)
    assert video.settings["distances"].keys() == {"audio-video", "text-video"}
    assert {"stable_diffusion", "motion_adapter", "imagebind"} == video.files.keys()
    write_video(video, tmp_path / "drawn.mp4", QUIET)
    clip = Clip.open(tmp_path / "drawn.mp4")
    assert clip.video.fps == 2 and clip.info.audio is not None and clip.duration_s == pytest.approx(1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["drawn.mp4"]
    with torch.inference_mode():
        assert torch.equal(drawn().images, video.images)


def test_sound_and_prompt_tuning_lead_the_video() -> None:
    # Every value of the latents moves by the rate after each of 2 steps: a larger one to see it at 64 pixels.
    one = drawn(video_rate=0.3, tune_prompt=False)
    other = drawn(Audio(SOUND.waveform.flip(1).cumsum(1) * 1e-2, 44100), video_rate=0.3, tune_prompt=False)
    assert not torch.equal(one.images, other.images)
    assert not torch.equal(drawn(video_rate=0.3, prompt_rate=0.3).images, one.images)


def test_joint_makes_both_and_offload_changes_nothing(nothing_at_hand: None) -> None:
    video = imagined()
    assert video.images.shape == (2, 64, 64, 3) and (video.audio.samples, video.audio.sample_rate) == (16000, 16000)
    assert video.settings["distances"].keys() == {"text-video", "video-audio", "text-audio"}
    model_cache().unload()
    again = imagined(execution=Execution(device="cpu", precision="fp32", offload=True))
    assert torch.equal(again.images, video.images) and torch.equal(again.audio.waveform, video.audio.waveform)
    assert model_cache().report() == []


def test_rates_of_zero_are_diffusers_own_pipelines_to_the_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import AnimateDiffPipeline

    decoded: list[torch.Tensor] = []
    original = animatediff.decode
    monkeypatch.setattr(
        animatediff,
        "decode",
        lambda stage, latents, frames: decoded.append(latents) or original(stage, latents, frames),
    )
    plain_rates = {"video_rate": 0.0, "audio_rate": 0.0, "tune_prompt": False}
    drawn(**plain_rates)
    joint = imagined(**plain_rates)
    assert len(decoded) == 2 and torch.equal(decoded[0], decoded[1])
    weights = locate_weights("joint", ON_CPU)
    built = {role: source.build(torch.float32) for role, source in weights.components(ON_CPU).sources.items()}
    components = weights.components(ON_CPU)
    with components.stage(QUIET) as stage:
        prompts = [animatediff.encode_prompt(stage, text, weights.table) for text in ("rain", "")]
    pipeline = AnimateDiffPipeline(
        vae=built["animatediff_vae"],
        text_encoder=built["animatediff_text_encoder"],
        tokenizer=None,
        unet=built["animatediff_unet"],
        motion_adapter=None,
        scheduler=animatediff.scheduler(),
    )
    pipeline.set_progress_bar_config(disable=True)
    latents = pipeline(
        prompt_embeds=prompts[0],
        negative_prompt_embeds=prompts[1],
        num_frames=2,
        height=64,
        width=64,
        num_inference_steps=3,
        guidance_scale=7.5,
        generator=torch.Generator().manual_seed(5),
        output_type="latent",
    ).frames
    assert torch.equal(decoded[0], latents)
    assert joint.audio.samples == 16000


def test_only_the_frames_of_window_edges_are_decoded_for_the_gradient(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[int]] = []
    original = animatediff.decode
    monkeypatch.setattr(
        animatediff,
        "decode",
        lambda stage, latents, frames: asked.append(list(frames)) or original(stage, latents, frames),
    )
    drawn(frames=4, fps=4.0, warmup=0.0, steps=2)
    assert asked == [[0, 3], [0, 1, 2, 3]]


def test_cancel_between_steps_leaves_nothing_in_use() -> None:
    token = CancelToken()

    def stop(event: Any) -> None:
        if event.fraction and event.fraction > 0.12:
            token.cancel()

    with pytest.raises(Cancelled):
        drawn(progress=Progress(on_event=stop, check=token.check), steps=50)
    assert not any(row.in_use for row in model_cache().report())


@pytest.mark.parametrize(
    ("sound", "changed", "message"),
    [
        (Audio(torch.zeros(1, 16000), 16000), {}, "The sound is silent"),
        (Audio(torch.ones(1, 4000), 16000), {}, r"lasts 0\.25 s, and 2 frames at 2 fps last 1\.00 s"),
        (Audio(torch.full((1, 16000), math.nan), 16000), {}, "values that are no numbers"),
        (SOUND, {"frames": 1, "fps": 60.0}, "The video lasts 17 ms"),
        (Audio(torch.ones(1, 100), 16000), {"frames": 1}, "the sound 6 ms; expected 25 ms or more"),
        (SOUND, {"prompt": "  "}, "The prompt is empty"),
        (SOUND, {"width": 100}, "width: expected a multiple of 64"),
        (SOUND, {"frames": 25, "fps": 25.0}, "frames: expected 1 to 24, which the motion adapter has positions for"),
        (SOUND, {"fps": 0.0}, "fps: expected 1 to 60"),
        (SOUND, {"video_rate": math.nan}, "video_rate: expected a step size"),
        (SOUND, {"video_cfg": -1.0}, "The video_cfg is -1"),
    ],
)
def test_what_cannot_be_met_is_refused(sound: Audio, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        drawn(sound, **changed)


def test_what_of_a_longer_sound_is_cut_off_is_said() -> None:
    notes: list[str] = []
    longer = Audio(SOUND.waveform.repeat(1, 2), 44100)
    token = CancelToken()

    def heard(event: Any) -> None:
        if event.is_note:
            notes.append(event.text)
            token.cancel()

    with pytest.raises(Cancelled):
        drawn(longer, progress=Progress(on_event=heard, check=token.check))
    assert notes == ["The video lasts 1.00 s (2 frames at 2 fps): the sound's remaining 1.00 s are cut off."]


def test_an_adapter_or_a_checkpoint_of_another_base_is_refused(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models, tmp_path / "spoilt")
    register_model_folders([tmp_path / "spoilt"])
    torch.save(tiny.adapter_file(2 * tiny.WIDTH), tmp_path / "spoilt" / tiny.ADAPTER_FILE)
    with pytest.raises(EngineError, match="for another base model; this one has 32, 64, 128, 128"):
        drawn()
    torch.save({"some.weight": torch.zeros(1)}, tmp_path / "spoilt" / tiny.ADAPTER_FILE)
    with pytest.raises(EngineError, match="not the weights of a motion adapter"):
        drawn()
    base = load_file(models / tiny.BASE_FILE)
    other = {name: tensor for name, tensor in base.items() if not name.startswith("cond_stage_model.")}
    save_file(other, tmp_path / "spoilt" / tiny.BASE_FILE)
    with pytest.raises(EngineError, match=r"expected Stable Diffusion 1\.5, got a picture model of another base"):
        drawn()


def test_every_tensor_of_the_single_file_arrives_where_it_belongs(models: Path) -> None:
    files = animatediff.AnimateDiffFiles(models / tiny.BASE_FILE, models / tiny.ADAPTER_FILE)
    state = files._unet(torch.float32).state_dict()
    expected = tiny.unet_state()
    assert expected.keys() < state.keys()
    assert all(torch.equal(state[name], tensor.half().float()) for name, tensor in expected.items())
    adapter = tiny.adapter_state()
    assert expected.keys() | adapter.keys() == state.keys()
    assert all(torch.equal(state[name], tensor) for name, tensor in adapter.items())
