"""Tests of AUDIO, IMAGE and VIDEO from other packs, taken by what they can do."""

from __future__ import annotations

import io
import sys
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from deepsound.errors import InputError
from deepsound.runtime.progress import Progress
from tests.nodes import vhs

NO_SOUND = (
    "VHS failed to extract audio from clip.mp4:\nffmpeg version 7\nOutput file does not contain any stream\n"
    + "x" * 900
)


@pytest.fixture
def convert(nodes):
    from deepsound_pack_under_test.nodes import convert

    return convert


def tone(samples=16000, channels=1):
    wave = 0.3 * torch.sin(torch.arange(samples) * 0.2)
    return {"waveform": wave.repeat(1, channels, 1), "sample_rate": 16000}


def fails():
    raise Exception(NO_SOUND)


def test_an_audio_that_is_a_mapping_and_decodes_on_access_is_taken(convert):
    lazy = vhs.LazyAudio(tone)
    assert not isinstance(lazy, dict)
    (sound,) = convert.audios_of(lazy)
    assert torch.equal(sound.waveform, tone()["waveform"][0]) and lazy.times == 1


def test_a_lazy_audio_whose_file_has_no_sound_is_refused_in_one_short_sentence(convert):
    with pytest.raises(InputError, match=r"^coarse: the sound could not be decoded \(VHS failed to extract") as refused:
        convert.audio_of(vhs.LazyAudio(fails), "coarse")
    assert "connect a node that makes sound" in str(refused.value) and len(str(refused.value)) < 300


def test_a_lazy_audio_of_a_layout_its_pack_does_not_know_is_not_called_missing(convert):
    def six_channels():
        return {"mono": 1, "stereo": 2}["5.1"]

    with pytest.raises(InputError, match=r"could not be decoded \('5.1'\)"):
        convert.audio_of(vhs.LazyAudio(six_channels))


def test_a_stop_while_a_lazy_audio_decodes_is_not_taken_for_a_bad_sound(convert):
    stop = sys.modules["comfy.model_management"].InterruptProcessingException

    def stopped():
        raise stop

    with pytest.raises(stop):
        convert.audio_of(vhs.LazyAudio(stopped))


@pytest.mark.parametrize(
    ("node_id", "inputs"),
    [
        ("DeepSoundVocalSeparate", {"engine": "halving", "enabled": True}),
        ("DeepSoundSilenceFallback", {"voice_over": False, "mode": "rep", "into": "coarse"}),
        ("DeepSoundMuxVideo", {"filename_prefix": "x", "container": "auto", "codec": "auto", "video": True}),
        ("DeepSoundScore", {"duration": 0.0, "offload": False, "download": False}),
        (
            "DeepSoundCompare",
            {"voice_spans": "", "render": False, "render_seconds": 0.0, "into": "coarse", "final": tone()},
        ),
        (
            "DeepSoundVoiceOverCoT",
            {
                "engine": "no",
                "undecided": "no",
                "whole_trace": True,
                "published_parser": False,
                "precision": "auto",
                "offload": False,
                "download": False,
                "video": True,
            },
        ),
    ],
)
@pytest.mark.usefixtures("fake_engines")
def test_every_node_with_an_audio_input_takes_a_lazy_one(nodes, make_video, node_id, inputs):
    from comfy_api.latest import InputImpl

    given = dict(inputs)
    if given.get("video"):
        given["video"] = InputImpl.VideoFromFile(str(make_video(seconds=1.0)))
    given[given.pop("into", "audio")] = vhs.LazyAudio(tone)
    assert nodes[node_id].execute(**given).args


@pytest.fixture
def real_utils(nodes, host, monkeypatch):
    pack = vhs.checkout()
    if pack is None:
        pytest.skip("no checkout of VideoHelperSuite: set VIDEOHELPERSUITE_PATH to run its real code")
    before = set(sys.modules)
    yield vhs.utils_of(pack, host)
    for name in set(sys.modules) - before:
        if name.startswith(vhs.NAME):
            del sys.modules[name]


