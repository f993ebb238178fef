"""Tests of the record reader: newer refused, older read, malformed a clear error."""

import json
import os

import pytest

from deepsound import Pipeline
from deepsound.compare.record import read_record
from deepsound.errors import InputError
from deepsound.evaluate.clips import find_clips
from deepsound.outputs import SCHEMA_VERSION, read_result
from deepsound.runtime.json_files import json_bytes, read_json_object


def written(folder, content):
    path = folder / "a.result.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_a_record_of_this_version_says_so_and_is_read(make_video, tmp_path):
    result = Pipeline("noise", "yes", "halving").run(make_video(), tmp_path / "out", write_video=False)
    assert read_result(result.result_path) == json.loads(result.result_path.read_text())
    assert read_result(result.result_path)["schema_version"] == SCHEMA_VERSION


def test_a_record_of_0_3_0_is_read(tmp_path):
    old = {"step1_audio_path": "a.step1.wav", "is_vo": False, "final_audio_path": None, "deepsound_version": "0.3.0"}
    assert read_result(written(tmp_path, json.dumps(old))) == old


@pytest.mark.parametrize("reader", [read_result, read_record])
def test_a_record_of_a_newer_version_is_refused(tmp_path, reader):
    newer = {"schema_version": SCHEMA_VERSION + 1, "deepsound_version": "9.1", "step1_audio_path": "a.step1.wav"}
    with pytest.raises(InputError, match=r"is of a newer version \('9.1', schema 2; this one reads up to 1\)"):
        reader(written(tmp_path, json.dumps(newer)))


MALFORMED = {
    "deep": b"[" * 100000,
    "deep object": b'{"request":' * 100000,
    "101 levels": b'{"a":' + b"[" * 101 + b"]" * 101 + b"}",
    "list": b"[]",
    "cut": b'{"step1_audio_path": "a',
    "not UTF-8": b'{"step1_audio_path": "\xff"}',
    "NaN": b'{"total_s": NaN}',
    "infinite": b'{"loudness": {"final": {"integrated_lufs": 1e999}}}',
    "long number": b'{"total_s": ' + b"9" * 100000 + b"}",
    "NUL": b'{"step1_audio_path": "a\\u0000b"}',
    "wrong path": b'{"final_audio_path": {}}',
    "wrong verdict": b'{"is_vo": "yes"}',
    "wrong spans": b'{"voice_spans_s": [[1, "2"]]}',
    "huge spans": b'{"voice_spans_s": [[0, 1e300]]}',
    "wrong request": b'{"request": []}',
    "wrong version": b'{"schema_version": "1"}',
    "negative version": b'{"schema_version": -1}',
    "true version": b'{"schema_version": true}',
}


@pytest.mark.parametrize("content", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_record_is_one_sentence_in_compare_and_a_named_problem_in_evaluate(tmp_path, content):
    path = written(tmp_path, content)
    (tmp_path / "a.wav").write_bytes(b"x")
    for reader in (read_result, read_record):
        with pytest.raises(InputError, match=r"a\.result\.json") as error:
            reader(path)
        assert str(error.value).isprintable() and len(str(error.value)) < 700
    problems = find_clips(tmp_path).problems
    assert [problem.file for problem in problems] == [path] and "taken as they are named" in problems[0].what


@pytest.mark.parametrize("make", ["pipe", "folder", "missing", "device"])
def test_what_is_no_file_is_not_opened(tmp_path, make):
    path = tmp_path / "a.result.json"
    if make == "pipe":
        os.mkfifo(path)
    if make == "folder":
        path.mkdir()
    if make == "device":
        path.symlink_to("/dev/zero")
    with pytest.raises(
        InputError, match=r"cannot be read as a result record: it (is not a regular file|does not exist)"
    ):
        read_result(path)


def test_a_huge_file_is_not_read_whole(tmp_path):
    path = written(tmp_path, b"{}")
    os.truncate(path, 1 << 40)
    with pytest.raises(InputError, match="larger than 64 MiB"):
        read_result(path)


def test_any_name_of_a_file_fits_into_json(tmp_path):
    data = {"name": os.fsdecode(b"\xff\xe9") + "é雨😀\n\x1b"}
    path = written(tmp_path, json_bytes(data))
    assert read_json_object(path, "a test") == data
    with pytest.raises(ValueError, match="JSON"):
        json_bytes({"level": float("nan")})
