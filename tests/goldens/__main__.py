"""`python -m tests.goldens [DIR ...]`: exit status 1 when anything fails."""

import sys
from pathlib import Path

from tests.goldens.runner import run

if __name__ == "__main__":
    outcomes = run([Path(name) for name in sys.argv[1:]] or [Path(__file__).parent])
    for outcome in outcomes:
        print(outcome.line())
    failed = sum(not outcome.passed for outcome in outcomes)
    hidden = sum(not outcome.exposed for outcome in outcomes)
    print(f"{len(outcomes) - failed - hidden} passed, {failed} failed, {hidden} seams not exposed")
    sys.exit(1 if failed else 0)
