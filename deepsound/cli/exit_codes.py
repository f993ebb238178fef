"""Exit codes of every command, as each `--help` shows them."""

from __future__ import annotations

from deepsound.errors import Cancelled, DeepSoundError, EngineError, InputError, MediaError, OutputError

SOME_FAILED = 6
_MEANINGS = {
    0: "done",
    DeepSoundError.exit_code: "something else failed",
    InputError.exit_code: "a bad argument, or nothing to work on",
    MediaError.exit_code: "the video cannot be read",
    EngineError.exit_code: "an engine, its weights or a Python package is missing, or an engine broke its contract",
    OutputError.exit_code: "the result, or what goes to stdout, cannot be written",
    SOME_FAILED: "some of several clips are not done; the same `batch` command goes on from there",
    Cancelled.exit_code: "stopped (Ctrl-C, SIGTERM or SIGHUP)",
}
EXIT_CODES = "exit codes:\n" + "".join(f"{code:>5}  {meaning}\n" for code, meaning in _MEANINGS.items())
