"""Impact selection by onset network and rules: which moments become synthesised hits."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from deepsound.generate.draft.impact_detection import ImpactCandidate
from deepsound.generate.draft.motion import MotionTrack, Movement
from deepsound.generate.draft.onset_peaks import Peak, onset_peaks
from deepsound.generate.draft.score import Impact

# The network's confidence from which a peak is an impact by itself, where the rules find one beside it, and from which
# nothing is asked any more; chosen on takes for validation, where each alone did worse (weights/README.md).
ALONE, AGREED, BEYOND_DOUBT = 0.7, 0.5, 0.9
# A candidate this near to a peak says where it was and how hard, and one nearer still when.
BESIDE_S, SAME_S = 0.06, 0.03
# The rules agree with a peak where they have an impact this near.
SAME_IMPACT_S = 0.05
# No hit is softer, relative to the clip's hardest.
LEAST_STRENGTH = 0.2
# The weight of an impact in terms of the highest speed just before it: the median of 416 impacts of training takes that
# the candidates measured well (0.2 to 0.86 in the middle four fifths).
WEIGHT_PER_SPEED, JUST_BEFORE = 0.47, 3


@dataclass(frozen=True)
class ImpactRule:
    """What a blow must be to count as an impact; tuned on rendered scenes with known impact times.

    A blow's weight is its loss of speed (long sides per second) times how well the motion before and after it is
    established. It must reach `least_weight`, `stand_out` times the usual within `around_s`, `least_of_hardest` of the
    hardest within `nearby_s` and `least_beside_harder` of it within `beside_s`. Of two impacts closer than `closest_s`
    the harder one is kept.
    """

    least_weight: float = 0.15
    least_loss_share: float = 0.7
    least_before: float = 0.35
    least_after: float = 0.5
    least_steady_direction: float = 0.9
    least_share: float = 0.4
    # What is gone afterwards has left the picture, or went behind something.
    least_still_there: float = 0.4
    stand_out: float = 4.0
    around_s: float = 0.5
    usual_percentile: float = 40.0
    least_of_hardest: float = 0.22
    nearby_s: float = 1.5
    closest_s: float = 0.09
    # Right beside a much harder blow a weak one is a stumble of the measurement, or would not be heard.
    least_beside_harder: float = 0.5
    beside_s: float = 0.22
    # One of many alike, as in rain, falls under the general noise: as many as these from small parts of what moves.
    alike: float = 0.8
    # What reaches the picture's edge, or stops while such things do, may be the scenery when little else holds still.
    least_steady: float = 0.25
    steady_around_s: float = 1.0
    edge_weight: float = 0.25
    # What only stops on its way up was lifted; what hits there comes back, and hardly anything hits straight up.
    most_rise: float = 0.3
    least_bounce: float = 1.4
    straight_up: float = 0.8
    # Movers that all go one way may be the camera; hands that meet are not. The share of motion that has one direction.
    one_way: float = 0.55


def plan_impacts(track: MotionTrack, rule: ImpactRule | None = None) -> tuple[Impact, ...]:
    """The impacts in a clip's motion, in order of time; `strength` is relative to the clip's hardest.

    A peak of the network's onset scores is one if the network is sure, or fairly sure and the rules agree. By the rules
    alone where a `rule` is given or the track has no scores.
    """
    by_rule = impacts_by_rule(track, rule or ImpactRule())
    if rule is not None or not track.onsets:
        return by_rule
    agreed = [impact.time_s for impact in by_rule]
    peaks, instants = onset_peaks(track.onsets, AGREED), _instants(track)
    chosen = [peak for peak in peaks if _is_agreed(peak, agreed) or _stands_alone(peak, track, *instants)]
    return impacts_by_network(track, chosen)


def _instants(track: MotionTrack) -> tuple[np.ndarray, np.ndarray]:
    """When the candidates and the movements are, in seconds."""
    return (
        np.array([candidate.time_s for candidate in track.candidates]),
        np.array([movement.time_s for movement in track.movements]),
    )


def _is_agreed(peak: Peak, by_rule: Sequence[float]) -> bool:
    first = bisect_left(by_rule, peak.time_s - SAME_IMPACT_S)
    return first < len(by_rule) and by_rule[first] <= peak.time_s + SAME_IMPACT_S


def _stands_alone(peak: Peak, track: MotionTrack, times_s: np.ndarray, movements_s: np.ndarray) -> bool:
    """Whether the network's word is enough: it is sure, and it is not mistaken in one of the ways that are known."""
    if peak.confidence < ALONE:
        return False
    best = _candidate_at(peak, track)
    if best is None or peak.confidence >= BEYOND_DOUBT:
        return True
    # What is gone afterwards went behind something or left the picture, which the network takes for a stop. It was made
    # on renders, where scenery does not blow about.
    is_gone = best.still_there < ImpactRule.least_still_there
    return not is_gone and not _is_background_motion(best, track, times_s, movements_s, ImpactRule())


