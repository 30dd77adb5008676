# SPDX-License-Identifier: BSD-3-Clause
"""Lets the suites say `from framework import ...`, as those of DPDK's DTS do."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))


def pytest_configure():
    """A SIGTERM, as a timeout sends it, ends what runs and removes its folders, as Ctrl-C does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
