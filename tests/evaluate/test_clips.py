"""Which files are a clip, which are a run's, and what is said of the others."""

import json
from pathlib import Path

import pytest

from deepsound.errors import InputError
from deepsound.evaluate.clips import ON_SCREEN, VOICE_OVER, find_clips, read_groups, with_groups


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return folder


def record(folder: Path, stem: str, **content) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    full = {"final_audio_path": f"/elsewhere/{stem}.wav", "is_vo": False, "category": "", "video_input": "", **content}
    (folder / f"{stem}.result.json").write_text(json.dumps(full))


def test_a_sound_goes_with_the_video_of_its_name(tmp_path):
    found = find_clips(touch(tmp_path, "b.mp4", "a.wav", "a.mp4", "c.FLAC"))
    assert list(found.clips) == ["a", "b", "c"]
    assert found.clips["a"].sound.name == "a.wav" and found.clips["a"].video.name == "a.mp4"
    assert found.clips["b"].sound == found.clips["b"].video == tmp_path / "b.mp4"
    assert found.clips["c"].video is None and not found.problems


def test_what_is_no_media_is_listed_and_what_is_hidden_is_passed_over(tmp_path):
    found = find_clips(touch(tmp_path, "a.wav", "notes.txt", "x.json", ".hidden.wav", ".partial/b.wav"))
    assert list(found.clips) == ["a"] and [file.name for file in found.ignored] == ["notes.txt", "x.json"]


def test_the_same_name_twice_is_reported_and_the_first_is_used(tmp_path):
    found = find_clips(touch(tmp_path, "a.wav", "a.flac", "deep/a.wav", "b.mp4", "b.mkv"))
    assert found.clips["a"].sound == tmp_path / "a.flac"
    assert sorted(problem.file.relative_to(tmp_path).as_posix() for problem in found.problems) == [
        "a.wav",
        "b.mp4",
        "deep/a.wav",
    ]
    assert all("duplicate" in problem.what and "rename" in problem.what for problem in found.problems)


def test_the_clean_up_of_names_is_asked_for_and_its_clashes_are_duplicates(tmp_path):
    touch(tmp_path, "zxpo56cpUBU_000007-0.wav", "zxpo56cpUBU_000007.wav")
    assert len(find_clips(tmp_path).clips) == 2
    found = find_clips(tmp_path, clean_names=True)
    assert list(found.clips) == ["zxpo56cpUBU_000007"] and len(found.problems) == 1


def test_a_run_s_files_are_one_clip_with_its_sound_before(tmp_path):
    for stem, answer in (("a", {"is_vo": True}), ("b", {"category": "No2"}), ("c", {"category": "No1"})):
        record(tmp_path, stem, **answer)
        touch(
            tmp_path,
            f"{stem}.step1.wav",
            f"{stem}.step3.wav",
            f"{stem}.wav",
            f"{stem}.mp4",
            f"{stem}.neg.wav",
            f"{stem}.batch.json",
        )
    found = find_clips(tmp_path)
    assert {name: clip.group for name, clip in found.clips.items()} == {"a": VOICE_OVER, "b": ON_SCREEN, "c": ""}
    clip = found.clips["a"]
    assert (clip.sound.name, clip.before.name, clip.video.name) == ("a.wav", "a.step1.wav", "a.mp4")
    assert not found.problems and not found.ignored


def test_stems_step_videos_comparison_and_removed_voice_of_a_run_are_no_clips_of_their_own(tmp_path):
    record(tmp_path, "a")
    touch(tmp_path, "a.wav", "a.mp4", "a.voice.wav", "a.step1.mp4", "a.neg.mkv", "a.otio", "a.step1.mel.png")
    touch(tmp_path, "a.01_final.wav", "a.02_coarse.flac", "a.05_regenerated.wav", "a.compare.mp4", "a.compare.png")
    found = find_clips(tmp_path)
    assert list(found.clips) == ["a"]
    assert found.clips["a"].video.name == "a.mp4"
    assert not found.problems and not found.ignored


def test_runs_without_a_video_take_the_one_they_were_given(tmp_path):
    video = touch(tmp_path, "given.mp4") / "given.mp4"
    record(tmp_path / "out", "a", video_input=str(video))
    touch(tmp_path / "out", "a.wav", "a.step1.wav")
    assert find_clips(tmp_path / "out").clips["a"].video == video


def test_a_dropped_sound_and_a_broken_record_are_told(tmp_path):
    record(tmp_path, "dropped", final_audio_path=None, final_from="removed")
    record(tmp_path, "lost")
    touch(tmp_path, "dropped.step1.wav", "dropped.mp4", "broken.wav")
    (tmp_path / "broken.result.json").write_text('["no record"]')
    found = find_clips(tmp_path)
    assert list(found.clips) == ["broken"]
    told = {problem.file.name: problem.what for problem in found.problems}
    assert "rm" in told["dropped.result.json"] and "not beside" in told["lost.result.json"]
    assert "cannot be read" in told["broken.result.json"]


def test_groups_come_from_a_table(tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("\ufeffname,group,other\na.wav, voice-over,1\nv1.2,on-screen,2\n", encoding="utf-8")
    groups = read_groups(table)
    assert groups == {"a": "voice-over", "v1.2": "on-screen"}
    found = with_groups(find_clips(touch(tmp_path / "p", "a.wav", "b.wav")), groups)
    assert [clip.group for clip in found.clips.values()] == ["voice-over", ""]


@pytest.mark.parametrize("content", ["", "a,b\n1,2\n", "name\nx\n"])
def test_a_table_without_the_columns_is_refused(tmp_path, content):
    (tmp_path / "t.csv").write_text(content)
    with pytest.raises(InputError, match="column"):
        read_groups(tmp_path / "t.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_groups(tmp_path / "none.csv")


def test_one_file_is_a_set_and_a_missing_folder_is_refused(tmp_path):
    assert list(find_clips(touch(tmp_path, "a.wav") / "a.wav").clips) == ["a"]
    with pytest.raises(InputError, match="does not exist"):
        find_clips(tmp_path / "nothing")
