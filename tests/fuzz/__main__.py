"""Fuzzing from the command line: `python -m tests.fuzz NAME …`, one round."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.runner import Round
from tests.fuzz.targets import MODULES, target


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("name", choices=sorted(MODULES), help="what is fuzzed")
    parser.add_argument("--count", type=int, default=100_000, help="how many mutations (default 100000)")
    parser.add_argument("--first", type=int, default=0, help="the first mutation's number, to go on with a round")
    parser.add_argument("--seed", type=int, default=0, help="another seed, other mutations")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep the inputs that fail here")
    parser.add_argument("--repeat", type=Path, metavar="FILE", help="read this one input, in this process")
    options = parser.parse_args()
    if options.repeat:
        target(options.name).read(options.repeat)
        return 0
    failed = 0
    for failure in Round(target(options.name), options.seed, options.count, options.first).failures():
        failed += 1
        print(f"case {failure.number} ({failure.seed_name}): {failure.what}", flush=True)
        if options.keep:
            options.keep.mkdir(parents=True, exist_ok=True)
            (options.keep / f"{failure.number}-{failure.seed_name}").write_bytes(failure.data)
    print(f"{options.count} mutations of {options.name}, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
