"""Between ComfyUI's AUDIO and VIDEO and the library's types."""

import io
from fractions import Fraction

import pytest
import torch

from deepsound.errors import InputError
from deepsound.runtime.progress import Progress


@pytest.fixture
def convert(nodes):
    from deepsound_pack_under_test.nodes import convert

    return convert


def audio(waveform, sample_rate=8000):
    return {"waveform": waveform, "sample_rate": sample_rate}


def test_a_batch_arrives_whole(convert):
    sounds = convert.audios_of(audio(torch.rand(3, 2, 100)))
    assert [(sound.channels, sound.samples, sound.sample_rate) for sound in sounds] == [(2, 100, 8000)] * 3


def test_there_and_back_changes_nothing(convert):
    waveform = torch.rand(2, 2, 50) - 0.5
    back = convert.to_comfy(*convert.audios_of(audio(waveform)))
    assert torch.equal(back["waveform"], waveform) and back["sample_rate"] == 8000


@pytest.mark.parametrize(
    ("dtype", "value", "expected"),
    [
        (torch.int16, -32768, -1.0),
        (torch.int16, 16384, 0.5),
        (torch.int32, 2**30, 0.5),
        (torch.uint8, 192, 0.5),
        (torch.float64, 0.25, 0.25),
        (torch.float16, 0.25, 0.25),
        (torch.bfloat16, 0.25, 0.25),
    ],
)
def test_other_sample_types_are_scaled(convert, dtype, value, expected):
    sound = convert.audio_of(audio(torch.full((1, 1, 4), value, dtype=dtype)))
    assert sound.waveform.dtype == torch.float32
    assert sound.waveform.tolist() == [[expected] * 4]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no sound arrived"),
        ({"waveform": None, "sample_rate": 8000}, "no sound arrived"),
        ({"sample_rate": 8000}, "expected an AUDIO with waveform and sample_rate, got dict of sample_rate; connect"),
        # What nodes of other packs were seen to give: samples under another name, a bare tensor, a path.
        ({"audio": torch.zeros(1, 1, 9), "sample_rate": 8000}, "got dict of audio, sample_rate; connect"),
        (torch.zeros(1, 1, 9), "expected an AUDIO with waveform and sample_rate, got Tensor; connect"),
        ("sound.wav", "got str; connect"),
        (audio(torch.zeros(2, 100)), r"\[batch, channels, samples\], got \[2, 100\]"),
        (audio(torch.zeros(0, 1, 100)), r"got \[0, 1, 100\]"),
        (audio(torch.zeros(1, 0, 100)), r"got \[1, 0, 100\]"),
        (audio(torch.zeros(1, 1, 0)), "0 samples"),
        (audio(torch.zeros(1, 1, 10), 0), "expected a sample rate in whole Hz from 1 to 1000000, got 0"),
        (audio(torch.zeros(1, 1, 10), 44100.5), "got 44100.5"),
        (audio(torch.zeros(1, 1, 10), float("nan")), "got nan"),
        (audio(torch.zeros(1, 1, 10), "44100"), "got '44100'"),
        (audio(torch.tensor([[[0.0, float("nan"), float("inf")]]])), "2 of 3 samples are not finite"),
    ],
)
def test_what_is_no_sound_is_refused_with_a_reason(convert, value, reason):
    with pytest.raises(InputError, match=f"^coarse: .*{reason}"):
        convert.audios_of(value, "coarse")


def test_one_sound_is_asked_for_where_a_video_has_one_soundtrack(convert):
    with pytest.raises(InputError, match=r"audio: a batch of 2 sounds .* send them one at a time"):
        convert.audio_of(audio(torch.zeros(2, 1, 10)))


def test_a_trimmed_video_is_a_clip_of_that_window(convert, host, make_video):
    from comfy_api.latest import InputImpl

    video = InputImpl.VideoFromFile(str(make_video(seconds=3.0)), start_time=1.0, duration=1.5)
    clip = convert.clip_of(video, Progress())
    assert (clip.start_s, clip.duration_s) == (1.0, 1.5)


