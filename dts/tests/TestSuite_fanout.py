# SPDX-License-Identifier: BSD-3-Clause
"""Capture from several rings of one interface of the kernel, between which it spreads the flows."""

import signal
import struct
import time
from collections import defaultdict

from framework import host
from framework.checks import assert_balance, assert_lossless, assert_streams, losses, published, temporary, verify_segments
from framework.packets import frames, numbers
from framework.process import tool, wait_until
from framework.reader import read
from framework.test_suite import TestSuite, func_test, verify

QUEUES = 3
STREAMS = range(30)


def turned(frame):
    """The frame that answers this one: addresses and ports exchanged."""
    return frame[6:12] + frame[:6] + frame[12:26] + frame[30:34] + frame[26:30] + frame[36:38] + frame[34:36] + frame[38:]


def fragments(stream, count):
    """Each packet in two: the first fragment has the ports, the other has not."""
    out = []
    for i, frame in enumerate(frames(stream, count, sizes=(234,))):
        head, payload = frame[:14], frame[34:]
        for offset, piece in ((0, payload[:96]), (96, payload[96:])):
            more = 0x2000 if offset == 0 else 0
            ip = frame[14:16] + struct.pack(">HHH", 20 + len(piece), i, more | offset // 8) + frame[22:24] + bytes(2) + frame[26:34]
            total = sum(struct.unpack(">10H", ip))
            total = (total & 0xFFFF) + (total >> 16)
            out.append(head + ip[:10] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + ip[12:] + piece)
    return out


class TestFanout(TestSuite):
    def set_up_test_case(self):
        host.require_root("ip")
        self.near, self.far = self.stack.enter_context(host.veth())
        self.out = self.make_folder()

    def rings(self, *args, keys="", **options):
        return self.start("-i", f"{self.far},queues={QUEUES}{keys}", "-w", self.out, *args, **options)

    def send(self, data):
        with host.Sender(self.near) as sender:
            sender.send(data)

    def queues(self):
        """The queue that each packet names, in the file's order."""
        return [int.from_bytes(options[6], "little") for _, options in read(published(self.out)[0]).epb_options]

    @func_test
    def both_directions_of_a_flow_come_by_one_ring(self):
        """All packets are there in the order of sending, and a flow and its answers name one queue, as do others another."""
        run = self.rings("--queue-option")
        data = [frames(s, 100) for s in STREAMS]
        sent = []
        with host.Sender(self.near) as there, host.Sender(self.far) as back:
            for i in range(100):
                for s in STREAMS:
                    sent += [data[s][i], turned(data[s][i])]
                    there.send(sent[-2:-1])
                    back.send(sent[-1:])
        run.wait_received(len(sent))
        report = run.stop()
        assert_lossless(report, len(sent))
        packets = verify_segments(published(self.out))
        verify([p.data for p in packets] == sent, "the order of sending is lost")
        of = defaultdict(set)
        for packet, queue in zip(packets, self.queues()):
            of[packet.data[5]].add(queue)
        verify(all(len(seen) == 1 for seen in of.values()), f"a flow is in two rings: {dict(of)}")
        verify(set().union(*of.values()) == set(range(QUEUES)), f"not all rings are used: {dict(of)}")
        verify([s["queue"] for s in report["sources"]] == list(range(QUEUES)), "each ring is a source")
        verify(len({s["interface"] for s in report["sources"]}) == 1, "the rings are one interface")
        verify(len(read(published(self.out)[0]).interfaces) == 1, "the rings are one interface in the file")

    @func_test
    def fragments_stay_fragments(self):
        """What came in pieces is captured in pieces, and the pieces of two hosts by one ring."""
        run = self.rings("--queue-option")
        data = fragments(7, 200)
        self.send(data)
        run.wait_received(len(data))
        assert_lossless(run.stop(), len(data))
        verify([p.data for p in verify_segments(published(self.out))] == data, "content or order differ")
        verify(len(set(self.queues())) == 1, "the pieces took several rings")

    @func_test
    def a_flow_may_use_the_room_of_all_rings(self):
        """One flow, more than its ring holds while nobody takes it, is lost by no ring."""
        run = self.rings(keys=",buffer_mb=1")
        run.signal(signal.SIGSTOP)
        self.send(frames(1, 1500, sizes=(1000,)))
        run.signal(signal.SIGCONT)
        run.wait_received(1500)
        report = run.stop()
        assert_lossless(report, 1500)
        verify(sum(1 for s in report["sources"] if s["received"]) > 1, "one ring took it all")
        assert_streams(verify_segments(published(self.out)), {1: 1500})

    @func_test
    def losses_are_counted_ring_by_ring(self):
        """What finds all rings full is in the ledger, once."""
        run = self.rings(keys=",buffer_mb=1")
        run.signal(signal.SIGSTOP)
        self.send([f for s in STREAMS for f in frames(s, 500, sizes=(1000,))])
        run.signal(signal.SIGCONT)
        run.wait_received(len(STREAMS) * 500)
        report = run.stop()
        assert_balance(report)
        verify(report["balance"]["received"] == len(STREAMS) * 500, report["balance"])
        verify(list(losses(report)) == ["kernel_drop"], losses(report))
        verify(sum(1 for s in report["sources"] if s["dropped"].get("kernel_drop")) > 1, "one ring has all losses")
        verify(len(verify_segments(published(self.out))) == report["balance"]["written"], "the file differs from the ledger")

    @func_test
    def a_filter_holds_for_each_ring(self):
        """Of all flows, in whatever ring, those that -f wants are there; the rest is filtered."""
        run = self.rings("-f", "src net 10.0.0.0/28")
        self.send([f for s in STREAMS for f in frames(s, 50)])
        run.wait_written(16 * 50)
        run.wait_received(len(STREAMS) * 50)
        report = run.stop()
        assert_balance(report)
        verify(report["balance"]["filtered"] == (len(STREAMS) - 16) * 50, report["balance"])
        assert_streams(verify_segments(published(self.out)), {s: 50 for s in range(16)})

    @func_test
    def two_captures_of_one_interface_do_not_share(self):
        """Each of two captures has all packets."""
        other = self.make_folder("other")
        runs = [self.rings(), self.start("-i", f"{self.far},queues=2", "-w", other)]
        data = [f for s in STREAMS for f in frames(s, 20)]
        self.send(data)
        for run, out in zip(runs, (self.out, other)):
            run.wait_received(len(data))
            assert_lossless(run.stop(), len(data))
            assert_streams(verify_segments(published(out)), {s: 20 for s in STREAMS})

    @func_test
    def down_and_up_again(self):
        """An interface that goes down and comes back is captured on, each packet once."""
        run = self.rings()
        self.send([f for s in STREAMS for f in frames(s, 10)])
        run.wait_written(300)
        tool("ip", "link", "set", self.far, "down")
        time.sleep(0.3)
        tool("ip", "link", "set", self.far, "up")
        wait_until(lambda: host.is_up(self.far) and host.is_up(self.near), "the link")
        self.send([f for s in STREAMS for f in frames(s, 10, first=10)])
        run.wait_received(600)
        assert_lossless(run.stop(), 600)
        assert_streams(verify_segments(published(self.out)), {s: 20 for s in STREAMS})

    @func_test
    def an_interface_that_disappears_is_told_of_once(self):
        """What came before is on disk, the exit status is 1, and one line says why."""
        run = self.rings()
        self.send(frames(0, 100))
        run.wait_received(100)
        tool("ip", "link", "del", self.near)
        run.finish(rc=1)
        verify(run.stderr.count("disappeared") == 1, run.stderr[-2000:])
        assert_lossless(run.report, 100)
        assert_streams(verify_segments(published(self.out)), {0: 100})

    @func_test
    def stopped_in_a_flood(self):
        """Stopped while packets come, everything that the rings had is accounted for, and in order."""
        run = self.rings(beside_generator=True)
        flood = self.testpmd([f"net_af_packet0,iface={self.near}"], mode="txonly", extra=("--txonly-multi-flow",))
        flood.command("start")
        run.wait_received(50000)
        report = run.stop()
        flood.command("stop")
        assert_balance(report)
        verify(len(verify_segments(published(self.out))) == report["balance"]["written"], "the file differs from the ledger")

    @func_test
    def killed(self):
        """After kill -9 what was flushed can be recovered, in order, and the rings are no more."""
        run = self.rings("--flush-ms", "100")
        self.send([f for s in STREAMS for f in frames(s, 100)])
        run.wait_written(3000)
        run.kill()
        self.braidcap("recover", self.out)
        verify(temporary(self.out) == [], "not recovered")
        verify(sum(len(n) for n in numbers(verify_segments(published(self.out))).values()) == 3000, "packets are gone")
        verify(not host.promiscuous(self.far), "the interface is promiscuous")

    @func_test
    def without_root(self):
        """The one right to capture is enough, and with --user none is left."""
        self.folder.chmod(0o777)
        for options in ({"user": "nobody", "rights": ["net_raw"]}, {}):
            args = () if options else ("--user", "nobody")
            run = self.start("-i", f"{self.far},queues=2", "-w", "null:", *args, **options)
            data = [f for s in STREAMS for f in frames(s, 10)]
            self.send(data)
            run.wait_received(len(data))
            assert_lossless(run.stop(), len(data))

    @func_test
    def what_has_no_rings_is_refused(self):
        """Where libpcap would have to capture there is one queue."""
        tun = self.stack.enter_context(host.Tun())
        for source in ("any", tun.name, "nonesuch0"):
            done = self.braidcap("capture", "-i", f"{source},queues=2", "-w", self.out, "--no-huge", check=False)
            verify(done.returncode in (1, 2), f"exit status {done.returncode}")
            lines = done.stderr.strip().splitlines()
            verify(len(lines) == 1 and source in lines[0], done.stderr)
        verify(list(self.out.iterdir()) == [], "something was written")
