"""The tables of README.md and docs/performance.md are those of the saved results."""

import pytest

from benchmarks import tables


@pytest.mark.parametrize("name", tables.DOCUMENTS)
def test_tables_agree_with_the_saved_results(name):
    text = (tables.ROOT / name).read_text(encoding="utf-8")
    assert "<!-- benchmarks: " in text
    assert tables.drawn(text) == text, "run `python -m benchmarks.tables`"


def test_a_result_that_changes_changes_the_table(monkeypatch):
    text = (tables.ROOT / "README.md").read_text(encoding="utf-8")
    changed = tables.results("separator")
    for row in changed["rows"]:
        row["wall_s"] *= 2
    read = tables.results
    monkeypatch.setattr(tables, "results", lambda name: changed if name == "separator" else read(name))
    assert tables.drawn(text) != text


@pytest.mark.parametrize(("value", "text"), [(0.664, "0.66 s"), (4.365, "4.4 s"), (106.97, "107 s")])
def test_seconds_have_two_digits_or_more(value, text):
    assert tables.seconds(value) == text