def _candidate_at(peak: Peak, track: MotionTrack) -> ImpactCandidate | None:
    """The candidate of most weight beside a peak, None where nothing lost speed."""
    first, last = (
        bisect_left(track.candidates, peak.time_s + away, key=lambda candidate: candidate.time_s)
        for away in (-BESIDE_S, BESIDE_S)
    )
    best = max(track.candidates[first:last], key=_weight, default=None)
    return best if best is not None and _weight(best) > 0 else None


def impacts_by_network(track: MotionTrack, peaks: Sequence[Peak]) -> tuple[Impact, ...]:
    """The network's peaks, with place and strength from the candidate nearby, else from the movement."""
    _, movements_s = _instants(track)
    placed = [_placed(peak, track, movements_s) for peak in peaks]
    measured = [each.impact.strength for each in placed if each.is_measured]
    hardest = max(measured or [each.impact.strength for each in placed], default=0.0) or 1.0
    return tuple(replace(each.impact, strength=each.relative_strength(hardest)) for each in placed)


@dataclass(frozen=True)
class _Placed:
    """An impact whose `strength` is a weight, measured by a candidate or else likely from the movement before it."""

    impact: Impact
    is_measured: bool
    confidence: float

    def relative_strength(self, hardest: float) -> float:
        """From LEAST_STRENGTH to 1; what is likely is softer by the network's doubt."""
        share = min(self.impact.strength / hardest, 1.0)
        return max(share if self.is_measured else share * min(self.confidence, 1.0), LEAST_STRENGTH)


def _placed(peak: Peak, track: MotionTrack, movements_s: np.ndarray) -> _Placed:
    best = _candidate_at(peak, track)
    end = max(int(np.searchsorted(movements_s, peak.time_s)), 1)
    likely = WEIGHT_PER_SPEED * max(each.top_speed for each in track.movements[max(end - JUST_BEFORE, 0) : end])
    if best is None:
        before = track.movements[end - 1]
        return _Placed(Impact(peak.time_s, likely, before.x, before.area, before.top_speed), False, peak.confidence)
    time_s, is_measured = best.time_s if _is_timed(best, peak) else peak.time_s, _is_established(best)
    weight = _weight(best) if is_measured else max(_weight(best), likely)
    return _Placed(Impact(time_s, weight, best.x, best.area, best.speed), is_measured, peak.confidence)


def _is_established(candidate: ImpactCandidate) -> bool:
    """Whether the motion on both sides of the loss of speed was followed well enough to say how hard it was."""
    return min(candidate.before, candidate.after) >= ImpactRule.least_before


def _is_timed(candidate: ImpactCandidate, peak: Peak) -> bool:
    """Whether the candidate's time, finer than the frame rate, is that of the peak."""
    return _is_established(candidate) and abs(candidate.time_s - peak.time_s) <= SAME_S


