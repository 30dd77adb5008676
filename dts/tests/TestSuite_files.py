# SPDX-License-Identifier: BSD-3-Clause
"""Capture files as sources: every kind, merged; damaged ones."""

import re
import resource

from framework.checks import (assert_balance, assert_lossless, assert_same, assert_streams, mergecap, published,
                              verify_segments)
from framework.packets import T0_NS, frames, timed, write_pcap, write_pcapng
from framework.process import tool
from framework.reader import packets, read
from framework.test_suite import TestSuite, func_test, verify

COUNT = 2000


class TestFiles(TestSuite):
    def trace(self, stream, count=COUNT):
        """Packets whose times lie between those of the other streams."""
        return timed(frames(stream, count, sizes=(60, 200, 1500)), T0_NS + stream * 1000, 100_000)

    def one_pcap(self, stream=0, count=COUNT):
        return write_pcap(self.folder / f"{stream}.pcap", self.trace(stream, count))

    @func_test
    def every_kind_merged(self):
        """pcap in both units and byte orders, pcapng in both byte orders, packed ones: as mergecap merges them."""
        f = self.folder
        inputs = [write_pcap(f / "0.pcap", self.trace(0)), write_pcap(f / "1.pcap", self.trace(1), nanoseconds=True),
                  write_pcap(f / "2.pcap", self.trace(2), order=">"),
                  write_pcap(f / "3.pcap", self.trace(3), nanoseconds=True, order=">"),
                  write_pcapng(f / "4.pcapng", self.trace(4)),
                  write_pcapng(f / "5.pcapng", self.trace(5), order=">")]
        for stream, (packer, end) in enumerate((("lz4", "lz4"), ("zstd", "zst"), ("gzip", "gz")), start=6):
            plain = write_pcapng(f / f"{stream}.pcapng", self.trace(stream))
            (f / f"{stream}.pcapng.{end}").write_bytes(tool(packer, "-c", plain, text=False).stdout)
            inputs.append(f / f"{stream}.pcapng.{end}")
        run = self.capture(*[a for i in inputs for a in ("-i", f"file:{i}")], "-w", f / "out.pcapng.lz4")
        expected = mergecap(inputs, f / "expected.pcapng")
        assert_lossless(run.report, len(inputs) * COUNT)
        assert_same(verify_segments([f / "out.pcapng.lz4"]), expected)

    @func_test
    def hundreds_of_files_are_merged(self):
        """More files than a descriptor limit of 300 lets open; the limit is raised."""
        count, each = 400, 5
        inputs = [write_pcap(self.folder / f"{i}.pcap", timed(frames(i % 250, each, first=i // 250 * each), T0_NS + i * 1000, 1_000_000))
                  for i in range(count)]
        args = [a for i in inputs for a in ("-i", i)]
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (300, hard))
        try:
            run = self.capture(*args, "-w", self.folder / "out.pcapng", "-Z", "none")
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert_lossless(run.report, count * each)
        assert_same(verify_segments([self.folder / "out.pcapng"]), mergecap(inputs, self.folder / "expected.pcapng"))

    @func_test
    def long_packets_in_files_that_follow_each_other(self):
        """The last file named is the first in time, and the mbufs do not suffice for the packets of the others meanwhile."""
        count, size = 600, 9000
        made = [timed(frames(i, count, sizes=(size,)), begin_ns=T0_NS + i * count * 1000) for i in range(4)]
        inputs = [write_pcap(self.folder / f"{i}.pcap", packets) for i, packets in enumerate(made)]
        run = self.capture(*[a for i in reversed(inputs) for a in ("-i", i)], "-w", self.folder / "out.pcapng", "--mbufs", "4096")
        assert_lossless(run.report, 4 * count)
        assert_streams(verify_segments([self.folder / "out.pcapng"]), {i: count for i in range(4)})

    @func_test
    def erf(self):
        """What was written as ERF is read again by its name, packed too, and by erf: under another."""
        made = self.trace(0)
        plain = write_pcap(self.folder / "in.pcap", made, nanoseconds=True)
        for name, source in (("a.erf", "{}"), ("b.erf.gz", "file:{}"), ("c", "erf:{}")):
            self.capture("-i", plain, "-w", self.folder / name, "--format", "erf", "-Z", "gzip" if "gz" in name else "none")
            run = self.capture("-i", source.format(self.folder / name), "-w", self.folder / f"{name}.pcap")
            assert_lossless(run.report, COUNT)
            assert_same(verify_segments([self.folder / f"{name}.pcap"]), made)
        self.braidcap("verify", self.folder / "a.erf", self.folder / "b.erf.gz")

    @func_test
    def interfaces_of_one_file_stay_apart(self):
        """Each packet of a pcapng with three interfaces of different resolution stays with its interface."""
        made = [p._replace(iface=i % 3) for i, p in enumerate(self.trace(0))]
        path = write_pcapng(self.folder / "in.pcapng", made, digits=(9, 6, 7))
        out = self.folder / "out.pcapng"
        self.capture("-i", path, "-w", out, "-Z", "none")
        got = packets(out)
        assert_same(got, made)
        pairs = {(a.iface, b.iface) for a, b in zip(made, got)}
        verify(len(pairs) == 3 and len({b for _, b in pairs}) == 3, f"interfaces in and out: {pairs}")

    @func_test
    def link_types_stay_apart(self):
        """Interfaces of different link type keep theirs."""
        made = [p._replace(iface=i % 2) for i, p in enumerate(self.trace(0, 10))]
        path = write_pcapng(self.folder / "in.pcapng", made, digits=(9, 9), linktypes=[1, 101])
        out = self.folder / "out.pcapng"
        self.capture("-i", path, "-w", out, "-Z", "none")
        seen = tool("tshark", "-r", out, "-T", "fields", "-e", "frame.encap_type").stdout.split()
        verify(seen == ["1", "7"] * 5, f"link types: {seen}")

    @func_test
    def a_bare_path_is_a_file(self):
        """`-i PATH` is `-i file:PATH`."""
        run = self.capture("-i", self.one_pcap(), "-w", self.folder / "out.pcapng", "-Z", "none")
        assert_lossless(run.report, COUNT)
        verify({s["stamp"] for s in run.report["sources"]} == {"file"}, "the file's stamps are to be kept")

    @func_test
    def count_ends_the_capture(self):
        """-c 100 writes the first 100 packets."""
        out = self.folder / "out.pcapng"
        run = self.capture("-i", self.one_pcap(), "-w", out, "-Z", "none", "-c", "100")
        assert_balance(run.report)
        assert_same(packets(out), self.trace(0)[:100])

    @func_test
    def statistics_close_the_segment(self):
        """Each interface has a statistics block with what was received."""
        out = self.folder / "out.pcapng"
        self.capture("-i", self.one_pcap(), "-w", out, "-Z", "none")
        capture = read(out)
        received = {iface: int.from_bytes(o[4], "little") for iface, o in capture.statistics if 4 in o}
        verify(received == {0: COUNT}, f"isb_ifrecv: {received}")

    @func_test
    def an_empty_file_is_passed_over(self):
        """A file of 0 bytes among others costs nothing but a line; alone it is an error."""
        empty = self.folder / "empty.pcap"
        empty.touch()
        run = self.capture("-i", empty, "-i", self.one_pcap(), "-w", self.folder / "out.pcapng")
        assert_lossless(run.report, COUNT)
        verify("empty.pcap: the file is empty: passed over" in run.stderr, run.stderr)
        self.capture("-i", empty, "-w", self.folder / "none.pcapng", rc=1)

    @func_test
    def odd_packets_are_told_of(self):
        """A packet that is too long is cut, with a word; one of time 0 keeps it, and is late."""
        made = timed([bytes(300_000), *frames(0, 2)])
        made[1] = made[1]._replace(ts_ns=0)
        path = write_pcap(self.folder / "in.pcap", made)
        run = self.capture("-i", path, "-w", self.folder / "out.pcapng", "-Z", "none")
        got = packets(self.folder / "out.pcapng")
        verify([p.ts_ns for p in got] == [p.ts_ns for p in made], f"times: {[p.ts_ns for p in got]}")
        verify((len(got[0].data), got[0].wire) == (262_144, 300_000), f"lengths: {len(got[0].data)}, {got[0].wire}")
        verify("1 packet cut to 262144 bytes" in run.stderr, run.stderr)
        verify(run.report["sources"][0]["late"] == 1, "the packet of time 0 is to be late")

    def damaged(self, path, begin, end, whole):
        """Capture path, damaged between those offsets, and a sound file; what came before the damage is kept."""
        out = self.make_folder()
        run = self.capture("-i", path, "-i", self.one_pcap(1), "-w", out, rc=1)
        assert_balance(run.report)
        assert_streams(verify_segments(published(out)), {0: whole, 1: COUNT})
        line = next((s for s in run.stderr.splitlines() if str(path) in s and "offset" in s), "")
        named = [int(n) for n in re.findall(r"\d+", line.replace(str(path), ""))]
        verify(any(begin <= n <= end for n in named), f"no offset within {begin}..{end} in {line!r}")

    @func_test
    def truncated_pcap(self):
        """A pcap that ends within a record."""
        path = write_pcap(self.folder / "t.pcap", timed(frames(0, 100)))
        data = path.read_bytes()[:24 + 50 * 80 + 40]
        path.write_bytes(data)
        self.damaged(path, 24 + 50 * 80, len(data), 50)

    @func_test
    def truncated_pcapng(self):
        """A pcapng that ends within a block."""
        path = write_pcapng(self.folder / "t.pcapng", timed(frames(0, 100)))
        data = path.read_bytes()[:-50]
        path.write_bytes(data)
        self.damaged(path, len(data) + 50 - 96, len(data), 99)

    @func_test
    def corrupt_pcap(self):
        """A record of an impossible length."""
        path = write_pcap(self.folder / "c.pcap", timed(frames(0, 100)))
        data = bytearray(path.read_bytes())
        at = 24 + 70 * 80
        data[at + 8:at + 12] = b"\xff\xff\xff\xff"
        path.write_bytes(data)
        self.damaged(path, at, at + 16, 70)

    @func_test
    def corrupt_pcapng(self):
        """A block whose size is no multiple of four."""
        path = write_pcapng(self.folder / "c.pcapng", timed(frames(0, 100)))
        data = bytearray(path.read_bytes())
        at = len(data) - 30 * 96
        data[at + 4:at + 8] = b"\x61\x00\x00\x00"
        path.write_bytes(data)
        self.damaged(path, at, at + 8, 70)

    @func_test
    def truncated_lz4(self):
        """A packed file without its end keeps the packets that can be had, and says so."""
        plain = write_pcapng(self.folder / "t.pcapng", timed(frames(0, 20000, sizes=(200,), noise=True)))
        path = self.folder / "t.pcapng.lz4"
        path.write_bytes(tool("lz4", "-c", "-B4", plain, text=False).stdout[:-100000])
        out = self.make_folder()
        run = self.capture("-i", path, "-w", out, rc=1)
        assert_balance(run.report)
        got = verify_segments(published(out))
        verify(len(got) > 10000, f"{len(got)} packets kept")
        assert_streams(got, {0: len(got)})
        verify(str(path) in run.stderr, "the file is not named")

    @func_test
    def no_capture_file(self):
        """Something else altogether is refused by its name."""
        path = self.folder / "text.pcap"
        path.write_text("no packets here, only words\n" * 100)
        done = self.braidcap("capture", "-i", path, "-w", self.folder / "out.pcapng", "--no-huge", check=False)
        verify(done.returncode in (1, 2), f"exit status {done.returncode}")
        verify(str(path) in done.stderr, done.stderr)
