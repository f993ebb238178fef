"""Entry point of `python -m deepsound`: the command line."""

import sys

from deepsound.cli.main import main

sys.exit(main())
