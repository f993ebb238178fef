"""The fake engines, registered under short names for one test."""

import pytest

from deepsound import engines
from tests import fakes

REGISTERED = {
    "generator": {
        "noise": "Generator",
        "nan": "NanGenerator",
        "wrong": "WrongGenerator",
        "endless": "EndlessGenerator",
    },
    "reasoner": {"yes": "YesReasoner", "no": "NoReasoner", "undecided": "UndecidedReasoner"},
    "separator": {
        "halving": "HalvingSeparator",
        "silencing": "SilencingSeparator",
        "shortening": "ShorteningSeparator",
    },
}


@pytest.fixture(autouse=True)
def fake_engines(monkeypatch):
    registered = tuple(
        engines.EngineInfo(kind, name, "made for tests", f"tests.fakes:{target}")
        for kind, rows in REGISTERED.items()
        for name, target in rows.items()
    )
    monkeypatch.setattr(engines, "EMBEDDED", engines.EMBEDDED + registered)
    monkeypatch.setattr(fakes.Generator, "requests", [])
