"""Walks golden folders, runs each component and prints a line per compared output."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.goldens import (
    aligner,
    av_align,
    beats,
    bigvgan,
    clip,
    clip_tokens,
    demix,
    enhancement,
    flow,
    foleycrafter_denoiser,
    foleycrafter_onsets,
    foleycrafter_picture,
    foleycrafter_vocoder,
    frame_selection,
    full_model,
    imagebind_text,
    joint_stage,
    mel,
    metric_formulas,
    metric_networks,
    metric_originals,
    mmaudio_training,
    person_detectors,
    reasoner_input,
    reasoner_text,
    resize,
    roformer,
    sampler,
    selva,
    separator_loss,
    silence,
    stc_connector,
    synchformer,
    training_labels,
    vae,
    video_clip,
    videollama2_parts,
)

Tensors = dict[str, np.ndarray]


@dataclass(frozen=True)
class Outcome:
    """A comparison's numbers; `problem` says why it could not be compared, if so.

    A seam is an inner output that a faster organisation may lack: not `exposed`, it is counted and never fails.
    """

    file: Path
    output: str
    error: float = float("nan")
    largest: float = float("nan")
    tolerance: float = 0.0
    problem: str = ""
    exposed: bool = True

    @property
    def passed(self) -> bool:
        return not self.exposed or (not self.problem and self.error <= self.tolerance)

    def line(self) -> str:
        verdict = "pass" if self.passed else "FAIL"
        if not self.exposed:
            return f"----  {self.file.name}  {self.output}  seam not exposed"
        if self.problem:
            return f"{verdict}  {self.file.name}  {self.output}  {self.problem}"
        return (
            f"{verdict}  {self.file.name}  {self.output:<36} error {self.error:.3e}  "
            f"largest {self.largest:.3e}  tolerance {self.tolerance:.1e}"
        )


Component = Callable[[dict[str, Any], Tensors], Iterator[tuple[str, Any, Any, float]]]

# A golden file belongs to the component with the longest name that begins its own. A component yields
# (output, got, expected, tolerance); None for `got` says that it does not expose this seam.
COMPONENTS: dict[str, Component] = {
    "aligner_update": aligner.compare_update,
    "audio_preproc": reasoner_input.compare_audio,
    "audio_tower_training": joint_stage.compare_audio_tower,
    "audio_projector": videollama2_parts.compare_projector,
    "av_align": av_align.compare_av_align,
    "beats": beats.compare,
    "bigvgan": bigvgan.compare,
    "blazeface": person_detectors.compare,
    "blazepose": person_detectors.compare,
    "bsr": roformer.compare,
    "clip": clip.compare,
    "clip_tokens": clip_tokens.compare,
    "demix_network": demix.compare_network,
    "demix_standin": demix.compare_standin,
    "desync_head": metric_networks.compare_offset,
    "dtln": enhancement.compare,
    "face_mesh": person_detectors.compare_landmarks,
    "flow": flow.compare,
    "frame_preproc": reasoner_input.compare_frames,
    "frame_sampling": reasoner_input.compare_sampling,
    "frame_selection": frame_selection.compare,
    "full_model": full_model.compare,
    "joint_stage": joint_stage.compare,
    "labels": training_labels.compare,
    "imagebind_text": imagebind_text.compare,
    "imagebind_tokens": imagebind_text.compare_tokens,
    "mel_16k": mel.compare,
    "mel_44k": mel.compare,
    "melband": roformer.compare,
    "metrics": metric_formulas.compare,
    "mmaudio_schedule": mmaudio_training.compare_schedule,
    "mmaudio_training": mmaudio_training.compare,
    "noise": sampler.compare_noise,
    "pre_and_post": foleycrafter_picture.compare,
    "onset_strength": av_align.compare_onsets,
    "original_front_ends": metric_originals.compare_front_ends,
    "original_imagebind": metric_originals.compare_networks,
    "original_panns": metric_originals.compare_networks,
    "original_passt": metric_originals.compare_networks,
    "original_synchformer_audio": metric_originals.compare_networks,
    "original_vggish": metric_originals.compare_networks,
    "prompts": reasoner_text.compare,
    "real_clip": reasoner_input.compare_clip,
    "resample": demix.compare_resampling,
    "resize": resize.compare,
    "sampler": sampler.compare,
    "selva_video_encoder": selva.compare,
    "separator_loss": separator_loss.compare,
    "sequence_lengths": sampler.compare_lengths,
    "sh_audio_windows": aligner.compare_audio,
    "sh_video_windows": aligner.compare_video,
    "sh_windows": aligner.compare_windows,
    "siglip_tower": videollama2_parts.compare_tower,
    "silence": silence.compare,
    "stc_v35": stc_connector.compare,
    "synchformer": synchformer.compare,
    "unet_controlnet_ipadapter": foleycrafter_denoiser.compare,
    "trainable_parts": joint_stage.compare_trainable,
    "vae": vae.compare,
    "vggish_frontend": metric_networks.compare_vggish,
    "video_clip": video_clip.compare,
    "videoonset": foleycrafter_onsets.compare,
    "vocoder": foleycrafter_vocoder.compare,
}


def run(folders: list[Path]) -> list[Outcome]:
    """Every comparison in `folders`, searched recursively; a file no component claims is a failure."""
    outcomes: list[Outcome] = []
    for folder in folders:
        files = sorted(folder.rglob("*.json")) if folder.is_dir() else []
        if not files:
            outcomes.append(Outcome(folder, "", problem="no golden files here"))
        for file in files:
            outcomes.extend(_run_file(file))
        outcomes.extend(
            Outcome(orphan, "", problem="tensors without a JSON beside them")
            for orphan in sorted(folder.rglob("*.safetensors"))
            if not orphan.with_suffix(".json").exists()
        )
    return outcomes


def _run_file(file: Path) -> Iterator[Outcome]:
    names = [name for name in COMPONENTS if file.stem.startswith(name)]
    if not names:
        yield Outcome(file, "", problem="no component of this project claims this file")
        return
    compared = 0
    try:
        for row in _rows(file, COMPONENTS[max(names, key=len)]):
            compared += 1
            yield _compare(file, *row)
    except Exception as error:  # whatever a file lacks or holds: the others are still compared
        yield Outcome(file, "", problem=f"not compared to its end: {type(error).__name__}: {error}")
    else:
        if not compared:
            yield Outcome(file, "", problem="nothing was compared")


def _rows(file: Path, component: Component) -> Iterator[tuple[str, Any, Any, float]]:
    golden = json.loads(file.read_text())
    tensors = _tensors(file.with_suffix(".safetensors"))
    if "weights_from" in golden:
        tensors |= _weights(_tensors(file.with_name(golden["weights_from"])))
    return component(golden, tensors)


def _tensors(file: Path) -> Tensors:
    if not file.exists():
        return {}
    import torch
    from safetensors.torch import load_file

    # numpy has no bfloat16; every bfloat16 number is exact in float32.
    return {
        name: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        for name, tensor in load_file(file).items()
    }


def _weights(tensors: Tensors) -> Tensors:
    return {name: tensor for name, tensor in tensors.items() if name.startswith("weights/")}


def _compare(file: Path, output: str, got: Any, expected: Any, tolerance: float) -> Outcome:
    if got is None:
        return Outcome(file, output, exposed=False)
    got, expected = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if got.shape != expected.shape:
        return Outcome(file, output, problem=f"shape {got.shape}, expected {expected.shape}")
    error = float(np.max(np.abs(got - expected), initial=0.0))
    return Outcome(file, output, error, float(np.max(np.abs(expected), initial=0.0)), tolerance)
