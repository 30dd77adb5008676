# SPDX-License-Identifier: BSD-3-Clause
"""Acknowledged delivery: what a node was told to be on disk is there, and each packet is there once."""

import contextlib
import os
import socket
import threading
import time

from framework.checks import assert_lossless, losses, published_of, temporary, verify_segments
from framework.failing_disk import FailingDisk
from framework.host import require_root, tmpfs
from framework.packets import T0_NS, frames, numbers, timed, write_pcap
from framework.peer import ASKS, LINK, SESSION, Node, Peer, message
from framework.process import free_port, wait_until
from framework.test_suite import TestSuite, func_test, verify

IDENTITY = b"node number one."

# No sync comes before a test has done what it is to see. Packets that fill a gap are waited for so long, before those behind it.
UNSYNCED_MS = 8000


class TestAcknowledge(TestSuite):
    def collector(self, *args, out=None, flush_ms=100, **options):
        self.port = free_port()
        self.out = out or self.make_folder()
        return self.collect("-l", f"127.0.0.1:{self.port}", "--allow", "node=127.0.1.1", "--flush-ms", str(flush_ms), "-w",
                            f"{self.out}/", *args, **options)

    def node(self, first=0, epoch=1, identity=IDENTITY, **options):
        return self.stack.enter_context(Node(self.port, identity, epoch, first, source="127.0.1.1", **options))

    def send(self, node, count):
        """The next packets of the node; the content of each is its number."""
        node.packets(timed(frames(0, count, first=node.next), T0_NS + node.next * 1000))
        node.next += count

    def stored(self, client="node"):
        """The numbers that the files have, in ascending order, since what is recovered may come late."""
        got = numbers(verify_segments(published_of(self.out, client), ordered=False))
        return {sender: sorted(n) for sender, n in got.items()}

    @func_test
    def what_is_on_disk_is_acknowledged(self):
        """Acknowledgements come while a node sends, and at the end the last one, then the end of the connection."""
        run = self.collector()
        node = self.node()
        self.send(node, 1000)
        node.wait_acked(1000)
        self.send(node, 500)
        verify(node.finish() == 1500, f"acknowledged {node.acked}")
        assert_lossless(run.stop(), 1500)
        verify(self.stored() == {0: list(range(1500))}, "packets are missing")

    @func_test
    def what_comes_again_is_taken_once(self):
        """A node that was not told of everything sends some packets again."""
        run = self.collector()
        node = self.node()
        self.send(node, 1000)
        run.wait_received(1000)
        node.close()
        again = self.node()
        self.send(again, 1200 - again.next)
        verify(again.finish() == 1200, f"acknowledged {again.acked}")
        client = run.ask("/braidcap/clients,0")
        verify(client["acknowledged"] and client["repeated"] == 1000 - again.resumed, f"{client}")
        assert_lossless(run.stop(), 1200)
        verify(self.stored() == {0: list(range(1200))}, "packets are missing, or there twice")

    def killed_and_resumed(self, *args, recover_first):
        """The collector is killed, and the node sends to the next one what was not acknowledged, and more."""
        run = self.collector(*args)
        node = self.node()
        self.send(node, 1000)
        node.wait_acked(1000)
        self.send(node, 500)
        run.wait_written(1500)
        run.kill()
        node.close()
        if recover_first:
            self.braidcap("recover", self.out)
        run = self.collector(*args, out=self.out)
        again = self.node(first=1000)
        verify(1000 <= again.acked <= 1500, f"{again.acked} packets on disk")
        self.send(again, 2000 - again.next)
        verify(again.finish() == 2000, f"acknowledged {again.acked}")
        run.stop()
        self.braidcap("recover", self.out)
        verify(self.stored() == {0: list(range(2000))}, "packets are missing, or there twice")
        return again

    @func_test
    def a_killed_collector_goes_on_where_its_leftover_ends(self):
        """The next collector looks into what the killed one left, and recovery comes later."""
        node = self.killed_and_resumed("-Z", "none", recover_first=False)
        verify(node.acked == 2000, f"{node.acked}")

    @func_test
    def a_killed_collector_goes_on_behind_what_was_recovered(self):
        """Recovery turns the leftover into a segment, and writes down what is in it."""
        self.killed_and_resumed(recover_first=True)

    @func_test
    def a_killed_collector_of_many_clients(self):
        """With --merge a leftover has packets of several nodes; each goes on where its own end."""
        run = self.collector("--allow", "other=127.0.1.2", "--merge", "--names", "osmo", "--max-wait", "100")
        nodes = [self.node(), self.stack.enter_context(Node(self.port, b"n" * 16, source="127.0.1.2"))]
        for first in (0, 100):
            for i, node in enumerate(nodes):
                node.packets(timed(frames(i, 100 + i, first=node.next), T0_NS + first * 10**6 + i))
                node.next += 100 + i
        run.wait_written(402)
        run.kill()
        run = self.collector("--allow", "other=127.0.1.2", "--merge", "--names", "osmo", "--max-wait", "100",
                             out=self.out)
        nodes = [self.node(), self.stack.enter_context(Node(self.port, b"n" * 16, source="127.0.1.2"))]
        for i, node in enumerate(nodes):
            node.packets(timed(frames(i, 300 - node.next, first=node.next), T0_NS + 10**9 + i))
            verify(node.finish() == 300, f"node {i}: acknowledged {node.acked}")
        run.stop()
        self.braidcap("recover", self.out)
        verify(self.stored("merged") == {i: list(range(300)) for i in (0, 1)}, "packets are missing, or there twice")

    @func_test
    def a_node_of_ours_survives_its_collector(self):
        """`capture -w osmo://` sends to a collector that is killed, and goes on with the next: each packet once."""
        trace = write_pcap(self.folder / "in.pcap", timed(frames(0, 60000)))
        run = self.collector("--allow", "ours=127.0.0.1")
        node = self.start("-i", trace, "-w", f"osmo://127.0.0.1:{self.port},queue=4", capturing=False)
        run.wait_written(10000)
        run.kill()
        run = self.collect("-l", f"127.0.0.1:{self.port}", "--allow", "ours=127.0.0.1", "-w", f"{self.out}/")
        node.finish()
        run.stop()
        self.braidcap("recover", self.out)
        verify(self.stored("ours") == {0: list(range(60000))}, "packets are missing, or there twice")

    @func_test
    def a_collector_that_was_stopped_knows_what_it_has(self):
        """A node that was not told of everything comes to the next collector, whose files have been moved away."""
        run = self.collector()
        node = self.node()
        self.send(node, 1000)
        run.wait_written(1000)
        node.close()
        run.stop()
        stored = self.stored()
        for path in published_of(self.out, "node"):
            os.unlink(path)
        run = self.collector(out=self.out)
        again = self.node()
        verify(again.acked == 1000, f"acknowledged {again.acked}")
        self.send(again, 100)
        again.finish()
        run.stop()
        verify(stored == {0: list(range(1000))} and self.stored() == {0: list(range(1000, 1100))}, "missing, or there twice")

    @func_test
    def a_full_disk_is_waited_for(self):
        """A node keeps its packets: while the disk is full it is not read from, and nothing is lost."""
        require_root()
        out = self.stack.enter_context(tmpfs(self.make_folder(), 40))
        (out / "filler").write_bytes(bytes(36 << 20))
        run = self.collector("-Z", "none", "--memory", "8", out=out)
        node = self.node(window=1 << 30)
        made = timed(frames(0, 14000, sizes=(1514,), noise=True))
        sender = threading.Thread(target=node.packets, args=(made,))
        sender.start()
        wait_until(lambda: "no space left" in run.stderr, "the disk is full")
        verify(run.ask("/braidcap/ledger")["balance"]["received"] < 14000, "there was room for everything")
        (out / "filler").unlink()
        sender.join()
        verify(node.finish() == 14000, f"acknowledged {node.acked}")
        verify("leaving packets with the nodes" in run.stderr and "losing" not in run.stderr, run.stderr)
        assert_lossless(run.stop(), 14000)
        verify(self.stored() == {0: list(range(14000))}, "packets are missing")

    @func_test
    def a_stop_on_a_full_disk_leaves_the_rest_with_the_node(self):
        """What finds no room at the end is not acknowledged, and comes to the next collector."""
        require_root()
        out = self.stack.enter_context(tmpfs(self.make_folder(), 24))
        (out / "filler").write_bytes(bytes(20 << 20))
        run = self.collector("-Z", "none", "--memory", "8", out=out)
        made = timed(frames(0, 6000, sizes=(1514,), noise=True))
        node = self.node(window=1 << 30)
        node.packets(made)
        wait_until(lambda: "no space left" in run.stderr, "the disk is full")
        report = run.stop(rc=1)
        verify(set(losses(report)) == {"disk_full"}, f"{losses(report)}")
        with contextlib.suppress(OSError):
            node.finish()
        verify(node.acked < 6000, "everything was acknowledged")
        (out / "filler").unlink()
        run = self.collector("-Z", "none", out=out)
        rest = self.node(first=node.acked)
        rest.packets(made[rest.next:])
        verify(rest.finish() == 6000, f"acknowledged {rest.acked}")
        run.stop()
        verify(self.stored() == {0: list(range(6000))}, "packets are missing, or there twice")

    @func_test
    def what_the_disk_lost_is_sent_again(self):
        """The file of a segment is removed before it was synced: the connection ends, and nothing of it was acknowledged."""
        run = self.collector("-Z", "none", flush_ms=UNSYNCED_MS)
        node = self.node(window=1 << 30)
        made = timed(frames(0, 1000, sizes=(1514,)))
        node.packets(made[:300])
        wait_until(lambda: run.ask("/braidcap/ledger")["balance"]["written"] > 0, "a chunk is written")
        (path,) = temporary(self.out)
        os.unlink(path)
        node.packets(made[300:])
        verify(node.closed() and node.acked == 0, "the connection goes on")
        again = self.node()
        verify(again.acked == 0, f"acknowledged {again.acked}")
        again.packets(made)
        verify(again.finish() == 1000, f"acknowledged {again.acked}")
        report = run.stop(rc=1)
        verify(set(losses(report)) == {"disk_error"}, f"{losses(report)}")
        verify(self.stored() == {0: list(range(1000))}, "packets are missing, or there twice")

    def repeated(self, run):
        return run.ask("/braidcap/clients,0")["repeated"]

    @func_test
    def what_a_sync_did_not_bring_to_disk_is_there_once(self):
        """A sync fails. What it was for is sent again, and is not in the file that keeps its temporary name."""
        disk = FailingDisk(self.folder)
        run = self.collector("-Z", "none", env=disk.env)
        node = self.node()
        self.send(node, 500)
        node.wait_acked(500)
        disk.hold("tmp-")
        self.send(node, 500)
        run.wait_written(1000)
        disk.fail("tmp-")
        verify(node.closed() and node.acked == 500, f"acknowledged {node.acked}")
        disk.mend()
        again = self.node()
        verify(again.acked == 500, f"acknowledged {again.acked}")
        self.send(again, 600)
        verify(again.finish() == 1100, f"acknowledged {again.acked}")
        verify(losses(run.stop(rc=1)) == {"disk_error": 500}, "other packets are lost")
        self.braidcap("recover", self.out)
        verify(self.stored() == {0: list(range(1100))}, "packets are missing, or there twice")

    @func_test
    def a_segment_behind_a_lost_one_is_not_sent_again(self):
        """The disk loses a segment when packets are in the next one. Its node is asked for the gap only."""
        disk = FailingDisk(self.folder)
        run = self.collector("-Z", "none", env=disk.env, flush_ms=UNSYNCED_MS)
        node = self.node(window=1 << 30)
        disk.hold("tmp-")
        made = timed(frames(0, 1200, sizes=(1514,)))
        node.packets(made[:300])
        wait_until(lambda: run.ask("/braidcap/ledger")["balance"]["written"] > 0, "a chunk is written")
        (path,) = temporary(self.out)
        run.ask("/braidcap/rotate")
        node.packets(made[300:1000])
        run.wait_received(1000)
        disk.fail(path.name)
        verify(node.closed(), "the connection goes on")
        disk.mend()
        again = self.node()
        verify(again.acked == 0, f"acknowledged {again.acked}")
        again.packets(made)
        verify(again.finish() == 1200, f"acknowledged {again.acked}")
        verify(self.repeated(run) <= 1000, f"{self.repeated(run)} packets came again")
        verify(set(losses(run.stop(rc=1))) == {"disk_error"}, "other packets are lost")
        self.braidcap("recover", self.out)
        verify(self.stored() == {0: list(range(1200))}, "packets are missing, or there twice")

    def power_cut(self):
        """
        As if the power failed when three segments were to be published: the newer two are whole, the oldest one has lost its
        end. All keep their temporary names, and the file beside them does not know of them.
        """
        run = self.collector("-Z", "none")
        node = self.node()
        for n in range(1, 4):
            self.send(node, 400)
            node.wait_acked(node.next)
            run.ask("/braidcap/rotate")
            wait_until(lambda n=n: len(published_of(self.out, "node")) == n, "the segment is published")
        run.stop()
        for i, path in enumerate(published_of(self.out, "node")):
            data = bytearray(path.read_bytes())
            # Nothing was on disk when it began.
            at = data.index(b"braidcap\1\0") + 60
            data[at:at + 8] = bytes(8)
            path.write_bytes(data if i else data[:len(data) // 2])
            path.rename(self.out / f"tmp-1-{i:08}~node.pcapng")
        (self.out / ".acknowledged~node").unlink()

    def resume_after_power_cut(self):
        run = self.collector("-Z", "none", out=self.out)
        node = self.node()
        gap = range(node.acked, 400)
        verify(100 < gap.start < 300, f"acknowledged {node.acked}")
        self.send(node, 1300 - node.next)
        verify(node.finish() == 1300, f"acknowledged {node.acked}")
        verify(self.repeated(run) == 800, f"{self.repeated(run)} packets came again")
        assert_lossless(run.stop(), len(gap) + 100)
        self.braidcap("recover", self.out)
        verify(self.stored() == {0: list(range(1300))}, "packets are missing, or there twice")

    @func_test
    def a_power_cut_leaves_gaps(self):
        """What lies behind the gap is not stored a second time."""
        self.power_cut()
        self.resume_after_power_cut()

    @func_test
    def a_gap_is_remembered(self):
        """Recovered or not, by a collector that is stopped before the node comes again."""
        self.power_cut()
        self.braidcap("recover", self.out)
        self.collector("-Z", "none", out=self.out).stop()
        self.resume_after_power_cut()

    @func_test
    def who_does_not_ask_is_told_nothing(self):
        """An older node, or another program's, gets not one byte."""
        run = self.collector()
        peer = self.stack.enter_context(Peer(self.port, source="127.0.1.1"))
        peer.hello()
        peer.packets(timed(frames(0, 100)))
        run.wait_written(100)
        peer.socket.shutdown(socket.SHUT_WR)
        verify(peer.read(1) == b"", "it was sent something")
        verify(not run.ask("/braidcap/clients,0")["acknowledged"], "it counts as acknowledged")
        assert_lossless(run.stop(), 100)

    @func_test
    def who_asks_where_nothing_is_acknowledged_gets_no_answer(self):
        """In classic pcap there is no place for numbers: such a collector is like an older one."""
        run = self.collector("--format", "pcap")
        peer = self.stack.enter_context(Peer(self.port, source="127.0.1.1"))
        peer.send(message(LINK, peer.form.link, ASKS))
        peer.packets(timed(frames(0, 100)))
        run.wait_written(100)
        peer.socket.shutdown(socket.SHUT_WR)
        verify(peer.read(1) == b"", "it was sent something")
        assert_lossless(run.stop(), 100)

    @func_test
    def the_newer_connection_of_a_node_goes_on(self):
        """A node that comes again before its old connection is known to be dead: the old one ends, nothing is there twice."""
        run = self.collector()
        old = self.node()
        self.send(old, 1000)
        new = self.node()
        self.send(new, 2000 - new.next)
        verify(new.finish() == 2000 and old.closed(), f"acknowledged {new.acked}")
        verify(run.ask("/braidcap/clients,0")["connections"] == 2, "not two connections")
        assert_lossless(run.stop(), 2000)
        verify(self.stored() == {0: list(range(2000))}, "packets are missing, or there twice")

    @func_test
    def each_epoch_is_numbered_anew(self):
        """A node that was started anew begins another epoch; what is left of the one before comes in its own connection."""
        run = self.collector()
        one = self.node(epoch=7)
        self.send(one, 500)
        one.close()
        two = self.node(epoch=8, first=100)
        verify(two.acked == 100, f"acknowledged {two.acked}")
        two.packets(timed(frames(1, 50), T0_NS + 10**9))
        two.next += 50
        verify(two.finish() == 150, f"acknowledged {two.acked}")
        rest = self.node(epoch=7)
        self.send(rest, 600 - rest.next)
        verify(rest.finish() == 600, f"acknowledged {rest.acked}")
        assert_lossless(run.stop(), 650)
        verify(self.stored() == {0: list(range(600)), 1: list(range(50))}, "packets are missing, or there twice")

    @func_test
    def a_session_in_the_wrong_place_ends_the_connection(self):
        """Behind a packet, a second one, and one that is too short."""
        run = self.collector()
        session = IDENTITY + bytes(24)
        for wrong in (session, session[:-1]):
            node = self.node()
            self.send(node, 1)
            node.send(message(SESSION, wrong))
            verify(node.closed(), "the connection goes on")
        bare = self.stack.enter_context(Peer(self.port, source="127.0.1.1"))
        bare.send(message(LINK, bare.form.link) + 2 * message(SESSION, session))
        wait_until(lambda: run.ask("/braidcap/clients,0")["failures"] == 3, "three failures")
        run.stop()

    @func_test
    def a_pause_leaves_packets_with_the_node(self):
        """While the collector is paused nothing is lost, and nothing acknowledged."""
        run = self.collector()
        node = self.node()
        run.pause()
        self.send(node, 1000)
        time.sleep(0.3)
        verify(run.ask("/braidcap/ledger")["balance"]["received"] == 0, "packets were taken")
        run.ask("/braidcap/resume")
        verify(node.finish() == 1000, f"acknowledged {node.acked}")
        assert_lossless(run.stop(), 1000)
