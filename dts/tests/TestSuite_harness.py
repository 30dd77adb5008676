# SPDX-License-Identifier: BSD-3-Clause
"""The harness itself, without the program under test: what the other suites rest on."""

import random

from framework import checks, host, reader
from framework.growth import grows
from framework.packets import frames, numbers, timed, write_pcap, write_pcapng
from framework.process import PROGRAM_CPU, tool, wait_until
from framework.telemetry import Telemetry
from framework.test_suite import TestSuite, func_test, verify

COUNT = 20000


class TestHarness(TestSuite):
    def traces(self):
        return [write_pcap(self.folder / f"q{q}.pcap", timed(frames(q, COUNT))) for q in range(2)]

    @func_test
    def vhost_delivers_exactly(self):
        """testpmd receives each packet that testpmd sends over two queues of vhost-user."""
        sink = self.testpmd([f"net_vhost0,iface={self.folder}/s,queues=2"], queues=2, mode="rxonly", cpu=PROGRAM_CPU)
        sink.command("start")
        self.replay(self.traces(), f"net_virtio_user0,path={self.folder}/s,queues=2", 2 * COUNT)
        sink.wait_received(0, 2 * COUNT)
        verify(sink.stats(0)["RX-packets"] == 2 * COUNT, "more packets arrived than were sent")

    @func_test
    def vhost_takes_a_second_generator(self):
        """After one testpmd has quit, another can send into the same socket."""
        sink = self.testpmd([f"net_vhost0,iface={self.folder}/v0"], mode="rxonly", cpu=PROGRAM_CPU)
        sink.command("start")
        for total in (COUNT, 2 * COUNT):
            generator = self.send(frames(0, COUNT))
            sink.wait_received(0, total)
            generator.quit()

    @func_test
    def memif_delivers_exactly(self):
        """The same over memif."""
        link = f"id=0,socket-abstract=no,socket={self.folder}/m,bsize=2048,rsize=10"
        sink = self.testpmd([f"net_memif0,role=server,{link}"], queues=2, mode="rxonly", cpu=PROGRAM_CPU)
        sink.command("start")
        self.replay(self.traces(), f"net_memif0,role=client,{link}", 2 * COUNT)
        sink.wait_received(0, 2 * COUNT)
        verify(sink.stats(0)["RX-packets"] == 2 * COUNT, "more packets arrived than were sent")

    @func_test
    def telemetry_answers(self):
        """The client gets testpmd's own telemetry."""
        pmd = self.testpmd(["net_null0"])
        with Telemetry(self.folder, pmd.prefix) as t:
            verify(t.command("/ethdev/list") == [0], "no such port")
            verify(t.command("/none") is None, "an answer to a command that is not there")

    @func_test
    def files_agree_with_tshark(self):
        """Each kind of file that we make says to tshark and to our reader what was put in."""
        one = timed(frames(1, 50, sizes=(64, 300, 1500)), step_ns=1000)
        two = [p._replace(iface=i % 2) for i, p in enumerate(one)]
        files = [write_pcap(self.folder / f"{'n' if ns else 'u'}{'l' if o == '<' else 'b'}.pcap", one, ns, o)
                 for ns in (False, True) for o in "<>"]
        files += [write_pcapng(self.folder / f"{'l' if o == '<' else 'b'}.pcapng", two, digits=(9, 6), order=o)
                  for o in "<>"]
        for path in files:
            checks.assert_same(reader.packets(path), one)
            out = tool("tshark", "-r", path, "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e",
                       "ip.checksum.status", "-o", "ip.check_checksum:TRUE").stdout.split()
            verify([int(t.replace(".", "")) for t in out[::3]] == [p.ts_ns for p in one], f"{path}: times")
            verify([int(n) for n in out[1::3]] == [p.wire for p in one], f"{path}: lengths")
            verify(set(out[2::3]) == {"1"}, f"{path}: checksums")

    @func_test
    def packed_files_are_read(self):
        """lz4, zstd and gzip are undone, and the checks of segments accept them."""
        one = timed(frames(1, 50))
        plain = write_pcapng(self.folder / "a.pcapng", one)
        tool("lz4", "-q", plain, f"{plain}.lz4")
        tool("zstd", "-q", plain, "-o", f"{plain}.zst")
        tool("gzip", "-k", plain)
        for end in ("lz4", "zst", "gz"):
            checks.assert_same(reader.packets(f"{plain}.{end}"), one)
        checks.assert_same(checks.verify_segments([f"{plain}.{end}" for end in ("lz4", "zst", "gz")], ordered=False), one * 3)

    @func_test
    def veth_carries_frames(self):
        """What the sender puts on one end comes in at the other."""
        a, b = self.stack.enter_context(host.veth(mtu=9000))
        with host.Sender(a) as sender:
            sender.send(frames(1, 1000, sizes=(64, 9000)))
        wait_until(lambda: host.received_by(b) >= 1000, "the frames")
        verify(host.received_by(b) == 1000, "frames of others")

    @func_test
    def tmpfs_is_small(self):
        """A file system of the size asked for fills up."""
        folder = self.stack.enter_context(host.tmpfs(self.make_folder(), 1))
        try:
            (folder / "x").write_bytes(bytes(2 << 20))
        except OSError:
            return
        verify(False, "2 MiB went into 1")

    @func_test
    def numbers_tell_streams_apart(self):
        """A doubled and a missing packet show."""
        data = timed(frames(1, 3) + frames(2, 2))
        verify(numbers(data) == {1: [0, 1, 2], 2: [0, 1]}, "streams")
        verify(numbers([data[0], data[0], data[2]]) == {1: [0, 0, 2]}, "doubled, missing")

    def look(self, memory, looks=360, segments_each=12):
        """Looks at a process whose memory in KiB is told for each of them; an allocator adds some noise."""
        noise = random.Random(1)
        return grows([20000 + memory(n) + noise.randrange(-300, 300) for n in range(looks)], [n * segments_each for n in range(looks)])

    @func_test
    def a_leak_is_told_from_first_use(self):
        """What rises all the time is found; what rises at once and stays, early or late, and what comes and goes, is not."""
        verify(self.look(lambda n: 40 * n), "40 KiB at each look are not found")
        verify(self.look(lambda n: 40 * n + (10000 if n > 200 else 0)), "a leak with a step is not found")
        verify(self.look(lambda n: 2048 * (n // 20)), "a leak in steps is not found")
        verify(not self.look(lambda n: 0), "noise")
        verify(not self.look(lambda n: min(n, 100) * 150), "buffers that fill in the first third")
        for at in (130, 200, 240, 300, 350):
            verify(not self.look(lambda n, at=at: 10000 if n > at else 0), f"10 MiB at once, at look {at} of 360")
        verify(not self.look(lambda n: 3000 * (n % 7)), "what is given back")

    @func_test
    def the_list_of_segments_may_grow(self):
        """By what the report keeps of each, up to the number of those that it keeps."""
        verify(not self.look(lambda n: 420 * 300 * n / 1024, looks=200, segments_each=300), "the list itself")
        verify(self.look(lambda n: 860 * 300 * n / 1024, looks=200, segments_each=300), "twice the list is not found")
        verify(self.look(lambda n: 420 * 3000 * n / 1024, looks=200, segments_each=3000), "a list that never ends is not found")
