"""Tests of chunking, overlap-add, streaming, progress and cancellation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from deepsound.errors import Cancelled, InputError
from deepsound.runtime.progress import CancelToken, Progress, ProgressEvent
from deepsound.separate.buffers import SlidingBuffer, blocks, resample_stream
from deepsound.separate.chunking import Chunk, equal_overlap, published_chunks
from deepsound.separate.demix import DemixSettings, demix, stream
from deepsound.separate.overlap_add import OverlapAdd
from deepsound.separate.roformer import RoformerSeparator

SMALL = DemixSettings(chunk=1000, overlap=100, batch=4, shortest=1)
PUBLISHED = DemixSettings(chunk=1000, overlap=0, batch=4, mode="published", shortest=1)
LENGTHS = (1, 2, 99, 100, 500, 501, 999, 1000, 1001, 1250, 1899, 1901, 2001, 4321, 10007)


def sound(samples: int, channels: int = 2) -> Tensor:
    return torch.randn(channels, samples, generator=torch.Generator().manual_seed(samples))


def half(chunks: Tensor) -> Tensor:
    return chunks / 2


class Counting:
    """Answers with half of what it hears and remembers the shapes."""

    def __init__(self) -> None:
        self.shapes: list[torch.Size] = []

    def __call__(self, chunks: Tensor) -> Tensor:
        self.shapes.append(chunks.shape)
        return chunks / 2


@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize("overlap", [0, 1, 100, 999])
def test_clean_chunks_put_a_sound_together_again(samples: int, overlap: int) -> None:
    settings = DemixSettings(chunk=1000, overlap=overlap, shortest=1)
    if overlap == 999 and samples > 2001:
        samples = 2001
    mix = sound(samples)
    assert torch.allclose(demix(mix, half, settings), mix / 2, atol=1e-6)


@pytest.mark.parametrize("samples", LENGTHS)
def test_published_chunks_do_too_but_for_a_first_sample_without_weight(samples: int) -> None:
    mix = sound(samples)
    expected = mix / 2
    if 500 < samples <= 1000:
        expected[:, 0] = 0  # as in the original: the first chunk fades in over nothing
    assert torch.allclose(demix(mix, half, PUBLISHED), expected, atol=1e-6)


@pytest.mark.parametrize("samples", LENGTHS)
def test_clean_chunks_are_few_equal_and_cover_everything(samples: int) -> None:
    plan = equal_overlap(samples, 1000, 100, 4)
    chunks = [chunk for batch in plan.batches for chunk in batch]
    assert len({chunk.samples for chunk in chunks}) == 1
    assert chunks[0].samples <= 1000
    assert (chunks[0].start, chunks[-1].stop) == (0, samples)
    assert len(chunks) == max(1, -(-(samples - 100) // 900)) or samples <= 1000
    weights = torch.zeros(samples)
    for chunk in chunks:
        window = chunk.window()
        assert (window > 0).all()
        weights[chunk.start : chunk.stop] += window
    assert torch.allclose(weights, torch.ones(samples), atol=0.02)


@pytest.mark.parametrize(("samples", "evaluated"), [(500, 1), (501, 2), (1000, 2), (1001, 4), (1250, 4), (3333, 8)])
def test_the_published_chunk_that_changes_nothing_is_not_heard(samples: int, evaluated: int) -> None:
    assert published_chunks(samples, 1000, 2, 4).chunks == evaluated


def test_ten_seconds_cost_less_than_half_of_the_original() -> None:
    ten_seconds = equal_overlap(441_000, 352_800, 44_100, 4)
    assert [chunk.samples for batch in ten_seconds.batches for chunk in batch] == [242_550] * 2
    assert published_chunks(441_000, 352_800, 2, 4).chunks == 4


def test_all_chunks_of_a_clean_plan_fit_one_batch_after_another() -> None:
    network = Counting()
    demix(sound(9000), network, SMALL)
    assert [shape[0] for shape in network.shapes] == [4, 4, 2]


@pytest.mark.parametrize("settings", [SMALL, PUBLISHED])
def test_how_many_are_heard_at_once_changes_nothing(settings: DemixSettings) -> None:
    mix, one_by_one = sound(3333), DemixSettings(**{**vars(settings), "at_once": 1})
    assert torch.equal(demix(mix, half, one_by_one), demix(mix, half, settings))


def test_short_sounds_are_filled_up_for_the_network_alone() -> None:
    network = Counting()
    settings = DemixSettings(chunk=1000, overlap=100, shortest=64)
    assert torch.allclose(demix(sound(1), network, settings), sound(1) / 2)
    assert network.shapes == [(1, 2, 64)]


def test_no_sound_asks_nothing() -> None:
    network = Counting()
    assert demix(torch.zeros(2, 0), network, SMALL).shape == (2, 0)
    assert not network.shapes


@pytest.mark.parametrize("settings", [SMALL, PUBLISHED])
def test_silence_is_not_heard(settings: DemixSettings) -> None:
    network = Counting()
    assert not demix(torch.zeros(2, 5000), network, settings).any()
    assert not network.shapes
    partly = torch.cat((torch.zeros(2, 5000), sound(400)), dim=1)
    assert torch.allclose(demix(partly, network, settings), partly / 2, atol=1e-6)
    assert sum(shape[0] for shape in network.shapes) <= 3


@pytest.mark.parametrize("settings", [SMALL, PUBLISHED])
def test_samples_that_are_not_finite_stay_visible(settings: DemixSettings) -> None:
    assert demix(sound(1500), lambda chunks: chunks * torch.nan, settings).isnan().any()


def test_augmentation_is_the_mean_of_three() -> None:
    def crooked(chunks: Tensor) -> Tensor:
        return chunks * torch.tensor([[1.0], [0.5]]) + chunks.square()

    mix = sound(700)
    swapped, negative = crooked(mix.flip(0)[None])[0].flip(0), -crooked(-mix[None])[0]
    expected = (crooked(mix[None])[0] + swapped + negative) / 3
    settings = DemixSettings(chunk=1000, overlap=100, shortest=1, augment=True)
    assert torch.allclose(demix(mix, crooked, settings), expected, atol=1e-6)


def test_equal_channels_are_not_heard_again_swapped() -> None:
    network = Counting()
    demix(sound(700, channels=1).repeat(2, 1), network, DemixSettings(chunk=1000, overlap=100, augment=True))
    assert len(network.shapes) == 2


@pytest.mark.parametrize("settings", [SMALL, PUBLISHED])
def test_what_is_given_out_early_is_the_same(settings: DemixSettings) -> None:
    mix = sound(12_345)
    parts = list(stream((mix[:, at : at + 77] for at in range(0, 12_345, 77)), 12_345, half, settings))
    assert len(parts) > 5
    assert torch.equal(torch.cat(parts, dim=1), demix(mix, half, settings))


@pytest.mark.parametrize("settings", [SMALL, PUBLISHED])
def test_an_hour_is_never_held_at_once(settings: DemixSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[int] = []
    read = SlidingBuffer.read

    def watched(tape: SlidingBuffer, start: int, stop: int) -> Tensor:
        held.append(sum(part.shape[1] for part in tape._held))
        return read(tape, start, stop)

    monkeypatch.setattr(SlidingBuffer, "read", watched)
    samples = 400_000
    given = 0
    for part in stream((torch.ones(2, 500) for _ in range(samples // 500)), samples, half, settings):
        given += part.shape[1]
    assert given == samples
    assert max(held) <= 8 * settings.chunk


def test_progress_comes_chunk_by_chunk() -> None:
    events: list[ProgressEvent] = []
    settings = DemixSettings(chunk=1000, overlap=100, at_once=1)
    demix(sound(9000), half, settings, Progress(on_event=events.append))
    fractions = [event.fraction for event in events]
    assert len(fractions) == 11
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_it_can_be_cancelled_between_chunks() -> None:
    token, network = CancelToken(), Counting()

    def heard(chunks: Tensor) -> Tensor:
        if len(network.shapes) == 2:
            token.cancel()
        return network(chunks)

    settings = DemixSettings(chunk=1000, overlap=100, at_once=1)
    with pytest.raises(Cancelled):
        demix(sound(9000), heard, settings, Progress(check=token.check))
    assert len(network.shapes) == 3


def test_a_sample_in_no_chunk_is_an_error_and_no_silence() -> None:
    sums = OverlapAdd(300, may_lack_weight=False)
    sums.add(Chunk(0, 100, 100, 0, 0, True), torch.ones(1, 100))
    sums.add(Chunk(200, 300, 100, 0, 0, True), torch.ones(1, 100))
    with pytest.raises(RuntimeError, match="no chunk"):
        list(sums.finish(300))


@pytest.mark.parametrize(
    "wrong", [{"chunk": 100, "overlap": 100}, {"overlap": -1}, {"overlaps": 0}, {"batch": 0}, {"mode": "best"}]
)
def test_impossible_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError):
        DemixSettings(**wrong)


def test_a_tape_mirrors_beyond_both_ends_and_cannot_go_back() -> None:
    tape = SlidingBuffer((torch.arange(10.0)[None, at : at + 3] for at in range(0, 10, 3)), 10)
    assert tape.read(-3, 2).tolist() == [[3, 2, 1, 0, 1]]
    assert tape.read(8, 13).tolist() == [[8, 9, 8, 7, 6]]
    tape.forget(6)
    assert tape.read(6, 8).tolist() == [[6, 7]]
    with pytest.raises(RuntimeError, match="after those before 6 were dropped"):
        tape.read(5, 8)


def rates() -> Iterator[tuple[int, int]]:
    yield from ((8000, 44100), (16000, 44100), (44100, 44100), (48000, 44100), (192000, 44100), (44100, 8000))


@pytest.mark.parametrize(("from_hz", "to_hz"), list(rates()))
@pytest.mark.parametrize("samples", [1, 7, 1000, 70_001])
def test_a_resampled_stream_has_the_length_that_was_asked_for(from_hz: int, to_hz: int, samples: int) -> None:
    length = -(-samples * to_hz // from_hz)
    parts = list(resample_stream(blocks(sound(samples)), from_hz, to_hz, length))
    assert sum(part.shape[1] for part in parts) == length
    if from_hz == to_hz:
        assert torch.equal(torch.cat(parts, dim=1), sound(samples))


def test_resampling_there_and_back_keeps_the_time() -> None:
    time = torch.arange(48000) / 48000
    tone = torch.sin(2 * torch.pi * 440 * time)[None]
    there = resample_stream(blocks(tone), 48000, 44100, 44100)
    back = torch.cat(list(resample_stream(there, 44100, 48000, 48000)), dim=1)
    assert torch.allclose(back[:, 200:-200], tone[:, 200:-200], atol=1e-3)


def test_the_mode_that_0_3_0_called_clean_is_still_accepted() -> None:
    assert RoformerSeparator("bs_roformer", mode="clean").mode == "equal_overlap"  # type: ignore[arg-type]
    earlier = DemixSettings(chunk=1000, overlap=100, batch=4, mode="clean", shortest=1)  # type: ignore[arg-type]
    assert earlier == SMALL
    mix = sound(4321)
    assert torch.equal(demix(mix, half, earlier), demix(mix, half, SMALL))
    with pytest.raises(InputError, match="expected 'equal_overlap' or 'published', got 'fast'"):
        DemixSettings(mode="fast")  # type: ignore[arg-type]
