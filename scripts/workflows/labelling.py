"""Workflow that labels a folder of clips for the reasoner's training."""

from __future__ import annotations

from .embedded import NO_WEIGHTS
from .sheet import Sheet
from .steps import about, show


def label_a_folder(sheet: Sheet) -> None:
    """Every video of a folder judged; the results are labels for `deepsound train data`."""
    about(
        sheet,
        "## Label a folder\n\nJudges the own sound of every video of a folder inside *input*, and leaves the verdict, "
        "its category, the spans of a voice and the times of people in *output/DeepSound/labels*. `deepsound train "
        "data FOLDER --label records --out set` makes training data of these results; people check them on the page "
        f"of `deepsound app --review set`.\n\n{NO_WEIGHTS}\n\nLabels of `rules` are drafts: choose a judge of your "
        "own as *reasoner*, or check them, before a model learns from them.\n\nPress *Run*.",
    )
    folder = sheet.group("The folder")
    folder.note("A *generator* other than source makes the sound that is judged, as the paper's data have it.")
    done = folder.node(
        "DeepSoundFolder",
        "Judge every video",
        generator="source",
        reasoner="rules",
        separator="dtln",
        output_folder="DeepSound/labels",
    )
    show(folder, done["summary"], "How each ended")
