"""The page as a Space: `app.py` beside a requirements.txt of this package and gradio.

It serves the page of `deepsound app` on the port that such hosts expect, with uploads of at most 200 MB.
"""

import sys

from deepsound.cli.main import main

ADDRESS = ["--host", "0.0.0.0", "--port", "7860"]  # noqa: S104 - the host's proxy is in front of it

if __name__ == "__main__":
    sys.exit(main(["app", *ADDRESS, "--max-upload", "200", *sys.argv[1:]]))
