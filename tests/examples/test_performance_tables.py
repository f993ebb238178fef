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


@pytest.mark.parametrize(
    "name, sentence",
    [
        ("README.md", "{} s of processor time for a clip of 10 s"),
        ("README.zh.md", "10 秒的片段用 {} 秒处理器时间"),
    ],
)
def test_the_time_in_the_first_table_of_a_readme_is_the_measured_one(name, sentence):
    """It said 9 s where the table under "What it costs", to which it points, said 5.9 s."""
    (run,) = [each["run"] for each in tables.results("embedded")["results"] if each["name"].startswith("10 s")]
    assert sentence.format(f"{run['cpu_s']:.0f}") in (tables.ROOT / name).read_text(encoding="utf-8")
