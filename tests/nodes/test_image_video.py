"""Images with a rate where a video is expected: judge, mux and Pipeline."""

import gc

import av
import pytest
import torch

from deepsound.errors import InputError
from tests.nodes.test_nodes import JUDGE, sound

pytestmark = pytest.mark.usefixtures("fake_engines")


@pytest.fixture
def images():
    return torch.rand(10, 48, 64, 3)


def saved(host):
    (file,) = (host.root / "output").rglob("*.mp4")
    return file


def test_frames_of_another_pack_are_muxed_at_their_rate_and_the_encoding_is_said(nodes, host, images):
    output = nodes["DeepSoundMuxVideo"].execute(images, "clip", "mp4", "auto", sound(0.1), fps=10.0)
    with av.open(str(saved(host))) as container:
        assert container.streams.video[0].average_rate == 10 and container.streams.video[0].frames == 10
        assert container.streams.audio
    assert any("encoded as H.264 (CRF 14) at 10 frames a second" in note for note in output.ui["deepsound"][0]["notes"])


def test_judge_and_pipeline_take_images(nodes, host, images):
    assert nodes["DeepSoundVoiceOverCoT"].execute(images, sound(0.1), "yes", **JUDGE, fps=10.0).args[0] == [True]
    output = nodes["DeepSoundPipeline"].execute(
        images, "noise", "no", "halving", "s4", "rm", "", "", 3, 0.0, save=True, fps=10.0
    )
    assert output.args[0]["waveform"].shape[-1] == 16_000
    assert any("encoded as H.264" in note for note in output.ui["deepsound"][0]["notes"])


def test_the_nodes_of_one_graph_encode_images_once_and_the_file_goes_with_them(nodes, host, images, monkeypatch):
    from deepsound_pack_under_test.nodes import image_video

    written, real = [], image_video.write_frames
    monkeypatch.setattr(image_video, "write_frames", lambda *given: (written.append(1), real(*given))[1])
    for _ in range(2):
        nodes["DeepSoundVoiceOverCoT"].execute(images, sound(0.1), "no", **JUDGE, fps=10.0)
    assert len(written) == 1 and list((host.root / "temp").glob("*.mp4"))
    del images


def test_several_images_need_their_rate_and_one_is_a_still_picture(nodes, host, images):
    with pytest.raises(InputError, match="fps: expected the rate of the 10 images, got 0"):
        nodes["DeepSoundMuxVideo"].execute(images, "clip", "mp4", "auto", sound(0.1))
    nodes["DeepSoundMuxVideo"].execute(images[:1], "clip", "mp4", "auto", sound(0.1))
    with av.open(str(saved(host))) as container:
        assert float(container.duration) / av.time_base == pytest.approx(1.0, abs=0.05), "held until the sound ends"


def test_the_temporary_file_goes_when_the_images_do(nodes, host):
    from deepsound_pack_under_test.nodes.image_video import as_video

    from deepsound.runtime.progress import Progress

    frames = torch.rand(3, 16, 16, 3)
    video = as_video(frames, 5.0, Progress())
    assert as_video(frames, 5.0, Progress()) is video
    del video, frames
    gc.collect()
    assert not list((host.root / "temp").glob("*.mp4"))
