"""Table of the published metrics: what each needs, and how features give its score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from deepsound.errors import InputError
from deepsound.evaluate.alignment import FLOW, IMPACTS, ONSETS, SYNC_WITHOUT_WEIGHTS, sync_by_clip
from deepsound.evaluate.av_sync import desync_s, ib_scores
from deepsound.evaluate.clips import ClipFiles
from deepsound.evaluate.extraction import ExtractedFeatures
from deepsound.evaluate.frechet_distance import SUBSET_SIZE, frechet_distance, kernel_distance
from deepsound.evaluate.kl_divergence import SPLITS, inception_score, kl_divergence, kl_divergences
from deepsound.evaluate.pairing import pair

if TYPE_CHECKING:
    import numpy as np

Better = Literal["lower", "higher"]
Needs = Literal["sound", "reference", "video"]
OFFSET = "synchformer_offset"
IB_SCALE = 100


@dataclass(frozen=True)
class MetricScore:
    """A metric's value over `clips` clips (pairs, for paired ones); None where `why` says why there is none.

    `spread` is the standard deviation where the metric has one.
    """

    value: float | None
    clips: int = 0
    why: str = ""
    spread: float | None = None


@dataclass(frozen=True)
class MetricInputs:
    """What one set of predictions is scored from: its clips, the reference's, and everyone's features.

    `offsets` are DeSync's logits [2, 21] by clip name; `paired` compares by name where the benchmark does, or else all
    with all.
    """

    predicted: Mapping[str, ClipFiles]
    reference: Mapping[str, ClipFiles]
    features: ExtractedFeatures
    paired: bool = True
    offsets: Mapping[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names that both sides have, in the predictions' order."""
        return tuple(pair(self.predicted, self.reference).pairs)

    def of(
        self,
        clips: Mapping[str, ClipFiles],
        names: Iterable[str],
        extractor: str,
        output: str,
    ) -> dict[str, np.ndarray]:
        """One output of each named clip's sound, or of its picture, by name; without those that have none."""
        found = {}
        for name in names:
            file = clips[name].video if extractor in PICTURE_EXTRACTORS else clips[name].sound
            outputs = self.features.get(extractor, file)
            if outputs is not None:
                found[name] = outputs[output]
        return found

    def sides(self, extractor: str, output: str, paired: bool) -> tuple[np.ndarray, np.ndarray]:
        """(predicted, reference) stacked: of the pairs with both alone, row by row, or of all clips of each side."""
        predicted = self.of(self.predicted, self.predicted, extractor, output)
        reference = self.of(self.reference, self.reference, extractor, output)
        if paired:
            both = [name for name in self.names if name in predicted and name in reference]
            predicted, reference = ({name: side[name] for name in both} for side in (predicted, reference))
        return stack_rows(predicted.values()), stack_rows(reference.values())

    def imagebind_pairs(self) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
        """ImageBind's embeddings of picture and sound of the clips that have both, with their names."""
        heard = self.of(self.predicted, self.predicted, "imagebind_audio", EMBEDDING)
        seen = self.of(self.predicted, self.predicted, "imagebind_video", EMBEDDING)
        names = tuple(name for name in heard if name in seen)
        return names, stack_rows(seen[name] for name in names), stack_rows(heard[name] for name in names)


PICTURE_EXTRACTORS = ("imagebind_video", "synchformer_video", FLOW, IMPACTS)
FEATURES, LOGITS, EMBEDDING = "features", "logits", "embedding"


@dataclass(frozen=True)
class Metric:
    """A column of the table: `extractors` are the networks it needs, `needs` what else beside the sounds."""

    name: str
    better: Better
    extractors: tuple[str, ...]
    needs: Needs
    score: Callable[[MetricInputs], MetricScore]
    meaning: str


def stack_rows(rows: Iterable[np.ndarray]) -> np.ndarray:
    """Rows [width] as [rows, width]; [0, 0] for none."""
    import numpy as np

    found = list(rows)
    return np.stack(found) if found else np.zeros((0, 0), np.float32)


def _frechet(extractor: str, pairs_alone: bool) -> Callable[[MetricInputs], MetricScore]:
    def score(material: MetricInputs) -> MetricScore:
        sides = material.sides(extractor, FEATURES, pairs_alone and material.paired)
        return MetricScore(frechet_distance(*sides), min(map(len, sides)))

    return score


def _frechet_of_examples(material: MetricInputs) -> MetricScore:
    """VGGish gives several examples a clip, and those are the samples."""
    import numpy as np

    sides = [
        list(material.of(clips, clips, "vggish", FEATURES).values())
        for clips in (material.predicted, material.reference)
    ]
    if not all(sides):
        raise InputError("expected clips on either side of a distance between sets, got none on one.")
    predicted, reference = (np.concatenate(side) for side in sides)
    return MetricScore(frechet_distance(predicted, reference), min(map(len, sides)))


def _kernel(material: MetricInputs) -> MetricScore:
    sides = material.sides("passt", FEATURES, material.paired)
    distance = kernel_distance(*sides)
    # Subsets as large as the sets are always the same.
    varies = max(map(len, sides)) > SUBSET_SIZE
    return MetricScore(distance.mean, min(map(len, sides)), spread=distance.std if varies else None)


