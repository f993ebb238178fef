"""Tests of the demo clips: in the input folder and LoadVideo's menu from the first run."""

import asyncio
from pathlib import Path

import pytest

from deepsound.errors import InputError

DEMO = Path(__file__).parents[2] / "demo"
CLIPS = sorted(path.name for path in DEMO.glob("*.mp4"))


@pytest.fixture
def clips(nodes):
    from deepsound_pack_under_test.nodes import demo_clips

    return demo_clips


def start(pack):
    asyncio.run(pack.comfy_entrypoint().get_node_list())


def in_input(host):
    return sorted(path.name for path in (host.root / "input").iterdir())


def test_a_first_start_puts_the_clips_into_the_input_folder(nodes, host):
    assert in_input(host) == CLIPS and len(CLIPS) >= 2
    for name in CLIPS:
        assert (host.root / "input" / name).read_bytes() == (DEMO / name).read_bytes()


def test_a_file_of_the_users_own_with_that_name_stays_and_is_the_one_that_opens(pack, host):
    own = host.root / "input" / CLIPS[0]
    own.write_bytes(b"mine")
    start(pack)
    from deepsound_pack_under_test.nodes import host_folders

    assert own.read_bytes() == b"mine" and host_folders.input_path(CLIPS[0]) == own


def test_a_clip_that_was_deleted_stays_away_and_still_opens(pack, nodes, host):
    (host.root / "input" / CLIPS[0]).unlink()
    start(pack)
    assert in_input(host) == CLIPS[1:]
    load = nodes["DeepSoundLoadVideo"]
    assert set(CLIPS) <= set(load.define_schema().inputs[0].options)
    assert load.validate_inputs(CLIPS[0], None, None) is True
    assert load.fingerprint_inputs(CLIPS[0]) == ((DEMO / CLIPS[0]).stat().st_mtime_ns, (DEMO / CLIPS[0]).stat().st_size)
    assert load.execute(CLIPS[0], 0.0, 0.5).args[2] == 0.5


@pytest.mark.parametrize("missing", ["input", "user"])
def test_a_folder_that_cannot_be_written_does_not_keep_the_pack_from_loading(pack, host, missing):
    folder = host.root / missing
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    folder.write_text("a file in its place")
    start(pack)
    from deepsound_pack_under_test.nodes import host_folders

    if missing == "input":
        assert host_folders.input_videos() == CLIPS
        assert host_folders.input_path(CLIPS[0]) == DEMO / CLIPS[0]


@pytest.mark.parametrize("name", ["../demo/{}", "demo/{}", "{} [output]", "{} [temp]", "README.md", "truth/{}", "./{}"])
def test_only_the_clips_names_lead_into_the_pack(nodes, host, name):
    for path in (host.root / "input").iterdir():
        path.unlink()
    with pytest.raises(InputError):
        nodes["DeepSoundLoadVideo"].execute(name.format(CLIPS[0]), 0.0, 0.0)


def test_every_clip_that_a_workflow_names_is_one_of_them(clips):
    import json

    for path in (DEMO.parent / "workflows" / "api").glob("*.json"):
        for node in json.loads(path.read_text(encoding="utf-8")).values():
            if "file" in node["inputs"]:
                assert clips.find(node["inputs"]["file"]), path.name


def test_the_menu_has_videos_of_a_kind_that_the_system_takes_for_something_else(nodes, host):
    """A camera's .mts, a .ts, and mkv where the system lists no media types, were missing in the menu."""
    from deepsound_pack_under_test.nodes import host_folders

    for name in ("00001.MTS", "tv.ts", "a.avi", "notes.txt", "sound.wav"):
        (host.root / "input" / name).write_bytes(b"")
    assert [name for name in host_folders.input_videos() if name not in CLIPS] == ["00001.MTS", "a.avi", "tv.ts"]
