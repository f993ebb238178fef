"""Compatibility API of DeepSound-V1's program: its names, arguments and result keys.

A script written for it runs after changing its imports alone:

    from deepsound.v1 import Pipeline, init_pipeline, setup_eval_logging, video_to_audio

Source: DeepSound-V1, `pipeline/pipeline.py` and the quick start of its README.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepsound import pipeline as steps
from deepsound.errors import InputError
from deepsound.media.files import atomic_write, output_error
from deepsound.outputs import Result
from deepsound.runtime.execution import Execution
from deepsound.runtime.paths import expand
from deepsound.runtime.progress import Progress

COT_FOLDER = "pretrained/mllm/VideoLLaMA2.1-7B-AV-CoT"
# The judges by the original's names, and the catalogue's of their weights; both plan with the first.
_JUDGES = {"cot": "videollama2/av_cot", "qa": "videollama2/av_qa"}


class Pipeline:
    """DeepSound-V1 as published, with the original's arguments: engines by mode, judges by folder.

    A folder that is None is searched for. `device` is PyTorch's name of one; `load_8bit` and `load_4bit` quantise the
    judge. Raises InputError for a mode that does not exist or both quantisations at once.
    """

    def __init__(
        self,
        step0_model_dir: str | None = None,
        step1_mode: str = "mmaudio_medium_44k",
        step2_model_dir: str | None = None,
        step2_mode: str = "cot",
        step3_mode: str = "bs_roformer",
        device: Any = None,
        load_8bit: bool = False,
        load_4bit: bool = False,
        progress: Progress = Progress(),
    ) -> None:
        if load_8bit and load_4bit:
            raise InputError("load_8bit and load_4bit are both true; expected one of them.")
        folders = {_JUDGES["cot"]: step0_model_dir, _JUDGES.get(step2_mode, ""): step2_model_dir}
        execution = Execution(
            device="auto" if device is None else str(device),
            precision="int8" if load_8bit else "nf4" if load_4bit else "auto",
            weights={id: expand(folder).absolute() for id, folder in folders.items() if id and folder},
        )
        self.pipeline = steps.Pipeline(step1_mode, step2_mode, step3_mode, execution, preset="published")
        self.progress = progress

    def run(
        self,
        video_input: str | Path,
        output_dir: str | Path = "outputs",
        mode: str = "s4",
        postp_mode: str = "rep",
        prompt: str = "",
        negative_prompt: str = "",
        duration: float | None = 10,
        seed: int = 42,
    ) -> dict[str, Any]:
        """Run the steps on a video and return the original's dictionary; a key is there once its step was taken.

        Keys: `temp_final_audio_path` and `temp_final_video_path` (None where the sound was dropped),
        `step1_audio_path`, `step1_video_path`, `is_vo`, `step3_audio_path`, `is_silent`. The final sound's video is
        always made, as `<stem>.step3.mp4` where the original leaves that to its caller. Raises a DeepSoundError.
        """
        result = self.pipeline.run(
            video_input,
            output_dir,
            mode=mode,
            fallback=postp_mode,
            prompt=prompt,
            negative_prompt=negative_prompt,
            duration_s=duration,
            seed=seed,
            step_videos=True,
            progress=self.progress,
        )
        _part_from_links(result)
        return step_results(result)


def step_results(result: Result) -> dict[str, Any]:
    """A finished run as the original's dictionary."""
    record = result.to_json()
    source = {"coarse": "step1", "background": "step3", "regenerated": "neg"}.get(result.outcome.final_from, "")
    found: dict[str, Any] = {
        "temp_final_audio_path": record.get(f"{source}_audio_path"),
        "temp_final_video_path": record.get(f"{source}_video_path"),
        "step1_audio_path": record["step1_audio_path"],
        "step1_video_path": record["step1_video_path"],
        "is_vo": record["is_vo"],
    }
    for key in ("step3_audio_path", "is_silent"):
        if record[key] is not None:
            found[key] = record[key]
    return found


def init_pipeline(
    step0_model_dir: str | None = COT_FOLDER,
    step1_mode: str = "mmaudio_medium_44k",
    step2_model_dir: str | None = COT_FOLDER,
    step2_mode: str = "cot",
    step3_mode: str = "bs_roformer",
) -> Pipeline:
    """The pipeline of the original's quick start."""
    return Pipeline(step0_model_dir, step1_mode, step2_model_dir, step2_mode, step3_mode)


def video_to_audio(
    pipeline: Pipeline,
    video_input: str | Path,
    output_dir: str | Path,
    mode: str = "s4",
    postp_mode: str = "neg",
    prompt: str = "",
    negative_prompt: str = "",
    duration: float | None = 10,
    skip_final_video: bool = False,
) -> dict[str, Any]:
    """`pipeline.run`, with the finished sound and video as `<stem>.wav` and `<stem>.mp4`, as the quick start does.

    Adds the keys `final_audio_path` and `final_video_path`, None where the sound was dropped or no video is wanted.
    """
    found = pipeline.run(video_input, output_dir, mode, postp_mode, prompt, negative_prompt, duration)
    stem = expand(output_dir) / Path(video_input).stem
    has_sound = found["temp_final_audio_path"] is not None
    found["final_audio_path"] = f"{stem}.wav" if has_sound else None
    video = found["temp_final_video_path"] if has_sound and not skip_final_video else None
    found["final_video_path"] = None if video is None else f"{stem}{Path(video).suffix}"
    return found


def setup_eval_logging() -> None:
    """Log at the level INFO, as the original's programs do."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s - %(levelname)s - %(message)s")


def _part_from_links(result: Result) -> None:
    """Give every file that is a link to another one a body of its own: the original's callers copy one to the other."""
    links: Mapping[str, str] = result.links
    for name, twin in links.items():
        try:
            with atomic_write(result.output_dir / name) as partial:
                shutil.copyfile(result.output_dir / twin, partial)
        except OSError as error:
            raise output_error(result.output_dir / name, error) from error
