"""Long sounds in windows, on tiny networks that lie on the disk as the published ones do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from deepsound import engines
from deepsound.errors import Cancelled
from deepsound.generate.mmaudio import windowed_sampling, windowed_sounds
from deepsound.generate.mmaudio.generator import MMAudioGenerator
from deepsound.generate.mmaudio.visual_conditioning import VisualCondition
from deepsound.media.clip import Clip
from deepsound.media.sequence import ImageSequence
from deepsound.models.mmaudio.model import MMAudio
from deepsound.runtime.execution import Execution
from deepsound.runtime.model_cache import model_cache
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, GenerationRequest
from deepsound.weights.search_paths import register_model_folders

MakeVideo = Callable[..., Path]
QUIET = Progress()
ROOT = Path(__file__).parents[3]
RATE = 16000


@pytest.fixture
def small(published: Path, no_other_weights: None) -> MMAudioGenerator:
    model_cache().unload()
    register_model_folders([published])
    made = engines.generator("mmaudio_small_16k", Execution(device="cpu"))
    assert isinstance(made, MMAudioGenerator)
    return made


def request(window_s: float | None = 2.0, **wanted: object) -> GenerationRequest:
    return GenerationRequest(**{"steps": 2, "seed": 7, "window_s": window_s, **wanted})  # type: ignore[arg-type]


def images_with_a_cut(cut: int, green: float) -> Tensor:
    images = torch.tensor([0.1, 0.02, 0.02]).expand(100, 32, 48, 3).clone()
    images[cut:] = torch.tensor([0.1, green, 0.2])
    return images


def latents_made(monkeypatch: pytest.MonkeyPatch, work: Callable[[], object]) -> list[Tensor]:
    made: list[Tensor] = []
    plain = MMAudio.unnormalise

    def record(self: MMAudio, latent: Tensor) -> Tensor:
        made.append(latent)
        return plain(self, latent)

    with monkeypatch.context() as patch:
        patch.setattr(MMAudio, "unnormalise", record)
        work()
    return made


def test_a_field_that_knows_no_windows_gives_the_latents_of_one_pass(
    small: MMAudioGenerator, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = Clip.open(make_video(fps=25, seconds=3.6))

    def pull(self: MMAudio, latent: Tensor, time: Tensor, conditions: object) -> Tensor:
        velocity = 0.7 - 0.5 * latent + time
        return torch.cat([velocity, 0.2 * velocity])

    monkeypatch.setattr(MMAudio, "forward", pull)
    (whole,) = latents_made(monkeypatch, lambda: small.generate(clip, request(0.0), QUIET))
    (windowed,) = latents_made(monkeypatch, lambda: small.generate(clip, request(2.0), QUIET))
    # Sums of two weighted float32 velocities, divided again: a few units in the last place.
    torch.testing.assert_close(windowed, whole, rtol=1e-5, atol=1e-5)


def test_a_still_picture_has_no_level_step_at_the_windows_edges(small: MMAudioGenerator) -> None:
    still = torch.randint(0, 255, (3, 50, 70), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    (audio,) = small.takes(VisualCondition(still=still), request(duration_s=6.0), 1, QUIET)
    levels = 10 * audio.waveform[0].unfold(0, RATE // 20, RATE // 20).square().mean(dim=1).log10()
    for edge_s in (1.5, 2.0, 3.0, 3.5, 4.5, 5.0):
        frame = round(edge_s * 20)
        assert abs(float(levels[frame] - levels[frame - 1])) < 1.0


def test_what_comes_after_a_cut_changes_nothing_before_it(small: MMAudioGenerator) -> None:
    one, other = (
        small.takes(VisualCondition(ImageSequence(images_with_a_cut(53, level), 25.0)), request(steps=1), 1, QUIET)[0]
        for level in (0.8, 0.5)
    )
    assert one.samples == other.samples == round(4.0 * RATE)
    joint = round((53 / 25 - 0.025) * RATE)
    assert torch.equal(one.waveform[:, :joint], other.waveform[:, :joint])
    assert not torch.equal(one.waveform[:, joint:], other.waveform[:, joint:])


@pytest.mark.parametrize("paint", [None, lambda index: np.full((48, 64, 3), index % 2 * 220, np.uint8)])
def test_the_sound_is_as_long_as_the_clip_whatever_the_windows_and_cuts(
    small: MMAudioGenerator, make_video: MakeVideo, paint: Callable[[int], np.ndarray] | None
) -> None:
    clip = Clip.open(make_video(fps=24, seconds=5.13, paint=paint))
    audio = small.generate(clip, request(3.0, steps=1), QUIET)
    assert audio.samples == round(clip.duration_s * RATE)
    assert bool(audio.waveform.isfinite().all())
    assert clip.passes <= 1


def test_the_words_of_each_window_s_scene_lead_it(
    small: MMAudioGenerator, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    led: list[Tensor] = []
    plain = MMAudio.preprocess_conditions

    def record(self: MMAudio, *given: Tensor, **named: Tensor) -> object:
        led.append(given[3] if len(given) > 3 else named["text"])
        return plain(self, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(MMAudio, "preprocess_conditions", record)
    clip = Clip.open(make_video(fps=25, seconds=6.0))
    small.generate(clip, request(None, steps=1, prompt="hall\n0-3: a\n3-6: b"), QUIET)
    wanted, expected = led[::2], []
    for prompt in ("hall, a", "hall, b"):
        led.clear()
        small.generate(clip, request(0.0, steps=1, prompt=prompt), QUIET)
        expected.append(led[0])
    assert all(map(torch.equal, wanted, expected))


def test_scene_lines_in_one_pass_are_joined_and_it_is_said(small: MMAudioGenerator, make_video: MakeVideo) -> None:
    said: list[str] = []
    progress = Progress(on_event=lambda event: said.append(event.text) if event.is_note else None)
    small.generate(
        Clip.open(make_video(fps=25, seconds=1.2)), request(0.0, steps=1, prompt="0-0.6: a\n0.6-1.2: b"), progress
    )
    assert any("in one pass" in text for text in said)


def test_takes_in_windows_are_what_their_seeds_give_alone(small: MMAudioGenerator, make_video: MakeVideo) -> None:
    clip = Clip.open(make_video(fps=25, seconds=4.0))
    takes = small.takes(VisualCondition(clip), request(steps=1), 2, QUIET)
    alone = [small.generate(clip, request(steps=1, seed=seed), QUIET) for seed in (7, 8)]
    assert all(torch.equal(take.waveform, other.waveform) for take, other in zip(takes, alone, strict=True))


def test_windows_are_cancelled_at_any_point(small: MMAudioGenerator, make_video: MakeVideo) -> None:
    path = make_video(fps=25, seconds=4.0)
    events: list[float] = []
    # The first run fills the feature cache; the later ones, and the one that is counted, take its features from there.
    small.generate(Clip.open(path), request(steps=1), QUIET)
    small.generate(
        Clip.open(path), request(steps=1), Progress(on_event=lambda event: events.append(event.fraction or 0))
    )
    assert all(0 <= fraction <= 1 for fraction in events)
    for stop_at in range(1, len(events) * 3 // 4, 12):
        token, seen = CancelToken(), []

        def listen(event: object, token: CancelToken = token, seen: list[object] = seen, limit: int = stop_at) -> None:
            seen.append(event)
            if len(seen) > limit:
                token.cancel()

        with pytest.raises(Cancelled):
            small.generate(Clip.open(path), request(steps=1), Progress(on_event=listen, check=token.check))


KILLED = """
import os, signal, sys
from pathlib import Path
from deepsound import engines
from deepsound.generate.mmaudio import windowed_sampling, windowed_sounds
from deepsound.media.clip import Clip
from deepsound.models.mmaudio.model import MMAudio
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress
from deepsound.types import GenerationRequest
from deepsound.weights.search_paths import register_model_folders

