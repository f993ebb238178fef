"""The shipped workflows, described in a few lines each; `draw` writes their files."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from . import aligned, embedded, finishing, generation, labelling, published
from .core_nodes import CORE
from .sheet import Sheet

DESCRIPTIONS: dict[str, Callable[[Sheet], None]] = {
    "offline_draft": embedded.offline_draft,
    "clean_existing_footage": embedded.clean_existing_footage,
    "repair_segments": embedded.repair_segments,
    "long_video": published.long_video,
    "regenerate_span": generation.regenerate_a_span,
    "film_with_own_sound": finishing.film_with_own_sound,
    "mix_and_master": finishing.mix_and_master,
    "stems_for_an_editor": finishing.stems_for_an_editor,
    "another_generator": embedded.another_generator,
    "api_automation": embedded.api_automation,
    **{
        f"deepsound_s4_{fallback}": partial(published.deepsound_s4, fallback=fallback)
        for fallback in published.FALLBACKS
    },
    "deepsound_s3": published.deepsound_s3,
    "qa_instead_of_cot": published.qa_instead_of_cot,
    "foleycrafter": published.foleycrafter,
    "direct_v2a": generation.direct_v2a,
    "compare_two_generators": embedded.compare_two_generators,
    "best_of_four": embedded.best_of_four,
    "several_takes": published.several_takes,
    "only_the_drums": generation.only_the_drums,
    "only_the_drums_s4": published.only_the_drums_s4,
    "text_to_sound": generation.text_to_sound,
    "seeing_hearing": aligned.seeing_hearing,
    "image_to_sound": aligned.image_to_sound,
    "audio_to_video": aligned.audio_to_video,
    "joint_video": aligned.joint_video,
    "label_a_folder": labelling.label_a_folder,
}


def draw(name: str, schemas: dict[str, Any]) -> Sheet:
    """The workflow of that name, drawn with the schemas of the pack's nodes (by id)."""
    sheet = Sheet(name, {**CORE, **schemas})
    DESCRIPTIONS[name](sheet)
    return sheet
