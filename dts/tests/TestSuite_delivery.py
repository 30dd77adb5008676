# SPDX-License-Identifier: BSD-3-Clause
"""From a node to a collector, both of this program: each packet is stored once, whatever breaks in between."""

import pwd
import signal

from framework import host
from framework.checks import losses, published_of, temporary, verify_segments
from framework.packets import frames, numbers, timed, write_pcap
from framework.process import free_port, wait_until
from framework.test_suite import TestSuite, func_test, verify


class TestDelivery(TestSuite):
    def set_up_test_case(self):
        self.port = free_port()
        self.out = self.make_folder()
        self.spool = self.folder / "spool"

    def collector(self):
        return self.collect("-l", f"127.0.0.1:{self.port}", "--allow", "node=127.0.0.1", "-w", f"{self.out}/")

    def dest(self, *keys):
        return ",".join((f"osmo://127.0.0.1:{self.port}", *keys))

    def node(self, *keys):
        """A node that captures one end of a veth pair, and what sends into the other."""
        near, far = self.stack.enter_context(host.veth())
        run = self.start("-i", f"pcap:{far}", "-w", self.dest(*keys), "--drain-timeout", "60")
        return run, self.stack.enter_context(host.Sender(near))

    @staticmethod
    def peer(run):
        return run.ask("/braidcap/outputs,0")["peer"]

    def in_spool(self, run):
        """Bytes that are held in files, if none are in memory only."""
        peer = self.peer(run)
        return 0 if peer["memory_bytes"] else peer["held_bytes"]

    def wait_acknowledged(self, run, count):
        wait_until(lambda: self.peer(run)["acknowledged"] >= count, f"{count} packets acknowledged")

    def stored_once(self, count):
        """All of the first count packets of stream 0, no other, and none twice."""
        if temporary(self.out):
            self.braidcap("recover", self.out)
        got = numbers(verify_segments(published_of(self.out, "node"), ordered=False))
        verify(sorted(got.get(0, [])) == list(range(count)) and set(got) <= {0}, f"{len(got.get(0, []))} of {count}")

    @func_test
    def a_spool_is_that_of_the_user(self):
        """One that is made has the owner that the node runs as later, who writes into it."""
        host.require_root("ip")
        self.folder.chmod(0o777)
        run = self.start("-i", "null:rate=1000", "-w", self.dest(f"spool={self.spool}"), "--user", "nobody")
        wait_until(lambda: self.in_spool(run), "packets in the spool")
        verify(self.spool.stat().st_uid == pwd.getpwnam("nobody").pw_uid, self.spool.stat())

    @func_test
    def the_collector_is_killed(self):
        """Again and again while packets come: what was acknowledged is there, and what was not is sent again."""
        collector = self.collector()
        run, sender = self.node()
        for i in range(3):
            sender.send(frames(0, 1000, first=3000 * i))
            self.wait_acknowledged(run, 3000 * i + 1000)
            sender.send(frames(0, 1000, first=3000 * i + 1000))
            collector.kill()
            sender.send(frames(0, 1000, first=3000 * i + 2000))
            collector = self.collector()
        report = run.stop()
        verify(report["outputs"][0]["written"] == 9000 and report["balance"]["dropped"] == 0, report["balance"])
        collector.stop()
        self.stored_once(9000)

    @func_test
    def the_node_is_killed_during_an_outage(self):
        """What it had brought to its spool is sent by the next run, before what that one captures."""
        run, sender = self.node(f"spool={self.spool}", "queue=1")
        sender.send(frames(0, 3000, sizes=(1000,)))
        run.wait_received(3000)
        wait_until(lambda: self.in_spool(run) > 3_000_000, "the spool")
        run.kill()
        collector = self.collector()
        run, sender = self.node(f"spool={self.spool}")
        sender.send(frames(0, 1000, first=3000))
        self.wait_acknowledged(run, 1000)
        report = run.stop()
        verify(report["outputs"][0]["written"] == 1000 and report["balance"]["dropped"] == 0, report["balance"])
        verify("3000 packets of an earlier run were delivered" in run.stderr, run.stderr)
        collector.stop()
        self.stored_once(4000)
        verify([p.name for p in self.spool.iterdir()] == ["node.id"], f"{list(self.spool.iterdir())}")

    @func_test
    def the_node_is_killed_while_it_sends(self):
        """What the collector has of a run is not stored again when the next run offers it."""
        collector = self.collector()
        run, sender = self.node(f"spool={self.spool}")
        sender.send(frames(0, 1000))
        self.wait_acknowledged(run, 1000)
        collector.signal(signal.SIGSTOP)
        sender.send(frames(0, 1000, first=1000))
        run.wait_received(2000)
        wait_until(lambda: self.in_spool(run) > 60_000 and self.peer(run)["queued_bytes"] == 0, "the spool")
        run.kill()
        collector.signal(signal.SIGCONT)
        run, sender = self.node(f"spool={self.spool}")
        sender.send(frames(0, 1000, first=2000))
        run.wait_received(1000)
        run.stop()
        collector.stop()
        self.stored_once(3000)

    @func_test
    def what_is_left_at_the_end_is_spooled(self):
        """It is not lost, the exit status tells of it, and the next run delivers it."""
        traces = [write_pcap(self.folder / f"{i}.pcap", timed(frames(0, 2000, first=2000 * i)), nanoseconds=True) for i in range(2)]
        run = self.capture("-i", traces[0], "-w", self.dest(f"spool={self.spool}"), "--drain-timeout", "0.3", rc=1)
        verify(losses(run.report) == {"spooled": 2000}, losses(run.report))
        verify("2000 packets are kept in the spool" in run.stderr, run.stderr)
        collector = self.collector()
        run = self.capture("-i", traces[1], "-w", self.dest(f"spool={self.spool}"))
        verify(run.report["outputs"][0]["written"] == 2000, run.report["outputs"])
        collector.stop()
        self.stored_once(4000)
