"""The JSON schema of the result record: every field is described, and fits."""

import json

import jsonschema
import pytest

from deepsound import Pipeline
from deepsound.outputs import SCHEMA_VERSION
from deepsound.runtime.json_schemas import json_schema

SCHEMA = json_schema("result")
# Where an object's fields are names of files or engines, or what an engine says of itself.
OPEN = {"engine_settings", "files", "links", "loudness", "takes", "replaced", "levelling", "mux", "silence"}


@pytest.fixture(params=["repaired", "generated again", "silent video", "clip"])
def record(request, make_video, tmp_path):
    """Records of runs that take different ways through the steps."""
    ways = {
        "repaired": (Pipeline("noise", "yes", "halving"), {}),
        "generated again": (Pipeline("noise", "yes", "spectral"), {"fallback": "neg", "seed": 7}),
        "silent video": (Pipeline(preset="embedded"), {"target_lufs": -20.0}),
        "clip": (Pipeline("noise", "yes", "halving"), {"scope": "clip", "stems": True, "step_videos": True}),
    }
    pipeline, arguments = ways[request.param]
    return json.loads(json.dumps(pipeline.run(make_video(), tmp_path / "out", **arguments).to_json(), default=str))


def test_a_record_fits_the_schema(record):
    jsonschema.Draft202012Validator(SCHEMA).validate(record)


def test_every_field_is_described(record):
    assert sorted(set(record) - set(SCHEMA["properties"])) == []
    for name, described in SCHEMA["properties"].items():
        assert described["description"], name
        if name in OPEN or "properties" not in described or not isinstance(record.get(name), dict):
            continue
        assert sorted(set(record[name]) - set(described["properties"])) == [], name


def test_the_schema_is_one_and_of_this_version():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"]["schema_version"]["minimum"] == SCHEMA_VERSION


def test_a_wrong_record_does_not_fit(record):
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**record, "verdict": "perhaps"}, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({name: value for name, value in record.items() if name != "plan"}, SCHEMA)
