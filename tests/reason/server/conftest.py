"""Fixtures of the reasoner `server`: configured endpoints, and a question without a clip."""

from __future__ import annotations

import pytest

from deepsound.reason.server.chat import ChatQuestion

KEY = "sk-secret-0123456789"


@pytest.fixture
def configure(tmp_path, monkeypatch):
    """Write the user's settings: configure(lab={"url": ..., ...})."""
    file = tmp_path / "settings" / "config.toml"
    file.parent.mkdir()
    monkeypatch.setenv("DEEPSOUND_CONFIG", str(file))

    def write(**tables: dict[str, object]) -> None:
        lines = []
        for name, table in tables.items():
            values = {"retries": 0, "timeout_s": 20, **table}
            lines.append(f"[endpoints.{name}]")
            lines += [f"{key} = {_toml(value)}" for key, value in values.items()]
        file.write_text("\n".join(lines))

    return write


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, int) else f'"{value}"'


@pytest.fixture
def question() -> ChatQuestion:
    return ChatQuestion(
        ("data:image/jpeg;base64,AA==",), is_video=False, words="A voice detector heard no human voice."
    )
