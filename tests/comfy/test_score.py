"""Tests of the node Score in a real ComfyUI."""

import pytest

pytestmark = pytest.mark.comfy


def test_a_video_s_own_sound_is_scored(server, make_video, noise):
    source = make_video("scored.mp4", seconds=2.0, audio=noise(2.0, 48000))
    (server.base / "input" / "scored.mp4").write_bytes(source.read_bytes())
    run = server.run(
        {
            "1": {"class_type": "DeepSoundLoadVideo", "inputs": {"file": "scored.mp4", "start": 0.0, "duration": 0.0}},
            "2": {
                "class_type": "DeepSoundScore",
                "inputs": {"audio": ["1", 1], "video": ["1", 0], "duration": 0.0, "offload": False, "download": False},
            },
        }
    )
    assert run.ending == "execution_success", run.error or run.answer
    (text,) = run.history["outputs"]["2"]["text"]
    assert "LUFS" in text and "voice: none is heard" in text
    assert "IB is missing" in text
    if not (server.base / "models" / "metrics").exists():  # Another file's tests may have put miniature weights there.
        assert "deepsound models download metrics/imagebind" in text
    assert "AV-Align: " in text and "ImpactSync: 0 " in text
    assert text in run.texts
    assert run.history["outputs"]["2"]["deepsound"][0]["result"]["lines"][0] == text.splitlines()[0]
