"""Display order of packets in containers that store none (AVI, raw streams)."""

from __future__ import annotations

from dataclasses import dataclass

from deepsound.media.container import ThrottledProgress, open_input, packets
from deepsound.media.probe import MediaInfo
from deepsound.media.streams import first_video
from deepsound.runtime.progress import Progress

# FFmpeg's demuxers for containers that tell when a packet is decoded and nothing else.
_WITHOUT_DISPLAY_TIMES = {"avi", "h264", "hevc", "m4v", "mpegvideo"}


@dataclass(frozen=True)
class DisplayRanks:
    """For each packet, in order of decoding, its place in order of display; `step` is a frame's ticks.

    `delay` is by how many frames decoding must run ahead so that nothing is shown before it is decoded.
    """

    shown: tuple[int, ...]
    step: int

    @property
    def delay(self) -> int:
        return max((index - rank for index, rank in enumerate(self.shown)), default=0)


def display_ranks(info: MediaInfo, progress: Progress) -> DisplayRanks | None:
    """The order of display, found by decoding the whole video; None where the container or codec needs no such look.

    Also None where frames and packets do not match one to one.
    """
    import av

    if info.container not in _WITHOUT_DISPLAY_TIMES:
        return None
    pace = ThrottledProgress(progress)
    order: list[int] = []
    steps: list[int] = []
    with open_input(info.path) as container:
        stream = first_video(container)
        if stream is None or not stream.codec_context.has_b_frames:
            return None
        stream.thread_type = "AUTO"
        count = 0
        for packet in packets(container, stream):
            pace.check()
            if packet.size:
                steps.append(packet.duration or 1)
                packet.pts = packet.dts = count
                count += 1
            try:
                order += [frame.pts for frame in stream.decode(packet) if frame.pts is not None]
            except av.FFmpegError:
                return None
    if sorted(order) != list(range(count)):
        return None
    shown = [0] * count
    for rank, index in enumerate(order):
        shown[index] = rank
    return DisplayRanks(tuple(shown), max(set(steps), key=steps.count))
