"""Environment variables of this project: the table of the names that are read."""

from __future__ import annotations

import os

PREFIX = "DEEPSOUND_"
SERVER_PREFIX = f"{PREFIX}SERVER_"
# What each is for. The command line's options have names of the same form, which its parser knows; none is among these.
VARIABLES: dict[str, str] = {
    "DEEPSOUND_HOME": "where weights are downloaded to and looked for, and what is computed is kept",
    "DEEPSOUND_MEMORY_GB": "budget of the model cache",
    "DEEPSOUND_CONFIG": "the command line's settings file; `none` reads none",
    "DEEPSOUND_PROJECTS": "a folder with checkouts of the original projects, whose weights are then found",
    "DEEPSOUND_CPU_PRECISION": "what `--precision auto` is on a CPU: fp32 or bf16, in place of a measurement",
    "DEEPSOUND_OMNI_EXAMPLES": "the reasoner `omni`: worked answers first",
    "DEEPSOUND_OMNI_JSON": "the reasoner `omni`: JSON alone",
    # The endpoint `default` of the reasoner `server`: the fields of deepsound.runtime.endpoints.Endpoint.
    **dict.fromkeys(
        (
            *(f"{SERVER_PREFIX}{name}" for name in ("URL", "MODEL", "KEY", "SOUND", "PICTURES", "FRAMES", "SCHEMA")),
            *(f"{SERVER_PREFIX}{name}" for name in ("EXAMPLES", "TIMEOUT_S", "RETRIES", "MAX_TOKENS", "STREAM")),
        ),
        "the judging server `default`",
    ),
    "DEEPSOUND_EXTRAS": "scripts/check: the extras to install",
    "DEEPSOUND_SCREENSHOTS": "tests: where pictures of pages are left",
    "DEEPSOUND_WRITE_SCHEMAS": "tests: write the nodes' schemas",
    "DEEPSOUND_WRITE_WORKFLOWS": "tests: write the workflows",
    "DEEPSOUND_WRITE_LOCALES": "tests: write the pack's languages",
}


def other_variables() -> list[str]:
    """What the environment sets with this project's prefix, in letters of either case, and the table does not have.

    They are options of the command line, or misspelt.
    """
    return [name for name in os.environ if name.upper().startswith(PREFIX) and name not in VARIABLES]
