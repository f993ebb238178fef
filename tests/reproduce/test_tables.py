"""Tests of Tables 1 to 3: published beside measured numbers, rows recomputed."""

import pytest

from deepsound.reproduce.tables import COLUMNS, SystemRow, judge_rows, markdown, published, published_scores


def record(verdicts: dict[str, str], voice: float | None = None, mix: float = 1.0) -> dict:
    judges = {name: {"verdict": verdict, "is_voice_over": verdict == "yes"} for name, verdict in verdicts.items()}
    return {"judges": judges, "energy": None if voice is None else {"voice": voice, "mix": mix}}


def test_table_3_counts_verdicts_and_sums_energies_over_a_judges_own_clips():
    records = {
        "a": record({"cot": "yes", "qa": "yes"}, 2.0, 8.0),
        "b": record({"cot": "yes", "qa": "no"}, 1.0, 2.0),
        "c": record({"cot": "no", "qa": "undecided"}),
    }
    cot, qa = judge_rows("draft", 42, records)
    assert (cot.judge, cot.clips, cot.voice_over, cot.undecided) == ("cot", 3, 2, 0)
    assert cot.voice_energy_ratio == pytest.approx(3.0 / 10.0)
    assert (qa.voice_over, qa.undecided, qa.voice_energy_ratio) == (1, 1, 0.25)


def test_a_judge_that_finds_no_voice_over_has_no_ratio():
    assert judge_rows("draft", 42, {"a": record({"cot": "no"})})[0].voice_energy_ratio is None


def test_the_published_best_stands_at_the_system_with_neg():
    assert published_scores("mmaudio_large_44k", "s4_neg", "voice-free")["FD_PaSST"] == 55.19
    assert published_scores("mmaudio_large_44k", "direct", "original")["DeSync"] == 0.442
    assert published_scores("draft", "direct", "original") == {}


def test_every_published_row_has_a_value_for_every_column():
    assert tuple(published()["metrics"]) == COLUMNS
    assert all(len(row["values"]) == len(COLUMNS) for row in published()["rows"])


def test_what_was_not_measured_is_said_beside_what_was_published():
    row = SystemRow(
        "mmaudio_large_44k",
        42,
        "direct",
        "Direct",
        "original",
        3,
        dict.fromkeys(COLUMNS),
        {"FD_PaSST": 60.6},
        0.5,
        0.25,
    )
    text = markdown([row], [])
    assert "not measured (60.6)" in text
    assert "| 50.0% | 25.0% |" in text
