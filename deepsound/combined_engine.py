"""Base of the engines that are several engines in one: what concerns each member alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Generic, TypeVar

from deepsound.engine_protocols import SupportsExecution
from deepsound.engine_support import check_files, files, settings_in_use
from deepsound.runtime.execution import Execution

E = TypeVar("E")


class CombinedEngine(Generic[E]):
    """Engines of one kind by name that work on the same input; `rule` makes one answer of theirs."""

    def __init__(self, members: Mapping[str, E], rule: str) -> None:
        self.members = dict(members)
        self.rule = rule

    def configure(self, execution: Execution) -> None:
        """Say how all networks are to be run, and from which files."""
        for member in self.members.values():
            if isinstance(member, SupportsExecution):
                member.configure(execution)

    def check_files(self) -> None:
        """Raise what a member finds wrong with its files, model folder or server before the work."""
        for member in self.members.values():
            check_files(member)

    def files(self) -> dict[str, Path]:
        """The weights of all members, by member and role."""
        return {
            f"{name}: {role}": path for name, member in self.members.items() for role, path in files(member).items()
        }

    def settings_in_use(self) -> dict[str, object]:
        """The settings in use of those members that have some, by member."""
        found = {name: settings_in_use(member) for name, member in self.members.items()}
        return {name: settings for name, settings in found.items() if settings}
