"""The prompt of a request: the person's own words, else a caption of what is seen."""

from __future__ import annotations

from deepsound.errors import InputError
from deepsound.media.scene import Scene
from deepsound.reason.caption import caption
from deepsound.runtime.execution import Execution
from deepsound.runtime.progress import Progress


def prompt_for(scene: Scene, prompt: str, execution: Execution, progress: Progress) -> str:
    """`prompt`, or where it is empty what the reasoner's model or the embedded detectors see, which is noted.

    Raises InputError where nothing is recognised.
    """
    if prompt:
        return prompt
    found = caption(scene, execution, progress)
    if found is None:
        raise InputError(
            "seeing_hearing aligns sound with words as well as with the picture: expected a prompt, got none, and "
            "there is no captioner (videollama2_cot) on this machine and nobody is seen; write what should sound."
        )
    progress.note(f"The prompt was empty; {found.by} wrote one: {found.text}")
    return found.text
