"""Tables of the documents, drawn from the saved results.

`python -m benchmarks.tables` writes them into README.md and docs/performance.md, between the comments that name them;
a test compares both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "docs/performance.md")
_MARKED = re.compile(r"(<!-- benchmarks: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def seconds(value: float) -> str:
    """Two digits or more, as people read them: 0.66 s, 4.4 s, 107 s."""
    return f"{value:.0f} s" if value >= 100 else f"{value:.1f} s" if value >= 1 else f"{value:.2f} s"


def gigabytes(value: float) -> str:
    return f"{value / 1e9:.1f} GB"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *rows))


def results(name: str) -> Any:
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text(encoding="utf-8"))


def readme() -> str:
    """What the README shows of the networks, beside the original's code."""
    cases = results("mmaudio")["cases"]
    names = {
        "MMAudio large 44k v2, one guided step of 8 s": "guided pair large_44k_v2, 8 s",
        "MMAudio small 16k, one guided step of 8 s": "guided pair small_16k, 8 s",
        "BigVGAN v2 44k, 8 s": "BigVGAN v2 44k, 8 s",
    }
    rows = [
        (shown, *(seconds(cases[name][side]["median_s"]) for side in ("ours", "original")))
        for shown, name in names.items()
    ]
    separator = {row["name"]: row for row in results("separator")["rows"]}
    theirs = seconds(separator["reference"]["wall_s"])
    # Earlier results say "clean", the name that equal_overlap had in 0.3.0.
    equal = separator.get("bs_roformer, equal_overlap") or separator["bs_roformer, clean"]
    published = separator["bs_roformer, published"]
    rows += [
        ("BS-RoFormer, 10 s, equal_overlap", seconds(equal["wall_s"]), theirs),
        (
            f"BS-RoFormer, 10 s, published, equal to {published['largest_difference']:.0e}".replace("e-0", "e-"),
            seconds(published["wall_s"]),
            theirs,
        ),
    ]
    return table(("what", "DeepSound", "original"), rows)


def embedded() -> str:
    """Whole runs of the embedded engines, start-up included."""
    saved = results("embedded")
    rows = [
        (
            row["name"],
            seconds(row["run"]["cpu_s"]),
            # Beside other work the wall clock measures that work.
            seconds(row["run"]["wall_s"]) if row["load_average"] <= saved["cores"] else "machine was busy",
            f"{row['run']['peak_mb']:.0f} MB",
            seconds(row["decode_only"]["cpu_s"]),
        )
        for row in saved["results"]
    ]
    return table(("clip", "processor time", "wall time", "peak memory", "decoding alone"), rows)


def start_up() -> str:
    """What imports and commands that only inform cost."""
    return table(
        ("what", "processor time"),
        ((name, f"{taken:.2f} s") for name, taken in results("embedded")["start_up_cpu_s"].items()),
    )


def networks() -> str:
    """All of MMAudio's networks in fp32, beside the original's code."""
    rows = [
        (name, *(seconds(row[side]["median_s"]) for side in ("ours", "original")), f"{row['ratio']:.2f}")
        for name, row in results("mmaudio")["cases"].items()
        if isinstance(row, dict)
    ]
    return table(("what", "DeepSound", "original", "ratio"), rows)


def defaults() -> str:
    """MMAudio's networks in fp32 and at both projects' defaults; one thread's rows where there are no others."""
    saved = results("mmaudio")
    rows = []
    for name, measured in saved["cases"].items():
        row = measured if "ratio_default" in measured else saved.get("cases_one_thread", {}).get(name, {})
        if "ratio_default" not in row:
            continue
        times = [seconds(row[side]["cpu_s"][0]) for side in ("original", "original_default", "ours", "ours_default")]
        errors = [f"{100 * row[key]:.1f} %" for key in ("error_original_default", "error_default")]
        rows.append((name, *times, f"{row['ratio']:.2f}", f"{row['ratio_default']:.2f}", *errors))
    head = ("what", "original fp32", "original bf16", "ours fp32", "ours auto", "fp32 / fp32", "auto / bf16")
    return table((*head, "error, original bf16", "error, ours auto"), rows)


def precision() -> str:
    """bf16 against fp32 on a CPU."""
    rows = [
        (
            row["name"],
            f"{row['relative_error']:.1e}".replace("e-0", "e-"),
            f"{row['snr_db']:.0f} dB",
            f"{row['ratio']:.2f}",
            f"{row['ratio_of_products']:.2f}" if "ratio_of_products" in row else "",
            *(f"{row[key]:.0%}" if key in row else "" for key in ("utilisation_fp32", "utilisation_bf16")),
        )
        for row in results("precision")["rows"]
    ]
    head = ("network", "relative error", "SNR", "time, bf16 / fp32", "plain products")
    return table((*head, "utilisation fp32", "utilisation bf16"), rows)


def memory() -> str:
    """MMAudio's memory on a device for 8 s, by variant and precision."""
    rows = [
        (row["variant"], row["dtype"], gigabytes(row["peak_without"]), gigabytes(row["peak_with_offload"]))
        for row in results("mmaudio")["memory"]
    ]
    return table(("variant", "precision", "all networks kept", "with offload"), rows)


TABLES: Mapping[str, Callable[[], str]] = {
    "readme": readme,
    "embedded": embedded,
    "start_up": start_up,
    "networks": networks,
    "defaults": defaults,
    "precision": precision,
    "memory": memory,
}


def drawn(text: str) -> str:
    """A document with its tables drawn anew. Raises KeyError for a table that does not exist."""
    return _MARKED.sub(lambda found: f"{found[1]}\n{TABLES[found[2]]()}\n{found[3]}", text)


def main() -> None:
    for name in DOCUMENTS:
        path = ROOT / name
        path.write_text(drawn(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
