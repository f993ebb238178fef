"""Proves `deepsound reproduce` on 60 rendered clips with known voices, on tiny checkpoints.

`python scripts/reproduce_test_set.py [--clips 60] [--seed 1] [--keep FOLDER]`.

Renders the set, runs the whole command on it with metric networks of the published layout in miniature (random weights:
the numbers mean nothing, their equality does), and checks that

- the known voices are found, and what is silent without its voice is left out of Ours-s4-rm;
- every row of Tables 1 and 2 is the one that `deepsound evaluate` makes of the same folder, computed anew;
- the sounds of Ours-s4-neg are those of `deepsound batch`, of twelve clips;
- one row of Table 1 and one of Table 3 can be computed by numpy from the WAV files alone;
- the same command again makes no clip and says the same.

The clips' own sound (`source`) is the coarse sound, which has known voices; twelve of the clips go through `draft` too,
which can avoid voices and so has the row Direct-neg. Exits 1 with what differs. Takes about a minute and a half of one
processor.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import shutil
import sys
import tempfile
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import wavfile

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from deepsound.cli.main import main as deepsound  # noqa: E402
from scripts.render_test_set import ALONE, NONE, render  # noqa: E402

SECONDS, FPS = 1.5, 4
# Enough for every kind of clip, twice.
FEW = 12
CLIPS = {"source": "known/clips", "draft": "few"}
ENGINES = ("--preset", "embedded", "--device", "cpu", "--quiet")


class Checks:
    """Counts what agrees and remembers what does not."""

    def __init__(self) -> None:
        self.made = 0
        self.failed: list[str] = []

    def equal(self, what: str, found: object, expected: object) -> None:
        self.made += 1
        if found != expected:
            self.failed.append(f"{what}: expected {expected}, got {found}")

    def close(self, what: str, found: float, expected: float, relative: float) -> None:
        self.made += 1
        if not abs(found - expected) <= relative * abs(expected):
            self.failed.append(f"{what}: expected {expected} within {relative:g} of it, got {found}")


def run(*arguments: object) -> dict[str, Any]:
    """The JSON that a `deepsound` command prints; ends the program where it fails."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = deepsound([str(part) for part in (*arguments, "--json")])
    if code:
        raise SystemExit(f"deepsound {' '.join(map(str, arguments))} ended with exit code {code}")
    result: dict[str, Any] = json.loads(printed.getvalue())
    return result


def reproduce(home: Path, generator: str, weights: list[str]) -> dict[str, Any]:
    clips = home / CLIPS[generator]
    return run("reproduce", clips, "--gt", clips, "-o", home / generator, *ENGINES, "--generators", generator, *weights)


def check_known_voices(home: Path, tables: dict[str, Any], checks: Checks) -> None:
    """Verdicts and numbers of clips against what was put into them."""
    with (home / "known" / "truth.csv").open(encoding="utf-8", newline="") as file:
        kinds = {row["clip"]: row["kind"] for row in csv.DictReader(file)}
    with (home / "source" / "vo_free.csv").open(encoding="utf-8", newline="") as file:
        changed = {row["clip"] for row in csv.DictReader(file) if row["changed"] == "True"}
    voiced = {name for name, kind in kinds.items() if kind != NONE}
    checks.equal("clips changed in the VO-Free set", sorted(changed), sorted(voiced))
    records = home / "source" / "source" / "seed_42" / "clips"

    def record(name: str) -> dict[str, Any]:
        loaded: dict[str, Any] = json.loads((records / f"{name}.json").read_text(encoding="utf-8"))
        return loaded

    found = {name for name in kinds if record(name)["is_voice_over"]}
    checks.equal("clips judged voice-over", sorted(found), sorted(voiced))
    rows = {row["system"]: row for row in tables["systems"]}
    silent = {name for name in found if record(name)["is_silent_after_removal"]}
    alone = {name for name, kind in kinds.items() if kind == ALONE}
    checks.equal("silent after removal, though there is a background", sorted(silent - alone), [])
    checks.equal("nine of ten voices alone leave silence", 10 * len(silent) >= 9 * len(alone), True)
    counts = [rows[name]["clips"] for name in ("direct", "s3", "s4_rm", "s4_rep", "s4_neg")]
    everyone = len(kinds)
    checks.equal("clips of each system", counts, [everyone, everyone, everyone - len(silent), everyone, everyone])


