"""Settings of a reproduction, and the fingerprint of results made with them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field

from deepsound import engines
from deepsound.errors import InputError
from deepsound.runtime.execution import Execution
from deepsound.selection import EMBEDDED
from deepsound.types import Preferences, SeparationSettings

# The published evaluation's: ten seconds in the paper, eight in av-benchmark, which scores the tables.
DURATIONS_S = {"paper": 10.0, "av-benchmark": 8.0}
# Another version of what a clip's record means makes clips anew.
VERSION = 2


@dataclass(frozen=True)
class ReproductionSettings:
    """One generator, one judge of the systems, one separator; more judges are compared in Table 3.

    `duration_s` cuts every clip (None: whole). `regenerator` makes the sound of `neg` where the generator cannot avoid
    voices. Raises InputError for an engine that is not on the menu.
    """

    generator: str
    reasoner: str = "rules"
    separator: str = "dtln"
    judges: tuple[str, ...] = ()
    seed: int = 42
    duration_s: float | None = DURATIONS_S["av-benchmark"]
    steps: int | None = None
    guidance: float | None = None
    undecided: str = "no"
    execution: Execution = field(default_factory=Execution)
    preferences: Preferences = field(default_factory=Preferences)
    separation: SeparationSettings = field(default_factory=SeparationSettings)
    regenerator: str = EMBEDDED["generator"]

    def __post_init__(self) -> None:
        if self.duration_s is not None and not self.duration_s > 0:
            raise InputError(
                f"The duration is {self.duration_s} s; expected more than 0 seconds; leave it out for the whole clip."
            )
        for kind, names in (
            ("generator", (self.generator, self.regenerator)),
            ("reasoner", (self.reasoner, *self.judges)),
            ("separator", (self.separator,)),
        ):
            for name in names:
                engines.require(kind, name)  # type: ignore[arg-type]

    @property
    def all_judges(self) -> tuple[str, ...]:
        """The judges of Table 3, the systems' own first."""
        return tuple(dict.fromkeys((self.reasoner, *self.judges)))

    def fingerprint(self) -> str:
        """What a finished clip depends on, as a short hash; where networks run and which files they are does not count
        beyond their names and precision.
        """
        return self._hash({key for key in asdict(self) if key != "execution"})

    def reference_fingerprint(self) -> str:
        """What a clip of the VO-Free set depends on: the judge, the separator and how both are run."""
        return self._hash({"reasoner", "separator", "duration_s", "undecided", "preferences", "separation"})

    def _hash(self, fields: set[str]) -> str:
        parts = {key: value for key, value in asdict(self).items() if key in fields}
        parts |= {"version": VERSION, "precision": self.execution.precision}
        parts["weights"] = {id: str(path) for id, path in self.execution.weights.items()}
        return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]
