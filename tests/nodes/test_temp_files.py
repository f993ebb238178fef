"""Tests of temporary files: a node's newest run replaces its older files."""

from types import SimpleNamespace

import pytest
import torch


@pytest.fixture
def runs(nodes, host):
    from deepsound_pack_under_test.nodes import host_folders
    from deepsound_pack_under_test.nodes.temp_files import LastRuns

    return LastRuns(host_folders.temp_path, most=3)


def write(name):
    def make(place):
        place(".txt").write_text(name)
        return name

    return make


def contents(host):
    return sorted(path.read_text() for path in (host.root / "temp").iterdir())


def test_the_newest_run_of_a_node_replaces_its_older_ones(runs, host):
    for number in range(5):
        assert runs.result("a/7", f"prompt {number}", str(number), write(str(number))) == str(number)
    runs.result("b/7", "prompt 9", "x", write("of another workflow"))
    assert contents(host) == ["4", "of another workflow"]


def test_the_same_content_is_not_made_again_and_nothing_goes_away(runs, host):
    runs.result("a/7", "prompt 1", "key", write("first"))
    epoch = runs.epoch
    assert runs.result("a/7", "prompt 2", "key", write("second")) == "first"
    assert contents(host) == ["first"] and runs.epoch == epoch


def test_the_results_of_one_prompt_stay_together(runs, host):
    for key in "ab":
        runs.result("a/7", "prompt 1", key, write(key))
    assert contents(host) == ["a", "b"]
    runs.result("a/7", "prompt 2", "b", write("again"))
    assert contents(host) == ["b"]


def test_files_that_are_gone_are_made_again(runs, host):
    runs.result("a/7", "prompt 1", "key", write("first"))
    next((host.root / "temp").iterdir()).unlink()
    assert runs.result("a/7", "prompt 2", "key", write("second")) == "second"


def test_only_so_many_nodes_keep_files(runs, host):
    for number in range(6):
        runs.result(f"workflow/{number}", f"prompt {number}", "key", write(str(number)))
    assert contents(host) == ["3", "4", "5"]


def test_a_failed_run_leaves_no_files_and_takes_none_away(runs, host):
    def fail(place):
        place(".txt").write_text("half")
        raise ValueError

    runs.result("a/7", "prompt 1", "key", write("good"))
    with pytest.raises(ValueError):
        runs.result("a/7", "prompt 2", "other", fail)
    assert contents(host) == ["good"]


def sound(seed):
    return {"waveform": torch.rand(1, 1, 4000, generator=torch.Generator().manual_seed(seed)), "sample_rate": 8000}


def test_many_comparisons_of_one_node_leave_the_files_of_one(nodes, host):
    compare = nodes["DeepSoundCompare"]
    epochs = set()
    for seed in range(4):
        host.prompt_id = f"prompt {seed}"
        epochs.add(compare.fingerprint_inputs(voice_spans=""))
        ui = compare.execute(sound(seed), sound(seed + 100), "", False, 0.0).ui["deepsound"][0]
        files = {track[kind] for track in ui["tracks"] for kind in ("audio", "spectrogram")}
        assert {path.name for path in (host.root / "temp").iterdir()} == files
    assert len(epochs) == 3, "a run whose files went away must not come back out of ComfyUI's cache"


def test_the_same_node_of_another_workflow_keeps_its_files(nodes, host):
    compare = nodes["DeepSoundCompare"]
    for number in range(2):
        host.prompt_id = f"prompt {number}"
        compare.hidden = SimpleNamespace(unique_id="7", extra_pnginfo={"workflow": {"id": f"tab {number}"}})
        compare.execute(sound(number), sound(9), "", False, 0.0)
    assert len(list((host.root / "temp").iterdir())) == 8
