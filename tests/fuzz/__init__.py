"""Fuzzing of everything that reads files from outside.

`python -m tests.fuzz media --count 100000` runs a long round, `--seed` another one, and a failing input is kept for
`--repeat`. A round fails on any other exception, on a crash of the process, on a case of more than 20 seconds, and on
one that takes more than 1 GB. Each kind of input is one module of this package with a `TARGET` (see `targets.Target`:
valid inputs to start from, and the function that reads one) and one line in `targets.MODULES`; the quick seeded round
of each is a test in `test_fuzz.py`.
"""
