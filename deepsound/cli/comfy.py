"""`deepsound comfy submit`: clips through a workflow on running ComfyUI servers."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from deepsound.cli.exit_codes import EXIT_CODES, SOME_FAILED
from deepsound.cli.formatting import print_json
from deepsound.cli.output_options import add_output_dir
from deepsound.runtime.paths import escaped

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from deepsound.comfy import SubmissionResult
    from deepsound.comfy.submission import Callbacks

DESCRIPTION = """\
Uploads a video to a running ComfyUI, runs a workflow (API format) on it, and fetches the files it saves, named after
the video, with <stem>.submit.json as the record. VIDEO may be a folder or a table, as for `deepsound batch`; several
servers work side by side, and a clip that one refuses or loses goes to another. What is done is passed over.
"""


def add_comfy(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `comfy` and what it can do to the command line."""
    comfy = commands.add_parser("comfy", help="work through running ComfyUI servers")
    actions = comfy.add_subparsers(required=True, metavar="ACTION")
    submit = actions.add_parser(
        "submit",
        help="run a workflow on a clip, or on many",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    submit.set_defaults(command=run)
    submit.add_argument("workflow", help="a workflow in API format, such as workflows/api/offline_draft.json")
    submit.add_argument("--video", required=True, metavar="VIDEO|FOLDER|CSV", help="what to run it on")
    submit.add_argument(
        "--set",
        dest="inputs",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="replace an input: by its name (every input of that name), by node and name "
        "(2.prompt=rain) or by the node's title and name; may be given several times",
    )
    submit.add_argument(
        "--server",
        dest="servers",
        action="append",
        default=[],
        metavar="URL",
        help="where ComfyUI answers (default: http://127.0.0.1:8188); may be given several times",
    )
    add_output_dir(submit)
    submit.add_argument(
        "--video_input",
        "--video-input",
        metavar="NODE.INPUT",
        help="the input that takes the video, where the workflow leaves that open",
    )
    submit.add_argument("--json", action="store_true", help="print what came of each clip on stdout")
    submit.add_argument("-q", "--quiet", action="store_true", help="no progress, only errors")


def run(options: argparse.Namespace) -> int:
    """Submit as `options` say. Raises a DeepSoundError; stopped within a second of Ctrl-C, on the servers too."""
    from deepsound.cli.signals import cancel_on_signal
    from deepsound.comfy import submit
    from deepsound.comfy.server import DEFAULT_SERVER
    from deepsound.comfy.workflow import parse_assignments
    from deepsound.runtime.progress import Progress

    with cancel_on_signal(imports=("aiohttp",)) as token, _open_display(options.quiet) as callbacks:
        results = submit(
            options.workflow,
            options.video,
            parse_assignments(options.inputs),
            options.servers or [DEFAULT_SERVER],
            options.output_dir,
            options.video_input,
            Progress(check=token.check),
            callbacks,
        )
    if options.json:
        print_json("submission", [asdict(result) for result in results])
    return 0 if all(result.status != "failed" for result in results) else SOME_FAILED


@contextmanager
def _open_display(quiet: bool) -> Iterator[Callbacks]:
    """Shows what happens on stderr; a bar for each server on a terminal."""
    from rich.progress import Progress

    from deepsound.cli.terminal import LoggedConsole, bar_columns
    from deepsound.comfy.submission import Callbacks

    console = LoggedConsole()
    if quiet or not console.has_bars:
        yield _TerminalCallbacks(console, None, quiet).as_callbacks(Callbacks)
        return
    with Progress(*bar_columns(), console=console, transient=True) as bars:
        yield _TerminalCallbacks(console, bars).as_callbacks(Callbacks)


class _TerminalCallbacks:
    """Prints what became of each clip; quiet: failures alone."""

    def __init__(self, console: Console, bars: Bars | None, quiet: bool = False) -> None:
        self._console, self._bars, self._quiet = console, bars, quiet
        self._tasks: dict[str, TaskID] = {}

    def as_callbacks(self, kind: Any) -> Any:
        return kind(self.ended, self.trouble, self.progress)

    def ended(self, submitted: SubmissionResult) -> None:
        label = _text(submitted.label)
        if submitted.status == "failed":
            self._console.print(f"[red]failed[/] {label}: {_text(submitted.message)}", soft_wrap=True)
        elif submitted.status == "done":
            files = ", ".join(str(path) for path in submitted.files) or "; ".join(submitted.texts)
            self._note(f"[green]done[/] {label} {submitted.seconds:.1f} s on {_text(submitted.server)}: {_text(files)}")

    def trouble(self, text: str) -> None:
        self._note(f"[yellow]note[/] {_text(text)}")

    def _note(self, text: str) -> None:
        if not self._quiet:
            self._console.print(text, soft_wrap=True)

    def progress(self, server: str, clip: str, node: str, fraction: float | None) -> None:
        if self._bars is not None:
            if server not in self._tasks:
                self._tasks[server] = self._bars.add_task("", total=1.0)
            self._bars.update(
                self._tasks[server], completed=fraction or 0.0, description=_text(f"{server} {clip}: {node}")
            )


def _text(text: str) -> str:
    """Text of a file or a server as it may go to a terminal: no markup, no control characters."""
    from rich.markup import escape

    return escape(escaped(text))
