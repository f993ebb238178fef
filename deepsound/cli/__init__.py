"""The command line: `deepsound run`, `deepsound engines`."""