def test_the_real_lazy_audio_of_videohelpersuite_is_taken(convert, real_utils, make_video, monkeypatch, tmp_path):
    decoded = []

    def get_audio(file, start_time=0, duration=0):
        decoded.append(file)
        return tone(channels=2)

    monkeypatch.setattr(real_utils, "get_audio", get_audio)
    lazy = real_utils.lazy_get_audio("clip.mp4")
    (sound,) = convert.audios_of(lazy)
    assert (sound.channels, sound.sample_rate, decoded) == (2, 16000, ["clip.mp4"])


def test_the_real_lazy_audio_of_a_silent_clip_is_refused_with_what_to_do(convert, real_utils, make_video):
    if real_utils.ffmpeg_path is None:
        pytest.skip("VideoHelperSuite found no ffmpeg to decode with")
    with pytest.raises(InputError, match=r"audio: the sound could not be decoded .*connect a node that makes sound"):
        convert.audio_of(real_utils.lazy_get_audio(str(make_video(seconds=0.5))))


def test_the_real_lazy_audio_decodes_a_clip_with_sound(convert, real_utils, make_video, request):
    if real_utils.ffmpeg_path is None:
        pytest.skip("VideoHelperSuite found no ffmpeg to decode with")
    make_tone = request.getfixturevalue("tone")
    clip = make_video(seconds=1.0, audio=make_tone(seconds=1.0, channels=2))
    sound = convert.audio_of(real_utils.lazy_get_audio(str(clip)))
    assert sound.channels == 2 and sound.duration_s == pytest.approx(1.0, abs=0.1) and sound.waveform.abs().max() > 0.3


@pytest.mark.parametrize(
    "rate",
    [np.int64(8000), np.int32(8000), np.float32(8000), torch.tensor(8000), torch.tensor([8000]), Fraction(8000), 8e3],
)
def test_a_rate_may_be_any_kind_of_number(convert, rate):
    sound = convert.audio_of({"waveform": torch.zeros(1, 1, 8), "sample_rate": rate})
    assert sound.sample_rate == 8000 and type(sound.sample_rate) is int


@pytest.mark.parametrize("rate", [True, None, [], np.nan, 1e12, torch.tensor([8000, 8000]), "8000", -1, b"8000"])
def test_what_is_no_rate_is_refused(convert, rate):
    with pytest.raises(InputError, match="expected a sample rate in whole Hz"):
        convert.audio_of({"waveform": torch.zeros(1, 1, 8), "sample_rate": rate})


@pytest.mark.parametrize(
    "waveform",
    [
        np.full((1, 1, 4), 0.5),
        np.full((1, 1, 4), 0.5, dtype=np.float16),
        torch.full((1, 1, 4), 0.5, dtype=torch.float64, requires_grad=True),
        torch.full((1, 1, 4), 49152, dtype=torch.uint16),
    ],
)
def test_waveforms_of_other_kinds_become_float32(convert, waveform):
    sound = convert.audio_of({"waveform": waveform, "sample_rate": 8000})
    assert sound.waveform.dtype == torch.float32 and sound.waveform.tolist() == [[0.5] * 4]


@pytest.mark.parametrize("dtype", [torch.bool, torch.complex64])
def test_samples_that_are_no_numbers_are_refused(convert, dtype):
    with pytest.raises(InputError, match="expected samples that are real numbers"):
        convert.audio_of({"waveform": torch.zeros(1, 1, 4, dtype=dtype), "sample_rate": 8000})


def test_a_double_beyond_float32_counts_as_not_finite(convert):
    with pytest.raises(InputError, match="1 of 2 samples are not finite"):
        convert.audio_of({"waveform": torch.tensor([[[1e300, 0.0]]], dtype=torch.float64), "sample_rate": 8000})


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((5, 16, 24, 1), (5, 16, 24, 3)),
        ((5, 16, 24, 2), (5, 16, 24, 3)),
        ((5, 16, 24, 4), (5, 16, 24, 3)),
        ((5, 16, 24), (5, 16, 24, 3)),
        ((16, 24, 3), (1, 16, 24, 3)),
    ],
)
def test_images_of_one_to_four_channels_are_rgb_to_the_library(convert, shape, expected):
    from deepsound_pack_under_test.nodes.tensors import images_of

    images = images_of(torch.full(shape, 0.25))
    assert tuple(images.shape) == expected and bool((images == 0.25).all())


