# SPDX-License-Identifier: BSD-3-Clause
"""The program as it was built: what makes a fault in it hard to use."""

import platform
from pathlib import Path

import pytest

from framework.braidcap import SANITIZED, program
from framework.process import tool
from framework.test_suite import TestSuite, func_test, verify

# orq $0x0,(%rsp): a page of a large frame is touched before the next one is taken.
PROBE = bytes.fromhex("48830c2400")
ENDBR64 = bytes.fromhex("f30f1efa")


class TestHardening(TestSuite):
    def set_up_test_case(self):
        if SANITIZED:
            pytest.skip("a sanitized build is made in another way")

    def readelf(self, *options):
        return tool("readelf", "-W", *options, program()).stdout

    @func_test
    def placed_anywhere(self):
        """It is loaded at an address that nobody can know."""
        verify("DYN (Position-Independent Executable" in self.readelf("-h"), self.readelf("-h"))

    @func_test
    def nothing_is_both_written_and_run(self):
        """No stack and no other segment; what the loader resolves is read-only before main() begins."""
        segments = self.readelf("-l").splitlines()
        verify(any("GNU_STACK" in line and "RW " in line for line in segments), "no GNU_STACK")
        verify(not any("RWE" in line for line in segments), "a segment is writable and executable")
        verify(any("GNU_RELRO" in line for line in segments), "no GNU_RELRO")
        verify("BIND_NOW" in self.readelf("-d"), "bound lazily")

    @func_test
    def overruns_are_noticed(self):
        """Canaries on the stack, and checked versions of the C library's functions."""
        symbols = self.readelf("--dyn-syms")
        for name in ("__stack_chk_fail", "__memcpy_chk", "__snprintf_chk"):
            verify(name in symbols, f"no {name}")

    @func_test
    def frames_are_probed_and_jumps_have_targets(self):
        """-fstack-clash-protection and -fcf-protection, by the instructions that they leave."""
        if platform.machine() != "x86_64":
            pytest.skip("knows the instructions of x86-64 only")
        code = Path(program()).read_bytes()
        verify(PROBE in code, "no frame is probed")
        verify(code.count(ENDBR64) > 100, f"{code.count(ENDBR64)} targets of indirect jumps")
