"""What a batch works on: the order, doubles, what is no clip, parts, and flat memory."""

import tracemalloc

import pytest

from deepsound.batch import folder
from deepsound.batch.clips import Job, Shard, Skipped
from deepsound.batch.sources import open_source
from deepsound.errors import InputError


@pytest.fixture
def touched(tmp_path):
    """touched("a.mp4", "b/c.mkv"): empty files of these names in a folder."""

    def make(*names):
        for name in names:
            path = tmp_path / "clips" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path / "clips"

    return make


@pytest.fixture
def table(tmp_path):
    """table(text, name="clips.csv"): the table as a source."""

    def make(text, name="clips.csv"):
        (tmp_path / name).write_bytes(text.encode() if isinstance(text, str) else text)
        return open_source(tmp_path / name, tmp_path / "out")

    return make


def jobs_of(source):
    return [entry for entry in source.entries() if isinstance(entry, Job)]


def refusals_of(source):
    return [entry for entry in source.entries() if isinstance(entry, Skipped)]


@pytest.mark.parametrize("at_once", [2, 3, 1000])
def test_a_folder_is_read_in_one_order_however_many_names_a_round_keeps(touched, tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(folder, "NAMES_AT_ONCE", at_once)
    source = open_source(
        touched(
            "b.mp4",
            "a.mkv",
            "B2.MP4",
            "inner/z.webm",
            "inner/deep/y.mov",
            "c.txt",
            ".hidden.mp4",
            ".x.partial/a.mp4",
            "clip.with.dots.mp4",
        ),
        tmp_path / "out",
    )
    assert [job.label for job in jobs_of(source)] == [
        "a.mkv",
        "b.mp4",
        "B2.MP4",
        "clip.with.dots.mp4",
        "inner/deep/y.mov",
        "inner/z.webm",
    ]
    assert [job.index for job in jobs_of(source)] == list(range(6))
    assert source.count() == 6
    assert [(entry.label, entry.is_loss) for entry in refusals_of(source)] == [("c.txt", False)]


def test_clips_that_would_write_the_same_files_get_folders_of_their_own(touched, tmp_path):
    source = open_source(touched("a.mp4", "a.webm", "A.mov", "b.mp4", "b.step1.mp4", "inner/a.mp4"), tmp_path / "out")
    places = {job.label: (job.folder / job.video.stem).as_posix() for job in jobs_of(source)}
    assert len({place.casefold() for place in places.values()}) == 6
    assert places["b.mp4"] == "b" and places["inner/a.mp4"] == "inner/a"
    for label in ("a.mp4", "a.webm", "A.mov", "b.step1.mp4"):
        assert places[label].count("/") == 1
    (tmp_path / "clips" / "c.mp4").touch()
    assert places.items() <= {job.label: (job.folder / job.video.stem).as_posix() for job in jobs_of(source)}.items()


def test_results_inside_the_folder_are_no_clips(touched):
    clips = touched("a.mp4", "out/a.mp4")
    source = open_source(clips, clips / "out")
    assert [job.label for job in jobs_of(source)] == ["a.mp4"] and source.count() == 1
    with pytest.raises(InputError, match="both the clips and the results"):
        open_source(clips, clips)


def test_of_thousands_of_names_only_one_round_is_kept(touched, tmp_path, monkeypatch):
    monkeypatch.setattr(folder, "NAMES_AT_ONCE", 100)
    source = open_source(touched(*(f"clip number {index:05}.mp4" for index in range(2000))), tmp_path / "out")
    mine = [tracemalloc.Filter(True, f"*/{name}.py") for name in ("folder", "clips", "heapq")]
    held = []
    tracemalloc.start()
    try:
        for entry in source.entries():
            if entry.index % 500 == 250:
                snapshot = tracemalloc.take_snapshot().filter_traces(mine)
                held.append(sum(line.size for line in snapshot.statistics("filename")))
    finally:
        tracemalloc.stop()
    assert len(held) == 4 and source.count() == 2000
    assert max(held) < 100_000, held  # all names at once: 385,000


def test_shards_are_every_nth_clip_and_miss_none(touched, tmp_path):
    source = open_source(touched(*(f"{index}.mp4" for index in range(7)), "notes.txt"), tmp_path / "out")
    parts = [list(Shard.parse(f"{number}/3").of(source)) for number in (1, 2, 3)]
    labels = [[entry.label for entry in part if isinstance(entry, Job)] for part in parts]
    assert labels == [["0.mp4", "3.mp4", "6.mp4"], ["1.mp4", "4.mp4"], ["2.mp4", "5.mp4"]]
    assert [Shard(number, 3).count_of(source) for number in (1, 2, 3)] == [3, 2, 2]
    assert sum(isinstance(entry, Skipped) for part in parts for entry in part) == 1


@pytest.mark.parametrize("text", ["0/4", "5/4", "1", "a/b", "1/0", "-1/4"])
def test_a_shard_that_does_not_exist_is_refused(text):
    with pytest.raises(InputError, match="shard"):
        Shard.parse(text)


def test_a_table_tells_each_clip_what_it_alone_is_to_be(table, tmp_path):
    source = table(
        '﻿Video, prompt,negative,seed,start,duration\none.mp4,"rain, heavy",music,7,,\n\nsub/two.mp4,,,,0.5,2\n'
    )
    one, two = jobs_of(source)
    assert one.video == tmp_path / "one.mp4"
    assert one.overrides == {"prompt": "rain, heavy", "negative_prompt": "music", "seed": 7}
    assert two.overrides == {"start_s": 0.5, "duration_s": 2.0} and two.label == "line 4: sub/two.mp4"
    assert source.count() == 2


def test_a_tab_separated_table_is_read_too(table):
    assert jobs_of(table("video\tprompt\na.mp4\twind, rain\n", "clips.tsv"))[0].overrides == {"prompt": "wind, rain"}


def test_rows_of_one_video_get_folders_by_what_they_are_told(table):
    before = jobs_of(table("video,seed\na.mp4,1\na.mp4,2\nb.mp4,1\n"))
    after = jobs_of(table("video,seed\nc.mp4,1\na.mp4,2\nb.mp4,1\na.mp4,1\n"))
    assert len({str(job.folder) for job in before}) == 3
    assert {(job.overrides["seed"], job.folder) for job in before if job.video.stem == "a"} == {
        (job.overrides["seed"], job.folder) for job in after if job.video.stem == "a"
    }
    assert all(str(job.folder) == "." for job in (*before, *after) if job.video.stem != "a")


def test_a_row_that_cannot_be_used_is_told_and_the_rest_goes_on(table):
    source = table(b"video,seed,start\na.mp4,one,\n,2,\nb.mp4,3,nan\nc.mp4,4,,,5\n..,1,\nd\xff.mp4,5,\ne.mp4,6\n")
    assert [job.overrides["seed"] for job in jobs_of(source)] == [1, 5, 6]
    why = [entry.why for entry in refusals_of(source)]
    assert len(why) == 4 and all(entry.is_loss for entry in refusals_of(source))
    assert "seed is 'one'" in why[0] and "names no video" in why[1] and "start is 'nan'" in why[2]
    assert "5 cells under 3 columns" in why[3]


def test_a_row_whose_seed_is_out_of_range_is_refused_alone(table):
    source = table(f"video,seed\na.mp4,{2**64}\nb.mp4,{2**64 - 1}\n")
    assert [job.overrides["seed"] for job in jobs_of(source)] == [2**64 - 1]
    (refused,) = refusals_of(source)
    assert "expected a seed from 0 to 18446744073709551615, got 18446744073709551616" in refused.why


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column named video"),
        ("name,prompt\na,b\n", "no column named video"),
        ("video,promt\n", "'promt'"),
        ("video,negative,negative_prompt\n", "two columns for negative_prompt"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(table, text, message):
    with pytest.raises(InputError, match=message):
        table(text)


def test_what_is_neither_a_folder_nor_a_table_is_refused(touched, tmp_path):
    with pytest.raises(InputError, match="no folder or table"):
        open_source(tmp_path / "missing", tmp_path / "out")
    (tmp_path / "old").symlink_to(tmp_path / "moved", target_is_directory=True)
    with pytest.raises(InputError, match=r"old is a link to .*moved, which does not exist; mend the link or remove it"):
        open_source(tmp_path / "old", tmp_path / "out")
    with pytest.raises(InputError, match="deepsound run"):
        open_source(touched("a.mp4") / "a.mp4", tmp_path / "out")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('video,prompt\na.mp4,"rain\nb.mp4,wind\nc.mp4,hail\n', "2 to 4"),
        ('video,prompt\na.mp4,"rain\nb.mp4,"wind"\nc.mp4,hail\n', "2 to 3"),
        ('video,prompt\na.mp4,"rain\n' + "b.mp4,wind\n" * 20_000 + "c.mp4,hail\n", "2 to "),
    ],
)
def test_a_quotation_mark_that_is_not_closed_swallows_no_rows_in_silence(table, text, lines):
    why = [entry.why for entry in refusals_of(table(text))]
    assert f"a quotation mark in lines {lines}" in why[0] and "not closed" in why[0]
    assert all("rain" not in job.overrides.get("prompt", "") for job in jobs_of(table(text)))


def test_quoted_cells_may_have_several_lines_and_marks_inside(table):
    one, two, three = jobs_of(table('video,prompt\na.mp4,"0-2: rain\n2-4: ""wind"""\nb.mp4,5" nail\nc.mp4,"a" b\n'))
    assert one.overrides == {"prompt": '0-2: rain\n2-4: "wind"'}
    assert two.overrides == {"prompt": '5" nail'} and three.overrides == {"prompt": "a b"}


def test_whole_numbers_as_pandas_writes_them_beside_empty_cells_are_read(table):
    source = table("video,seed,steps\na.mp4,7.0,25.0\nb.mp4,,\nc.mp4,7.5,\n")
    assert [job.overrides for job in jobs_of(source)] == [{"seed": 7, "steps": 25}, {}]
    assert type(jobs_of(source)[0].overrides["seed"]) is int
    (refused,) = refusals_of(source)
    assert "seed is '7.5', not a whole number" in refused.why


def test_a_table_without_a_header_is_told_to_have_one(table):
    with pytest.raises(InputError, match="Name the columns in the first line, as in: video,prompt"):
        table("clips/a.mp4\nclips/b.mp4\n")
