"""Workflows that 0.3.0 saved open on the page with the values they were saved with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.comfy.pages import DROP, ready_page, wait_for_graph
from tests.comfy.test_saved import NAMES, read

pytestmark = [pytest.mark.comfy, pytest.mark.page]


@pytest.fixture(scope="module")
def page(server, browser) -> Iterator[Any]:
    with ready_page(browser, server, 1500, 1000) as page:
        yield page


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_of_0_3_0_opens_with_its_own_values_and_new_inputs_at_their_defaults(page, name):
    workflow, expected = read(f"{name}_0.3.0.json"), read(f"{name}_0.3.0_api.json")
    page.evaluate(DROP, json.dumps(workflow))
    wait_for_graph(page, workflow)
    prompt = page.evaluate("async () => (await app.graphToPrompt()).output")
    added = {}
    for node_id, node in expected.items():
        sent = prompt[node_id]["inputs"]
        assert {key: sent[key] for key in node["inputs"]} == node["inputs"], node["_meta"]["title"]
        added |= {key: value for key, value in sent.items() if key not in node["inputs"] and "ui" not in key.lower()}
    defaults = {"audio_track": 0, "downmix": "keep", "download": False, "length": "hold"}
    assert {key: value for key, value in added.items() if key in defaults} == {
        key: defaults[key] for key in added if key in defaults
    }
    assert "audio_track" in added and "download" in added
