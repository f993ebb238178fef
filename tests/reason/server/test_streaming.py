"""Tests of streamed answers: sections are said as they are written, within the usual limits."""

from __future__ import annotations

import json
import threading
import time

import pytest
import torch

from deepsound import engines
from deepsound.errors import Cancelled, EngineError
from deepsound.media.clip import Clip
from deepsound.reason.line_streamer import LineStreamer
from deepsound.reason.server.chat import complete
from deepsound.runtime.endpoints import Endpoint
from deepsound.runtime.progress import CancelToken, Progress
from deepsound.types import Audio, Verdict
from tests.reason.server import fake_judge
from tests.reason.server.conftest import KEY
from tests.reason.server.fake_judge import ANSWER, TAGGED, FakeJudge
from tests.waiting import LIMIT_S

QUIET = Audio(torch.zeros(1, 16000), 16000)


def lab(judge, **more):
    return Endpoint("lab", judge.url, **{"retries": 0, "timeout_s": 20, **more})


def listening(**more):
    """A progress and what it says."""
    said = []
    return Progress(lambda event: said.append(event.text) if event.text else None, **more), said


@pytest.fixture
def clip(make_video):
    return Clip.open(make_video(fps=5, seconds=1.0))


def sections(answer):
    return [f"<{name.upper()}> {answer[name]} </{name.upper()}>" for name in ANSWER if name != "voice_spans"]


def test_every_section_is_said_before_the_next_one_is_written(configure, clip):
    """They all appeared together, at the end."""
    heard, expected = threading.Event(), sections(ANSWER)
    late = []

    def behave(handler, body):
        assert body["stream"] is True
        handler.begin_stream()
        text = json.dumps(ANSWER)
        cut = text.index('"caption"')
        handler.chunk(text[:cut])
        late.append(not heard.wait(LIMIT_S))
        handler.chunk(text[cut:], "stop")

    said = []

    def listen(event):
        said.append(event.text)
        if event.text == expected[0]:
            heard.set()

    with FakeJudge(behave) as judge:
        configure(lab={"url": judge.url})
        engine = engines.reasoner("server:lab")
        judgement = engine.judge(clip, QUIET, Progress(listen))
    assert late == [False] and [text for text in said if text] == expected, "and each once"
    assert judgement.verdict is Verdict.YES and json.loads(judgement.raw) == ANSWER
    assert engine.settings_in_use() == {"endpoint": "lab", "model": "tiny-judge"}


WITH_SPANS = TAGGED.replace("<CONCLUSION>", "<VOICE_SPANS>[[0.2, 0.8]]</VOICE_SPANS> <CONCLUSION>")


@pytest.mark.parametrize(
    "answer", [TAGGED, WITH_SPANS, json.dumps(ANSWER), f"```json\n{json.dumps(ANSWER, indent=1)}\n```"]
)
@pytest.mark.parametrize("size", [1, 1000])
def test_a_streamed_answer_is_the_whole_one(question, answer, size):
    progress, said = listening()
    with FakeJudge(fake_judge.streams(answer, size=size)) as judge:
        lines = LineStreamer(progress)
        assert complete(lab(judge), question, progress, lines=lines).text == answer
        lines.end()
    assert [line.split(">")[0] for line in said] == ["<SUMMARY", "<CAPTION", "<REASONING", "<CONCLUSION"]


def test_a_server_that_does_not_stream_is_asked_for_whole_answers(configure, clip):
    progress, said = listening()

    def behave(handler, body):
        refused = "stream" in body
        handler.answer(400, b"stream is not supported") if refused else handler.complete(json.dumps(ANSWER))

    with FakeJudge(behave) as judge:
        configure(lab={"url": judge.url}, whole={"url": judge.url, "stream": False})
        engine = engines.reasoner("server:lab")
        assert [engine.judge(clip, QUIET, progress).verdict for _ in range(2)] == [Verdict.YES] * 2
        assert ["stream" in body for body in judge.bodies] == [True, False, False], "the refusal is remembered"
        assert all("response_format" in body for body in judge.bodies) and said == 2 * sections(ANSWER)
        engines.reasoner("server:whole").judge(clip, QUIET, Progress())
    assert "stream" not in judge.bodies[-1]


