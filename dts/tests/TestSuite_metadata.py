# SPDX-License-Identifier: BSD-3-Clause
"""What files say beside their packets is in the files that are made of them."""

import struct

from framework.checks import published, verify_segments
from framework.packets import T0_NS, block, frames, option, timed, write_pcap, write_pcapng
from framework.process import tool
from framework.reader import read
from framework.test_suite import TestSuite, func_test, verify
from framework.tls import requests, uris

SECOND = 10**9


class TestMetadata(TestSuite):
    def with_secrets(self, packets):
        plain = write_pcap(self.folder / "plain.pcap", packets, nanoseconds=True)
        tool("editcap", "--inject-secrets", f"tls,{self.folder / 'keys'}", plain, self.folder / "in.pcapng")
        return self.folder / "in.pcapng"

    @func_test
    def tshark_decrypts_every_segment(self):
        """The same requests are seen before and after, in each segment those of its time, in any compression."""
        made = [p for i in range(3) for p in requests(self.folder, i, f"/{i}", T0_NS + i * SECOND)]
        path = self.with_secrets(made)
        verify(uris(path) == ["/0", "/1", "/2"], "the input is to be readable")
        for codec in ("none", "lz4", "zstd"):
            out = self.make_folder(codec)
            run = self.capture("-i", path, "-w", out, "-G", "1", "-Z", codec)
            verify_segments(published(out))
            seen = [uris(segment) for segment in published(out)]
            verify(seen == [["/0"], ["/1"], ["/2"]], f"{codec}: {seen}")
            verify("left out" not in run.stderr, run.stderr)

    @func_test
    def secrets_in_the_midst_stand_before_their_packets(self):
        """A block of secrets, names or custom data is written before the packets that follow it; several files with the same have it once."""
        head = write_pcapng(self.folder / "head.pcapng", timed(frames(0, 10))).read_bytes()
        tail = write_pcapng(self.folder / "tail.pcapng", timed(frames(0, 10, first=10), T0_NS + SECOND)).read_bytes()
        blocks = [block("<", 10, struct.pack("<II", 0x544C534B, 8) + b"# none\r\n"),
                  block("<", 4, struct.pack("<HH4s8sHH", 1, 12, bytes((192, 0, 2, 1)), b"web.test", 0, 0)),
                  block("<", 0xBAD, struct.pack("<I", 32473) + b"about it")]
        packets_at = tail.index(struct.pack("<I", 6), 28)
        path = self.folder / "in.pcapng"
        path.write_bytes(head + b"".join(blocks) + tail[packets_at:])
        (self.folder / "again.pcapng").write_bytes(path.read_bytes())
        out = self.folder / "out.pcapng"
        self.capture("-i", path, "-i", self.folder / "again.pcapng", "-w", out, "-Z", "none")
        data = out.read_bytes()
        first_behind = data.index(frames(0, 1, first=10)[0])
        for made, count in zip(blocks, (1, 1, 2)):
            verify(data.count(made) == count, f"{data.count(made)} blocks of type {made[0]}")
            verify(data.rindex(made) < first_behind, "it stands behind the packets that need it")

    @func_test
    def options_of_packets_and_interfaces_are_kept(self):
        """Comments, flags and an interface's address come out the same, of cut and of filtered packets too."""
        made = timed(frames(0, 400, sizes=(60, 1500)), step_ns=SECOND // 100)
        options = [option(1, f"packet {i}".encode() + bytes(i % 5 * 1000)) + option(2, struct.pack("<I", 1 + i % 2)) + bytes(4)
                   for i in range(len(made))]
        iface = option(4, bytes((192, 0, 2, 1, 255, 255, 255, 0))) + option(1, b"tap A") + option(12, b"Linux 6.1")
        path = write_pcapng(self.folder / "in.pcapng", made, options=options, iface_options=iface)
        for more in (["-G", "1"], ["-s", "70", "-Z", "zstd"], ["-f", "greater 100"]):
            out = self.make_folder(more[0])
            run = self.capture("-i", path, "-w", out, *more)
            seen = [read(segment) for segment in published(out)]
            got = [(c, n, o) for c in seen for n, o in c.epb_options]
            want = [i for i, p in enumerate(made) if more[0] != "-f" or len(p.data) > 100]
            verify(len(got) == len(want), f"{len(got)} packets with options")
            for i, (capture, n, found) in zip(want, got):
                verify(capture.packets[n].data == made[i].data[:70 if more[0] == "-s" else None], f"packet {i}")
                verify(found[1].startswith(f"packet {i}".encode()) and len(found[1]) == len(f"packet {i}") + i % 5 * 1000, f"comment {i}")
                verify(found[2] == struct.pack("<I", 1 + i % 2), f"flags {i}")
            verify(all(4 in c.interfaces[0] and c.interfaces[0][12] == b"Linux 6.1" for c in seen), "interfaces")
            verify("left out" not in run.stderr, run.stderr)

    @func_test
    def what_has_no_place_is_counted(self):
        """A pcap file holds neither secrets nor names; a line says so, and of which outputs."""
        path = self.with_secrets(requests(self.folder, 0, "/"))
        run = self.capture("-i", path, "-w", self.folder / "out.pcap", "--format", "pcap")
        verify("1 block of decryption secrets left out\n" in run.stderr, run.stderr)
