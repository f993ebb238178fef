"""`python -m deepsound` is the command line."""

import sys

from deepsound.cli.main import main

sys.exit(main())
