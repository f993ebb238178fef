"""`deepsound app`: the page in a browser on this machine."""

from __future__ import annotations

import argparse
from pathlib import Path

from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.errors import InputError

DESCRIPTION = """\
Serves a page on this machine: a video is dropped on it, the steps and the reasoning are seen while they happen, the
coarse and the final sound are compared. It needs the package gradio, sends nothing to anybody, and is reached from this
machine alone unless --host says otherwise.
"""


def add_app(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> argparse.ArgumentParser:
    """Add `app` to the command line."""
    app = commands.add_parser(
        "app",
        help="serve a page to do it all in a browser",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    app.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="the address to be reached at (default: %(default)s, this machine alone)",
    )
    app.add_argument(
        "--port",
        type=int,
        default=7860,
        help="0: one that is free (default: %(default)s; DeepSound-V1's own demo uses 7680)",
    )
    app.add_argument(
        "--api",
        action="store_true",
        help="let programs in too: gradio_client finds the endpoint /run, with the guards of the page",
    )
    app.add_argument(
        "--folder",
        metavar="DIR",
        help="where uploads and results are kept (default: a temporary folder, removed at the end)",
    )
    app.add_argument(
        "--max-upload",
        type=float,
        default=1024.0,
        metavar="MB",
        help="the largest video that is taken (default: %(default)g MB)",
    )
    app.add_argument(
        "--max_disk",
        "--max-disk",
        type=float,
        default=16384.0,
        metavar="MB",
        help="what uploads and results of all pages may take together (default: %(default)g MB)",
    )
    app.add_argument(
        "--review",
        metavar="DIR",
        help="serve the page to review a data set of `deepsound train data` instead",
    )
    app.add_argument("--reviewer", default="reviewer", metavar="NAME", help="whose decisions these are, with --review")
    app.set_defaults(command=serve_app, reasoner="auto", step0_model_dir=None, step2_model_dir=None)
    return app


def serve_app(options: argparse.Namespace) -> int:
    """Serve the page until Ctrl-C. Raises EngineError without gradio, InputError for an unusable address or limit."""
    from deepsound.app.server import ServerSettings, require_gradio, serve
    from deepsound.cli.run import execution_of
    from deepsound.cli.signals import cancel_on_signal

    if not 0 < options.max_upload < 1 << 20:
        raise InputError(f"--max-upload is {options.max_upload:g} MB; give a number above 0.")
    if not options.max_upload <= options.max_disk < 1 << 30:
        raise InputError(
            f"--max-disk is {options.max_disk:g} MB; give at least the {options.max_upload:g} MB of --max-upload."
        )
    require_gradio()
    if options.review:
        return _serve_review(options)
    settings = ServerSettings(
        options.host,
        options.port,
        Path(options.folder) if options.folder else None,
        round(options.max_upload * 2**20),
        round(options.max_disk * 2**20),
        execution_of(options),
        options.api,
    )
    # The server ends cleanly at the first signal, and this keeps that from being taken for an interrupted run.
    with cancel_on_signal():
        serve(settings, lambda address: _tell(settings.is_local, address))
    return 0


def _serve_review(options: argparse.Namespace) -> int:
    from deepsound.app.review_page import serve_review
    from deepsound.app.server import LOOPBACK
    from deepsound.cli.signals import cancel_on_signal
    from deepsound.train.review import Review

    review = Review(Path(options.review), options.reviewer)
    with cancel_on_signal():
        serve_review(review, options.host, options.port, lambda address: _tell(options.host in LOOPBACK, address))
    return 0


def _tell(is_local: bool, address: str) -> None:
    print(f"DeepSound is at {address} (Ctrl-C ends it)", flush=True)
    if not is_local:
        print("note: whoever can reach this address can use it; there is no password.", flush=True)
