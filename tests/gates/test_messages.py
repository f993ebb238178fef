"""Gate: an error's message says what was expected, what was given and what to do."""

import ast
import re
from functools import cache

from tests.gates.test_names import of_the_library

# Errors that are shown behind a sentence that says what to do, or that another server answers.
ADVISED_BY_THE_CALLER = {"Cancelled", "DamagedRecord", "PromptRefused", "RunFailed", "ServerError", "_Absent"}
# Why a metric has no figure; "expected"/"got" would say the same twice.
REASONS = ("deepsound/evaluate/metrics.py", "deepsound/evaluate/single.py", "deepsound/evaluate/sounds.py")
# "X must be Y, not Z", "X has Y, not Z": a rule without the words that people search a log for.
RULE_WITHOUT_WORDS = re.compile(r"\bmust be\b|, (?:and )?not (?:of )?\{|\bare compared\b")
SAYS_WHAT_TO_DO = re.compile(r"; |\. [A-Z{]|\} [A-Z]|[Ee]xpected |: (?:choose|connect|get|install) |^Choose ")

ADVICE = re.compile(r"^_(?:ADVICE|AGAIN|REPORT)$|^advice\(")


@cache
def error_classes() -> frozenset[str]:
    """DeepSoundError and what derives from it anywhere in the library, by name."""
    bases = {
        node.name: {ast.unparse(base).split(".")[-1] for base in node.bases}
        for tree in of_the_library().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    found = {"DeepSoundError"}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return frozenset(found)


def literal(node: ast.expr) -> str:
    """A message with {} for each value and "; advice" for each piece of advice; empty for what is no literal."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if not isinstance(node, ast.JoinedStr):
        return ""
    parts = (part.value if isinstance(part, ast.FormattedValue) else part for part in node.values)
    return "".join(str(part.value) if isinstance(part, ast.Constant) else _value(ast.unparse(part)) for part in parts)


def _value(expression: str) -> str:
    return "; advice" if ADVICE.search(expression) else "{}"


def messages(source: dict[str, ast.Module]) -> list[tuple[str, str, str]]:
    """Place, class and text of every error that is made with a literal message."""
    return [
        (f"{name}:{node.lineno}", called, text)
        for name, tree in source.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and node.args
        if (called := ast.unparse(node.func).split(".")[-1]) in error_classes()
        if (text := literal(node.args[0])) and re.search(r"[a-z]{3}", text)
    ]


def unexplained(source: dict[str, ast.Module]) -> list[str]:
    """Messages that state a rule without "expected", or that leave open what to do."""
    return [
        f"{place} {text}"
        for place, called, text in messages(source)
        if called not in ADVISED_BY_THE_CALLER and not place.startswith(REASONS)
        if RULE_WITHOUT_WORDS.search(text) or not SAYS_WHAT_TO_DO.search(text)
    ]


def test_an_errors_message_says_what_was_expected_and_what_to_do():
    assert len(messages(of_the_library())) > 300
    assert not unexplained(of_the_library())


def test_a_rule_without_advice_is_found():
    source = 'raise InputError(f"The rate must be positive, not {rate}.")\nraise MediaError(f"{path} is broken.")'
    assert len(unexplained({"a": ast.parse(source)})) == 2
    good = 'raise InputError(f"expected a positive rate, got {rate}; take it from the file.")'
    assert not unexplained({"a": ast.parse(good)})
