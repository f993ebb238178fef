"""What is said of a precision that no engine of a run computes in."""

import json

import pytest

from deepsound import Pipeline
from deepsound.dry_run import dry_run
from deepsound.runtime.execution import Execution

SENTENCE = "The precision nf4 is not used: draft, rules, dtln compute in fp32."


@pytest.mark.parametrize(("precision", "is_said"), [("nf4", True), ("fp32", False), ("auto", False)])
def test_a_precision_that_no_engine_of_the_run_computes_in_is_named(make_video, tmp_path, precision, is_said):
    pipeline = Pipeline("draft", "rules", "dtln", execution=Execution(precision=precision))
    video = make_video(seconds=0.5)
    assert (SENTENCE in dry_run(pipeline, video, tmp_path / "out").notes) == is_said
    result = pipeline.run(video, tmp_path / "out")
    assert (SENTENCE in json.loads(result.result_path.read_text())["notes"]) == is_said