def test_a_trim_without_an_end_runs_to_the_end(convert, make_video):
    from comfy_api.latest import InputImpl

    video = InputImpl.VideoFromFile(str(make_video(seconds=3.0)), start_time=1.0)
    assert convert.clip_of(video, Progress()).duration_s == pytest.approx(2.0)


def test_the_nodes_of_one_graph_share_a_clip(convert, make_video):
    from comfy_api.latest import InputImpl

    video = InputImpl.VideoFromFile(str(make_video()))
    assert convert.clip_of(video, Progress()) is convert.clip_of(video, Progress())


def test_a_video_in_memory_is_put_in_the_temporary_folder_once(convert, host, make_video):
    from comfy_api.latest import InputImpl

    content = make_video(seconds=1.0).read_bytes()
    videos = [InputImpl.VideoFromFile(io.BytesIO(content)) for _ in range(2)]
    first, second = (convert.clip_of(video, Progress()) for video in videos)
    assert first.path == second.path and first.path.parent == host.root / "temp"
    assert first.path.read_bytes() == content


@pytest.mark.parametrize("size", [(48, 64), (47, 63)])
def test_images_become_a_file_with_their_exact_rate(convert, host, size):
    from comfy_api.latest import InputImpl

    images = torch.rand(30, *size, 3)
    video = InputImpl.VideoFromComponents(images, frame_rate=Fraction(30000, 1001))
    clip = convert.clip_of(video, Progress())
    assert clip.path.parent == host.root / "temp"
    assert clip.video.fps == Fraction(30000, 1001)
    assert clip.duration_s == pytest.approx(30 * 1001 / 30000, abs=1e-3)
    assert (clip.video.height, clip.video.width) == (48, 64)
    assert clip.audio() is None


def test_images_with_a_sound_keep_it(convert, tone):
    from comfy_api.latest import InputImpl

    sound = convert.to_comfy(tone(seconds=1.0, rate=48000, channels=2))
    video = InputImpl.VideoFromComponents(torch.rand(25, 48, 64, 3), sound)
    own = convert.clip_of(video, Progress()).audio()
    assert own is not None and (own.channels, own.sample_rate, own.samples) == (2, 48000, 48000)
    assert own.waveform.abs().max() > 0.4


def test_a_video_without_frames_is_refused(convert):
    from comfy_api.latest import InputImpl

    with pytest.raises(InputError, match="no frames"):
        convert.clip_of(InputImpl.VideoFromComponents(torch.zeros(0, 48, 64, 3)), Progress())


def test_no_video_is_refused(convert):
    with pytest.raises(InputError, match="no video arrived"):
        convert.clip_of(None, Progress())
    with pytest.raises(InputError, match=r"expected a VIDEO, got Tensor; connect a node"):
        convert.clip_of(torch.zeros(1, 4, 4, 3), Progress())


def test_a_path_from_a_pack_older_than_comfyuis_video_is_taken_from_its_own_folders_alone(
    convert, host, make_video, tmp_path
):
    made = make_video(seconds=1.0)
    served = host.root / "output" / "made.mp4"
    served.write_bytes(made.read_bytes())
    assert convert.clip_of(str(served), Progress()).duration_s == pytest.approx(1.0)
    link = host.root / "output" / "link.mp4"
    link.symlink_to(made)
    for refused in (str(made), str(link), "made.mp4", str(served) + ".none", f"{served}\0"):
        with pytest.raises(InputError, match=r"expected a VIDEO, or a file in ComfyUI's input, output or temp folder"):
            convert.clip_of(refused, Progress())


def test_a_core_that_cannot_trim_gets_a_cut_file(convert, host, make_video, tone, monkeypatch):
    from comfy_api.latest import InputImpl

    from deepsound.media.clip import Clip

    source = make_video(seconds=3.0, audio=tone(seconds=3.0))
    monkeypatch.setattr(InputImpl, "VideoFromFile", InputImpl.UntrimmableVideo)
    cut = convert.video_of(Clip.open(source, 1.0, 1.5), Progress())
    clip = Clip.open(cut.get_stream_source())
    assert clip.duration_s == pytest.approx(1.5, abs=0.1)
    assert clip.audio().duration_s == pytest.approx(1.5, abs=0.1)
