"""DeepSoundFolder: every video of an input folder gets its sound; a stopped run goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import InputImpl, io

from deepsound.choices import VOICE_DECISION_NAMES
from deepsound.errors import Cancelled, DeepSoundError, InputError
from deepsound.fallback import FALLBACKS
from deepsound.presets import DEFAULT_PRESET, PRESETS
from deepsound.prompt_presets import NO_PRESET, join_prompt
from deepsound.runtime.progress import Progress

from . import comfy_host, host_folders
from .folder_progress import ClipTable
from .notes import run_summary
from .prompt_preset import prompt_preset_input
from .run_inputs import named_engines, voice_decision_input
from .schema import download_input, engine_input, option_input, output, prompt_inputs, schema
from .values import check_values, refusal_of

if TYPE_CHECKING:
    from deepsound.batch.clips import Job
    from deepsound.batch.settings import BatchSettings
    from deepsound.batch.worker import ClipReport

OUTPUT = "DeepSound/batch"
WHOLE_INPUT = "."


class FolderBatch(io.ComfyNode):
    """All videos of a folder through all steps; finished ones are skipped, so that a stopped run goes on."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundFolder",
            "Folder of Videos (DeepSound)",
            description="Gives every video of a folder inside input its sound and saves the finished videos with "
            "their records. Run again after a stop or a change: what is done with the same settings is skipped.",
            search_aliases=["batch", "folder", "many videos", "bulk", "process directory", "queue"],
            inputs=[
                io.Combo.Input(
                    "folder",
                    options=[WHOLE_INPUT, *host_folders.input_folders()],
                    default=WHOLE_INPUT,
                    tooltip="A folder inside ComfyUI's input folder, folders within it included; '.' is all of input.",
                ),
                engine_input("generator", "generator", automatic=True),
                engine_input("reasoner", "reasoner", automatic=True),
                engine_input("separator", "separator", automatic=True),
                option_input("preset", PRESETS, "What applies where an engine above is auto."),
                option_input("fallback", FALLBACKS, "When the voice was all there was."),
                *prompt_inputs("How much of each video gets sound, in seconds from its start; 0 means all of it."),
                io.String.Input(
                    "output_folder",
                    default=OUTPUT,
                    tooltip="Where the results go, below the output folder. The same folder and settings go on where "
                    "a run stopped.",
                ),
                download_input(),
                voice_decision_input(),
                prompt_preset_input(),
            ],
            outputs=[
                output(io.Video, "videos", "The finished videos, those of earlier runs included.", per_take=True),
                output(io.String, "summary", "One line for each video: its name, how it ended, and why."),
                output(io.Int, "done", "How many videos are finished."),
                output(io.Int, "failed", "How many failed."),
            ],
            hidden=[io.Hidden.unique_id],
            is_output_node=True,
        )

    @classmethod
    def validate_inputs(
        cls,
        folder: str | None = None,
        output_folder: str | None = None,
        prompt: str | None = None,
        negative_prompt: str | None = None,
        duration: float | None = None,
    ) -> bool | str:
        try:
            if folder is not None:
                folder_of(folder)
            if output_folder is not None:
                host_folders.check_prefix(output_folder)
        except DeepSoundError as error:
            return str(error)
        return refusal_of(cls, prompt=prompt, negative_prompt=negative_prompt, duration=duration)

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> float:
        # What lies in the folder may be other files; finished ones cost next to nothing. A new object each time: the
        # core finds math.nan, being one object, equal to itself.
        return float("nan")

    @classmethod
    def execute(
        cls,
        folder: str,
        generator: str,
        reasoner: str,
        separator: str,
        preset: str,
        fallback: str,
        prompt: str,
        negative_prompt: str,
        seed: int,
        duration: float,
        output_folder: str,
        download: bool,
        voice_decision: str = VOICE_DECISION_NAMES[0],
        prompt_preset: str = NO_PRESET,
    ) -> io.NodeOutput:
        prompt = join_prompt(prompt_preset, prompt)
        check_values(cls, prompt=prompt, negative_prompt=negative_prompt, duration=duration, seed=seed)
        comfy_host.require_weights(named_engines(generator, reasoner, separator, preset), download)
        execution = comfy_host.execution("auto", False, download)
        run = {"fallback": fallback, "prompt": prompt, "negative_prompt": negative_prompt, "seed": seed}
        run |= {"duration_s": duration} if duration else {}
        run |= {"voice_decision": voice_decision} if voice_decision != VOICE_DECISION_NAMES[0] else {}
        engines = {"generator": generator, "reasoner": reasoner, "separator": separator}
        engines |= {"preset": preset} if preset != DEFAULT_PRESET else {}
        progress = comfy_host.progress(cls.hidden.unique_id)
        table = _run_batch(folder, output_folder, {**engines, "execution": execution}, run, progress, cls.hidden)
        return io.NodeOutput(
            [InputImpl.VideoFromFile(str(path)) for path in table.videos],
            table.text(),
            table.done,
            table.failed,
            ui={"deepsound": [{"clips": table.rows(), **run_summary(progress, text=table.headline())}]},
        )


def folder_of(name: str) -> Path:
    """The folder a menu entry stands for. Raises InputError for one that is not there, or leads out of input."""
    return host_folders.input_folder(name)


def _run_batch(
    folder: str,
    output_folder: str,
    engines: dict[str, Any],
    run: dict[str, Any],
    progress: Progress,
    hidden: Any,
) -> ClipTable:
    """Run the batch and return its table. Raises what the host raises where the user stops it, and InputError."""
    from deepsound.batch.run import Batch
    from deepsound.batch.settings import BatchSettings
    from deepsound.batch.sources import open_source

    output_dir = host_folders.output_folder(output_folder)
    source = open_source(folder_of(folder), output_dir)
    stopped: list[BaseException] = []
    settings = BatchSettings(engines, run)
    table = ClipTable(output_dir, lambda rows: comfy_host.send_event("clips", hidden.unique_id, clips=rows))
    quiet = Progress(on_event=progress.on_event, check=_cancelling(progress, stopped))
    try:
        Batch(source, output_dir, settings, _Clips(settings, output_dir, table), listener=table).run(quiet)
    except Cancelled:
        raise stopped[0] if stopped else InputError("The batch was stopped; run it again, and it goes on.") from None
    return table


def _cancelling(progress: Progress, stopped: list[BaseException]) -> Any:
    """The host's check as the library's: an interruption, which is kept in `stopped`, becomes Cancelled.

    Otherwise it would be taken for the failure of the clip that is being worked on.
    """

    def check() -> None:
        try:
            progress.check()
        except Exception as error:
            if not comfy_host.is_interruption(error):
                raise
            stopped.append(error)
            raise Cancelled from error

    return check


class _Clips:
    """One worker, whose progress is that of the whole batch."""

    replaced = 0

    def __init__(self, settings: BatchSettings, output_dir: Path, table: ClipTable) -> None:
        from deepsound.batch.worker import Worker

        self._worker, self._table = Worker(settings, output_dir), table

    def work(self, jobs: Iterator[Job], progress: Progress) -> Iterator[ClipReport]:
        for job in jobs:
            begin, end = self._table.start(job)
            yield self._worker.do(job, progress.part(begin, end))
