"""What Python says on a node has a Chinese template: messages and their parts."""

import errno
import json
import os
import re

from tests.displayed_messages import (
    COMMAND_LINE_ONLY,
    NOT_SHOWN,
    catalogue_texts,
    clauses,
    displayed,
    in_the_source,
    reached,
)
from tests.gates.test_names import ROOT

CATALOGUE: dict[str, str] = json.loads((ROOT / "web/messages_zh.json").read_text(encoding="utf-8"))
# The system's own words, which errors about files and servers repeat.
SYSTEM_ERRORS = {os.strerror(number) for number in errno.errorcode}
# What ComfyUI itself says of a prompt that it refuses (its execution.py), which stands on the node too.
CORE_ERRORS = {
    "Value {} smaller than min of {}",
    "Value {} bigger than max of {}",
    "Value not in list",
    "Required input is missing",
    "Failed to convert an input value to a {} value",
    "Return type mismatch between linked nodes",
    "Exception when validating inner node",
    "Exception when validating node",
    "Custom validation failed for node",
    "Dependency cycle detected",
    "{} not in {}",
    "(list of length {})",
    "received_type({}) mismatch input_type({})",
}


def test_errors_notes_and_sentences_of_nodes_have_a_chinese_template():
    assert len(displayed()) > 400
    missing = {place: text for text, place in displayed().items() if text not in CATALOGUE}
    assert not missing, "add them to web/messages_zh.json"


def test_what_the_weights_dialog_says_of_a_file_is_in_chinese():
    assert not catalogue_texts() - CATALOGUE.keys()


def test_the_parts_that_messages_are_made_of_have_a_chinese_template():
    assert len(clauses()) > 300
    assert not clauses() - CATALOGUE.keys(), "add them to web/messages_zh.json, or to NOT_SHOWN with the reason"


def test_no_template_is_of_a_message_that_is_gone():
    assert not CATALOGUE.keys() - in_the_source() - SYSTEM_ERRORS - CORE_ERRORS


def test_a_translation_has_the_values_of_its_message_and_no_others():
    for english, chinese in CATALOGUE.items():
        numbers = re.findall(r"\{(\d*)\}", chinese)
        count = english.count("{}")
        if any(numbers):
            # A plural's s, which is the one value that Chinese has no place for, may be left out.
            assert all(number and 1 <= int(number) <= count for number in numbers), english
            assert len(set(numbers)) >= count - 1, english
        else:
            assert len(numbers) == count, english
        assert re.search(r"[\u4e00-\u9fff]", chinese), english


def test_what_is_exempt_is_reached_and_has_a_reason():
    assert COMMAND_LINE_ONLY.keys() <= reached().keys()
    assert in_the_source() >= NOT_SHOWN.keys()
    assert all(COMMAND_LINE_ONLY.values()) and all(NOT_SHOWN.values())
    assert not NOT_SHOWN.keys() & CATALOGUE.keys()