windowed_sounds.SPILL_ABOVE_S, windowed_sampling.SAVE_EVERY_S = 1.0, 0.0
register_model_folders([Path(sys.argv[1])])
plain, calls = MMAudio.forward, []

def forward(self, *rest):
    calls.append(1)
    if len(calls) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return plain(self, *rest)

MMAudio.forward = forward
engine = engines.generator("mmaudio_small_16k", Execution(device="cpu"))
request = GenerationRequest(steps=2, seed=7, window_s=2.0)
engine.generate(Clip.open(sys.argv[2]), request, Progress())
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs signals that cannot be caught")
def test_a_killed_run_goes_on_from_the_window_where_it_was(
    small: MMAudioGenerator, published: Path, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    home, path = tmp_path / "home", make_video(fps=25, seconds=4.5)
    monkeypatch.setenv("DEEPSOUND_HOME", str(home))
    expected = small.generate(Clip.open(path), request(), QUIET)
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(published), str(path)], cwd=ROOT, env=os.environ, timeout=600, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(list(home.rglob("*.safetensors"))) > 3
    monkeypatch.setattr(windowed_sounds, "SPILL_ABOVE_S", 1.0)
    again, evaluated = counted(small, path, monkeypatch)
    assert torch.equal(again.waveform, expected.waveform)
    # Three windows in each of two steps, of which four were made before the kill.
    assert evaluated == 2
    assert list(home.rglob("*.safetensors")) == []


def counted(engine: MMAudioGenerator, path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Audio, int]:
    plain, calls = MMAudio.forward, []

    def forward(self: MMAudio, *rest: object) -> Tensor:
        calls.append(1)
        return plain(self, *rest)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(MMAudio, "forward", forward)
        return engine.generate(Clip.open(path), request(), QUIET), len(calls)


def test_the_vocoder_in_pieces_gives_what_one_pass_gives(
    small: MMAudioGenerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = request(duration_s=4.0, steps=1)
    whole = small.takes(VisualCondition(), wanted, 1, QUIET)[0]
    monkeypatch.setattr(windowed_sampling, "_PIECE_FRAMES", 50)
    pieces = small.takes(VisualCondition(), wanted, 1, QUIET)[0]
    # Convolutions of other lengths sum in another order: float32 rounding of samples up to 1.
    torch.testing.assert_close(pieces.waveform, whole.waveform, rtol=0, atol=1e-5)
