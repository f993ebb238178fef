"""The reasoner `omni`: a local multimodal model of transformers as the judge."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from deepsound.engine_protocols import ReasonerBase
from deepsound.media.views import UniformFrames
from deepsound.reason import prompts
from deepsound.reason.line_streamer import LineStreamer
from deepsound.reason.plan import plan_of_answer, say_four_steps
from deepsound.reason.untuned import judge_request, read_judgement, without_sound, words_for_pictures, words_for_sound
from deepsound.runtime.execution import Execution, report_precision
from deepsound.runtime.memory import retry_on_oom
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, Judgement, Plan

if TYPE_CHECKING:
    from deepsound.media.clip import Clip
    from deepsound.reason.omni.inference import OmniQuestion, Senses

NAME = "omni"
FRAMES = UniformFrames(count=8, long_side=448)
_LETTER_TOKENS = 48
_MOST_TOKENS = 1024
_VARIABLES = {"examples": "DEEPSOUND_OMNI_EXAMPLES", "constrained": "DEEPSOUND_OMNI_JSON"}


class OmniReasoner(ReasonerBase):
    """Judges with a model: the folder `name` of the models folder `omni`, or what --weights omni=PATH names.

    `examples` shows four worked answers first; `constrained` lets the model write nothing but a JSON answer whose
    conclusion is A or B, so that it is never undecided. Without them DEEPSOUND_OMNI_EXAMPLES and DEEPSOUND_OMNI_JSON
    say. A model that takes no pictures, or no sound, is given a detector's words for them.
    `reuse`: the beginning of a prompt that was read last is not read again, which changes no answer but for rounding.
    """

    views = (FRAMES,)

    def __init__(
        self, name: str = "", examples: bool | None = None, constrained: bool | None = None, reuse: bool = True
    ) -> None:
        self.name = name
        self.examples = _switch("examples") if examples is None else examples
        self.constrained = _switch("constrained") if constrained is None else constrained
        self.reuse = reuse
        self._used: dict[str, object] = {}

    def check_files(self) -> None:
        """Raise, before a run's first step, what is wrong with the model's folder; no network is loaded."""
        from deepsound.reason.omni.checkpoint import find_checkpoint

        find_checkpoint(self.name, self.execution)

    def files(self) -> dict[str, Path]:
        """The weights in use, by number, and the config. Raises EngineError or InputError where there are none."""
        from deepsound.reason.omni.checkpoint import find_checkpoint

        files = find_checkpoint(self.name, self.execution).files
        return {f"{NAME} {number} of {len(files)}": path for number, path in enumerate(files, 1)}

    def settings_in_use(self) -> dict[str, object]:
        """Family, device, precision and options of the last answer; nothing before it."""
        return dict(self._used)

    def plan(self, clip: Clip, progress: Progress) -> Plan:
        """Step 0: the published four steps, or with the preference `model_plan` the model's own.

        A model's plan that cannot be read is replaced by the published one, and its text kept.
        """
        if not self.preferences.model_plan:
            return say_four_steps(progress)
        return plan_of_answer(self._ask(clip, None, prompts.PLAN_QUESTION, progress), progress)

    def judge(self, clip: Clip, audio: Audio | None, progress: Progress) -> Judgement:
        """Step 2, of 8 frames and the sound every 16 s. Without audio nobody can be heard, and no model is run.

        Raises InputError for NaN samples, EngineError for a model that is missing, damaged or not known.
        """
        from deepsound.reason.windows import judge_windows

        if audio is None or not audio.samples:
            return without_sound(progress)
        return judge_windows(clip, audio, self._judge_one, progress)

    def _judge_one(self, clip: Clip, audio: Audio, progress: Progress) -> Judgement:
        text = self._ask(clip, audio, "", progress)
        return read_judgement(text, self.preferences, audio.duration_s)

    def _ask(self, clip: Clip, audio: Audio | None, text: str, progress: Progress) -> str:
        return retry_on_oom(
            lambda execution: self._answer(clip, audio, text, execution, progress),
            self.execution,
            f"{NAME}:{self.name}" if self.name else NAME,
            progress.say,
        )

    def _answer(self, clip: Clip, audio: Audio | None, text: str, execution: Execution, progress: Progress) -> str:
        from deepsound.reason.omni.checkpoint import find_checkpoint
        from deepsound.reason.omni.components import OmniComponents
        from deepsound.reason.omni.inference import answer, senses

        checkpoint = find_checkpoint(self.name, execution)
        components = OmniComponents(checkpoint, execution)
        processor = checkpoint.processor()
        used = report_precision(NAME, execution, components.device, components.dtype, progress)
        self._used = {"family": checkpoint.family, "examples": self.examples, "constrained": self.constrained, **used}
        if components.bits:
            self._used["precision"] = components.bits
        takes = senses(checkpoint.config(), processor)
        question = self._question(takes, clip, audio, text, progress.part(0.0, 0.3))
        lines = LineStreamer(progress)
        written = answer(components, processor, question, progress.part(0.3, 1.0), lines.add, self.reuse)
        lines.end()
        return written

    def _question(self, takes: Senses, clip: Clip, audio: Audio | None, text: str, progress: Progress) -> OmniQuestion:
        """The evidence in the forms the model takes, the rest of it in words."""
        from deepsound.media.vad import voice_spans
        from deepsound.reason.evidence import mono_16k
        from deepsound.reason.omni.inference import OmniQuestion
        from deepsound.reason.person_detection import detect_people

        words: list[str] = []
        stills = clip.view(FRAMES, progress.part(0.0, 0.5))
        if not takes.pictures:
            times_s = sorted({sighting.time_s for sighting in detect_people(stills, progress.part(0.5, 0.8))})
            words.append(words_for_pictures(times_s, len(stills)))
        sound = None
        if audio is not None:
            sound = mono_16k(audio)
            if not takes.sound:
                words.append(words_for_sound(voice_spans(audio, progress.part(0.8, 1.0)), audio.duration_s))
        with_thought = self.preferences.trace
        as_json = self.constrained and not text
        return OmniQuestion(
            text or judge_request(as_json, with_thought, "\n".join(words)),
            tuple(still.image for still in stills) if takes.pictures else (),
            sound if takes.sound else None,
            _MOST_TOKENS if with_thought or text else _LETTER_TOKENS,
            self.examples and not text,
            as_json,
            with_thought,
        )


def _switch(option: str) -> bool:
    return os.environ.get(_VARIABLES[option], "").lower() in ("1", "true")
