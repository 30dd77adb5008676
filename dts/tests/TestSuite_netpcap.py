# SPDX-License-Identifier: BSD-3-Clause
"""Ports that bring their own timestamps: the merge of several queues, against mergecap."""

from framework.checks import assert_lossless, assert_same, mergecap, published, verify_segments
from framework.packets import T0_NS, frames, timed, write_pcap
from framework.test_suite import TestSuite, func_test, verify


class TestNetpcap(TestSuite):
    def merged(self, traces, *sources):
        """Capture the sources, which bring these traces, and compare."""
        out = self.make_folder()
        expected = mergecap(traces, self.folder / "expected.pcapng")
        run = self.start(*[a for s in sources for a in ("-i", s)], "-w", out)
        run.wait_received(len(expected))
        report = run.stop()
        assert_lossless(report, len(expected))
        assert_same(verify_segments(published(out)), expected)
        return report

    def traces(self, count, step_us, shift_us):
        """Four traces; trace n begins shift_us[n] later than the first."""
        return [write_pcap(self.folder / f"q{n}.pcap",
                           timed(frames(n, count, sizes=(60, 200 + n)), T0_NS + shift * 1000, step_us * 1000))
                for n, shift in enumerate(shift_us)]

    def ports(self, q):
        return [f"dpdk:net_pcap{i},rx_pcap={q[2 * i]},rx_pcap={q[2 * i + 1]},queues=2,full=wait" for i in range(2)]

    @func_test
    def four_queues_interleaved(self):
        """Two ports of two queues whose packets alternate come out as mergecap merges their files."""
        traces = self.traces(10000, 4, (0, 1, 2, 3))
        report = self.merged(traces, *self.ports(traces))
        verify([s["stamp"] for s in report["sources"]] == ["nic"] * 4, "the port's own stamps were not taken")

    @func_test
    def queues_one_behind_the_other(self):
        """Queues that do not overlap in time: all of one, then all of the next."""
        traces = self.traces(3000, 10, (90000, 60000, 30000, 0))
        self.merged(traces, *self.ports(traces))

    @func_test
    def queues_of_unequal_pace(self):
        """A queue that ends early, or has few packets, holds nobody up and loses nothing."""
        traces = [write_pcap(self.folder / f"q{n}.pcap", timed(frames(n, count), T0_NS + n * 1000, step * 1000))
                  for n, (count, step) in enumerate(((20000, 5), (20, 5000), (1, 1), (5000, 20)))]
        self.merged(traces, *self.ports(traces))
