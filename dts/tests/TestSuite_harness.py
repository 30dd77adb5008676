# SPDX-License-Identifier: BSD-3-Clause
"""The harness itself, without the program under test: what the other suites rest on."""

from framework import checks, host, reader
from framework.packets import frames, numbers, timed, write_pcap, write_pcapng
from framework.process import PROGRAM_CPU, tool
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
        verify(host.received_by(b) == 1000, "frames are missing")

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
