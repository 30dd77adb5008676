# SPDX-License-Identifier: BSD-3-Clause
"""Capture from interfaces of the kernel: by a ring of our own, through libpcap, and through DPDK's drivers."""

import signal
import time

from framework import host
from framework.checks import assert_balance, assert_lossless, assert_streams, losses, published, verify_segments
from framework.packets import frames, numbers
from framework.preload import preload
from framework.process import tool, unique, wait_until
from framework.test_suite import TestSuite, func_test, verify

# Until DPDK's af_packet driver binds its socket, it gets packets of all interfaces of the host.
OURS = "udp dst port 9"


class TestKernel(TestSuite):
    def set_up_test_case(self):
        host.require_root("ip")

    def exchange(self, data, *args, mtu=1500, source="pcap:{}"):
        """Send data over a veth pair whose other end is the source; the packets found and the report."""
        near, far = self.stack.enter_context(host.veth(mtu))
        out = self.make_folder()
        run = self.start("-i", source.format(far), "-w", out, *args)
        with host.Sender(near) as sender:
            sender.send(data)
        run.wait_received(len(data))
        report = run.stop()
        assert_lossless(report, len(data))
        return verify_segments(published(out)), report

    @func_test
    def every_packet_once_and_in_order(self):
        """20000 packets of mixed sizes are captured from an interface."""
        data = frames(0, 20000, sizes=(60, 300, 1514))
        packets, report = self.exchange(data)
        verify([p.data for p in packets] == data, "content or order differ")
        verify(report["sources"][0]["stamp"] == "kernel", "the kernel stamps these")

    @func_test
    def a_bare_name_is_an_interface(self):
        """`-i NAME` is `-i pcap:NAME`."""
        packets, _ = self.exchange(frames(0, 100), source="{}")
        assert_streams(packets, {0: 100})

    @func_test
    def devices_without_nanoseconds(self):
        """Of those that libpcap stamps in microseconds the time is right as far as it goes."""
        # Where no other program's packets pass.
        name, near, *_ = self.stack.enter_context(host.namespace())
        out = self.make_folder()
        run = self.start("-i", "any", "-w", out, OURS, env={"LD_PRELOAD": str(preload("coarse_pcap", self.folder))}, netns=name)
        begun = time.time_ns()
        with host.Sender(near) as sender:
            sender.send(frames(0, 10))
        run.wait_written(10)
        assert_lossless(run.stop(), 10)
        packets = verify_segments(published(out))
        verify(all(begun - 1000 <= p.ts_ns <= time.time_ns() and p.ts_ns % 1000 == 0 for p in packets), [p.ts_ns for p in packets])

    @func_test
    def first_packet_after_a_silence(self):
        """After idle seconds one packet, and then a burst, are all there."""
        near, far = self.stack.enter_context(host.veth())
        for source in (f"pcap:{far}", f"pcap:{far},immediate=1", f"dpdk:net_af_packet0,iface={far}"):
            out = self.make_folder(unique("out"))
            run = self.start("-i", source, "-w", out, "-f", OURS)
            time.sleep(1.2)
            with host.Sender(near) as sender:
                sender.send(frames(0, 1))
                time.sleep(1.2)
                sender.send(frames(1, 400))
            run.wait_written(401)
            report = run.stop()
            assert_balance(report)
            verify(losses(report) == {}, f"{losses(report)}")
            assert_streams(verify_segments(published(out)), {0: 1, 1: 400})

    @func_test
    def a_trickle_is_written_as_it_comes(self):
        """Each packet of a slow trickle is written before the next one is sent."""
        near, far = self.stack.enter_context(host.veth())
        out = self.make_folder()
        run = self.start("-i", f"pcap:{far}", "-w", out, "--flush-ms", "50")
        with host.Sender(near) as sender:
            for i, data in enumerate(frames(0, 5)):
                sender.send([data])
                run.wait_written(i + 1)
        assert_lossless(run.stop(), 5)

    @func_test
    def vlan_tags_are_intact(self):
        """One tag and two tags are in the file as they were on the wire."""
        data = frames(0, 100, sizes=(100,), vlans=[(0x8100, 0x2007)])
        data += frames(1, 100, sizes=(100,), vlans=[(0x88A8, 5), (0x8100, 6)])
        packets, _ = self.exchange(data)
        verify([p.data for p in packets] == data, "a tag is lost or moved")

    @func_test
    def jumbo_frames_are_intact(self):
        """9000 bytes come out as they went in."""
        data = frames(0, 500, sizes=(9000,), noise=True)
        packets, _ = self.exchange(data, mtu=9000)
        verify([p.data for p in packets] == data, "content differs")

    @func_test
    def snaplen_cuts_exactly(self):
        """-s 60 keeps 60 bytes and says how long the packet was."""
        data = frames(0, 100, sizes=(60, 61, 1000))
        packets, _ = self.exchange(data, "-s", "60")
        verify([p.data for p in packets] == [d[:60] for d in data], "what was kept is not the beginning")
        verify([p.wire for p in packets] == [len(d) for d in data], "the length on the wire is lost")

    @func_test
    def filter_counts_what_it_refuses(self):
        """Packets that -f does not want are filtered, not lost."""
        near, far = self.stack.enter_context(host.veth())
        out = self.make_folder()
        run = self.start("-i", f"pcap:{far}", "-w", out, "-f", "src host 10.0.0.1")
        with host.Sender(near) as sender:
            sender.send(frames(0, 300) + frames(1, 200))
        run.wait_written(200)
        report = run.stop()
        assert_balance(report)
        verify(report["balance"]["dropped"] == 0, losses(report))
        assert_streams(verify_segments(published(out)), {1: 200})

    @func_test
    def kernel_losses_are_counted(self):
        """What the kernel drops while the program stands still is in the ledger under its name."""
        near, far = self.stack.enter_context(host.veth())
        out = self.make_folder()
        run = self.start("-i", f"pcap:{far},buffer_mb=1", "-w", out)
        run.signal(signal.SIGSTOP)
        with host.Sender(near) as sender:
            sender.send(frames(0, 20000, sizes=(1000,)))
        run.signal(signal.SIGCONT)
        run.wait_received(20000)
        report = run.stop()
        assert_balance(report)
        verify(report["balance"]["received"] == 20000, report["balance"])
        verify(list(losses(report)) == ["kernel_drop"], losses(report))
        verify(len(verify_segments(published(out))) == report["balance"]["written"], "the file differs from the ledger")

    @func_test
    def losses_stand_before_the_packet_that_follows_them(self):
        """The file says where the kernel's losses were: of all that was sent none is missing but those."""
        near, far = self.stack.enter_context(host.veth())
        out = self.make_folder()
        run = self.start("-i", f"pcap:{far},buffer_mb=1", "-w", out)
        with host.Sender(near) as sender:
            sender.send(frames(0, 10))
            run.wait_written(10)
            run.signal(signal.SIGSTOP)
            sender.send(frames(1, 5000, sizes=(1000,)))
            run.signal(signal.SIGCONT)
            run.wait_received(5010)
            sender.send(frames(2, 10))
        run.wait_received(5020)
        report = run.stop()
        assert_balance(report)
        lost = losses(report)
        verify(list(lost) == ["kernel_drop"] and lost["kernel_drop"] > 1000, lost)
        found = numbers(verify_segments(published(out)))
        verify(found[0] == list(range(10)) and found[2] == list(range(10)), "more is lost than was in the way")
        verify(len(found[1]) == 5000 - lost["kernel_drop"], "the file differs from the ledger")

    @func_test
    def what_the_host_sends_is_captured(self):
        """Packets that go out by the interface are taken, too, as libpcap takes them."""
        _, far = self.stack.enter_context(host.veth())
        out = self.make_folder()
        run = self.start("-i", f"pcap:{far}", "-w", out)
        with host.Sender(far) as sender:
            sender.send(frames(0, 200))
        run.wait_received(200)
        assert_lossless(run.stop(), 200)
        assert_streams(verify_segments(published(out)), {0: 200})

    @func_test
    def promiscuous_while_it_captures(self):
        """The interface takes what is for others, unless --no-promisc is given, and until the capture ends."""
        _, far = self.stack.enter_context(host.veth())
        for source in (f"pcap:{far}", f"pcap:{far},immediate=1"):
            run = self.start("-i", source, "-w", self.make_folder(unique("out")))
            verify(host.promiscuous(far), f"{source} is not promiscuous")
            run.stop()
            verify(not host.promiscuous(far), f"{source} is promiscuous after the capture")
            run = self.start("-i", source, "-w", self.make_folder(unique("out")), "--no-promisc")
            verify(not host.promiscuous(far), f"{source} is promiscuous against --no-promisc")
            run.stop()

    @func_test
    def an_interface_that_comes_back_is_captured_on(self):
        """Down and up again is no end of the capture. Where the ring is used it is told, each once."""
        near, far = self.stack.enter_context(host.veth())
        for source in (f"pcap:{far}", f"pcap:{far},immediate=1"):
            out = self.make_folder(unique("out"))
            run = self.start("-i", source, "-w", out)
            with host.Sender(near) as sender:
                sender.send(frames(0, 100))
                run.wait_written(100)
                tool("ip", "link", "set", far, "down")
                if source.endswith(far):
                    wait_until(lambda: run.stderr.count(": no link: ") == 1, "a line that says so")
                else:
                    time.sleep(0.5)
                tool("ip", "link", "set", far, "up")
                wait_until(lambda: host.is_up(far) and host.is_up(near), "the link")
                if source.endswith(far):
                    wait_until(lambda: run.stderr.count("the link is there again") == 1, "a line that says so")
                sender.send(frames(1, 100))
            run.wait_received(200)
            assert_lossless(run.stop(), 200)
            assert_streams(verify_segments(published(out)), {0: 100, 1: 100})

    @func_test
    def an_interface_that_disappears_ends_the_capture(self):
        """What came before is whole on disk, and the exit status says that the capture ended early."""
        for options in ("", ",immediate=1"):
            near, far = self.stack.enter_context(host.veth())
            out = self.make_folder(unique("out"))
            run = self.start("-i", f"pcap:{far}{options}", "-w", out)
            with host.Sender(near) as sender:
                sender.send(frames(0, 100))
            run.wait_received(100)
            tool("ip", "link", "del", near)
            run.finish(rc=1)
            verify("disappeared" in run.stderr, run.stderr[-2000:])
            assert_lossless(run.report, 100)
            assert_streams(verify_segments(published(out)), {0: 100})

    @func_test
    def an_interface_that_is_down_is_refused(self):
        """Nothing is started, and the message says what to do."""
        _, far = self.stack.enter_context(host.veth())
        tool("ip", "link", "set", far, "down")
        run = self.start("-i", f"pcap:{far}", "-w", self.make_folder(), capturing=False)
        run.finish(rc=None)
        verify(run.process.returncode in (1, 2) and f"ip link set {far} up" in run.stderr, run.stderr[-2000:])

    @func_test
    def other_link_types_go_through_libpcap(self):
        """An interface without Ethernet is captured, with its own link type."""
        tun = self.stack.enter_context(host.Tun())
        data = [f[14:] for f in frames(0, 100)]
        out = self.make_folder()
        run = self.start("-i", f"pcap:{tun.name}", "-w", out)
        tun.send(data)
        run.wait_received(100)
        assert_lossless(run.stop(), 100)
        packets = verify_segments(published(out))
        verify([p.data for p in packets] == data, "content differs")
        verify("Raw IP" in tool("capinfos", "-E", *published(out)).stdout, "the link type is not that of bare IP")

    @func_test
    def two_interfaces_in_one_order(self):
        """Two interfaces that receive in turns come out in the order of sending."""
        near, far = zip(*(self.stack.enter_context(host.veth()) for _ in range(2)))
        out = self.make_folder()
        run = self.start("-i", f"pcap:{far[0]}", "-i", f"pcap:{far[1]}", "-w", out)
        data = [frames(i, 2000) for i in range(2)]
        with host.Sender(near[0]) as a, host.Sender(near[1]) as b:
            for pair in zip(*data):
                a.send(pair[:1])
                b.send(pair[1:])
        run.wait_received(4000)
        assert_lossless(run.stop(), 4000)
        packets = verify_segments(published(out))
        verify([p.data for p in packets] == [d for pair in zip(*data) for d in pair], "the order of sending is lost")

    @func_test
    def flood_is_accounted_for(self):
        """A flood by testpmd through a packet socket: the ledger has what the interface had."""
        near, far = self.stack.enter_context(host.veth())
        out = self.make_folder()
        run = self.start("-i", f"pcap:{far},buffer_mb=8", "-w", out, beside_generator=True)
        flood = self.testpmd([f"net_af_packet0,iface={near}"], mode="txonly")
        flood.command("start")
        wait_until(lambda: host.received_by(far) > 100000, "a flood")
        flood.command("stop")
        flood.quit()
        run.wait_received(host.received_by(far))
        report = run.stop()
        assert_balance(report)
        verify(report["balance"]["received"] == host.received_by(far), report["balance"])
        verify(len(verify_segments(published(out))) == report["balance"]["written"], "the file differs from the ledger")

    @func_test
    def dpdk_af_packet(self):
        """The same interface through DPDK's af_packet driver."""
        near, far = self.stack.enter_context(host.veth())
        out = self.make_folder()
        run = self.start("-i", f"dpdk:net_af_packet0,iface={far},framecnt=8192,full=wait", "-w", out, "-f", OURS)
        with host.Sender(near) as sender:
            sender.send(frames(0, 5000))
        run.wait_written(5000)
        report = run.stop()
        assert_balance(report)
        verify(losses(report) == {}, f"{losses(report)}")
        assert_streams(verify_segments(published(out)), {0: 5000})

    @func_test
    def dpdk_tap(self):
        """What is sent to a tap device that DPDK makes is captured."""
        name, out = unique("bt"), self.make_folder()
        run = self.start("-i", f"dpdk:net_tap0,iface={name}", "-w", out, "-f", "udp dst port 9")
        # The kernel keeps 1000 for one that has no CPU, others' among them.
        with host.Sender(name) as sender:
            sender.send(frames(0, 400))
        run.wait_written(400)
        assert_balance(run.stop())
        assert_streams(verify_segments(published(out)), {0: 400})
