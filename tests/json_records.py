"""Records that programs read, held against their JSON schemas."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import jsonschema

from deepsound.runtime.json_schemas import SCHEMAS, VERSION_KEY, json_schema


@cache
def validator(name: str) -> jsonschema.Draft202012Validator:
    """The validator of a schema of deepsound.runtime.json_schemas."""
    return jsonschema.Draft202012Validator(json_schema(name))


def fits(name: str, record: Any) -> Any:
    """The record, as JSON holds it, where it has its version and fits the schema; else raises ValidationError."""
    record = json.loads(json.dumps(record, default=str))
    assert record[VERSION_KEY] == SCHEMAS[name].version
    validator(name).validate(record)
    return record
