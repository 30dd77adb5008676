# SPDX-License-Identifier: BSD-3-Clause
"""Captures and collectors that are refused memory, threads or system calls: a few of the many that scripts/refuse tries."""

import shutil
import sys
from pathlib import Path

import pytest

from framework.braidcap import SANITIZED
from framework.test_suite import TestSuite, func_test, verify

sys.path.append(str(Path(__file__).parents[2] / "tests" / "refuse"))
import sweep  # noqa: E402

EVERY = 61


class TestRefuse(TestSuite):
    def set_up_test_case(self):
        if SANITIZED or not shutil.which("cc"):
            pytest.skip("needs a C compiler and a program that is not sanitized")

    def refuse(self, scenario, kind):
        one = sweep.Sweep(scenario, self.folder)
        total = one.calls(kind)
        results = [one.run(kind, number) for number in range(1, total + 1, EVERY)]
        verify(total > 0 and not any(result.faults for result in results), f"{[result.faults for result in results]}")
        return results

    @func_test
    def memory(self):
        """Some runs end, others go on."""
        statuses = {result.status for result in self.refuse("chain", "memory")}
        verify(statuses == {0, 1}, f"{statuses}")

    @func_test
    def threads(self):
        """None starts without its threads."""
        statuses = {result.status for result in self.refuse("merge", "threads")}
        verify(statuses == {1}, f"{statuses}")

    @func_test
    def system_calls(self):
        """What is published is whole all the same."""
        self.refuse("direct", "system")

    @func_test
    def collector(self):
        """A process apart is refused calls: what it was asked to do comes to an end all the same."""
        for process in ("keeper", "tender"):
            self.refuse(process, "system")
