# SPDX-License-Identifier: BSD-3-Clause
"""The disk runs full, and gets space again."""

from framework import host
from framework.checks import assert_balance, losses, published, verify_segments
from framework.packets import frames, numbers
from framework.process import wait_until
from framework.test_suite import TestSuite, func_test, verify

SMALL = ("--memory", "8", "-S", "1", "-Z", "none")


class TestDiskfull(TestSuite):
    def set_up_test_case(self):
        host.require_root("ip", "mount")

    @func_test
    def losses_are_counted(self):
        """Three times what fits: the ledger closes, the loss has its name, what is published is whole."""
        out = self.stack.enter_context(host.tmpfs(self.make_folder(), 16))
        run = self.capture("-i", "null:count=50000,size=1000", "-w", out, *SMALL, rc=None)
        report = run.report
        assert_balance(report)
        verify(report["balance"]["received"] == 50000, report["balance"])
        verify(losses(report).get("disk_full", 0) > 0, losses(report))
        got = verify_segments(published(out))
        verify(len(got) == report["balance"]["written"], "the files differ from the ledger")
        verify(len(got) > 5000, f"only {len(got)} packets kept")

    @func_test
    def a_stream_finds_room_for_its_end(self):
        """What was compressed and found no room comes before the end, which is written all the same."""
        for size in (2, 3):
            out = self.stack.enter_context(host.tmpfs(self.make_folder(f"size-{size}"), size))
            run = self.capture("-i", "null:payload=text,count=20000,size=2000", "-w", out, "--memory", "32", "-Z", "gzip", rc=None)
            verify(not list(out.glob("tmp-*")), f"not published: {run.stderr}")
            report = run.report
            assert_balance(report)
            got = verify_segments(published(out))
            verify(len(got) == report["balance"]["written"] > 1000, f"{len(got)} packets, {report['balance']}")

    @func_test
    def goes_on_when_space_returns(self):
        """After space is made the capture writes again."""
        near, far = self.stack.enter_context(host.veth())
        out = self.stack.enter_context(host.tmpfs(self.make_folder(), 16))
        (out / "other").write_bytes(bytes(12 << 20))
        run = self.start("-i", f"pcap:{far}", "-w", out, *SMALL)
        sent = 0
        with host.Sender(near) as sender:
            def more():
                nonlocal sent
                sender.send(frames(0, 500, sizes=(1000,), first=sent))
                sent += 500

            def full():
                more()
                return losses(run.ask("/braidcap/ledger")).get("disk_full")

            def writing():
                more()
                return run.ask("/braidcap/ledger")["balance"]["written"] > written

            wait_until(full, "disk_full in the ledger")
            written = run.ask("/braidcap/ledger")["balance"]["written"]
            trouble = run.ask("/braidcap/ledger")["outputs"][0]["trouble"]
            verify(trouble.startswith("no space left"), trouble)
            for what in ("stats", "outputs"):
                verify(f"{out}: {trouble}" in self.braidcap("ctl", "--prefix", run.prefix, what).stdout, what)
            (out / "other").unlink()
            wait_until(writing, "the capture writes again")
            verify("trouble" not in run.ask("/braidcap/ledger")["outputs"][0], "it is over")
        run.wait_received(sent)
        report = run.stop(rc=None)
        assert_balance(report)
        verify(report["balance"]["received"] == sent, report["balance"])
        got = verify_segments(published(out))
        verify(len(got) == report["balance"]["written"], "the files differ from the ledger")
        seen = numbers(got)[0]
        verify(seen == sorted(set(seen)), "a packet is doubled or out of order")
