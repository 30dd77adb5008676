# SPDX-License-Identifier: BSD-3-Clause
"""`-w -`: into other programs."""

import subprocess

from framework.checks import assert_balance, assert_lossless, assert_same, losses
from framework.packets import frames, timed, write_pcap
from framework.reader import parse
from framework.test_suite import TestSuite, func_test, verify

COUNT = 3000


class TestStdout(TestSuite):
    def piped(self, reader, *args):
        """What reader prints of the capture, and the capture."""
        self.made = timed(frames(0, COUNT, sizes=(60, 1000)))
        trace = write_pcap(self.folder / "in.pcap", self.made)
        run = self.start("-i", trace, "-w", "-", *args, capturing=False, stdout=subprocess.PIPE)
        done = subprocess.run(reader, stdin=run.process.stdout, capture_output=True, timeout=60, check=False)
        # Only the reader's end counts: with ours open the program would not see the reader go.
        run.process.stdout.close()
        return done, run

    @func_test
    def into_tshark(self):
        """tshark reads pcapng from the pipe."""
        done, run = self.piped(["tshark", "-r", "-", "-T", "fields", "-e", "frame.len"], "-Z", "none")
        run.finish()
        assert_lossless(run.report, COUNT)
        verify([int(n) for n in done.stdout.split()] == [p.wire for p in self.made], done.stderr[-500:])

    @func_test
    def into_a_descriptor_by_its_name(self):
        """/dev/stdout is -, and is not replaced by a file."""
        trace = write_pcap(self.folder / "in.pcap", timed(frames(0, 10)))
        done = self.braidcap("capture", "-i", trace, "-w", "/dev/stdout", "--format", "pcap", "--no-huge", text=False)
        verify(len(done.stdout) == trace.stat().st_size, f"{len(done.stdout)} bytes")

    @func_test
    def into_tcpdump(self):
        """tcpdump reads pcap from the pipe."""
        done, run = self.piped(["tcpdump", "-n", "-r", "-"], "-Z", "none", "--format", "pcap")
        run.finish()
        assert_lossless(run.report, COUNT)
        verify(len(done.stdout.splitlines()) == COUNT, done.stderr[-500:])

    @func_test
    def into_lz4(self):
        """Packed, it goes through lz4 -d."""
        done, run = self.piped(["lz4", "-dc"], "-Z", "lz4")
        run.finish()
        assert_same(parse(done.stdout).packets, self.made)

    @func_test
    def reader_goes_away(self):
        """A reader that leaves ends the capture: exit status 1, and the rest is counted."""
        out = self.start("-i", "null:size=1000", "-w", "-", "-Z", "none", capturing=False, stdout=subprocess.PIPE)
        out.process.stdout.read(100000)
        out.process.stdout.close()
        out.finish(rc=1)
        assert_balance(out.report)
        verify(losses(out.report).get("reader_gone", 0) > 0, losses(out.report))