def check_evaluate(home: Path, generator: str, tables: dict[str, Any], weights: list[str], checks: Checks) -> None:
    """Each row against `deepsound evaluate` of its folder, with no feature computed before."""
    references = {"original": home / CLIPS[generator], "voice-free": home / generator / "vo_free"}
    sets = home / generator / generator / "seed_42" / "sets"
    folders = [folder for folder in sorted(sets.iterdir()) if any(folder.iterdir())]
    for name, reference in references.items():
        cache = ("--cache", home / "features of evaluate", "--device", "cpu", "--quiet")
        report = run("evaluate", *folders, "--gt", reference, *weights, *cache)
        measured = {Path(one["folder"]).name: one for one in report["sets"]}
        rows = [row for row in tables["systems"] if row["reference"] == name]
        checks.equal(f"{generator} {name}: systems", sorted(row["system"] for row in rows), sorted(measured))
        for row in rows:
            compare_row(f"{generator} {row['system']} {name}", row, measured[row["system"]], checks)


def compare_row(what: str, row: dict[str, Any], measured: dict[str, Any], checks: Checks) -> None:
    checks.equal(f"{what}: clips", row["clips"], measured["clips"])
    # Without the clips' pictures beside the WAV files, evaluate has no IB and no DeSync on the VO-Free set.
    of_pictures = ("IB", "DeSync") if row["reference"] == "voice-free" else ()
    for name, value in row["scores"].items():
        if name not in of_pictures:
            checks.equal(f"{what}: {name}", value, measured["scores"][name]["value"])
    voice = measured["voice"]["after"]["all"]
    checks.equal(f"{what}: IH@vid", row["ih_vid"], voice["share_of_clips"])
    checks.equal(f"{what}: IH@dur", row["ih_dur"], voice["share_of_time"])


def check_batch(home: Path, checks: Checks) -> None:
    """The sounds of Ours-s4-neg, byte by byte, as `deepsound batch` makes them of the same clips."""
    as_published = ("--scope", "clip", "--published_parser", "--fallback", "neg", "--skip_final_video")
    engines = ("--generator", "source", "--reasoner", "rules")
    run("batch", home / "few", "-o", home / "batch", *ENGINES, *engines, *as_published)
    for clip in sorted((home / "few").iterdir()):
        ours = home / "source" / "source" / "seed_42" / "sets" / "s4_neg" / f"{clip.stem}.wav"
        same = ours.read_bytes() == (home / "batch" / ours.name).read_bytes()
        checks.equal(f"{ours.name} of Ours-s4-neg is that of batch", same, True)


def samples_of(path: Path) -> tuple[np.ndarray, int]:
    """A WAV file as float64 [channels, samples] and its rate, by SciPy's reader."""
    rate, data = wavfile.read(path)
    samples = np.asarray(data, np.float64) / (32768 if data.dtype == np.int16 else 1)
    return samples.reshape(len(data), -1).T, rate


def check_by_hand(home: Path, tables: dict[str, Any], weights: list[str], checks: Checks) -> None:
    """Table 3's energy ratio and a row of Table 1 from the WAV files and the networks' features, by numpy."""
    sets = home / "source" / "source" / "seed_42" / "sets"
    (judge,) = tables["judges"]
    voice = mix = 0.0
    for path in sorted((sets / "direct").glob("*.wav")):
        coarse, background = samples_of(path)[0], samples_of(sets / "s3" / path.name)[0]
        if not np.array_equal(coarse, background):
            voice += float(np.square(coarse - background).sum())
            mix += float(np.square(coarse).sum())
    # The separator's voice and the difference of mix and background are the same samples but for rounding to 32 bits.
    checks.close("voice energy ratio of source", judge["voice_energy_ratio"], voice / mix, 1e-3)
    (row,) = [row for row in tables["systems"] if (row["system"], row["reference"]) == ("direct", "voice-free")]
    ours = features(sorted((sets / "direct").glob("*.wav")), weights)
    theirs = features(sorted((home / "source" / "vo_free").glob("*.wav")), weights)
    for name, column in (("passt", "FD_PaSST"), ("panns", "FD_PANNs"), ("vggish", "FD_VGG")):
        distance, rounding = frechet(ours[name]["features"], theirs[name]["features"])
        checks.close(column, row["scores"][column], distance, 1e-6 + rounding / distance)
    for name, column in (("passt", "KL_PaSST"), ("panns", "KL_PANNs")):
        checks.close(column, row["scores"][column], divergence(ours[name]["logits"], theirs[name]["logits"]), 1e-5)


