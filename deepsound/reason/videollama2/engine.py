"""The reasoners `videollama2_cot` and `videollama2_qa` (arXiv 2503.22208, section 3.2)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from deepsound.errors import InputError
from deepsound.reason import prompts
from deepsound.reason.answer_parser import (
    MOST_READ,
    category_of,
    conclusion_is_read,
    plain,
    published_verdict,
    read_thought,
    read_verdict,
)
from deepsound.reason.line_streamer import LineStreamer
from deepsound.reason.plan import plan_of_answer, say_four_steps
from deepsound.runtime.execution import QUANTISED, Execution, report_precision
from deepsound.runtime.memory import retry_on_oom
from deepsound.runtime.progress import Progress
from deepsound.types import Audio, ChainOfThought, Judgement, Plan, Preferences, Verdict

if TYPE_CHECKING:
    from deepsound.media.clip import Clip
    from deepsound.media.scene import Scene
    from deepsound.media.views import FrameConsumer
    from deepsound.reason.videollama2.checkpoint import VideoLLaMA2Checkpoint
    from deepsound.reason.videollama2.inference import InferenceOptimizations, ModelAnswer, Question

Model = Literal["cot", "qa"]
Planning = Literal["fixed_plan", "model_plan"]

MODELS: dict[Model, str] = {"cot": "videollama2/av_cot", "qa": "videollama2/av_qa"}
PLANNERS: tuple[Planning, ...] = ("fixed_plan", "model_plan")
SIGLIP = "siglip/so400m_384"
# The letter-only model was not trained to plan.
_PLANNER: Model = "cot"


class VideoLlama2Reasoner:
    """Judges with a published model: `cot` answers in a chain of thought, `qa` with a letter.

    Files are looked for when it first runs, and nothing is downloaded unasked.
    `fixed_plan` gives the plan of the training data, which is one text for every video; `model_plan` asks the `cot`
    model. Without `trace` the chain of thought is written no further than the verdict. `published_parser` reads
    verdicts by the original's own rules. Raises InputError for a model or planning that does not exist.
    """

    def __init__(
        self,
        model: Model = "cot",
        planning: Planning = "fixed_plan",
        trace: bool = True,
        published_parser: bool = False,
        optimizations: InferenceOptimizations | None = None,
    ) -> None:
        if model not in MODELS:
            raise InputError(f"The model is {model!r}; choose one of: {', '.join(MODELS)}.")
        if planning not in PLANNERS:
            raise InputError(f"The planning is {planning!r}; choose one of: {', '.join(PLANNERS)}.")
        self.name = f"videollama2_{model}"
        self.model: Model = model
        self.planning: Planning = planning
        self.trace = trace
        self.published_parser = published_parser
        self.optimizations = optimizations
        self.execution = Execution()
        self._computed: dict[str, object] = {}

    @property
    def views(self) -> tuple[FrameConsumer[Any], ...]:
        """What a clip's decoding pass computes along the way for this engine."""
        from deepsound.reason.videollama2.frames import EvenFrames

        return (EvenFrames(),)

    def configure(self, execution: Execution) -> None:
        """Say how the networks are to be run, and from which files."""
        self.execution = execution

    def prefer(self, preferences: Preferences) -> None:
        """Say how to plan, how much to write, and by which rule to read the answer."""
        self.planning = "model_plan" if preferences.model_plan else "fixed_plan"
        self.trace = preferences.trace
        self.published_parser = preferences.published_parser

    def settings_in_use(self) -> dict[str, object]:
        """Device and precision of the last answer; nothing before it."""
        return dict(self._computed)

    def files(self) -> dict[str, Path]:
        """The weights in use, by what they are. Raises EngineError where one is missing."""
        planner = (_PLANNER,) if self.planning == "model_plan" else ()
        found: dict[str, Path] = {}
        for model in dict.fromkeys((self.model, *planner)):
            paths = checkpoint(model, self.execution, Progress()).files
            found |= {f"videollama2_{model} {number} of {len(paths)}": path for number, path in enumerate(paths, 1)}
        return found

    def plan(self, clip: Clip, progress: Progress) -> Plan:
        """Step 0. A model's plan that cannot be read is replaced by the published one, and its text kept.

        Raises EngineError for weights that are missing or wrong.
        """
        if self.planning == "fixed_plan":
            return say_four_steps(progress)
        from deepsound.reason.videollama2.inference import Question

        question = Question(prompts.PLAN_QUESTION, expected=(prompts.expected_plan(),))
        return plan_of_answer(self._ask(_PLANNER, clip, None, question, progress).text, progress)

    def judge(self, clip: Clip, audio: Audio | None, progress: Progress) -> Judgement:
        """Step 2, of 16 frames of the clip and eight stretches of two seconds of `audio`, every 16 s of a long one.

        With the published parser the whole clip is one window, however long.

        Without audio, or with none of its samples, nobody can be heard: no voice-over, and no model is run. Raises
        InputError for NaN samples, EngineError for weights that are missing or wrong.
        """
        if audio is None or not audio.samples:
            return _without_sound(progress)
        if self.published_parser:
            return self._judge_whole(clip, audio, progress)
        from deepsound.reason.windows import judge_windows

        return judge_windows(clip, audio, self._judge_whole, progress)

    def describe(self, scene: Scene, question: str, progress: Progress) -> str:
        """The model's answer to a question about what is seen, without sound. Raises EngineError as `judge` does."""
        from deepsound.reason.videollama2.inference import Question

        return self._ask(self.model, scene, None, Question(question), progress).text[:MOST_READ]

    def _judge_whole(self, clip: Clip, audio: Audio, progress: Progress) -> Judgement:
        """One question about 16 frames and eight stretches of sound of the whole clip."""
        from deepsound.reason.videollama2.inference import Question

        if self.model == "qa":
            letters = self._optimizations().letters and not self.published_parser
            question = Question(prompts.JUDGE_QUESTION, is_enough=_is_letter if letters else _never)
        else:
            question = Question(
                prompts.JUDGE_QUESTION,
                expected=prompts.expected_thoughts(),
                is_enough=_never if self.trace else conclusion_is_read,
            )
        return self._judgement(self._ask(self.model, clip, audio, question, progress))

    def _judgement(self, answer: ModelAnswer) -> Judgement:
        text = answer.text[:MOST_READ]
        verdict = published_verdict(text, is_chain=self.model == "cot") if self.published_parser else read_verdict(text)
        if self.model == "cot":
            thought = read_thought(text)
            return Judgement(verdict, category_of(thought, verdict), thought, raw=text)
        words = {Verdict.YES: "A. Yes", Verdict.NO: "B. No", Verdict.UNDECIDED: plain(text).strip()}
        odds = f"Of the two letters, A is {answer.share_of_yes:.1%} likely."
        return Judgement(verdict, thought=ChainOfThought(reasoning=odds, conclusion=words[verdict]), raw=text)

    def _ask(
        self, model: Model, clip: Scene, audio: Audio | None, question: Question, progress: Progress
    ) -> ModelAnswer:
        return retry_on_oom(
            lambda execution: self._answer(model, clip, audio, question, execution, progress),
            self.execution,
            self.name,
            progress.say,
        )

    def _answer(
        self,
        model: Model,
        clip: Scene,
        audio: Audio | None,
        question: Question,
        execution: Execution,
        progress: Progress,
    ) -> ModelAnswer:
        from dataclasses import replace

        from deepsound.reason.videollama2.components import VideoLLaMA2Components
        from deepsound.reason.videollama2.frames import EvenFrames, even_frames
        from deepsound.reason.videollama2.inference import ask
        from deepsound.reason.videollama2.sound import filterbank_of

        found = checkpoint(model, execution, progress)
        components = VideoLLaMA2Components(found, execution)
        self._computed = report_precision(self.name, execution, components.device, components.dtype, progress)
        if execution.precision in QUANTISED:
            self._computed["precision"] = execution.precision
        view = EvenFrames(found.frames, found.config.vision.image_size)
        frames = even_frames(clip, view, progress.part(0.0, 0.1))
        if audio is not None:
            question = replace(question, filterbank=filterbank_of(audio))
        lines = LineStreamer(progress)
        answer = ask(components, frames, question, progress.part(0.1, 1.0), self._optimizations(), lines.add)
        lines.end()
        return answer

    def _optimizations(self) -> InferenceOptimizations:
        from deepsound.reason.videollama2.inference import InferenceOptimizations

        return self.optimizations or InferenceOptimizations()


def checkpoint(model: Model, execution: Execution, progress: Progress) -> VideoLLaMA2Checkpoint:
    """The model's folder, with a SigLIP beside it where it lacks its own vision tower. EngineError where it is not."""
    from deepsound.reason.videollama2.checkpoint import VideoLLaMA2Checkpoint
    from deepsound.weights.resolve import resolve_or_download

    found = VideoLLaMA2Checkpoint.open(resolve_or_download(MODELS[model], execution, progress, f"videollama2_{model}"))
    return found if found.has_tower else replace(found, siglip=resolve_or_download(SIGLIP, execution, progress))


def _without_sound(progress: Progress) -> Judgement:
    thought = ChainOfThought(reasoning="There is no audio, so nobody can be heard in it.", conclusion="B. No")
    progress.say(thought.reasoning)
    return Judgement(Verdict.NO, thought=thought)


def _is_letter(text: str) -> bool:
    return text.strip() in ("A", "B")


def _never(text: str) -> bool:
    return False
