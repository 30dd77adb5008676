# SPDX-License-Identifier: BSD-3-Clause
"""The reorder window: packets that wait for those of slower sources are kept in order, as long as the memory lasts."""

from framework.checks import assert_balance, assert_ordered, losses, published
from framework.process import wait_until
from framework.reader import read
from framework.test_suite import TestSuite, func_test, verify


class TestWindow(TestSuite):
    def run_for(self, *sources, seconds=3):
        """The report of a capture of these sources, and its packets."""
        inputs = [word for source in sources for word in ("-i", source)]
        out = self.make_folder()
        run = self.capture(*inputs, "-w", f"{out}/", "-Z", "none", "-d", str(seconds), "--memory", "256")
        report = run.report
        assert_balance(report)
        packets = [p for segment in published(out) for p in read(segment).packets]
        assert_ordered(packets)
        verify(len(packets) == report["balance"]["written"], "the files differ from the ledger")
        return report

    def assert_all_kept(self, report):
        """A synthetic device loses by itself what a CPU that is taken away does not fetch; nothing else may be lost."""
        verify(set(losses(report)) <= {"nic_missed"}, losses(report))
        verify(report["balance"]["written"] > 0, report["balance"])
        verify(all(s["late"] == 0 and s["forced"] == 0 for s in report["sources"]), report["sources"])

    @func_test
    def idle_kernel_neighbour(self):
        """200 kpps beside an interface that may deliver 40 ms late: 8000 packets wait, twice as many as a link holds."""
        self.assert_all_kept(self.run_for("null:rate=200000", "null:idle=yes,stamp=nic,lateness_us=40000"))

    @func_test
    def a_clock_two_seconds_ahead(self):
        """20000 packets of the source that is ahead wait for the other one's."""
        report = self.run_for("null:rate=10000,ahead_ms=2000", "null:rate=10000", seconds=4)
        self.assert_all_kept(report)

    @func_test
    def two_sources_that_are_late_differently(self):
        """Both windows are in use, and the order holds."""
        report = self.run_for("null:rate=50000,ahead_ms=300", "null:rate=50000,stamp=nic,lateness_us=200000",
                              "null:rate=1000", seconds=4)
        self.assert_all_kept(report)

    @func_test
    def lateness_of_a_nic_is_measured(self):
        """A device that holds packets back for longer than it says at first: what it promises soon covers that, and the order holds."""
        out = self.make_folder()
        run = self.start("-i", "null:rate=5000", "-i", "null:rate=5000,stamp=nic,held_us=3000", "-w", f"{out}/", "-Z", "none")
        wait_until(lambda: run.ask("/braidcap/sources")[1]["measured_lateness_us"] > 2000, "a measurement")
        sources = run.ask("/braidcap/sources")
        report = run.stop()
        verify("measured_lateness_us" not in sources[0], sources[0])
        verify(2 * sources[1]["measured_lateness_us"] - sources[1]["lateness_us"] in (0, 1), sources[1])
        verify(sources[1]["measured_lateness_us"] <= 3000, "more is measured than the device holds back")
        verify(report["sources"][1]["received"] > report["sources"][1]["late"], report["sources"][1])
        assert_balance(report)

    @func_test
    def memory_that_is_full_has_a_name(self):
        """What waits for longer than --memory lasts is lost as order_wait, and the hint says what to do."""
        out = self.make_folder("full")
        run = self.capture("-i", "null:rate=100000,size=1400,ahead_ms=5000", "-i", "null:idle=yes", "-w", f"{out}/", "-Z", "none",
                           "-d", "3", "--memory", "16")
        report = run.report
        assert_balance(report)
        lost = losses(report)
        verify(lost.get("order_wait", 0) > 1000, lost)
        verify(set(lost) <= {"order_wait", "nic_missed"}, lost)
        verify("order_wait" in run.stderr and "--memory" in run.stderr, run.stderr)
