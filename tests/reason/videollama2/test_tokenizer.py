"""Texts to ids and back, and text as it arrives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepsound.errors import EngineError
from deepsound.reason import prompts
from deepsound.reason.videollama2.tokenizer import QwenTokenizer, TextStreamer
from tests.reason.videollama2 import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.write(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> QwenTokenizer:
    return QwenTokenizer(folder)


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "naïve 日本語 🎬",
        "line\nline\n\n",
        "x" * 200 + "é" * 100,
        "  spaces  ",
        "",
        "\ufffd and more",
        *prompts.expected_thoughts(),
        prompts.expected_plan(),
    ],
)
def test_text_arrives_whole_whatever_its_characters(tokenizer: QwenTokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    streamed = TextStreamer(tokenizer)
    pieces = [streamed.add(token) for token in ids]
    assert "".join(pieces) == tokenizer.decode(ids) == text
    assert len(pieces) == len(ids)


def test_a_character_is_said_when_its_last_byte_is_there(tokenizer: QwenTokenizer) -> None:
    streamed = TextStreamer(tokenizer)
    assert [streamed.add(token) for token in tokenizer.encode("a🎬b")] == ["a", "", "", "", "🎬", "b"]


def test_the_question_is_read_in_two_halves_around_the_video(tokenizer: QwenTokenizer) -> None:
    before, after = tokenizer.question(prompts.JUDGE_QUESTION)
    assert tokenizer.decode(before) == "system\nYou are a helpful assistant.\nuser\n"
    assert tokenizer.decode(after) == f"\n{prompts.JUDGE_QUESTION}\nassistant\n"
    assert prompts.VIDEO not in tokenizer.decode(before + after)


def test_the_checkpoints_own_template_decides(folder: Path, tmp_path: Path) -> None:
    content = json.loads((folder / "tokenizer_config.json").read_text())
    content["chat_template"] = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}{% endfor %} answer:"
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).write_text((folder / name).read_text())
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(content))
    assert QwenTokenizer(tmp_path).chat("What?") == "user: <video>\nWhat? answer:"


def test_a_whole_tokenizer_file_is_enough(folder: Path, tokenizer: QwenTokenizer, tmp_path: Path) -> None:
    tokenizer._inner.save_pretrained(str(tmp_path))
    for name in ("vocab.json", "merges.txt"):
        (tmp_path / name).unlink(missing_ok=True)
    assert (tmp_path / "tokenizer.json").is_file()
    text = prompts.chat("What?")
    assert QwenTokenizer(tmp_path).encode(text) == tokenizer.encode(text)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match=r"no tokenizer\.json, and no vocab\.json"):
        QwenTokenizer(tmp_path)
