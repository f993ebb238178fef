"""What is wrong with the files of a later step is said before the first one."""

import pytest

from deepsound import Pipeline
from deepsound.cli.doctor import examine
from deepsound.dry_run import dry_run
from deepsound.errors import DeepSoundError
from deepsound.runtime.execution import Execution
from deepsound.weights.search_paths import register_model_folders

BROKEN = (b"", b"<html>not found</html>", b"\x00" * 100, b"PK\x03\x04 cut off")


def refused(make_video, tmp_path, fake_engines, reasoner="no", separator="halving", weights=(), **options) -> str:
    """What a run says that ends before any work."""
    pipeline = Pipeline("noise", reasoner, separator, Execution(weights=dict(weights)))
    with pytest.raises(DeepSoundError) as error:
        pipeline.run(make_video(), tmp_path / "out", **options)
    assert fake_engines.requests == [], "nothing was generated"
    assert list((tmp_path / "out").iterdir()) == []
    return str(error.value)


@pytest.mark.parametrize("separator", ["roformer", "halving+roformer"])
def test_roformer_without_a_checkpoint_is_refused_before_anything_is_generated(
    make_video, tmp_path, fake_engines, separator
):
    said = refused(make_video, tmp_path, fake_engines, separator=separator)
    assert "expected a checkpoint for the separator roformer, got none" in said
    with pytest.raises(DeepSoundError, match="got none"):
        dry_run(Pipeline("noise", "no", separator), make_video(), tmp_path / "out")


@pytest.mark.parametrize(
    "content", [b"", b"<html>not found</html>", b"\x00" * 100, b"PK\x03\x04 cut off"], ids=range(4)
)
@pytest.mark.parametrize("separator", ["bs_roformer", "roformer"])
def test_a_separators_bad_file_is_refused_before_anything_is_generated(
    make_video, tmp_path, fake_engines, separator, content
):
    bad = tmp_path / "bad.ckpt"
    bad.write_bytes(content)
    key = "bs_roformer/ep_317" if separator == "bs_roformer" else "roformer"
    said = refused(make_video, tmp_path, fake_engines, separator=separator, weights={key: bad})
    assert str(bad) in said


@pytest.mark.parametrize("engines", [{"separator": "bs_roformer"}, {"reasoner": "yes+videollama2_cot"}])
def test_missing_weights_of_a_later_step_are_refused_before_anything_is_generated(
    make_video, tmp_path, fake_engines, engines
):
    assert "not on this machine" in refused(make_video, tmp_path, fake_engines, **engines)


def test_a_damaged_shard_of_the_judge_is_refused_before_anything_is_generated(make_video, tmp_path, fake_engines):
    folder = tmp_path / "judge"
    folder.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "model-00001-of-00001.safetensors"):
        (folder / name).write_bytes(b"{}")
    weights = {"videollama2/av_cot": folder, "siglip/so400m_384": folder}
    said = refused(make_video, tmp_path, fake_engines, reasoner="videollama2_cot", weights=weights)
    assert "model-00001-of-00001.safetensors" in said


def test_a_separator_that_nothing_is_left_to_is_not_asked_for_its_files(make_video, tmp_path):
    result = Pipeline("noise", "yes", "roformer").run(make_video(), tmp_path / "out", spans="[]")
    assert result.final_audio_path is not None


def test_the_doctor_does_not_call_engines_ready_that_lack_a_part(tmp_path, monkeypatch):
    found = {finding.name: finding for finding in examine() if finding.section == "engines"}
    for name in ("rules+videollama2_cot", "bs_roformer+mel_band_roformer", "bs_roformer"):
        assert found[name].status == "note" and found[name].found.startswith("lacks weights, "), name
    assert found["roformer"].found == "lacks a checkpoint: put one into a models folder separation"
    (tmp_path / "separation").mkdir()
    (tmp_path / "separation" / "mine.ckpt").write_bytes(b"weights")
    register_model_folders([tmp_path])
    found = {finding.name: finding for finding in examine() if finding.section == "engines"}
    assert found["roformer"].found == "1 checkpoint to choose from, as roformer:FILE"
