"""Fuzzing target: tables of clips."""

from __future__ import annotations

from pathlib import Path

from deepsound.batch.sources import open_source, require_clips
from tests.fuzz.targets import Target

_TABLES = {
    "plain.csv": "video,prompt,negative,seed,start,duration\na.mp4,rain,voice,1,0.5,2\nsub/b.mp4,,,2,,\n",
    "quoted.csv": '\ufeffVideo,Prompt,steps,cfg,mode,fallback\n"a.mp4","rain, ""heavy""\nand long",25,4.5,s4,neg\n',
    "semicolons.csv": "video;prompt\na.mp4;rain, wind\n=1+1.mp4;caf\u00e9\n~/c.mp4;\n",
    "tabs.tsv": "video\tprompt\nd.mp4\t\u96e8\n",
}


def seeds(folder: Path) -> list[Path]:
    """Tables of every form that is read."""
    for name, text in _TABLES.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "wide.tsv").write_text(_TABLES["tabs.tsv"], encoding="utf-16")
    return sorted(folder.iterdir())


def read(path: Path) -> None:
    """List its clips twice, as a batch does."""
    source = open_source(path, path.parent / "out")
    require_clips(source)
    for _ in range(2):
        assert sum(1 for _ in source.entries()) >= source.count()


TARGET = Target(seeds, read, text=True)
