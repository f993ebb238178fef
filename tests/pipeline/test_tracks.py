"""Tests of a run's sound track: selection, and refusal before any work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepsound import Pipeline, engines
from deepsound.errors import InputError
from deepsound.media.audio import decode_audio
from tests.media.test_audio_decode import write_sound
from tests.media.test_frames import changing_size
from tests.media.test_streams import write_tracks


@pytest.mark.parametrize("generator", ["source", "auto"])
def test_sixteen_channels_are_refused_before_the_plan(
    tmp_path: Path, generator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_sound(tmp_path / "many.mov", [0.1] * 16, "hexadecagonal")
    for kind in ("generator", "reasoner", "separator"):
        monkeypatch.setattr(engines, kind, lambda *_, **__: pytest.fail("an engine was loaded"))
    with pytest.raises(InputError, match=r"at most 8 channels, got 16"):
        Pipeline(generator=generator).run(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_sixteen_channels_mixed_down_run_to_the_end(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "many.mov", [0.1] * 16, "hexadecagonal")
    result = Pipeline(generator="source").run(path, tmp_path / "out", downmix="stereo", write_video=False)
    assert result.outcome.coarse.channels == 2


def test_a_run_takes_the_track_that_was_chosen(tmp_path: Path) -> None:
    path = write_tracks(tmp_path / "two.mov", [0.25, 0.5])
    result = Pipeline(generator="source").run(path, tmp_path / "out", audio_track=2, write_video=False)
    assert float(np.median(decode_audio(result.final_audio_path).numpy())) == pytest.approx(0.5, abs=1e-3)
    assert any("sound track 1" in note for note in result.outcome.notes)


def test_what_was_found_in_reading_is_in_the_result(tmp_path: Path) -> None:
    result = Pipeline(generator="draft").run(
        changing_size(tmp_path / "grows.webm"), tmp_path / "out", write_video=False
    )
    assert sum("64x48 to 128x96" in note for note in result.outcome.notes) == 1
