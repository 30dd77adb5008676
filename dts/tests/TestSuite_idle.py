# SPDX-License-Identifier: BSD-3-Clause
"""Sources that say nothing for a while, or at all."""

import time

from framework.checks import assert_lossless, assert_streams, published, verify_segments
from framework.packets import frames, write_pcap
from framework.test_suite import TestSuite, func_test, verify


class TestIdle(TestSuite):
    @func_test
    def first_packet_after_a_silence(self):
        """After idle seconds not even the first packet is lost."""
        out = self.make_folder()
        run = self.start("-i", self.vhost(), "-w", out, beside_generator=True)
        time.sleep(1.5)
        self.send(frames(0, 1000))
        run.wait_received(1000)
        assert_lossless(run.stop(), 1000)
        assert_streams(verify_segments(published(out)), {0: 1000})

    @func_test
    def a_silent_source_holds_nobody_up(self):
        """With one source dark the other's packets are written while the capture runs."""
        out = self.make_folder()
        run = self.start("-i", self.vhost(0), "-i", self.vhost(1), "-w", out, beside_generator=True)
        self.send(frames(0, 1000))
        run.wait_written(1000)
        assert_lossless(run.stop(), 1000)

    @func_test
    def nothing_at_all(self):
        """A capture without a packet gives a valid file."""
        out = self.make_folder()
        run = self.capture("-i", self.vhost(), "-w", out, "-d", "1")
        assert_lossless(run.report, 0)
        verify(verify_segments(published(out)) == [], "packets out of nothing")

    @func_test
    def an_empty_file(self):
        """So does a file without a packet, in every format."""
        trace = write_pcap(self.folder / "in.pcap", [])
        for form in ("pcapng", "pcap", "pcap-us", "erf"):
            out = self.folder / f"out.{form}"
            self.capture("-i", trace, "-w", out, "--format", form, "-Z", "none")
            verify(verify_segments([out]) == [], form)

    @func_test
    def idle_exit_ends(self):
        """--idle-exit ends a capture to which nothing comes."""
        self.capture("-i", self.vhost(), "-w", self.make_folder(), "--idle-exit", "1")
