"""Tests of the FoleyCrafter generator on tiny networks in the published layout."""

from __future__ import annotations

import json
import logging
import socket
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from deepsound.errors import Cancelled, EngineError
from deepsound.generate.foleycrafter import components as networks
from deepsound.generate.foleycrafter import conditions, sampling
from deepsound.generate.foleycrafter.checkpoint import locate_checkpoint
from deepsound.generate.foleycrafter.generator import FoleyCrafterGenerator
from deepsound.generate.foleycrafter.request import FoleyCrafterSettings, validate_request
from deepsound.media.clip import Clip
from deepsound.media.sequence import ImageSequence
from deepsound.models.foleycrafter import diffusion
from deepsound.runtime.execution import Execution
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, GenerationRequest
from tests.generate.foleycrafter import tiny
from tests.generate.foleycrafter.conftest import FEW, QUIET, engine

MakeVideo = Callable[..., Path]
ROLES = {"denoiser", "autoencoder", "text_encoder", "image_encoder", "onsets", "vocoder"}


def same(one: Audio, other: Audio) -> bool:
    return torch.equal(one.waveform, other.waveform)


def held() -> set[str]:
    return {row.key.name.removeprefix("foleycrafter ") for row in model_cache().report()}


def test_the_sound_is_exactly_as_long_as_the_clip(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    nothing_at_hand: None,
) -> None:
    audio = foley.generate(clip, FEW, QUIET)
    assert (audio.sample_rate, audio.channels, audio.samples) == (16000, 1, 19200)
    assert 0 < audio.waveform.abs().max() <= 1
    assert torch.equal(audio.waveform * 32768, (audio.waveform * 32768).round())
    assert clip.passes == 1
    assert held() == ROLES


def test_same_seed_same_samples_and_another_seed_others(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    base: Audio,
    nothing_at_hand: None,
) -> None:
    assert same(base, foley.generate(clip, FEW, QUIET))
    assert not same(base, foley.generate(clip, GenerationRequest("rain", steps=1, seed=8), QUIET))


def test_takes_are_what_their_seeds_give_alone(foley: FoleyCrafterGenerator, clip: Clip, base: Audio) -> None:
    first, second = foley.takes(clip, FEW, 2, QUIET)
    assert same(first, base)
    assert same(second, foley.generate(clip, GenerationRequest("rain", steps=1, seed=8), QUIET))


@pytest.mark.parametrize("changed", [{"prompt": "wind"}, {"negative_prompt": "voice"}, {"steps": 2}, {"guidance": 1.0}])
def test_words_steps_and_guidance_all_matter(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    base: Audio,
    changed: dict,
) -> None:
    other = GenerationRequest(**({"prompt": "rain", "steps": 1, "seed": 7} | changed))
    assert not same(base, foley.generate(clip, other, QUIET))


@pytest.mark.parametrize(
    "settings",
    [
        FoleyCrafterSettings(temporal_scale=1.0),
        FoleyCrafterSettings(semantic_scale=0.0),
        FoleyCrafterSettings(clip_frames=15),
    ],
)
def test_what_the_picture_is_worth_matters(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    base: Audio,
    settings: FoleyCrafterSettings,
) -> None:
    foley.adjust(settings)
    assert not same(base, foley.generate(clip, FEW, QUIET))
    assert same(base, engine().generate(clip, FEW, QUIET))


def test_at_a_guidance_of_one_the_negative_prompt_plays_no_part(foley: FoleyCrafterGenerator, clip: Clip) -> None:
    plain = GenerationRequest(seed=7, steps=1, guidance=1.0)
    negative = GenerationRequest("", "voice", seed=7, steps=1, guidance=1.0)
    assert same(foley.generate(clip, plain, QUIET), foley.generate(clip, negative, QUIET))


