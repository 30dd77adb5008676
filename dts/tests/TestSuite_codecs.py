# SPDX-License-Identifier: BSD-3-Clause
"""Every format with every compression."""

import shutil

import pytest

from framework.checks import assert_lossless, assert_same, published, verify_segments
from framework.packets import T0_NS, frames, timed, write_pcap
from framework.reader import packer, unpacked
from framework.test_suite import TestSuite, func_test, verify

COUNT = 5000
MAGIC = {"pcapng": b"\x0a\x0d\x0d\x0a", "pcap": b"\x4d\x3c\xb2\xa1", "pcap-us": b"\xd4\xc3\xb2\xa1",
         "erf": None}
PACKER = {"lz4": ("lz4", ".lz4"), "zstd": ("zstd", ".zst"), "gzip": ("gzip", ".gz"),
          "xz": ("xz", ".xz"), "bzip2": ("bzip2", ".bz2"), "lzo": ("lzop", ".lzo"), "none": (None, "")}


class TestCodecs(TestSuite):
    def one(self, form, codec, *args):
        """Capture one file with a format and a compression."""
        made = timed(frames(0, COUNT, sizes=(60, 333, 1514), noise=True), T0_NS + 123, 1001)
        trace = write_pcap(self.folder / "in.pcap", made, nanoseconds=True)
        out = self.make_folder(f"{form}-{codec}-{len(args)}")
        run = self.capture("-i", trace, "-w", out, "--format", form, "-Z", codec, *args)
        assert_lossless(run.report, COUNT)
        found = published(out)
        name, end = PACKER[codec]
        verify([packer(p) for p in found] == [name], f"{found}")
        verify(found[0].name.endswith(f".{form.removesuffix('-us')}{end}"), found[0].name)
        verify(MAGIC[form] in (None, unpacked(found[0])[:4]), "another format")
        if form == "pcap-us":
            made = [p._replace(ts_ns=p.ts_ns // 1000 * 1000) for p in made]
        assert_same(verify_segments(found), made)

    @func_test
    def lz4(self):
        """LZ4 with every format."""
        for form in MAGIC:
            self.one(form, "lz4")

    @func_test
    def zstd(self):
        """zstd with every format."""
        for form in MAGIC:
            self.one(form, "zstd")

    @func_test
    def gzip(self):
        """gzip with every format, and at the levels of either library."""
        for form in MAGIC:
            self.one(form, "gzip")
        for level in ("1", "2", "3", "9"):
            self.one("pcapng", "gzip", "-z", level)
            shutil.rmtree(self.folder / "pcapng-gzip-2")

    @func_test
    def xz(self):
        """xz with every format."""
        for form in MAGIC:
            self.one(form, "xz", "-z", "1")

    @func_test
    def bzip2(self):
        """bzip2 with every format."""
        for form in MAGIC:
            self.one(form, "bzip2", "--writers", "2")

    @func_test
    def lzo(self):
        """lzo with every format."""
        if "liblzo2" not in self.braidcap("--version").stdout:
            pytest.skip("built without lzo")
        for form in MAGIC:
            self.one(form, "lzo", "--writers", "2")

    @func_test
    def none(self):
        """Every format as it is."""
        for form in MAGIC:
            self.one(form, "none")

    @func_test
    def levels(self):
        """A level other than the default."""
        self.one("pcapng", "lz4", "-z", "9")
        self.one("pcapng", "zstd", "-z", "3", "--writers", "2")
        self.one("pcapng", "gzip", "-z", "0")
        self.one("pcapng", "gzip", "-z", "9", "--writers", "2")

    @func_test
    def one_frame_for_each_segment(self):
        """An LZ4 segment made by several writers is one frame, which Wireshark can read."""
        self.one("pcapng", "lz4", "--writers", "2", "--chunk", "64")
        path = published(self.folder / "pcapng-lz4-4")[0]
        verify(path.read_bytes().count(b"\x04\x22\x4d\x18") == 1, "more than one frame")