def impacts_by_rule(track: MotionTrack, rule: ImpactRule) -> tuple[Impact, ...]:
    """The candidates that the rules leave; what every impact was found by before there was a network."""
    candidates = [
        candidate
        for candidate in track.candidates
        if _is_hard(candidate, rule) and _is_whole(candidate, rule) and not _is_lifted(candidate, rule)
    ]
    times_s, movements_s = _instants(track)
    weights = np.array([_weight(candidate) for candidate in track.candidates])
    selected: list[ImpactCandidate] = []
    selected_s: list[float] = []
    for candidate in sorted(candidates, key=_weight, reverse=True):
        first = bisect_left(selected_s, candidate.time_s - rule.closest_s)
        alone = first == len(selected_s) or selected_s[first] > candidate.time_s + rule.closest_s
        if (
            alone
            and _stands_out(candidate, times_s, weights, rule)
            and not _is_one_of_many(candidate, track, times_s, rule)
            and not _is_background_motion(candidate, track, times_s, movements_s, rule)
        ):
            selected.append(candidate)
            insort(selected_s, candidate.time_s)
    hardest = _weight(selected[0]) if selected else 1.0
    impacts = (
        Impact(candidate.time_s, _weight(candidate) / hardest, candidate.x, candidate.area, candidate.speed)
        for candidate in selected
    )
    return tuple(sorted(impacts, key=lambda impact: impact.time_s))


def _weight(candidate: ImpactCandidate) -> float:
    return candidate.strength * candidate.before * candidate.after


def _is_hard(candidate: ImpactCandidate, rule: ImpactRule) -> bool:
    return (
        _weight(candidate) >= rule.least_weight
        and candidate.loss >= rule.least_loss_share * candidate.speed
        and candidate.before >= rule.least_before
        and candidate.after >= rule.least_after
        and candidate.still_there >= rule.least_still_there
    )


def _is_whole(candidate: ImpactCandidate, rule: ImpactRule) -> bool:
    """Whether the thing hit travels as one and is no small part of what moves."""
    return candidate.steady_direction >= rule.least_steady_direction and candidate.share >= rule.least_share


def _is_lifted(candidate: ImpactCandidate, rule: ImpactRule) -> bool:
    """Whether the thing went up and stopped there without being thrown back: the end of a lift, no blow."""
    if candidate.rise > rule.straight_up:
        return True
    return candidate.rise > rule.most_rise and candidate.loss < rule.least_bounce * candidate.speed


def _is_one_of_many(candidate: ImpactCandidate, track: MotionTrack, times_s: np.ndarray, rule: ImpactRule) -> bool:
    first, last = np.searchsorted(times_s, [candidate.time_s - rule.nearby_s, candidate.time_s + rule.nearby_s])
    least = rule.alike * _weight(candidate)
    alike = [_is_whole(other, rule) for other in track.candidates[first:last] if _weight(other) >= least]
    return alike.count(False) > alike.count(True)


def _stands_out(candidate: ImpactCandidate, times_s: np.ndarray, weights: np.ndarray, rule: ImpactRule) -> bool:
    def near(span_s: float) -> np.ndarray:
        first, last = np.searchsorted(times_s, [candidate.time_s - span_s, candidate.time_s + span_s])
        return weights[first:last]

    return _weight(candidate) >= max(
        rule.stand_out * float(np.percentile(near(rule.around_s), rule.usual_percentile)),
        rule.least_of_hardest * float(near(rule.nearby_s).max()),
        rule.least_beside_harder * float(near(rule.beside_s).max()),
    )


def _is_background_motion(
    candidate: ImpactCandidate, track: MotionTrack, times_s: np.ndarray, movements_s: np.ndarray, rule: ImpactRule
) -> bool:
    """Whether the picture's own lurching passes for a blow: little holds still, and what stops reaches its edges."""
    span_s = [candidate.time_s - rule.steady_around_s, candidate.time_s + rule.steady_around_s]
    first, last = np.searchsorted(times_s, span_s)
    least = rule.edge_weight * _weight(candidate)
    at_edge = [other.at_edge for other in track.candidates[first:last] if _weight(other) >= least]
    if not candidate.at_edge and 2 * sum(at_edge) <= len(at_edge):
        return False
    first, last = np.searchsorted(movements_s, span_s)
    around = track.movements[first:last]
    if _share_one_way(around) < rule.one_way:
        return False
    return float(np.percentile([movement.steady for movement in around], 20)) < rule.least_steady


def _share_one_way(movements: Sequence[Movement]) -> float:
    """How much of the motion goes one way at a time, 0 to 1; 1 where nothing moves."""
    energy = sum(movement.energy for movement in movements)
    one_way = sum(float(np.hypot(movement.drift_x, movement.drift_y)) * movement.area for movement in movements)
    return one_way / energy if energy > 0 else 1.0
