"""Cuts the draft's recorded sounds out of FluidR3_GS.sf2 into FLAC files.

`python scripts/cut_samples.py FluidR3_GS.sf2 deepsound/generate/draft/samples`.

The file is that of Debian's package fluid-soundfont-gs 3.1-5.3 (MIT), checked by its SHA-256. Each sample is freed of
silence before it, brought to -1 dBFS and written in 16 bits at its own rate, with its loop in `samples.json`.
"""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

SHA256 = "aadb5597fb95ea5f7d336999e3c68ad32aa6357027aed7d4d9ff0ac75f2988e6"
# Names of the samples in the file, two for left and right, by the name of the sound.
CUTS = {
    "rain": ("SeattleRain...(L)", "SeattleRain...(R)"),
    "thunder": ("Thunder(L)", "Thunder(R)"),
    "river": ("River",),
    "sea": ("Sea Shore",),
    "bubbles": ("bubbles",),
    "dog": ("Dog Bark",),
    "bird": ("Bird2(L)", "Bird2(R)"),
    "gallop": ("Gallops",),
    "footstep": ("FootStep",),
    "heartbeat": ("HeartBeat",),
    "applause": ("Applause",),
    "punch": ("Punch",),
    "door": ("Door",),
    "creak": ("doorcreak",),
    "telephone": ("Telephone 2",),
    "wind_chime": ("Wind Chime",),
    "car_start": ("Car Start",),
    "car_stop": ("Car Stop",),
    "car_pass": ("Car Pass",),
    "car_crash": ("Car Crash1",),
    "crash": ("Crash",),
    "train": ("train",),
    "helicopter": ("Heli",),
    "siren": ("Siren",),
    "spaceship": ("Ufo1",),
    "gun": ("Gun",),
    "machine_gun": ("MachineGun",),
    "explosion": ("Explosion",),
    "click": ("Sticks(L)",),
    "scratch": ("Scratchgs(L)", "Scratchgs(R)"),
}
PEAK = 10 ** (-1 / 20)
SILENCE = 0.004
LEAD_S = 0.001


def main(source: str, target: str) -> None:
    content = Path(source).read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise SystemExit(f"{source} has the SHA-256 {found}; expected {SHA256}, of fluid-soundfont-gs 3.1-5.3.")
    headers = {name: header for name, *header in sample_headers(content)}
    begin, _ = dict(lists(content))[b"smpl"]
    loops = {}
    for name, parts in CUTS.items():
        sides = []
        for part in parts:
            start, end, loop_start, loop_end, rate = headers[part]
            sides.append(np.frombuffer(content, "<i2", end - start, begin + 2 * start) / 32768)
        length = min(map(len, sides))
        sound = np.stack([side[:length] for side in sides])
        first = max(int(np.argmax(np.abs(sound).max(axis=0) > SILENCE * np.abs(sound).max())) - round(LEAD_S * rate), 0)
        sound = sound[:, first:]
        write_flac(Path(target) / f"{name}.flac", sound * PEAK / np.abs(sound).max(), rate)
        loops[name] = [max(loop_start - start - first, 0) / rate, min(loop_end - start - first, sound.shape[1]) / rate]
    text = json.dumps({"source_sha256": SHA256, "loops_s": loops}, indent=1)
    Path(target, "samples.json").write_text(text + "\n", encoding="utf-8")


def lists(content: bytes) -> Iterator[tuple[bytes, tuple[int, int]]]:
    """The chunks inside the file's lists: where each begins and its length."""
    for _, begin, length in (chunk for chunk in chunks(content, 12, len(content)) if chunk[0] == b"LIST"):
        for name, inner, inner_length in chunks(content, begin + 4, begin + length):
            yield name, (inner, inner_length)


def chunks(content: bytes, begin: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    while begin + 8 <= end:
        name, length = struct.unpack_from("<4sI", content, begin)
        yield name, begin + 8, length
        begin += 8 + length + length % 2


def sample_headers(content: bytes) -> Iterator[tuple[str, int, int, int, int, int]]:
    """Name, start, end, loop start and loop end in samples, and rate."""
    begin, length = dict(lists(content))[b"shdr"]
    for at in range(begin, begin + length - 46, 46):
        name, *numbers = struct.unpack_from("<20s5I", content, at)
        yield name.split(b"\0")[0].decode("ascii"), *numbers


def write_flac(path: Path, sound: np.ndarray, rate: int) -> None:
    samples = np.ascontiguousarray(np.round(sound * 32767).astype(np.int16).T.reshape(1, -1))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("flac", rate=rate, layout="stereo" if len(sound) == 2 else "mono")
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout=stream.layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


if __name__ == "__main__":
    main(*sys.argv[1:])
