"""The catalogue holds together, and says of every engine what it needs."""

import re

import pytest

from deepsound import engines
from deepsound.errors import InputError
from deepsound.weights.catalogue import HubSource, UrlSource, chosen, everything, needed_by, weights
from deepsound.weights.catalogue import engines as engines_with_weights

ROOTS = {"models", "projects", "torch_hub", "packages"}


@pytest.mark.parametrize("entry", everything(), ids=lambda entry: entry.id)
def test_every_entry_is_whole(entry):
    assert re.fullmatch(r"[a-z0-9_]+/[a-z0-9_]+", entry.id) and entry.what and entry.licence.name
    assert set(entry.layouts) <= ROOTS and entry.layouts["models"]
    if entry.kind == "folder":
        assert entry.sources and entry.holds and not entry.files
    else:
        assert entry.files and not entry.sources
    for file in entry.files + entry.editions:
        assert file.sources and not (file.bytes and file.about_bytes)
        assert re.fullmatch(r"([0-9a-f]{32})?", file.md5) and re.fullmatch(r"([0-9a-f]{64})?", file.sha256)
        for source in file.sources:
            if isinstance(source, UrlSource):
                assert source.url.startswith("https://")
            else:
                assert isinstance(source, HubSource) and source.repo.count("/") == 1 and source.file
    assert not entry.parts or sum(entry.parts.values()) == entry.parameters


def test_ids_are_unique():
    ids = [entry.id for entry in everything()]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize(
    "entry", [entry for entry in everything() if entry.kind == "file" and entry.parameters], ids=lambda entry: entry.id
)
def test_stated_sizes_are_those_of_float32_parameters(entry):
    """Every published file whose size and parameter count are both known is float32 but for its header.

    Stable Diffusion's is the edition in 16 bits; PANNs' trainer saved along which of its two million clips are of which
    class.
    """
    if entry.files[0].size is not None and entry.id not in (
        "animatediff/sd15",
        "foleycrafter/timestamp_detector",
        "metrics/panns_cnn14_16k",
    ):
        assert entry.files[0].size == pytest.approx(4 * entry.parameters, rel=0.003)


def test_every_published_engine_can_be_fetched_by_name():
    with_weights = set(engines_with_weights())
    for info in engines.PUBLISHED:
        assert info.name in with_weights, info.name
        assert needed_by(info.name)


def test_an_engine_needs_each_of_its_networks_and_an_id_only_itself():
    ids = [entry.id for entry in chosen(["mmaudio_small_16k"])]
    assert set(ids) == {
        "mmaudio/small_16k",
        "mmaudio/vae_16k",
        "mmaudio/vocoder_16k",
        "synchformer/visual",
        "clip/dfn5b_h14_384",
        "clip/bpe",
    }
    assert [entry.id for entry in chosen(["clip/bpe", "clip/bpe"])] == ["clip/bpe"]
    assert chosen(["mmaudio_large_44k", "mmaudio_large_44k_v2"]).count(weights("bigvgan/v2_44k")) == 1
    with pytest.raises(InputError, match="mmaudio_large_44k"):
        chosen(["mmaudio_large"])


def test_non_commercial_licences_say_so():
    assert "not for commercial use" in str(weights("mmaudio/large_44k").licence)
    assert str(weights("bigvgan/v2_44k").licence) == "MIT"