@pytest.mark.parametrize(
    ("behave", "message"),
    [
        (fake_judge.streams_without_end, "at most 4 MiB"),
        (fake_judge.streams(TAGGED, ""), "expected an answer, got none: IncompleteRead"),
        (fake_judge.streams("A", "<html>"), "expected a chat completion in JSON"),
        (fake_judge.streams("A", "[" * 100_000), "expected a chat completion in JSON"),
        (fake_judge.streams("A", "[1]"), "expected a chat completion in JSON"),
        (fake_judge.streams(""), "JSON of another form"),
        (fake_judge.streams("A", json.dumps({"error": {"message": f"broken {KEY}"}})), r"error \(broken \[key\]\)"),
        (fake_judge.streams("A", json.dumps({"error": "out of memory"})), r"error \(out of memory\)"),
    ],
)
def test_every_misbehaviour_of_a_stream_is_one_sentence(question, behave, message):
    with FakeJudge(behave) as judge, pytest.raises(EngineError, match=message) as error:
        complete(lab(judge, key=KEY), question, Progress(), lines=LineStreamer(Progress()))
    assert "\n" not in str(error.value) and len(str(error.value)) < 500


def test_a_stream_that_breaks_is_asked_for_again_from_its_beginning(question, monkeypatch):
    monkeypatch.setattr("deepsound.reason.server.client._pause", lambda seconds, progress: None)
    answers = [fake_judge.streams('{"summary": "I lo', ""), fake_judge.streams(json.dumps(ANSWER))]
    progress, said = listening()
    with FakeJudge(lambda handler, body: answers.pop(0)(handler, body)) as judge:
        answer = complete(lab(judge, retries=1), question, progress, lines=LineStreamer(progress))
    assert json.loads(answer.text) == ANSWER and said == sections(ANSWER)


def test_a_key_in_a_stream_is_never_said(question):
    """It comes in pieces, and behind escapes."""
    progress, said = listening()
    answer = json.dumps({**ANSWER, "caption": f"The key is {KEY}."}).replace("sk-", "\\u0073k-")
    with FakeJudge(fake_judge.streams(answer, size=3)) as judge:
        server = lab(judge, key=KEY)
        from deepsound.reason.server.client import without_key

        complete(server, question, progress, lines=LineStreamer(progress, lambda text: without_key(server, text)))
    assert "<CAPTION> The key is [key]. </CAPTION>" in said and KEY not in " ".join(said)


def test_a_dripping_stream_is_left_when_the_user_cancels_and_when_its_time_is_over(question):
    token, whole = CancelToken(), []

    def drips(handler, body):
        handler.begin_stream()
        token.cancel()
        for _ in range(600):
            handler.chunk("word ")
            time.sleep(0.05)
        whole.append(body)

    with FakeJudge(drips) as judge:
        with pytest.raises(Cancelled):
            complete(lab(judge, timeout_s=600), question, Progress(check=token.check), lines=LineStreamer(Progress()))
        assert not whole, "it was heard to its end"
        with pytest.raises(EngineError, match="nothing whole within 1 s"):
            complete(lab(judge, timeout_s=1), question, Progress(), lines=LineStreamer(Progress()))


def test_no_more_is_said_of_an_endless_line_than_is_read():
    progress, said = listening()
    lines = LineStreamer(progress)
    for _ in range(30):
        lines.add("word " * 1000)
    lines.end()
    assert len(" ".join(said)) <= 20_000


def test_control_characters_of_an_answer_are_not_said():
    progress, said = listening()
    lines = LineStreamer(progress)
    lines.add('{"caption": "\\u001b[31mred \\u202eevil", "conclusion": "B"}')
    lines.add("\x1b[0m")
    lines.end()
    assert said == ["<CAPTION> [31mred evil </CAPTION>", "<CONCLUSION> B </CONCLUSION>"]
