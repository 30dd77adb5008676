# SPDX-License-Identifier: BSD-3-Clause
"""More than can be written: what is lost is counted, named, and marked in the file."""

import subprocess
import threading

from framework import host
from framework.checks import assert_balance, assert_ordered, losses, published, verify_segments
from framework.packets import frames, numbers, timed, write_pcap
from framework.process import wait_until
from framework.reader import parse
from framework.test_suite import TestSuite, func_test, verify

COUNT = 60000


class TestOverload(TestSuite):
    def overrun(self):
        """
        Nobody reads the output while COUNT packets of 1000 bytes come; then it is read, and 1000 more packets come. The
        report, and what was in the output.
        """
        run = self.start("-i", self.vhost(options="full=drop"), "-w", "-", "-Z", "none", "--memory", "8",
                         beside_generator=True, stdout=subprocess.PIPE)
        generator = self.send(frames(0, COUNT, sizes=(1000,)))
        run.wait_received(COUNT)
        generator.quit()
        data = bytearray()
        reader = threading.Thread(target=lambda: data.extend(run.process.stdout.read()))
        reader.start()
        wait_until(lambda: run.ask("/braidcap/ledger")["balance"]["unaccounted"] == 0, "nothing in flight")
        self.send(frames(0, 1000, sizes=(1000,), first=COUNT))
        run.wait_received(COUNT + 1000)
        report = run.stop()
        reader.join()
        return report, parse(bytes(data))

    @func_test
    def reader_stands_still(self):
        """The buffers fill, the rest is lost at the door, and the capture goes on."""
        report, capture = self.overrun()
        assert_balance(report)
        verify(report["balance"]["received"] == COUNT + 1000, report["balance"])
        verify(report["balance"]["dropped"] > 1000, f"so much cannot have fitted: {report['balance']}")
        verify(set(losses(report)) <= {"link_full", "no_buffer"}, losses(report))
        verify(len(capture.packets) == report["balance"]["written"], "the file differs from the ledger")
        assert_ordered(capture.packets)
        seen = numbers(capture.packets)[0]
        verify(seen == sorted(set(seen)), "a packet is doubled or out of order")
        verify(seen[-1000:] == list(range(COUNT, COUNT + 1000)), "the capture did not recover")

    @func_test
    def gaps_are_marked(self):
        """The packet behind a gap says how many are missing before it."""
        _, capture = self.overrun()
        seen = numbers(capture.packets)[0]
        missing = {i: now - last - 1 for i, (last, now) in enumerate(zip([-1, *seen], seen)) if now != last + 1}
        marked = {i: int.from_bytes(o[4], "little") for i, o in capture.epb_options if 4 in o}
        verify(missing and marked == missing, f"missing {missing}, marked {marked}")

    @func_test
    def slow_compression(self):
        """A generator at full speed against the slowest compression: each packet that it sent is accounted for."""
        out = self.make_folder()
        run = self.start("-i", self.vhost(options="queues=2"), "-w", out, "--memory", "8", "-Z", "zstd", "-z", "19",
                         "--no-accelerate", beside_generator=True)
        traces = [write_pcap(self.folder / f"q{q}.pcap", timed(frames(q, 30000, sizes=(700,), noise=True)))
                  for q in range(2)]
        sender = self.replayer(traces, f"net_virtio_user0,path={self.folder}/v0,queues=2", retry=False)
        sender.command("start")
        sender.wait_received(0, COUNT)
        sender.command("stop")
        sent = sender.stats(1)["TX-packets"]
        run.wait_received(sent)
        report = run.stop(timeout=120)
        assert_balance(report)
        verify(report["balance"]["received"] == sent, f"{sent} sent: {report['balance']}")
        got = verify_segments(published(out))
        verify(len(got) == report["balance"]["written"], "the files differ from the ledger")

    @func_test
    def an_interface_faster_than_the_compression(self):
        """What comes from the kernel faster than it can be compressed waits in --memory and is compressed less."""
        near, far = self.stack.enter_context(host.veth())
        out = self.make_folder()
        run = self.start("-i", f"pcap:{far},buffer_mb=2", "-w", out, "--memory", "8", "-Z", "lz4", "-z", "12")
        data = frames(0, COUNT, sizes=(1000,))
        with host.Sender(near) as sender:
            def compressed_less():
                sender.send(data)
                writers = run.ask("/braidcap/outputs,0")["writers"]
                return writers["blocks_faster"] + writers["blocks_stored"]

            wait_until(compressed_less, "blocks compressed less")
        report = run.stop(timeout=120)
        assert_balance(report)
        verify(len(verify_segments(published(out))) == report["balance"]["written"], "the files differ from the ledger")

    @func_test
    def endless_flood(self):
        """Seconds of the smallest packets as fast as they come, written nowhere: received is what was sent."""
        run = self.start("-i", self.vhost(options="queues=2"), "-w", "null:", beside_generator=True)
        flood = self.testpmd([f"net_virtio_user0,path={self.folder}/v0,queues=2"], queues=2, mode="txonly")
        flood.command("start")
        flood.wait_sent(0, 1_000_000)
        flood.command("stop")
        sent = flood.stats(0)["TX-packets"]
        run.wait_received(sent)
        report = run.stop()
        assert_balance(report)
        verify(report["balance"]["received"] == sent, f"{sent} sent: {report['balance']}")
