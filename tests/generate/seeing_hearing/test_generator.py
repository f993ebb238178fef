"""Tests of the generator seeing_hearing on tiny networks in the published layout."""

from __future__ import annotations

import importlib
import math
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from deepsound.errors import Cancelled, EngineError, InputError
from deepsound.generate.aligner import audioldm, imagebind
from deepsound.generate.seeing_hearing import caption, frame_sampling
from deepsound.generate.seeing_hearing.generator import SeeingHearingGenerator
from deepsound.generate.seeing_hearing.request import SeeingHearingSettings
from deepsound.media.clip import Clip
from deepsound.media.sequence import ImageSequence, still_scene
from deepsound.models.imagebind.model import ImageBind
from deepsound.reason.caption import Caption
from deepsound.runtime.feature_cache import feature_cache
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, GenerationRequest
from deepsound.weights.search_paths import register_model_folders
from tests.generate.aligner import tiny
from tests.generate.seeing_hearing.conftest import FEW, engine

QUIET = Progress()


def same(one: Audio, other: Audio) -> bool:
    return torch.equal(one.waveform, other.waveform)


def test_a_clip_gets_a_sound_of_its_own_length_and_the_seed_decides(generator, short_video: Path) -> None:
    clip = Clip.open(short_video)
    sound = generator.generate(clip, FEW, QUIET)
    assert (sound.sample_rate, sound.channels, sound.samples) == (16000, 1, 19200) and clip.passes == 1
    assert 0 < float(sound.waveform.abs().max()) <= 1
    first, second = engine().takes(clip, FEW, 2, QUIET)
    assert same(first, sound) and not same(second, sound)
    assert same(second, engine().generate(clip, replace(FEW, seed=8), QUIET))


def test_a_rate_of_zero_is_diffusers_own_pipeline_to_the_bit(generator, scene, models: Path) -> None:
    pipeline = importlib.import_module("diffusers.pipelines.deprecated.audioldm.pipeline_audioldm").AudioLDMPipeline
    folder = audioldm.AudioLdmFolder(models / tiny.AUDIOLDM_FOLDER)
    built = {part: source.build(torch.float32) for part, source in folder.sources().items()}
    parts = {name: built[f"audioldm_{name}"] for name in ("unet", "vae", "text_encoder", "vocoder")}
    plain = pipeline(tokenizer=folder.tokenizer(), scheduler=folder.scheduler(), **parts)
    plain.set_progress_bar_config(disable=True)
    expected = plain(
        "rain",
        audio_length_in_s=2,
        num_inference_steps=3,
        guidance_scale=2.5,
        generator=torch.Generator().manual_seed(7),
        output_type="pt",
    ).audios
    generator.adjust(SeeingHearingSettings(rate=0.0))
    sound = generator.generate(scene, FEW, QUIET)
    assert torch.equal(sound.waveform, expected[:, :19200].clamp(-1, 1))
    assert not same(sound, engine().generate(scene, FEW, QUIET))
    still = engine()
    still.adjust(SeeingHearingSettings(rate=0.0))
    assert same(still.generate(still_scene(scene.images[0], 1.2), FEW, QUIET), sound)


@pytest.mark.parametrize(
    "changed",
    [{"warmup": 0.8}, {"inner_steps": 2}, {"update": "paper"}, {"tune_prompt": True, "prompt_rate": 0.1}],
)
def test_every_setting_of_the_aligner_matters(generator, scene, changed) -> None:
    published = generator.generate(scene, FEW, QUIET)
    generator.adjust(SeeingHearingSettings(**changed))
    assert not same(generator.generate(scene, FEW, QUIET), published)


def test_the_distance_falls_over_a_run(generator, scene) -> None:
    distances = []
    for rate in (1e-9, 0.1):
        generator.adjust(SeeingHearingSettings(rate=rate))
        generator.generate(scene, replace(FEW, steps=8, guidance=1.0), QUIET)
        distances.append(sum(generator.settings_in_use()["distances"].values()))
    assert distances[1] < distances[0]


def test_constants_are_embedded_once_and_only_wanted_frames_are_converted(generator, scene, monkeypatch) -> None:
    feature_cache().clear()
    calls: Counter[str] = Counter()
    for name in ("embed_video", "embed_text", "embed_audio"):
        original = getattr(ImageBind, name)

        def counted(self, given, name=name, original=original):
            calls[name] += 1
            return original(self, given)

        monkeypatch.setattr(ImageBind, name, counted)
    converted = []
    monkeypatch.setattr(
        frame_sampling,
        "_picture",
        lambda frame, own=frame_sampling._picture: converted.append(frame.time_s) or own(frame),
    )
    generator.takes(scene, replace(FEW, steps=6), 2, QUIET)
    # Two windows for picture; of six steps, those after the second are aligned, in each of two takes.
    assert calls == {"embed_video": 2, "embed_text": 1, "embed_audio": 2 * 4}
    assert converted == [0.0, 0.1, 0.9, 1.0]


def test_one_picture_of_any_length_is_encoded_once(generator, scene) -> None:
    sound = generator.generate(still_scene(scene.images[0], 3.5), FEW, QUIET)
    assert sound.samples == 56000
    seen = still_scene(scene.images[0], 3.5).view(frame_sampling.WindowEdges())
    assert len(seen.pictures) == 1 and set(seen.pairs) == {(0, 0)}


def test_a_clip_under_a_second_is_one_shorter_window(generator, scene) -> None:
    assert generator.generate(ImageSequence(scene.images[:5], 10.0), FEW, QUIET).samples == 8000


def test_offload_computes_activations_again_and_changes_nothing(generator, scene, nothing_at_hand) -> None:
    sound = generator.generate(scene, FEW, QUIET)
    model_cache().unload()
    assert same(engine(offload=True).generate(scene, FEW, QUIET), sound)
    assert model_cache().report() == []


