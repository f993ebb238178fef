"""`deepsound completion`: shell completion of commands, options and engines (argcomplete)."""

from __future__ import annotations

import argparse
import os

from deepsound.cli.exit_codes import EXIT_CODES
from deepsound.runtime.packages import missing_package

SHELLS = ("bash", "zsh", "fish", "powershell")
# Put into a shell's start-up file; `deepsound completion SHELL` prints what they evaluate.
_HOW = {
    "bash": 'eval "$(deepsound completion bash)"',
    "zsh": 'eval "$(deepsound completion zsh)"',
    "fish": "deepsound completion fish | source",
    "powershell": "deepsound completion powershell | Out-String | Invoke-Expression",
}


def add_completion(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `completion` to the command line."""
    completion = commands.add_parser(
        "completion",
        help="print what makes a shell complete this command line",
        description="For the start-up file of your shell:\n" + "".join(f"  {line}\n" for line in _HOW.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EXIT_CODES,
    )
    completion.add_argument("shell", choices=SHELLS)
    completion.set_defaults(command=show)


def show(options: argparse.Namespace) -> int:
    """Print the code for one shell. Raises MissingPackage without argcomplete."""
    try:
        from argcomplete import shellcode
    except ImportError:
        raise missing_package("Completion in shells needs argcomplete", "argcomplete") from None
    print(shellcode(["deepsound"], shell=options.shell))
    return 0


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks for completions, and end the process; nothing where none asks."""
    if "_ARGCOMPLETE" not in os.environ:
        return
    try:
        from argcomplete import autocomplete
    except ImportError:
        return
    autocomplete(parser)