def test_latents_are_those_of_diffusers_own_pipeline_fed_as_the_original_does(clip: Clip, published: Path) -> None:
    """The semantic adapter by `load_ip_adapter` from its file, noise by a seeded generator, all in one call."""
    from diffusers import StableDiffusionControlNetPipeline

    asked = validate_request(
        GenerationRequest("rain", "voice", seed=11, steps=3), FoleyCrafterSettings(0.7, 1.3), clip.duration_s, 1
    )
    own = networks.FoleyCrafterComponents(Execution(device="cpu"))
    led_by = conditions.encode_conditions(own, clip, asked, QUIET)
    with own.stage(QUIET) as stage:
        ((mine,),) = sampling.sample_latents(stage, led_by, asked, QUIET)
    files = locate_checkpoint(Execution(device="cpu"))
    unet, controlnet = diffusion.unet(files.unet_settings), diffusion.controlnet(files.unet_settings)
    from safetensors.torch import load_file

    unet.load_state_dict(load_file(files.weight_files()["unet"]))
    stored = torch.load(files.temporal_adapter, weights_only=True)["state_dict"]
    controlnet.load_state_dict({name.removeprefix("module."): tensor for name, tensor in stored.items()})
    pipe = StableDiffusionControlNetPipeline(
        vae=None,
        text_encoder=None,
        tokenizer=None,
        unet=unet.eval(),
        controlnet=controlnet.eval(),
        scheduler=files.scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipe.load_ip_adapter(
        str(files.semantic_adapter.parent),
        subfolder="",
        weight_name=files.semantic_adapter.name,
        image_encoder_folder=None,
        low_cpu_mem_usage=False,
    )
    pipe.set_ip_adapter_scale(1.3)
    pipe.set_progress_bar_config(disable=True)
    (window,) = led_by.windows
    embeds = torch.stack([torch.zeros_like(window.image), window.image])
    theirs = pipe(
        prompt_embeds=led_by.text,
        negative_prompt_embeds=led_by.negative_text,
        image=window.timing.repeat(1, 1, 256, 1),
        ip_adapter_image_embeds=[embeds],
        num_inference_steps=3,
        latents=torch.randn(1, 4, 32, 128, generator=torch.Generator().manual_seed(11)),
        output_type="latent",
        controlnet_conditioning_scale=0.7,
    ).images
    assert (mine - theirs).abs().max() <= 1e-5 * theirs.abs().max()


def test_a_longer_clip_is_done_in_windows_and_begins_as_a_shorter_one(
    foley: FoleyCrafterGenerator,
    make_video: MakeVideo,
) -> None:
    clip = Clip.open(make_video("long.mp4", size=(32, 24), fps=5, seconds=19.0))
    one_step = GenerationRequest(steps=1, seed=3)
    long = foley.generate(clip, one_step, QUIET)
    assert long.samples == 19 * 16000
    start = foley.generate(Clip.open(clip.path, 0.0, 10.0), one_step, QUIET)
    assert torch.equal(long.waveform[:, : 9 * 16000], start.waveform[:, : 9 * 16000])
    assert not torch.equal(long.waveform[:, 9 * 16000 : 10 * 16000], start.waveform[:, 9 * 16000 :])
    assert clip.passes == 1


@pytest.mark.parametrize("seconds", [0.04, 10.2])
def test_one_frame_and_a_little_over_ten_seconds_are_one_window(foley: FoleyCrafterGenerator, seconds: float) -> None:
    images = torch.rand(round(seconds * 25), 8, 8, 3, generator=torch.Generator().manual_seed(0))
    audio = foley.generate(ImageSequence(images, 25.0), GenerationRequest(steps=1), QUIET)
    assert audio.samples == round(seconds * 16000)
    assert audio.waveform.abs().max() > 0


def test_a_second_seed_encodes_nothing_again(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    nothing_at_hand: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    foley.generate(clip, FEW, QUIET)
    loaded: list[str] = []
    use = networks.FoleyCrafterComponents.use
    monkeypatch.setattr(
        networks.FoleyCrafterComponents,
        "use",
        lambda self, role, progress: loaded.append(role) or use(self, role, progress),
    )
    foley.generate(clip, GenerationRequest("rain", steps=1, seed=99), QUIET)
    assert loaded == ["denoiser", "autoencoder", "vocoder"]


def test_progress_goes_up_step_by_step_to_the_end(foley: FoleyCrafterGenerator, short_video: Path) -> None:
    fractions: list[float] = []
    progress = Progress(on_event=lambda event: fractions.append(event.fraction or 0.0))
    foley.generate(Clip.open(short_video), GenerationRequest(steps=4), progress)
    assert all(later >= earlier - 1e-9 for earlier, later in pairwise(fractions))
    assert fractions[-1] == 1.0
    # PNDM evaluates once more than it is asked for.
    assert len([fraction for fraction in fractions if 0.3 < fraction < 0.9]) >= 4


def test_it_stops_in_the_middle_of_a_step_and_leaves_nothing_in_use(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("deepsound.runtime.interruption._INTERVAL_S", 0.0)
    token, fractions = CancelToken(), [0.0]
    foley.generate(clip, FEW, QUIET)
    row = next(row for row in model_cache().report() if row.key.name == "foleycrafter denoiser")
    network = model_cache()._entries[row.key].network
    assert isinstance(network, diffusion.Denoiser)
    hook = network.unet.mid_block.register_forward_pre_hook(lambda *given: token.cancel())
    try:
        with pytest.raises(Cancelled):
            foley.generate(clip, FEW, Progress(lambda event: fractions.append(event.fraction or 0.0), token.check))
    finally:
        hook.remove()
    assert max(fractions) <= 0.31
    assert not any(row.in_use for row in model_cache().report())
    assert not sampling._ADAPTER_LOCK.locked()
    assert foley.generate(clip, FEW, QUIET).samples == 19200


def test_waiting_for_another_run_can_be_cancelled(foley: FoleyCrafterGenerator, clip: Clip) -> None:
    token = CancelToken()
    with sampling._ADAPTER_LOCK:
        timer = threading.Timer(0.2, token.cancel)
        timer.start()
        with pytest.raises(Cancelled):
            foley.generate(clip, FEW, Progress(check=token.check))
        timer.join()


def test_offload_leaves_nothing_behind_and_changes_nothing(
    clip: Clip,
    base: Audio,
    nothing_at_hand: None,
) -> None:
    assert same(base, engine(offload=True).generate(clip, FEW, QUIET))
    assert held() == set()


def test_half_precision_is_for_the_large_networks_alone(clip: Clip) -> None:
    half = engine(precision="bf16").generate(clip, FEW, QUIET)
    assert bool(half.waveform.isfinite().all())
    assert {row.key.dtype for row in model_cache().report() if row.key.name == "foleycrafter denoiser"} >= {"bfloat16"}
    assert all(row.key.dtype == "float32" for row in model_cache().report() if row.key.name == "foleycrafter onsets")


def test_a_sampling_that_overflows_is_an_error_and_no_noise(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sampling, "sample_latents", lambda *given: [[torch.full((1, 4, 32, 128), float("nan"))]])
    with pytest.raises(EngineError, match=r"NaN or infinite latents.*use precision fp32"):
        foley.generate(clip, FEW, QUIET)


def test_nothing_is_asked_of_the_network_and_nothing_is_printed(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    nothing_at_hand: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    def refuse(*given: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with caplog.at_level(logging.WARNING):
        foley.generate(clip, FEW, QUIET)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_the_files_in_use_are_named(foley: FoleyCrafterGenerator, published: Path) -> None:
    files = foley.files()
    assert set(files) == {
        "unet",
        "autoencoder",
        "text_encoder",
        "image_encoder",
        "temporal_adapter",
        "semantic_adapter",
        "onsets",
        "vocoder",
    }
    assert all(path.is_file() and path.is_relative_to(published) for path in files.values())


def test_nan_in_a_frame_or_a_black_clip_is_just_a_picture(foley: FoleyCrafterGenerator) -> None:
    black = torch.zeros(5, 8, 8, 3)
    broken = black.clone()
    broken[2, 0, 0] = float("nan")
    sounds = [
        foley.generate(ImageSequence(images, 5.0), GenerationRequest(steps=1), QUIET) for images in (black, broken)
    ]
    assert same(*sounds)
    assert np.isfinite(sounds[0].numpy()).all()


def test_the_sampler_is_the_folder_s_own(
    foley: FoleyCrafterGenerator,
    clip: Clip,
    base: Audio,
    copied: Path,
) -> None:
    path = copied / tiny.FOLDERS["auffusion"] / "scheduler" / "scheduler_config.json"
    path.write_text(json.dumps(tiny.SCHEDULER | {"_class_name": "DDIMScheduler"}))
    assert not same(base, foley.generate(clip, FEW, QUIET))
