"""Optional packages: the error for a missing one, with the interpreter's pip command."""

from __future__ import annotations

import sys

from deepsound.errors import MissingPackage

# Releases of these are built for one release of torch each; pip must not replace the torch that is there.
_BUILT_FOR_TORCH = frozenset({"torchaudio", "torchvision"})


def install_command(*requirements: str) -> str:
    """The command line that installs `requirements` into the Python that runs this; an installed torch stays."""
    wanted = list(requirements)
    if _BUILT_FOR_TORCH.intersection(requirements) and (torch := _installed_version("torch")):
        wanted.append(f"torch=={torch.partition('+')[0]}")
    return " ".join(map(_shell_quote, (sys.executable or "python", "-m", "pip", "install", *wanted)))


def missing_package(why: str, *requirements: str, otherwise: str = "") -> MissingPackage:
    """The error for a package that is missing: `why` it is needed, the command to install it, or what to do else."""
    instead = f"{otherwise}, or install it with" if otherwise else "install it with"
    return MissingPackage(f"{why}; {instead}: {install_command(*requirements)}")


def _installed_version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _shell_quote(word: str) -> str:
    """Quoted for a shell of Unix and of Windows alike where it holds what these would read as their own."""
    return f'"{word}"' if any(letter in ' <>&|;()$`*?[]!~"' for letter in word) else word