def test_image_bytes_lists_and_arrays_are_taken(convert):
    from deepsound_pack_under_test.nodes.tensors import images_of

    assert images_of(torch.full((1, 2, 2, 3), 255, dtype=torch.uint8)).max() == 1.0
    assert images_of(np.zeros((2, 4, 4, 3), np.float32)).shape == (2, 4, 4, 3)
    assert images_of([torch.zeros(4, 4, 3), torch.zeros(1, 4, 4, 1)]).shape == (2, 4, 4, 3)


@pytest.mark.parametrize("images", [None, "x", 7, torch.zeros(2, 4, 4, 5), torch.zeros(4), [[1.0]]])
def test_what_is_no_image_is_refused(convert, images):
    from deepsound_pack_under_test.nodes.tensors import images_of

    with pytest.raises(InputError, match=r"^images: "):
        images_of(images)


@pytest.mark.parametrize("channels", [1, 4])
def test_grey_images_and_such_with_alpha_lead_mmaudio(convert, host, channels):
    told = []
    progress = Progress(on_event=lambda event: told.append(event.text))
    sight = convert.sight_of(None, torch.rand(4, 16, 24, channels), 8.0, False, progress)
    assert sight.scene.images.shape == (4, 16, 24, 3)
    assert ("The images' alpha channel is ignored." in told) == (channels == 4)


@pytest.mark.parametrize("channels", [1, 4])
def test_a_video_of_grey_images_or_with_alpha_becomes_a_clip(convert, channels):
    from comfy_api.latest import InputImpl

    images = torch.rand(10, 48, 64, channels, dtype=torch.float64)
    assert convert.clip_of(InputImpl.VideoFromComponents(images), Progress()).video.width == 64


class ComponentsOnly:
    """A VIDEO of another pack: no subclass of the host's, no file, a rate of another kind."""

    def __init__(self, rate):
        self.rate = rate

    def get_components(self):
        return SimpleNamespace(images=torch.rand(10, 48, 64, 3), audio=vhs.LazyAudio(tone), frame_rate=self.rate)


@pytest.mark.parametrize("rate", [10, 10.0, np.float32(10), np.int64(10), torch.tensor(10.0), Fraction(10)])
def test_a_video_is_known_by_its_methods(convert, rate):
    video = ComponentsOnly(rate)
    clip = convert.clip_of(video, Progress())
    assert clip.video.fps == 10 and clip.audio().sample_rate == 16000


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), None, "25 fps"])
def test_a_video_without_a_usable_rate_is_refused(convert, rate):
    with pytest.raises(InputError, match="expected a positive frame rate"):
        convert.clip_of(ComponentsOnly(rate), Progress())


class Unhashable:
    """A VIDEO that cannot be a key, whose stream can only be read."""

    __hash__ = None
    __slots__ = ("content",)

    def __init__(self, content):
        self.content = content

    def get_stream_source(self):
        return io.BufferedReader(io.BytesIO(self.content))

    def get_active_trim_window(self):
        return None


def test_a_video_that_cannot_be_remembered_is_opened_all_the_same(convert, make_video):
    assert convert.clip_of(Unhashable(make_video(seconds=1.0).read_bytes()), Progress()).duration_s == 1.0


def test_a_stream_that_the_host_cannot_encode_is_made_from_the_components(convert):
    class Broken(ComponentsOnly):
        def get_stream_source(self):
            raise ValueError("Could not determine output format")

    video = Broken(10)
    assert convert.clip_of(video, Progress()).video.fps == 10


def test_a_file_made_of_a_video_goes_with_it(convert, host):
    from comfy_api.latest import InputImpl

    video = InputImpl.VideoFromComponents(torch.rand(10, 48, 64, 3))
    clip = convert.clip_of(video, Progress())
    assert clip.path.is_file()
    del video
    assert not clip.path.exists()


def test_a_pack_that_changed_torch_s_default_device_and_type_does_not_break_the_nodes(nodes):
    mix = tone()
    torch.set_default_device("meta")
    torch.set_default_dtype(torch.float64)
    try:
        (background,), _, _ = nodes["DeepSoundVocalSeparate"].execute(mix, "dtln", True, scope="clip").args
        assert torch.get_default_device().type == "meta" and torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_device(None)
        torch.set_default_dtype(torch.float32)
    assert background["waveform"].device.type == "cpu" and background["waveform"].dtype == torch.float32
