"""Tests of the paper's Figure 6 of a finished clip, as PNG and PDF."""

import pytest

from deepsound.errors import InputError
from deepsound.reproduce.figure import _wrap_text, draw, figure_of, write_figure
from deepsound.reproduce.run import records_of, run_clips
from deepsound.reproduce.settings import ReproductionSettings

pytestmark = pytest.mark.usefixtures("fake_engines")


@pytest.fixture
def made(make_video, tone, tmp_path):
    settings = ReproductionSettings("noise", "yes", "halving")
    make_video("clips/one.mp4", seconds=1.0, audio=tone())
    run_clips(tmp_path / "clips", tmp_path / "out", settings)
    return records_of(tmp_path / "out", settings.fingerprint())["one"]


def figure(made, tmp_path, name="one"):
    return figure_of(name, made, tmp_path / "out", tmp_path / "clips", "yes")


def test_ground_truth_coarse_and_final_stand_over_the_reasoning(made, tmp_path):
    drawn = figure(made, tmp_path)
    assert list(drawn.sounds) == ["ground truth", "coarse", "final"]
    assert drawn.verdict == "one: voice-over yes (Yes); the final sound is the background"
    assert "<REASONING> so </REASONING>" in drawn.reasoning
    image = draw(drawn)
    # The final sound is half of the coarse one, so its spectrogram is darker by 6 dB.
    coarse, final = (
        image.crop((200, top, 1350, top + 100)).convert("L").resize((1, 1)).getpixel((0, 0)) for top in (326, 466)
    )
    assert final < coarse


def test_it_is_written_as_png_and_pdf(made, tmp_path):
    png, pdf = write_figure(figure(made, tmp_path), tmp_path / "figures" / "one.two")
    assert (png.name, pdf.name) == ("one.two.png", "one.two.pdf")
    assert png.read_bytes().startswith(b"\x89PNG") and pdf.read_bytes().startswith(b"%PDF")


def test_a_clip_without_ground_truth_is_named(made, tmp_path):
    with pytest.raises(InputError, match="figure 'two' needs a ground truth"):
        figure(made, tmp_path, "two")


def test_long_reasoning_is_wrapped_and_loses_no_word():
    text = "word " * 400 + "\n" + "x" * 500
    lines = _wrap_text(text, 600)
    assert " ".join(lines).split() == text.split() and len(lines) > 5
