# SPDX-License-Identifier: BSD-3-Clause
"""Nodes in namespaces, which capture and send to a collector, which stores: exact packets, and both ledgers close."""

import signal
import time
from pathlib import Path

from framework.checks import assert_balance, assert_closed, assert_lossless, losses, published, published_of, temporary, verify_segments
from framework.host import Sender
from framework.namespaces import COLLECTOR, nodes
from framework.packets import frames, numbers
from framework.process import tool, wait_until
from framework.test_suite import TestSuite, func_test, verify

PORT = 6099
TEST_CA = Path(__file__).parents[2] / "scripts" / "test-ca"


def assert_sent(report, count):
    """A node captured so many packets, and the collector has taken all of them."""
    balance = report["balance"]
    assert_closed(balance)
    assert (balance["received"], balance["written"]) == (count, count), (balance, losses(report))


class TestDistributed(TestSuite):
    def world(self, count):
        self.nodes = self.stack.enter_context(nodes(count))
        self.out = self.make_folder()

    def collector(self, *args):
        allow = [a for i, n in enumerate(self.nodes) for a in ("--allow", f"node{i}={n.address}")]
        return self.collect("-l", f"{COLLECTOR}:{PORT}", *allow, "-w", f"{self.out}/", *args)

    def node(self, index=0, *args, capturing=True):
        """`braidcap capture` in a node, which sends to the collector."""
        node = self.nodes[index]
        return self.start("-i", f"pcap:{node.capture}", "-w", f"osmo://{COLLECTOR}:{PORT}", "--mbufs", "2048", "--memory", "8",
                          "-f", "udp", *args, netns=node.name, capturing=capturing)

    def connected(self, run, index=0, times=1):
        wait_until(lambda: (c := run.ask(f"/braidcap/clients,{index}"))["state"] == "connected" and
                   c["connections"] >= times, f"node{index} connected")

    def send(self, index, count, first=0, pace=0):
        with Sender(self.nodes[index].sender) as sender:
            made = frames(index, count, sizes=(64, 400, 1400), first=first)
            for at in range(0, count, 100):
                sender.send(made[at:at + 100])
                if pace:
                    time.sleep(pace)

    def stored(self, index=0):
        """The packets of a node's series: numbers by stream."""
        return numbers(verify_segments(published_of(self.out, f"node{index}")))

    @func_test
    def one_node(self):
        """Each packet that a node captured is stored, once; both ledgers say so."""
        self.world(1)
        collector = self.collector()
        node = self.node()
        self.connected(collector)
        self.send(0, 20000, pace=0.001)
        node.wait_received(20000)
        assert_sent(node.stop(), 20000)
        collector.wait_received(20000)
        assert_lossless(collector.stop(), 20000)
        verify(self.stored() == {0: list(range(20000))}, "packets differ")

    @func_test
    def twenty_nodes(self):
        """Twenty nodes at once: a series for each."""
        self.world(20)
        collector = self.collector()
        running = [self.node(i, capturing=False) for i in range(20)]
        for i, node in enumerate(running):
            node.wait_capturing()
            self.connected(collector, i)
        for i in range(20):
            self.send(i, 1000)
        for node in running:
            node.wait_received(1000)
            node.signal(signal.SIGINT)
        for node in running:
            node.finish()
            assert_sent(node.report, 1000)
        collector.wait_received(20000)
        assert_lossless(collector.stop(), 20000)
        for i in range(20):
            verify(self.stored(i) == {i: list(range(1000))}, f"node{i}: packets differ")

    @func_test
    def merged(self):
        """--merge: three nodes in one series, in the order of their stamps."""
        self.world(3)
        collector = self.collector("--merge", "--max-wait", "3000")
        running = [self.node(i) for i in range(3)]
        for i in range(3):
            self.connected(collector, i)
        for round_ in range(20):
            for i in range(3):
                self.send(i, 100, first=100 * round_)
        for node in running:
            node.wait_received(2000)
        for node in running:
            assert_sent(node.stop(), 2000)
        collector.wait_received(6000)
        report = collector.stop()
        assert_lossless(report, 6000)
        late = sum(s["late"] for s in report["sources"])
        got = verify_segments(published(self.out), ordered=not late)
        verify(numbers(got) == {i: list(range(2000)) for i in range(3)}, "packets differ")

    @func_test
    def a_node_is_killed(self):
        """What came from a node that was killed is stored and published; when it is back it goes on."""
        self.world(1)
        collector = self.collector()
        node = self.node()
        self.connected(collector)
        self.send(0, 5000, pace=0.001)
        collector.wait_received(5000)
        node.kill()
        wait_until(lambda: published_of(self.out, "node0"), "what came is published")
        again = self.node()
        self.connected(collector, times=2)
        self.send(0, 5000, first=5000, pace=0.001)
        again.wait_received(5000)
        assert_sent(again.stop(), 5000)
        collector.wait_received(10000)
        assert_lossless(collector.stop(), 10000)
        verify(self.stored() == {0: list(range(10000))}, "packets differ")

    @func_test
    def the_collector_is_killed(self):
        """The node connects again by itself; both ledgers close, and no packet is there twice."""
        self.world(1)
        collector = self.collector("--flush-ms", "100")
        node = self.node()
        self.connected(collector)
        self.send(0, 5000, pace=0.001)
        collector.wait_written(5000)
        collector.kill()
        self.braidcap("recover", self.out)
        verify(temporary(self.out) == [], f"{temporary(self.out)}")
        self.send(0, 1000, first=5000, pace=0.001)
        collector = self.collector()
        self.connected(collector)
        self.send(0, 5000, first=6000, pace=0.001)
        node.wait_received(11000)
        report = node.stop()
        assert_closed(report["balance"])
        kept = report["balance"]["written"] - 5000
        collector.wait_received(min(kept, 5000))
        report = collector.stop()
        assert_balance(report)
        seen = self.stored()[0]
        verify(seen[:5000] == list(range(5000)), "what was stored before is gone")
        verify(seen == sorted(set(seen)), "a packet is there twice, or out of order")
        verify(seen[-5000:] == list(range(6000, 11000)), "what came after the new connection has gaps")
        verify(len(seen) == 5000 + report["balance"]["written"], f"{len(seen)} packets, {report['balance']}")

    @func_test
    def by_tls(self):
        """Certificates on both sides, each made out to its host; the node's to the name that the collector gave it."""
        self.world(1)
        ca = self.folder / "ca"
        tool(TEST_CA, ca, COLLECTOR, "node0")
        files = ("--tls-ca", ca / "ca.crt", "--tls-crl", ca / "ca.crl")
        collector = self.collector("--tls", "--tls-cert", ca / f"{COLLECTOR}.crt", "--tls-key", ca / f"{COLLECTOR}.key",
                             "--tls-bind-names", *files)
        node = self.nodes[0]
        run = self.start("-i", f"pcap:{node.capture}", "-w", f"osmo://{COLLECTOR}:{PORT},tls", "-f", "udp", "--tls-cert",
                         ca / "node0.crt", "--tls-key", ca / "node0.key", *files, netns=node.name)
        self.connected(collector)
        verify(collector.ask("/braidcap/clients,0")["certificate"] == "node0", "the certificate's name")
        self.send(0, 5000, pace=0.001)
        run.wait_received(5000)
        assert_sent(run.stop(), 5000)
        collector.wait_received(5000)
        assert_lossless(collector.stop(), 5000)
        verify(self.stored() == {0: list(range(5000))}, "packets differ")
