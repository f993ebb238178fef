"""Folder of Videos: table and progress, resumption, cancel, and folders of no use."""

import pytest

from deepsound.errors import InputError

pytestmark = pytest.mark.usefixtures("fake_engines")
ENGINES = ("noise", "no", "halving", "auto", "rm")


def run(nodes, folder="clips", seed=1, **more):
    return nodes["DeepSoundFolder"].execute(folder, *ENGINES, "", "", seed, 0.0, "batch", False, **more)


@pytest.fixture
def clips(host, make_video):
    for name in ("a", "b"):
        make_video(f"input/clips/{name}.mp4", seconds=0.5)
    return host.root / "input" / "clips"


def statuses(output):
    return {row["name"]: row["status"] for row in output.ui["deepsound"][0]["clips"]}


def test_every_video_gets_its_sound_and_a_second_run_goes_on(nodes, host, clips, fake_engines):
    output = run(nodes)
    assert statuses(output) == {"a.mp4": "done", "b.mp4": "done"} and output.args[2:] == (2, 0)
    assert sorted(video.file.rpartition("/")[2] for video in output.args[0]) == ["a.mp4", "b.mp4"]
    assert all((host.root / "output" / "batch" / name).is_file() for name in ("a.mp4", "b.result.json"))
    made = len(fake_engines.requests)
    again = run(nodes)
    assert statuses(again) == {"a.mp4": "already", "b.mp4": "already"} and len(again.args[0]) == 2
    assert len(fake_engines.requests) == made, "what is done was made again"
    run(nodes, seed=2)
    assert len(fake_engines.requests) == made + 2, "another seed is another result"


def test_the_table_grows_while_the_batch_runs(nodes, host, clips):
    run(nodes)
    shown = [data["clips"] for event, data in host.events if event == "deepsound.clips"]
    assert shown[0] == [{"name": "a.mp4", "status": "working", "text": ""}]
    assert shown[-1][1]["status"] == "done" and "voice-over no, final sound: coarse" in shown[-1][1]["text"]


def test_a_video_that_fails_is_named_and_stops_no_other(nodes, clips):
    (clips / "broken.mp4").write_bytes(b"no video")
    output = run(nodes)
    assert statuses(output) == {"a.mp4": "done", "b.mp4": "done", "broken.mp4": "failed"}
    assert output.args[2:] == (2, 1)
    assert output.args[1].splitlines()[0] == "2 of 3 done, 1 failed" and "broken.mp4: failed" in output.args[1]
    said = output.ui["deepsound"][0]["clips"][-1]["text"]
    assert "broken.mp4 cannot be read" in said and str(clips) not in said, "where it lies on the server is no news"


def test_stopping_is_the_hosts_interruption_and_no_clips_failure(nodes, host, clips):
    from deepsound_pack_under_test.nodes import folder_progress

    def stop(self, job):
        host.interrupted = True
        return 0.0, 0.5

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(folder_progress.ClipTable, "start", stop)
        with pytest.raises(Exception) as stopped:
            run(nodes)
    assert type(stopped.value).__name__ == "InterruptedByHost"
    host.interrupted = False
    assert statuses(run(nodes)) == {"a.mp4": "done", "b.mp4": "done"}


@pytest.mark.parametrize(
    ("folder", "said"),
    [("nowhere", "is not in ComfyUI's input folder"), ("../output", "leads out of"), ("", "is not usable")],
)
def test_a_folder_that_is_none_is_refused_before_the_run(nodes, host, folder, said):
    answer = nodes["DeepSoundFolder"].validate_inputs(folder)
    assert isinstance(answer, str) and said in answer


def test_a_folder_without_a_video_is_refused_in_words(nodes, host):
    (host.root / "input" / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty holds no video, nothing; expected names such as clip\.mp4"):
        run(nodes, "empty")
    (host.root / "input" / "empty" / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="holds no video, only 1 other file"):
        run(nodes, "empty")


def test_the_menu_has_the_folders_of_input_and_the_results_stay_in_output(nodes, host, clips):
    (menu,) = [item for item in nodes["DeepSoundFolder"].define_schema().inputs if item.id == "folder"]
    assert menu.options == [".", "clips"]
    assert "leads out" in nodes["DeepSoundFolder"].validate_inputs("clips", "../elsewhere")


def test_the_core_never_takes_an_earlier_run_for_this_one(nodes):
    """`math.nan` is one object, which a tuple that holds it finds equal: the second run was the first one's result."""
    fingerprint = nodes["DeepSoundFolder"].fingerprint_inputs
    assert (fingerprint(),) != (fingerprint(),)
