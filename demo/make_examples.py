"""Makes the example clips beside this file.

`python demo/make_examples.py [--only NAME] [--report]`.

silent_impacts.mp4 (with truth/silent_impacts.json) and narrated_landscape.mp4. The narrator needs Festival:
apt-get install festival festvox-us-slt-hts
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from bouncing_ball import Story  # noqa: E402
from narration import RATE, Soundtrack, make_soundtrack  # noqa: E402
from painting import FPS, HEIGHT, WIDTH  # noqa: E402
from playroom import Playroom  # noqa: E402
from windmill import Windmill  # noqa: E402

IMPACTS, LANDSCAPE = "silent_impacts", "narrated_landscape"


def encode(
    target: Path, frames: int, frame: Callable[[int], np.ndarray], crf: int, sound: np.ndarray | None = None
) -> None:
    """Write H.264 (and AAC, from `sound` [2, samples]) in an mp4 that starts to play before it is loaded."""
    with av.open(str(target), "w", options={"movflags": "+faststart"}) as container:
        video = container.add_stream(
            "libx264",
            rate=FPS,
            width=WIDTH,
            height=HEIGHT,
            pix_fmt="yuv420p",
            options={
                "crf": str(crf),
                "preset": "veryslow",
                "tune": "animation",
                "colorprim": "bt709",
                "colormatrix": "bt709",
                "transfer": "bt709",
            },
        )
        audio = None if sound is None else container.add_stream("aac", rate=RATE, layout="stereo", bit_rate=128_000)
        for index in range(frames):
            picture = av.VideoFrame.from_ndarray(frame(index), format="rgb24")
            picture = picture.reformat(format="yuv420p", dst_colorspace="itu709")
            picture.pts, picture.time_base = index, Fraction(1, FPS)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            samples = av.AudioFrame.from_ndarray(np.ascontiguousarray(sound, np.float32), "fltp", "stereo")
            samples.sample_rate, samples.pts, samples.time_base = RATE, 0, Fraction(1, RATE)
            container.mux([*audio.encode(samples), *audio.encode(None)])


def make_impacts(folder: Path) -> None:
    room = Playroom()
    encode(folder / f"{IMPACTS}.mp4", room.frames, room.frame, crf=17)
    write_impacts(folder, room.story)


def write_impacts(folder: Path, story: Story) -> None:
    """The moments of first touch, in seconds from the first frame."""
    times = {"impacts_s": [round(time_s, 4) for time_s in story.impacts_s]}
    # In a folder of its own, so that beside the clips there are only clips.
    truth = folder / "truth"
    truth.mkdir(parents=True, exist_ok=True)
    (truth / f"{IMPACTS}.json").write_text(json.dumps(times, indent=1) + "\n", encoding="utf-8")


def make_landscape(folder: Path) -> Soundtrack:
    valley, track = Windmill(), make_soundtrack()
    encode(folder / f"{LANDSCAPE}.mp4", valley.frames, valley.frame, crf=23, sound=track.mix)
    return track


def report(track: Soundtrack) -> None:
    """Print what the pack's embedded engines make of the narrated sound: voice found, voice removed, what is left."""
    from deepsound.media.vad import voice_spans
    from deepsound.runtime.progress import Progress
    from deepsound.separate.spectral import SpectralSeparator
    from deepsound.types import Audio

    mix = Audio.from_numpy(track.mix, RATE)
    cleaned = SpectralSeparator().separate(mix, Progress()).background
    print("spoken      ", *(f"{start:.2f}-{end:.2f} s" for start, end in track.spoken_s))
    print("heard before", *voice_spans(mix, Progress()))
    print("heard after ", *voice_spans(cleaned, Progress()))
    print(
        f"SI-SDR of the background: {si_sdr_db(track.mix, track.background):.1f} dB in the mix, "
        f"{si_sdr_db(cleaned.numpy(), track.background):.1f} dB cleaned"
    )


def si_sdr_db(estimate: np.ndarray, truth: np.ndarray) -> float:
    """Scale-invariant signal-to-distortion ratio over all channels at once (arXiv 1811.02508)."""
    scaled = truth * (np.vdot(truth, estimate) / np.vdot(truth, truth))
    return float(10 * np.log10(np.sum(scaled**2) / np.sum((estimate - scaled) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the example clips.")
    parser.add_argument("--only", choices=(IMPACTS, LANDSCAPE), help="make one clip only")
    parser.add_argument("--report", action="store_true", help="measure how well the embedded engines clean the sound")
    parser.add_argument("--folder", type=Path, default=HERE, help="where the clips go (default: beside this file)")
    wanted = parser.parse_args()
    if wanted.only != LANDSCAPE:
        make_impacts(wanted.folder)
    if wanted.only != IMPACTS:
        track = make_landscape(wanted.folder)
        if wanted.report:
            report(track)


if __name__ == "__main__":
    main()
