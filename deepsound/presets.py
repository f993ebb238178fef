"""Presets as rows of a table: DeepSound-V1 as published, this project's best, embedded only."""

from __future__ import annotations

from dataclasses import dataclass

from deepsound.choices import Option, names_of, option
from deepsound.types import Preferences, SeparationSettings

AUTO = "auto"


@dataclass(frozen=True)
class Preset(Option):
    """The engines and settings that apply where a run does not name its own; "auto" leaves an engine to the machine.

    `replaces_negative_prompt`: the fallback `neg` asks for the published negative prompt alone, in place of the run's.
    `embedded_only`: no published weights are used. `scope` is where voices are removed (see Pipeline.run), "" for the
    run's own; `window_s` is that of GenerationRequest.
    """

    generator: str = AUTO
    reasoner: str = AUTO
    separator: str = AUTO
    preferences: Preferences = Preferences()
    separation: SeparationSettings = SeparationSettings()
    replaces_negative_prompt: bool = False
    embedded_only: bool = False
    scope: str = ""
    window_s: float | None = None

    def engine(self, kind: str) -> str:
        """The engine of a kind (generator, reasoner or separator), or "auto"."""
        return {"generator": self.generator, "reasoner": self.reasoner, "separator": self.separator}[kind]


PRESETS = (
    Preset(AUTO, "by what is on this machine", "published weights where they are on this machine, else embedded ones"),
    Preset(
        "published",
        "DeepSound-V1 as published",
        "the paper to the letter: MMAudio medium_44k, the CoT model plans and judges, BS-RoFormer cut as published, "
        "whole clip in one pass, `neg` with its prompt alone",
        "mmaudio_medium_44k",
        "videollama2_cot",
        "bs_roformer",
        Preferences(model_plan=True, published_parser=True),
        SeparationSettings(mode="published"),
        replaces_negative_prompt=True,
        scope="clip",
        window_s=0.0,
    ),
    Preset(
        "best",
        "best published engines",
        "MMAudio large_44k_v2, the CoT judge and BS-RoFormer with this project's own defaults",
        "mmaudio_large_44k_v2",
        "videollama2_cot",
        "bs_roformer",
    ),
    Preset(
        "embedded",
        "embedded engines, no weights",
        "the engines in the package alone: no download, any use",
        reasoner="rules",
        separator="dtln",
        embedded_only=True,
    ),
)
PRESET_NAMES = names_of(PRESETS)
DEFAULT_PRESET = PRESETS[0].name


def preset(name: str) -> Preset:
    """The row of that name. Raises InputError for one that is not in the table."""
    return option("preset", name, PRESETS)
