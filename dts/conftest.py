# SPDX-License-Identifier: BSD-3-Clause
"""Lets the suites say `from framework import ...`, as those of DPDK's DTS do."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