def _divergence(extractor: str) -> Callable[[MetricInputs], MetricScore]:
    def score(material: MetricInputs) -> MetricScore:
        predicted, reference = material.sides(extractor, LOGITS, paired=True)
        if not len(predicted):
            raise InputError("no clip has the name of a reference clip")
        return MetricScore(kl_divergence(predicted, reference).softmax, len(predicted))

    return score


def _inception(material: MetricInputs) -> MetricScore:
    logits = stack_rows(material.of(material.predicted, material.predicted, "panns", LOGITS).values())
    found = inception_score(logits)
    if found is None:
        return MetricScore(None, len(logits), f"{len(logits)} clips; the published form needs {SPLITS} or more")
    return MetricScore(found.mean, len(logits), spread=found.std)


def _ib(material: MetricInputs) -> MetricScore:
    names, seen, heard = material.imagebind_pairs()
    if not names:
        raise InputError("no clip has both a sound and a picture")
    return MetricScore(IB_SCALE * float(ib_scores(seen, heard).mean()), len(names))


def _desync(material: MetricInputs) -> MetricScore:
    if not material.offsets:
        raise InputError("no clip has both a sound and a picture of 4.8 s or more")
    return MetricScore(float(desync_s(stack_rows(material.offsets.values())).mean()), len(material.offsets))


def _mean_sync(metric: str) -> Callable[[MetricInputs], MetricScore]:
    def score(material: MetricInputs) -> MetricScore:
        found = sync_by_clip(metric, material.predicted, material.features)
        if not found:
            raise InputError("no clip has both a sound and a picture with an onset or a peak of motion in either")
        return MetricScore(sum(found.values()) / len(found), len(found))

    return score


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric(
            "FD_PaSST",
            "lower",
            ("passt",),
            "reference",
            _frechet("passt", True),
            "Fréchet distance of PaSST's features, paired clips",
        ),
        Metric(
            "FD_PANNs",
            "lower",
            ("panns",),
            "reference",
            _frechet("panns", False),
            "Fréchet distance of PANNs' features, all clips",
        ),
        Metric(
            "FD_VGG",
            "lower",
            ("vggish",),
            "reference",
            _frechet_of_examples,
            "Fréchet distance of VGGish's features, all examples of 0.96 s",
        ),
        Metric(
            "KL_PANNs",
            "lower",
            ("panns",),
            "reference",
            _divergence("panns"),
            "KL(reference || clip) of PANNs' classes, softmax, nats",
        ),
        Metric(
            "KL_PaSST",
            "lower",
            ("passt",),
            "reference",
            _divergence("passt"),
            "KL(reference || clip) of PaSST's classes, softmax, nats",
        ),
        Metric("IS", "higher", ("panns",), "sound", _inception, "inception score of PANNs' classes"),
        Metric(
            "IB",
            "higher",
            ("imagebind_video", "imagebind_audio"),
            "video",
            _ib,
            "ImageBind's cosine of picture and sound, times 100",
        ),
        Metric(
            "DeSync",
            "lower",
            ("synchformer_video", "synchformer_audio", OFFSET),
            "video",
            _desync,
            "Synchformer's offset of sound against picture, seconds",
        ),
        Metric(
            "AV-Align",
            "higher",
            (ONSETS, FLOW),
            "video",
            _mean_sync("AV-Align"),
            "onsets against peaks of the optical flow, intersection over union as published",
        ),
        Metric(
            "ImpactSync",
            "higher",
            (ONSETS, IMPACTS),
            "video",
            _mean_sync("ImpactSync"),
            "strong onsets paired with visible impacts, intersection over union; not in published tables",
        ),
        Metric(
            "KD_PaSST",
            "lower",
            ("passt",),
            "reference",
            _kernel,
            "kernel distance of PaSST's features, unbiased for few clips; not in published tables",
        ),
    )
}


def by_clip(material: MetricInputs, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Those of the metrics `names` that a single clip has too, by metric and clip name."""
    found: dict[str, dict[str, float]] = {}
    for metric, extractor in (("KL_PANNs", "panns"), ("KL_PaSST", "passt")):
        if metric in names:
            predicted = material.of(material.predicted, material.names, extractor, LOGITS)
            reference = material.of(material.reference, material.names, extractor, LOGITS)
            both = [name for name in predicted if name in reference]
            if both:
                sides = (stack_rows(side[name] for name in both) for side in (predicted, reference))
                found[metric] = dict(zip(both, map(float, kl_divergences(*sides)), strict=True))
    if "IB" in names:
        clips, seen, heard = material.imagebind_pairs()
        found["IB"] = (
            dict(zip(clips, (float(IB_SCALE * one) for one in ib_scores(seen, heard)), strict=True)) if clips else {}
        )
    if "DeSync" in names:
        found["DeSync"] = {name: float(desync_s(logits[None])[0]) for name, logits in material.offsets.items()}
    for metric in SYNC_WITHOUT_WEIGHTS:
        if metric in names:
            found[metric] = sync_by_clip(metric, material.predicted, material.features)
    return found
