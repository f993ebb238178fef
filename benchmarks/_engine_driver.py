"""Runs the embedded engines of one checkout on prepared jobs, by calls that 0.3.0 has too.

`PYTHONPATH=CHECKOUT python _engine_driver.py JOBS ANSWERS` reads a JSON list of jobs and writes one answer for each. It
imports nothing of this project but `deepsound`, so that it serves any checkout. A job has `do` (generate, judge or
separate), `engine`, and paths: `video`, `sound` (float32 [channels, samples] as .npy at `rate`), `target` for what it
makes. An answer is `{"error": ...}` where the engine failed or is not there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

Job = dict[str, Any]
Answer = dict[str, Any]


def main(jobs: str, answers: str) -> None:
    # The folder of this file comes first on the path, and its modules are not meant.
    sys.path.pop(0)
    made: dict[tuple[str, str], Any] = {}
    done = []
    for job in json.loads(Path(jobs).read_text(encoding="utf-8")):
        try:
            done.append(_answer(job, made))
        except Exception as error:  # one engine that is missing or fails is an answer, not the end
            done.append({"error": f"{type(error).__name__}: {error}"})
        print(".", end="", flush=True)
    print(flush=True)
    Path(answers).write_text(json.dumps(done), encoding="utf-8")


def _answer(job: Job, made: dict[tuple[str, str], Any]) -> Answer:
    import deepsound

    if job["do"] == "version":
        return {"version": deepsound.__version__, "path": deepsound.__file__}
    key = (_KINDS[job["do"]], job["engine"])
    if key not in made:
        from deepsound import engines

        made[key] = getattr(engines, key[0])(key[1])
    return _WORK[job["do"]](made[key], job)


def _generate(engine: Any, job: Job) -> Answer:
    from deepsound.media.clip import Clip
    from deepsound.runtime.progress import Progress
    from deepsound.types import GenerationRequest

    request = GenerationRequest(prompt=job["prompt"], seed=job["seed"])
    return _saved(engine.generate(Clip.open(job["video"]), request, Progress()), job)


def _judge(engine: Any, job: Job) -> Answer:
    from deepsound.media.clip import Clip
    from deepsound.runtime.progress import Progress

    judgement = engine.judge(Clip.open(job["video"]), _sound(job), Progress())
    return {
        "verdict": judgement.verdict.value,
        "voice": bool(judgement.voice_spans),
        "person": bool(judgement.people_times_s),
    }


def _separate(engine: Any, job: Job) -> Answer:
    from deepsound.runtime.progress import Progress

    return _saved(engine.separate(_sound(job), Progress()).background, job)


def _sound(job: Job) -> Any:
    import numpy as np

    from deepsound.types import Audio

    return Audio.from_numpy(np.load(job["sound"], allow_pickle=False), job["rate"])


def _saved(audio: Any, job: Job) -> Answer:
    import numpy as np

    np.save(job["target"], audio.numpy())
    return {"rate": audio.sample_rate}


_KINDS = {"generate": "generator", "judge": "reasoner", "separate": "separator"}
_WORK = {"generate": _generate, "judge": _judge, "separate": _separate}


if __name__ == "__main__":
    main(*sys.argv[1:])
