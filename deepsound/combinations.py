"""Combined engines: parses names such as `a+b` and `median:a+b+c` into rule and members."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deepsound.errors import InputError

# By kind of engine, the rules by which several make one answer; the first is that of a name without a rule.
RULES: Mapping[str, tuple[str, ...]] = {"reasoner": ("agreement", "any", "all"), "separator": ("mean", "median")}


@dataclass(frozen=True)
class Combination:
    """Engines that work on the same input, and the rule that makes one answer of theirs."""

    rule: str
    members: tuple[str, ...]


def combination(kind: str, name: str) -> Combination | None:
    """What a name with `+` in it stands for; None for the name of a single engine.

    Raises InputError for a kind that is not combined, for fewer than two members and for one that comes twice.
    """
    if "+" not in name:
        return None
    rules = RULES.get(kind)
    if rules is None:
        raise InputError(f"expected the name of one {kind}, got {name!r}; only reasoners and separators are combined.")
    prefix, colon, rest = name.partition(":")
    is_rule = bool(colon) and prefix in rules
    members = tuple(part.strip() for part in (rest if is_rule else name).split("+"))
    if not all(members) or len(set(members)) < len(members):
        raise InputError(
            f"expected two or more different {kind}s joined by '+', got {name!r}; write for "
            f"example {'rules+videollama2_cot' if kind == 'reasoner' else 'bs_roformer+mel_band_roformer'}; "
            f"{' or '.join(f'{rule}:' for rule in rules[1:])} in front changes the rule."
        )
    return Combination(prefix if is_rule else rules[0], members)


def combined_name(kind: str, combined: Combination) -> str:
    """The one name of a combination: its default rule is not written out."""
    joined = "+".join(combined.members)
    return joined if combined.rule == RULES[kind][0] else f"{combined.rule}:{joined}"
