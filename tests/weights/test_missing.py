"""Tests of missing weights: files, size, licences, places and one action."""

import json

import pytest

from deepsound.errors import EngineError, InputError
from deepsound.generate.mmaudio import components
from deepsound.runtime.execution import Execution
from deepsound.weights import missing
from deepsound.weights.catalogue import needed_by, weights
from deepsound.weights.locate import target
from deepsound.weights.missing import MissingWeightsError, missing_weights, register_download_action
from deepsound.weights.resolve import resolve_all, resolve_or_download
from deepsound.weights.search_paths import default_search_paths
from tests.weights.conftest import put

LARGE = "mmaudio_large_44k_v2"


@pytest.fixture(autouse=True)
def no_host(monkeypatch):
    monkeypatch.setattr(missing, "_registered_action", "")


def test_everything_an_engine_lacks_is_named_at_once_and_not_the_first_file_alone(own):
    found = missing_weights(LARGE, own)
    assert {entry.id for entry in found.entries} == {entry.id for entry in needed_by(LARGE)}
    message = found.message()
    for entry in needed_by(LARGE):
        assert target(entry, own).relative_to(own.cache).as_posix() in message
    assert found.bytes == sum(entry.size for entry in needed_by(LARGE)) and "10.7 GB" in message
    assert "CC-BY-NC-4.0, not for commercial use" in message and "apple-amlr" in message and "MIT" in message
    assert f"`deepsound models download {LARGE}`" in message and str(own.cache) in message
    assert len(message) < 900


def test_what_is_there_is_not_missing(own):
    for entry in needed_by(LARGE):
        put(target(entry, own))
    assert missing_weights(LARGE, own) is None
    target(weights("mmaudio/vae_44k"), own).unlink()
    found = missing_weights([LARGE, "draft"], own)
    assert [entry.id for entry in found.entries] == ["mmaudio/vae_44k"] and found.needed_by == (LARGE,)
    assert found.command == "deepsound models download mmaudio/vae_44k" and "1.2 GB" in found.message()


def test_engines_without_weights_need_nothing_and_unknown_ids_are_named(own):
    assert missing_weights(["draft", "rules", "bs_roformer_tiny"], own) is None
    with pytest.raises(InputError, match="mmaudio/vae_44k"):
        missing_weights(["mmaudio/vae_44"], own)


def test_several_engines_are_one_answer_with_shared_networks_once(own):
    found = missing_weights([LARGE, "mmaudio_large_44k", "bs_roformer"], own)
    assert len({entry.id for entry in found.entries}) == len(found.entries) == 8
    assert found.needed_by == (LARGE, "mmaudio_large_44k", "bs_roformer")


def test_a_host_has_an_action_of_its_own(own):
    found = missing_weights("bs_roformer", own)
    assert "deepsound models" in found.message()
    assert "deepsound models" not in found.message("Open *Get weights*.")
    register_download_action("Switch `download` on.")
    assert "Switch `download` on." in found.message() and "deepsound models" not in found.message()


def test_unknown_sizes_are_not_hidden(own):
    assert "at least" in missing_weights("foleycrafter", own).message()
    assert missing_weights(["foleycrafter/vocoder"], own).size_text == "size not stated"
    assert "with config.json" in missing_weights(["foleycrafter/vocoder"], own).message()


def test_the_answer_is_json_for_a_dialog(own):
    data = json.loads(json.dumps(missing_weights("bs_roformer", own).to_json()))
    (entry,) = data["entries"]
    assert entry["id"] == "bs_roformer/ep_317" and entry["bytes"] == 639_000_000 and entry["licence"]["name"]
    assert entry["path"].startswith(data["folder"]) and data["size"] == "0.6 GB"


def test_an_engine_that_is_run_names_all_it_lacks():
    with pytest.raises(MissingWeightsError) as caught:
        components.locate_weights("large_44k_v2", Execution(device="cpu"))
    assert len(caught.value.missing.entries) >= 5 and "v1-44.pth" in str(caught.value)


def test_offline_no_download_is_begun_and_everything_is_named(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(EngineError, match=r"HF_HUB_OFFLINE forbids.*v1-44\.pth, mmaudio/mmaudio_large_44k_v2\.pth"):
        resolve_all(["mmaudio/vae_44k", "mmaudio/large_44k_v2"], Execution(device="cpu", download=True))


def test_what_is_at_hand_is_resolved(tmp_path):
    path = put(target(weights("mmaudio/vae_44k"), default_search_paths()))
    assert resolve_or_download("mmaudio/vae_44k", Execution(device="cpu")) == path