def features(paths: list[Path], weights: list[str]) -> dict[str, dict[str, np.ndarray]]:
    """What the audio networks give for the files, stacked over all of them, by network and output."""
    import torch

    from deepsound.evaluate import extractors
    from deepsound.runtime.execution import Execution
    from deepsound.runtime.progress import Progress
    from deepsound.types import Audio

    files = dict(text.split("=", 1) for text in weights[1::2])
    execution = Execution(device="cpu", precision="fp32", weights={id: Path(path) for id, path in files.items()})
    sounds = [Audio.from_numpy(samples.astype(np.float32), rate) for samples, rate in map(samples_of, paths)]
    found: dict[str, dict[str, np.ndarray]] = {}
    for name in ("passt", "panns", "vggish"):
        made = [extractors.extractor(name).extract(sound, execution, Progress()) for sound in sounds]
        found[name] = {
            output: torch.cat([one[output].reshape(-1, one[output].shape[-1]) for one in made]).double().numpy()
            for output in made[0]
        }
    return found


def frechet(ours: np.ndarray, theirs: np.ndarray) -> tuple[float, float]:
    """|m1 - m2|^2 + tr(S1) + tr(S2) - 2 tr((S1 S2)^1/2), the root by eigenvalues; and how far rounding can move it.

    The networks give float32 whose last bits depend on how many sounds they get at once: 2**-22 of a mean, twice in the
    square of a difference. Where the product is nearly singular, its root is off by 2**-26 of the traces.
    """
    between = ours.mean(axis=0) - theirs.mean(axis=0)
    first, second = (np.cov(side, rowvar=False) for side in (ours, theirs))
    values, vectors = np.linalg.eigh(first)
    root = vectors @ np.diag(np.sqrt(values.clip(0))) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ second @ root).clip(0)).sum()
    spread = float(np.trace(first) + np.trace(second))
    distance = float(between @ between) + spread - 2 * float(shared)
    length = float(np.linalg.norm(ours.mean(axis=0)))
    return distance, 2 * 2**-22 * length * distance**0.5 + 2**-26 * spread


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def divergence(ours: np.ndarray, theirs: np.ndarray) -> float:
    """KL(theirs || ours) of the softmax of logits, mean over the clips."""
    own, other = log_softmax(ours), log_softmax(theirs)
    return float((np.exp(other) * (other - own)).sum(axis=1).mean())


def prove(home: Path, clips: int, seed: int) -> Checks:
    from tests.evaluate import tiny

    os.environ["DEEPSOUND_HOME"] = str(home / "deepsound")
    checks, began = Checks(), time.process_time()

    def done(what: str) -> None:
        print(f"{time.process_time() - began:6.1f} s of processor time  {what}", flush=True)

    render(home / "known", clips, SECONDS, seed, FPS)
    (home / "few").mkdir()
    for path in sorted((home / "known" / "clips").iterdir())[:FEW]:
        shutil.copy(path, home / "few")
    weights = [part for id, path in tiny.write(home / "models").items() for part in ("--weights", f"{id}={path}")]
    done(f"{clips} clips rendered")
    for generator in CLIPS:
        tables = reproduce(home, generator, weights)
        done(f"reproduce with {generator}: {len(tables['systems'])} rows of Tables 1 and 2")
        check_evaluate(home, generator, tables, weights, checks)
        done("evaluate of every folder of it")
        if generator == "source":
            check_known_voices(home, tables, checks)
            check_by_hand(home, tables, weights, checks)
            done("known voices and rows by hand")
            check_again(home, tables, weights, checks)
            done("the same command again")
    check_batch(home, checks)
    done("batch")
    return checks


def check_again(home: Path, tables: dict[str, Any], weights: list[str], checks: Checks) -> None:
    before = {path: path.stat().st_mtime_ns for path in (home / "source").rglob("*.wav")}
    again = reproduce(home, "source", weights)
    for part in ("systems", "judges"):
        checks.equal(f"{part} of the same command again", again[part], tables[part])
    checks.equal("sounds written again", [str(path) for path in before if path.stat().st_mtime_ns != before[path]], [])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clips", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="an empty folder that everything is left in (default: removed)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        checks = prove(arguments.keep or Path(scratch), arguments.clips, arguments.seed)
    for text in checks.failed:
        print(f"differs: {text}", file=sys.stderr)
    print(f"{checks.made - len(checks.failed)} of {checks.made} comparisons agree")
    return 1 if checks.failed or not checks.made else 0


if __name__ == "__main__":
    raise SystemExit(main())