def test_it_works_in_a_hosts_inference_mode_on_weights_loaded_and_moved_there(generator, scene) -> None:
    sound = generator.generate(scene, FEW, QUIET)
    model_cache().unload()
    with torch.inference_mode():
        assert same(generator.generate(scene, FEW, QUIET), sound)
        for entry in list(model_cache()._entries.values()):
            entry.network.to(torch.float64).to(torch.float32)
        assert same(generator.generate(scene, FEW, QUIET), sound)


def test_out_of_memory_is_tried_once_more_with_recomputed_activations(generator, scene, monkeypatch) -> None:
    expected, said, original = generator.generate(scene, FEW, QUIET), [], imagebind.embed_sound

    def short_of_memory(stage, waveform, count):
        if not stage.components.recompute:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return original(stage, waveform, count)

    monkeypatch.setattr(audioldm, "embed_sound", short_of_memory)
    again = generator.generate(scene, FEW, Progress(on_event=lambda event: said.append(event.text)))
    assert same(again, expected) and any("trying once more" in text for text in said)


def test_cancel_ends_a_step_and_leaves_nothing_in_use(generator, scene) -> None:
    token, reports = CancelToken(), []

    def stop(event) -> None:
        reports.append(event.fraction)
        if event.fraction and event.fraction > 0.3:
            token.cancel()

    with pytest.raises(Cancelled):
        generator.generate(scene, replace(FEW, steps=40), Progress(on_event=stop, check=token.check))
    assert max(filter(None, reports)) < 0.4 and not any(row.in_use for row in model_cache().report())


def test_an_empty_prompt_is_captioned_and_said(generator, scene, monkeypatch) -> None:
    asked = []

    def written(*given):
        asked.append(given)
        return Caption("a dog barks", "videollama2_cot")

    monkeypatch.setattr(caption, "caption", written)
    notes = []
    progress = Progress(on_event=lambda event: notes.append(event.text) if event.is_note else None)
    sound = generator.generate(scene, replace(FEW, prompt=" "), progress)
    assert len(asked) == 1 and "videollama2_cot wrote one: a dog barks" in notes[0]
    assert generator.settings_in_use()["caption"] == "a dog barks"
    assert same(sound, engine().generate(scene, replace(FEW, prompt="a dog barks"), QUIET))


def test_no_prompt_no_captioner_and_nobody_seen_is_refused(generator, scene) -> None:
    with pytest.raises(InputError, match=r"expected a prompt, got none.*no captioner"):
        generator.generate(scene, replace(FEW, prompt=""), QUIET)


@pytest.mark.parametrize(
    ("changed", "settings", "message"),
    [
        ({"duration_s": 9.0}, {}, "past the end of the video"),
        ({"duration_s": math.nan}, {}, "The duration is nan"),
        ({"steps": 0}, {}, "number of steps is 0"),
        ({"guidance": -1.0}, {}, "guidance strength is -1"),
        ({}, {"rate": -0.1}, "rate: expected a step size from 0 to 10"),
        ({}, {"prompt_rate": math.inf}, "prompt_rate: expected a step size"),
        ({}, {"warmup": 1.5}, "warmup: expected a share of the steps"),
        ({}, {"inner_steps": 0}, "inner_steps: expected 1 to 20"),
        ({}, {"update": "adam"}, "update: expected one of published, paper"),
    ],
)
def test_what_cannot_be_met_is_refused(generator, scene, changed, settings, message) -> None:
    generator.adjust(SeeingHearingSettings(**settings))
    with pytest.raises(InputError, match=message):
        generator.generate(scene, replace(FEW, **changed), QUIET)


def test_more_than_half_a_minute_is_refused(generator, scene) -> None:
    with pytest.raises(InputError, match=r"at most 30 s.*31\.00 s"):
        generator.generate(still_scene(scene.images[0], 31.0), FEW, QUIET)


def test_windows_and_spans_to_avoid_are_said_not_to_count(generator) -> None:
    assert generator.request_notes(GenerationRequest("rain", window_s=4.0)) == (
        "seeing_hearing does not use the window.",
    )


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("unet", {"in_channels": 9}, "expected in_channels 4, got 9"),
        ("vocoder", {"sampling_rate": 8000}, "expected sampling_rate 16000, got 8000"),
        ("unet", {"_class_name": "Other"}, "is for Other; expected UNet2DConditionModel"),
    ],
)
def test_a_folder_whose_parts_do_not_fit_is_named(generator, scene, models, tmp_path, part, change, message) -> None:
    shutil.copytree(models, tmp_path / "spoilt")
    folder = tmp_path / "spoilt" / tiny.AUDIOLDM_FOLDER
    own = {"unet": tiny.UNET, "vocoder": tiny.VOCODER}[part]
    tiny.write_json({**own, **change}, folder / part / "config.json")
    register_model_folders([tmp_path / "spoilt"])
    with pytest.raises(EngineError, match=message):
        generator.generate(scene, FEW, QUIET)


def test_weights_in_use_are_named(generator: SeeingHearingGenerator, models: Path) -> None:
    files = generator.files()
    assert {"audioldm_unet", "audioldm_vocoder", "imagebind"} <= files.keys()
    assert all(path.is_relative_to(models) for path in files.values())


def test_nan_latents_are_an_error_and_no_noise(generator, scene, monkeypatch) -> None:
    monkeypatch.setattr(audioldm, "draw_latents", lambda *given: torch.full((1, 4, 50, 16), math.nan))
    with pytest.raises(EngineError, match="not finite"):
        generator.generate(scene, FEW, QUIET)
