"""Prompts of the published reasoners, word for word, and the answers they expect."""

from __future__ import annotations

from collections.abc import Sequence

from deepsound.reason.cot import TABLE, Category, key_sentences
from deepsound.reason.plan import STEPS

VIDEO = "<video>"
# Of sound alone, in training.
AUDIO = "<audio>"
PLAN_QUESTION = "Generate high-quality audio from video step-by-step."
JUDGE_QUESTION = (
    "Given a video and its corresponding audio, determine whether the audio contains voice-over? "
    "Options: A. Yes, B. No. Choose A or B."
)
# The project page's third question; its grammar is the original's.
CAPTION_QUESTION = "Describe this video in detail, in less than 35 words."
SILENCE_QUESTION = "Is the audio is silent?"

# Qwen2's chat with its default system message, for checkpoints whose tokenizer has no template of its own.
_CHAT = (
    "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n{content}<|im_end|>\n<|im_start|>assistant\n"
)


def user_content(question: str) -> str:
    """What the user says: the video's place, a newline, the question. Sound has no place of its own."""
    return f"{VIDEO}\n{question}"


def chat(question: str) -> str:
    """The whole prompt for a question, up to where the answer begins."""
    return _CHAT.format(content=user_content(question))


def conversation(turns: Sequence[tuple[str, str]], opened: bool = False) -> str:
    """Turns of (role, text) in Qwen2's chat, the roles `user` and `assistant`; `opened` begins another answer."""
    system = "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
    said = "".join(f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in turns)
    return system + said + ("<|im_start|>assistant\n" if opened else "")


def split_at_video(prompt: str) -> tuple[str, str]:
    """The prompt before and after the video. Raises ValueError where the video has no place in it, or several."""
    before, *after = prompt.split(VIDEO)
    if len(after) != 1:
        raise ValueError(f"the prompt has {len(after)} places for a video and needs one")
    return before, after[0]


def expected_plan() -> str:
    """The plan of the training data, without the tag lines whose wording is not published."""
    return "\n".join(STEPS)


def expected_thoughts() -> tuple[str, ...]:
    """The chain of thought for each of Figure 4's cases, as far as its wording is published."""
    return tuple(_thought(person, voice) for person, voice in TABLE)


def _thought(person_seen: bool, voice_heard: bool) -> str:
    people, voice, detected = key_sentences(person_seen, voice_heard)
    shown = f"The video shows {people[0].lower()}{people[1:]} {voice}"
    letter = "A" if TABLE[person_seen, voice_heard] is Category.YES else "B"
    parts = {
        "Summary": "I will determine whether there are people in the video and whether there is the sound of people "
        "in the audio.",
        "Caption": f" {shown} ",
        "Reasoning": f" {people} {voice} {detected} ",
        "Conclusion": f" {letter} ",
    }
    return "\n".join(f"{heading}\n<{heading.upper()}>{text}</{heading.upper()}>" for heading, text in parts.items())
