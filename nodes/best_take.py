"""DeepSoundBestTake: ranks takes of a video's sound, passes on the best or the starred one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from comfy_api.latest import io

from deepsound.choices import PICKS
from deepsound.errors import InputError
from deepsound.rank.limits import MOST_TAKES

from . import comfy_host, host_folders
from .compare import content_key
from .convert import clip_of, to_comfy
from .notes import run_summary
from .schema import download_input, offload_input, option_input, output, schema
from .takes import Takes, at
from .temp_files import LastRuns, Place

if TYPE_CHECKING:
    from deepsound.rank.ranking import Ranking
    from deepsound.runtime.progress import Progress
    from deepsound.types import Audio

MORE_AUDIO = ("audio_2", "audio_3", "audio_4")


@dataclass(frozen=True)
class _RankingFiles:
    """A ranking, and a file to play of each take."""

    ranking: Ranking
    files: tuple[Path, ...]


_LAST_RUNS: LastRuns[_RankingFiles] = LastRuns(host_folders.temp_path)


class BestTake(io.ComfyNode):
    """Ranks takes by voice, sync and likeness to the picture; a star on one of them overrules."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        return schema(
            "DeepSoundBestTake",
            "Best Take (DeepSound)",
            description="Of several takes of a video's sound, passes on the best: free of voices, in sync, like the "
            "picture. Plays every take with its figures; a star on one of them overrules.",
            search_aliases=[
                "best of n",
                "rank",
                "choose take",
                "pick",
                "select audio",
                "sync",
                "AV-Align",
                "最佳",
                "挑选",
            ],
            inputs=[
                io.Audio.Input("audio", tooltip="The takes: a batch, a list, or one of several sounds."),
                io.Video.Input("video", tooltip="The video they were made for."),
                option_input("pick", PICKS, "What makes a take the best. A tie goes to the first."),
                io.Int.Input(
                    "choose",
                    default=0,
                    min=0,
                    max=MOST_TAKES,
                    tooltip="0: the best take. 1, 2, ...: this take, whatever its figures; the stars set it.",
                ),
                offload_input(),
                download_input(),
                *(
                    io.Audio.Input(name, optional=True, tooltip="More takes, ranked after those before.")
                    for name in MORE_AUDIO
                ),
            ],
            outputs=[
                output(io.Audio, "best", "The best take, or the starred one."),
                output(io.Int, "index", "Which take it is, counted from 0."),
                output(io.String, "table", "The figures of every take, a line each."),
                output(
                    io.Float,
                    "scores",
                    "A number for each take, 0 to 1, the larger the better; -1 for a silent one.",
                    per_take=True,
                ),
            ],
            hidden=[io.Hidden.unique_id],
            is_input_list=True,
            is_output_node=True,
        )

    @classmethod
    def fingerprint_inputs(cls, **_: Any) -> int:
        """Another number once files of an earlier run went away, which ComfyUI's cache must not bring back."""
        return _LAST_RUNS.epoch

    @classmethod
    def execute(
        cls,
        audio: Any,
        video: Any,
        pick: Any,
        choose: Any,
        offload: Any,
        download: Any,
        audio_2: Any = None,
        audio_3: Any = None,
        audio_4: Any = None,
    ) -> io.NodeOutput:
        from deepsound.rank.ranking import check_pick, rank_takes

        pick, choose = at(pick, 0), at(choose, 0)
        sounds = _sounds({"audio": audio, "audio_2": audio_2, "audio_3": audio_3, "audio_4": audio_4})
        _check_choice(choose, len(sounds))
        progress = comfy_host.progress(cls.hidden.unique_id, "pick")
        clip = clip_of(at(video, 0), progress)
        execution = comfy_host.execution("fp32", at(offload, 0), at(download, 0))
        check_pick(pick, clip, execution)

        def make(place: Place) -> _RankingFiles:
            ranking = rank_takes(sounds, clip, pick, execution=execution, progress=progress)
            return _RankingFiles(ranking, tuple(_write_take(sound, place, progress) for sound in sounds))

        key = content_key({str(number): sound for number, sound in enumerate(sounds)}, clip, pick)
        ranked = _LAST_RUNS.result(comfy_host.node_key(cls.hidden), comfy_host.prompt_id(), key, make)
        ranking = ranked.ranking
        chosen = choose - 1 if choose else ranking.best
        table = ranking.table(chosen)
        comfy_host.show_text(table, cls.hidden.unique_id)
        shown = {**_panel_data(ranked, chosen), "starred": bool(choose), **run_summary(progress, ranking.notes)}
        return io.NodeOutput(
            to_comfy(sounds[chosen]),
            chosen,
            table,
            [take.score for take in ranking.takes],
            ui={"deepsound": [shown]},
        )


def _sounds(connected: dict[str, Any]) -> list[Audio]:
    """The takes of all sockets in order. Raises InputError for none and for more than can be ranked."""
    sounds = [sound for name, audio in connected.items() if audio is not None for sound in Takes(audio, name).sounds]
    if not 1 <= len(sounds) <= MOST_TAKES:
        raise InputError(f"audio: expected 1 to {MOST_TAKES} takes, got {len(sounds)}; connect fewer.")
    return sounds


def _check_choice(choose: Any, count: int) -> None:
    if isinstance(choose, bool) or not isinstance(choose, int) or not 0 <= choose <= count:
        raise InputError(f"choose: expected 0 (the best) or a take from 1 to {count}, got {choose!r}; set it to 0.")


def _write_take(sound: Audio, place: Place, progress: Progress) -> Path:
    from deepsound.media.wav import write_wav

    progress.check()
    path = place(".wav")
    write_wav(sound, path)
    return path


def _panel_data(ranked: _RankingFiles, chosen: int) -> dict[str, Any]:
    """What the panel needs: each take's figures and where its sound is."""
    takes: Sequence[dict[str, Any]] = ranked.ranking.records(chosen)
    places = [{"filename": file.name, "subfolder": "", "type": "temp"} for file in ranked.files]
    return {
        "takes": [{**take, "file": place} for take, place in zip(takes, places, strict=True)],
        "sync_by": ranked.ranking.sync_by,
    }
