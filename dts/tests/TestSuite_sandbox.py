# SPDX-License-Identifier: BSD-3-Clause
"""Commands that read stored captures give up what they do not need; the unit test `sandbox` tries what is then refused."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from framework.braidcap import program, sanitizers
from framework.packets import frames, timed, write_pcap
from framework.process import end, environment, wait_until
from framework.test_suite import TestSuite, func_test, verify


class TestSandbox(TestSuite):
    def set_up_test_case(self):
        self.place = self.make_folder("store")
        self.trace = write_pcap(self.place / "in.pcap", timed(frames(0, 5000)))

    def while_it_writes(self, *options):
        """What the kernel says of the threads of a search that nobody takes the packets of."""
        run = subprocess.Popen([program(), "find", "", self.place, "-w", "-", "--quiet", *options], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**environment(self.folder), **sanitizers()})
        try:
            wait_until(lambda: len(list(Path(f"/proc/{run.pid}/task").iterdir())) > 2, "its threads")
            status = [p.read_text() for p in Path(f"/proc/{run.pid}/task").glob("*/status")]
        finally:
            end(run)
            run.stdout.close()
            run.stderr.close()
        return [(re.search(r"NoNewPrivs:\t(\d)", s)[1], re.search(r"Seccomp:\t(\d)", s)[1]) for s in status]

    @func_test
    def every_thread_is_restricted(self):
        """System calls are filtered in all of them, unless that was not wanted."""
        if "Seccomp:\t" not in Path("/proc/self/status").read_text():
            pytest.skip("a kernel without seccomp")
        verify(set(self.while_it_writes()) == {("1", "2")}, "a thread may do everything")
        verify("2" not in {seccomp for _, seccomp in self.while_it_writes("--no-sandbox")}, "--no-sandbox restricts")

    @func_test
    def all_ways_out_of_a_search_work(self):
        """Into a folder, a file, a pipe and nowhere, from files, folders and links to files elsewhere."""
        elsewhere = self.folder / "elsewhere.pcap"
        shutil.move(self.trace, elsewhere)
        self.trace.symlink_to(elsewhere)
        for dest in (f"{self.make_folder('out')}/", self.folder / "one.pcapng.zst", "/dev/stdout", "null:"):
            done = self.braidcap("find", "", self.place, "-w", dest, "--no-index", text=False)
            verify(b"5000 packets" in done.stderr, done.stderr)
        verify("5000 packets" in self.braidcap("verify", self.place, elsewhere, self.folder / "one.pcapng.zst").stdout, "verify")
        self.braidcap("flows", "--extent", self.place)
