"""The reasoner `server`: a configured OpenAI-compatible endpoint as the judge."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING

from deepsound.engine_protocols import ReasonerBase
from deepsound.media.views import UniformFrames
from deepsound.reason import evidence, prompts
from deepsound.reason.answer_parser import plain
from deepsound.reason.line_streamer import LineStreamer
from deepsound.reason.plan import plan_of_answer, say_four_steps
from deepsound.reason.untuned import read_judgement, without_sound, words_for_sound
from deepsound.runtime.endpoints import Endpoint, endpoint
from deepsound.runtime.progress import Progress
from deepsound.runtime.turns import waiting_for_server
from deepsound.types import Audio, Judgement, Plan

if TYPE_CHECKING:
    from deepsound.media.clip import Clip
    from deepsound.reason.server.chat import ChatAnswer, ChatQuestion

NAME = "server"
_NOTES = {
    "schema": "does not take a JSON schema: the answer is asked for in tags (schema = false asks at once).",
    "sound": "does not take sound: the voice detector's words stood for it (sound = 'words' asks at once).",
}


class ServerReasoner(ReasonerBase):
    """Judges through the endpoint called `name` in the user's settings; "" is the only one, or `default`.

    Nothing is read and no request is made before it plans or judges. Long sounds are judged in windows of 16 s.
    """

    def __init__(self, name: str = "") -> None:
        self.name = name
        self._used: dict[str, object] = {}
        self._lacking: set[str] = set()
        self._is_streamed = False

    @property
    def endpoint(self) -> Endpoint:
        """The configured endpoint. Raises InputError where there is none of that name."""
        return endpoint(self.name)

    @property
    def views(self) -> tuple[UniformFrames, ...]:
        """The frames that are sent."""
        return (self._frames(),)

    def check_files(self) -> None:
        """Raise InputError, before a run's first step, for an endpoint that is not configured."""
        _ = self.endpoint

    def settings_in_use(self) -> dict[str, object]:
        """The endpoint's name and the model that answered last; never an address or a key."""
        return dict(self._used)

    def plan(self, clip: Clip, progress: Progress) -> Plan:
        """Step 0: the published four steps, or with the preference `model_plan` the model's own.

        A model's plan that cannot be read is replaced by the published one, and its text kept.
        """
        if not self.preferences.model_plan:
            return say_four_steps(progress)
        question = replace(self._question(clip, progress), text=prompts.PLAN_QUESTION)
        return plan_of_answer(self._ask(question, progress).text, progress)

    def judge(self, clip: Clip, audio: Audio | None, progress: Progress) -> Judgement:
        """Step 2, of frames and sound every 16 s. Without audio nobody can be heard, and no request is made.

        Raises InputError for NaN samples or without a configured endpoint, EngineError where it does not answer.
        """
        from deepsound.reason.windows import judge_windows

        if audio is None or not audio.samples:
            return without_sound(progress)
        judgement = judge_windows(clip, audio, self._judge_one, progress)
        for part in sorted(self._lacking & _NOTES.keys()):
            progress.note(f"{NAME}:{self.endpoint.name} {_NOTES[part]}")
        return judgement

    def _judge_one(self, clip: Clip, audio: Audio, progress: Progress) -> Judgement:
        from deepsound.media.vad import voice_spans

        question = self._question(clip, progress.part(0.0, 0.2))
        wav = evidence.wav_bytes(evidence.mono_16k(audio))
        if self.endpoint.sound == "input_audio":
            question = replace(question, sound=base64.b64encode(wav).decode())
        spans = voice_spans(audio, progress.part(0.2, 0.4))
        question = replace(question, words=words_for_sound(spans, audio.duration_s))
        answer = self._ask(question, progress.part(0.4, 1.0))
        judgement = read_judgement(answer.text, self.preferences, audio.duration_s)
        if not self._is_streamed:
            for line in judgement.thought.tagged().splitlines():
                progress.say(plain(line))
        return judgement if judgement.voice_spans else replace(judgement, voice_spans=spans)

    def _frames(self) -> UniformFrames:
        return UniformFrames(self.endpoint.frames, evidence.LONG_SIDE)

    def _question(self, clip: Clip, progress: Progress) -> ChatQuestion:
        from deepsound.reason.server.chat import ChatQuestion, data_url

        stills = clip.view(self._frames(), progress)
        if self.endpoint.pictures == "video":
            pictures = [data_url(evidence.mp4_bytes(stills, clip.duration_s), "video/mp4")]
        else:
            pictures = [data_url(evidence.jpeg_bytes(still.image), "image/jpeg") for still in stills]
        return ChatQuestion(tuple(pictures), self.endpoint.pictures == "video", with_thought=self.preferences.trace)

    def _ask(self, question: ChatQuestion, progress: Progress) -> ChatAnswer:
        from deepsound.reason.server.chat import complete
        from deepsound.reason.server.client import without_key

        server = self.endpoint
        lines = LineStreamer(progress, lambda text: without_key(server, text))
        with waiting_for_server(progress.check):
            answer = complete(server, question, progress, frozenset(self._lacking), lines)
        lines.end()
        self._is_streamed = lines.has_text
        self._lacking.update(answer.without)
        self._used = {"endpoint": server.name, "model": plain(answer.model)}
        return answer
