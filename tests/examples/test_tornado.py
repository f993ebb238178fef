"""The storm clip of the tests is what its script says, and the script still makes it."""

import av
import numpy as np

from tests.clips.make_tornado import HIDDEN, SHOWN, TARGET, Storm, wind


def test_its_edit_list_hides_a_lead_in_and_it_is_small():
    with av.open(str(TARGET)) as container:
        packets = [packet for packet in container.demux(container.streams.video[0]) if packet.size]
    assert [packet.is_discard for packet in packets] == [True] * HIDDEN + [False] * SHOWN
    assert TARGET.stat().st_size < 400_000


def test_the_script_still_paints_and_sounds_the_same_way():
    with av.open(str(TARGET)) as container:
        first = next(container.decode(video=0)).to_ndarray(format="rgb24")
    assert np.abs(first.astype(int) - Storm().frame(0)).mean() < 3
    with av.open(str(TARGET)) as container:
        sound = np.concatenate([frame.to_ndarray() for frame in container.decode(audio=0)], axis=1)
    painted = wind()[:, : sound.shape[1]]
    assert np.corrcoef(sound[0, 1024:44100], painted[0, 1024:44100])[0, 1] > 0.99
