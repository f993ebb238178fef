"""A user's own sounds, by folder name and by a table of tags, and bad folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepsound.errors import Cancelled, InputError
from deepsound.generate.draft import DraftGenerator
from deepsound.generate.draft.prompt_notes import prompt_notes
from deepsound.generate.draft.prompt_parser import palette_for
from deepsound.generate.draft.recorded_layers import choose_recordings
from deepsound.generate.draft.recordings import embedded, load_take
from deepsound.generate.draft.user_sounds import MOST_TAKES, DraftSettings, user_library
from deepsound.media.wav import write_wav
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, GenerationRequest


def tone(path: Path, seconds: float = 0.4, rate: int = 44100, channels: int = 1, hertz: float = 900) -> Path:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(max(round(seconds * rate), 1)) / rate)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_wav(Audio.from_numpy(np.tile(wave.astype(np.float32), (channels, 1)), rate), path)
    return path


def test_folders_are_words_and_come_before_the_package_s_own(tmp_path):
    tone(tmp_path / "Laser Sword" / "one.wav")
    tone(tmp_path / "door" / "mine.WAV")
    tone(tmp_path / "squelch.flac.wav")
    library = user_library(str(tmp_path))
    assert set(library) == {"laser", "sword", "door", "squelch", "flac"}
    palette = palette_for("a laser sword at the door", own=library)
    assert palette.sounds == ("laser", "sword", "door")
    layers = choose_recordings(palette, {**embedded(), **library}, pytest.fail)
    assert {each.recording.paths[0].name for each in layers.hits} == {"one.wav", "mine.WAV"}
    assert prompt_notes("laser", own=library) == ("draft used: laser.",)


def test_a_table_of_tags_chooses_files_and_roles(tmp_path):
    tone(tmp_path / "a.wav", 1.0)
    table = "\ufefffile,tags,role\na.wav,whirr|嗡嗡响 Motor,bed\n"
    (tmp_path / "sounds.csv").write_text(table, encoding="utf-8")
    library = user_library(str(tmp_path))
    assert {name: recording.role for name, recording in library.items()} == dict.fromkeys(library, "bed")
    assert palette_for("机器嗡嗡响", own=library).sounds[-1] in library
    assert palette_for("motor", own=library).sounds == ("motor",)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("name,tag\na.wav,b\n", "expected the columns file and tags"),
        ("file,tags,role\na.wav,b,music\n", "expected the role bed, event or hit, got 'music'"),
        ("file,tags\n../../etc/passwd,b\n", "lies outside the table's folder"),
        (b"file,tags\n\xff\xfe,b\n", "cannot be read as a table of sounds"),
    ],
)
def test_a_bad_table_is_an_error_that_says_what_is_wrong(tmp_path, table, words):
    (tmp_path / "sounds.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    with pytest.raises(InputError, match=words):
        user_library(str(tmp_path))


def test_a_folder_that_is_none_or_has_no_sounds_is_an_error(tmp_path):
    with pytest.raises(InputError, match="is no folder"):
        user_library(str(tmp_path / "missing"))
    (tmp_path / "notes.txt").write_text("no sound")
    with pytest.raises(InputError, match="has no WAV or FLAC files"):
        user_library(str(tmp_path))
    assert user_library("") == {}


def test_broken_short_silent_and_strange_files_are_left_out_and_said(tmp_path):
    folder = tmp_path / "zap"
    tone(folder / "good.wav", 0.5, 8000)
    tone(folder / "surround.wav", 0.5, 48000, 6)
    (folder / "broken.wav").write_bytes(b"RIFF0000WAVEnonsense")
    (folder / "empty.wav").write_bytes(b"")
    write_wav(Audio.from_numpy(np.zeros((1, 4410), np.float32), 44100), folder / "silent.wav")
    notes: list[str] = []
    library = user_library(str(tmp_path))
    layers = choose_recordings(palette_for("zap", own=library), library, notes.append)
    (zap,) = layers.hits
    assert [take.shape for take in zap.takes] == [(2, 22050), (2, 22050)]
    assert notes == ["draft could not read 3 of 5 files of 'zap'."]


def test_only_the_first_minute_of_a_long_file_is_read(tmp_path):
    long = tone(tmp_path / "long.wav", 75, 8000)
    take = load_take(long)
    assert take is not None and take.shape == (2, 60 * 44100)


def test_a_folder_of_very_many_files_is_listed_without_reading_them(tmp_path):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(3000):
        (folder / f"{number}.wav").touch()
    (recording,) = user_library(str(tmp_path)).values()
    assert len(recording.paths) == MOST_TAKES
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        user_library(str(tmp_path), Progress(check=token.check))


def test_the_generator_plays_them_and_says_which_words_it_followed(tmp_path, tornado):
    from deepsound.media.clip import Clip

    tone(tmp_path / "beacon" / "x.wav", 0.3, hertz=3000)
    draft = DraftGenerator()
    draft.adjust(DraftSettings(str(tmp_path)))
    request = GenerationRequest("beacon", seed=1, duration_s=1.5)
    assert draft.request_notes(request) == ("draft used: beacon.",)
    sound = draft.generate(Clip.open(tornado), request, Progress()).numpy().mean(axis=0)
    power = np.abs(np.fft.rfft(sound))
    near = np.fft.rfftfreq(len(sound), 1 / 44100)
    assert power[(near > 2600) & (near < 3400)].max() > 5 * np.median(power[(near > 1000) & (near < 8000)])
