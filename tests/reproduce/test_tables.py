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


def test_published_rows_stand_at_their_systems():
    """Ours-s4-neg had the numbers of Ours-s3, and Table 2 and most rows of Table 1 were missing."""
    s3 = published_scores("mmaudio_large_44k", "s3", "voice-free")
    assert (s3["FD_PaSST"], s3["DeSync"]) == (55.19, 0.490)
    table_2 = [published_scores("mmaudio_large_44k", f"s4_{mode}", "voice-free") for mode in ("rm", "rep", "neg")]
    assert [row["FD_PANNs"] for row in table_2] == [4.49, 4.45, 4.44]
    assert published_scores("mmaudio_large_44k", "direct", "original")["DeSync"] == 0.442
    assert published_scores("foleycrafter", "direct_neg", "original")["FD_PaSST"] == 181.45
    assert published_scores("mmaudio_medium_44k", "s3", "voice-free")["FD_PaSST"] == 55.65
    assert published_scores("mmaudio_medium_44k", "s4_neg", "voice-free") == {}
    assert published_scores("draft", "direct", "original") == {}


def test_table_1_has_four_rows_for_each_published_generator_and_table_2_four_systems():
    rows = {(row["generator"], row["system"], row["reference"]) for row in published()["rows"]}
    generators = ("mmaudio_small_44k", "mmaudio_medium_44k", "mmaudio_large_44k", "yingsound", "foleycrafter")
    expected = {
        (name, *place)
        for name in generators
        for place in (("direct", "original"), ("direct", "voice-free"), ("direct_neg", "original"))
    }
    expected |= {(name, "best", "voice-free") for name in generators if name != "mmaudio_large_44k"}
    expected |= {("mmaudio_large_44k", name, "voice-free") for name in ("s3", "s4_rm", "s4_rep", "s4_neg")}
    assert rows == expected and len(published()["rows"]) == len(rows)


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
