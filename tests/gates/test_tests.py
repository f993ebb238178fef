"""Rules for the tests themselves."""

import os
import re
import signal
import sys
from pathlib import Path

import pytest

from tests.processes import start

TESTS = Path(__file__).parents[1]
WAIT = re.compile(r"\.(?:join|wait|communicate|result|acquire)\((?:timeout=)?(\d+(?:\.\d+)?)\)")


def test_children_of_tests_are_started_by_the_one_helper():
    """A child that inherits an ignored SIGINT never ends at Ctrl-C, and the test that waits for it hangs."""
    for path in TESTS.rglob("*.py"):
        assert path.name in ("processes.py", Path(__file__).name) or "= subprocess.Popen(" not in path.read_text(), path


def test_no_wait_for_another_thread_or_process_ends_after_seconds():
    """A busy machine takes twenty times as long: ten seconds for a thread were too short where nothing was wrong."""
    waits = [(path.name, found) for path in TESTS.rglob("*.py") for found in WAIT.findall(path.read_text("utf-8"))]
    # Less than a second is a look at what is still to be waiting.
    assert len(waits) > 5 and [(name, seconds) for name, seconds in waits if 1 <= float(seconds) < 60] == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no ignored signals to inherit")
def test_a_child_obeys_ctrl_c_where_its_parent_ignores_it():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        script = "import signal, sys; sys.exit(signal.getsignal(signal.SIGINT) is not signal.default_int_handler)"
        assert start([sys.executable, "-c", script]).wait(300) == 0
    finally:
        signal.signal(signal.SIGINT, before)
