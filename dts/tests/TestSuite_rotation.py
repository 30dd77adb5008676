# SPDX-License-Identifier: BSD-3-Clause
"""Segments: where they are cut, that none is lost, doubled or overwritten."""

import os
from datetime import datetime, timedelta

from framework.checks import (assert_lossless, assert_same, assert_streams, capinfos_counts, published, temporary,
                              verify_segments)
from framework.packets import T0_NS, frames, timed, write_pcap
from framework.process import wait_until
from framework.reader import packets, unpacked
from framework.test_suite import TestSuite, func_test, verify


class TestRotation(TestSuite):
    def ten_seconds(self, count=10000, size=500):
        """A trace whose packets are spread over ten seconds, and its path."""
        made = timed(frames(0, count, sizes=(size,), noise=True), T0_NS, 10**10 // count)
        return made, write_pcap(self.folder / "in.pcap", made)

    def segments(self, path, *args, out=None):
        """Capture a file into a folder of segments."""
        out = out or self.make_folder()
        before = set(published(out))
        run = self.capture("-i", path, "-w", out, *args)
        found = [p for p in published(out) if p not in before]
        listed = [s["path"] for s in run.report["outputs"][0]["segments"]]
        verify(sorted(os.path.basename(p) for p in listed) == sorted(p.name for p in found), f"the report has {listed}")
        verify(temporary(out) == [], "something unpublished stays behind")
        return found, run.report

    @func_test
    def by_time(self):
        """-G 1 cuts ten seconds of packets into segments of one second, by the packets' time."""
        made, path = self.ten_seconds()
        found, report = self.segments(path, "-G", "1")
        assert_lossless(report, len(made))
        assert_same(verify_segments(found), made)
        verify(10 <= len(found) <= 11, f"{len(found)} segments")
        for p in found:
            each = packets(p)
            verify(each[-1].ts_ns - each[0].ts_ns <= 10**9, f"{p.name} is longer than a second")

    @func_test
    def by_the_clock(self):
        """--rotate-clock cuts where the local clock's field is a multiple, summer time's end included."""
        zone = os.environ.get("TZ")
        self.stack.callback(lambda: os.environ.pop("TZ") if zone is None else os.environ.update(TZ=zone))
        os.environ["TZ"] = "CET-1CEST,M3.5.0,M10.5.0/3"
        # 2026-10-25 00:50 UTC is 02:50 in summer; ten minutes later it is 02:00 again.
        begin = 1792889400 * 10**9
        made = timed(frames(0, 120), begin, 60 * 10**9)
        path = write_pcap(self.folder / "in.pcap", made)
        for index, (clock, expected) in enumerate((
                ("hour", ["025000", "020000", "030000"]),
                ("minute/25", ["025000", "020000", "022500", "025000", "030000", "032500"]),
                ("hour/3", ["025000", "030000"]))):
            found, report = self.segments(path, "--rotate-clock", clock, out=self.make_folder(f"o{index}"))
            assert_lossless(report, len(made))
            assert_same(verify_segments(sorted(found, key=lambda p: int(p.name[16:24]))), made)
            names = [p.name[9:15] for p in sorted(found, key=lambda p: int(p.name[16:24]))]
            verify(names == expected, f"{clock}: {names}")

    @func_test
    def by_size(self):
        """-S 1 cuts after a million bytes, as they are before compression."""
        made, path = self.ten_seconds()
        found, report = self.segments(path, "-S", "1")
        assert_lossless(report, len(made))
        assert_same(verify_segments(found), made)
        verify(5 <= len(found) <= 7, f"{len(found)} segments")
        verify(all(len(unpacked(p)) <= 1.1e6 for p in found), "a segment is too long")

    @func_test
    def by_time_and_size(self):
        """With both, whichever comes first cuts."""
        made, path = self.ten_seconds()
        found, report = self.segments(path, "-G", "1", "-S", "0.3")
        assert_lossless(report, len(made))
        assert_same(verify_segments(found), made)
        verify(len(found) >= 20, f"{len(found)} segments")

    @func_test
    def report_knows_each_segment(self):
        """Packets, first and last time, and size in the report are those of the file."""
        _, path = self.ten_seconds()
        found, report = self.segments(path, "-G", "2")
        by_name = {os.path.basename(s["path"]): s for s in report["outputs"][0]["segments"]}
        for p in found:
            each, said = packets(p), by_name[p.name]
            verify((said["packets"], said["first_ns"], said["last_ns"], said["bytes"]) ==
                   (len(each), each[0].ts_ns, each[-1].ts_ns, p.stat().st_size), f"{p.name}: {said}")

    @func_test
    def idle_segments_are_valid(self):
        """Nothing comes: there are segments all the same, empty and valid."""
        out = self.make_folder()
        run = self.start("-i", self.vhost(), "-w", out, "-G", "1")
        wait_until(lambda: len(published(out)) >= 3, "three segments")
        assert_lossless(run.stop(), 0)
        verify(set(capinfos_counts(published(out))) == {0}, "packets out of nothing")
        verify_segments(published(out))

    @func_test
    def under_load(self):
        """Cut many times a second under load, no packet is lost or doubled."""
        out = self.make_folder()
        run = self.start("-i", self.vhost(), "-w", out, "-G", "0.1", "-S", "1", beside_generator=True)
        self.send(frames(0, 100000, sizes=(64, 200, 300), noise=True))
        run.wait_received(100000)
        assert_lossless(run.stop(), 100000)
        verify(len(published(out)) >= 10, "too few segments to tell")
        assert_streams(verify_segments(published(out)), {0: 100000})

    @func_test
    def nothing_is_overwritten(self):
        """The same packets again into the same folder: the first segments stay as they are."""
        made, path = self.ten_seconds(1000)
        out = self.make_folder()
        first, _ = self.segments(path, "-G", "1", "-U", out=out)
        for p in first:
            p.write_bytes(b"mine")
        second, report = self.segments(path, "-G", "1", "-U", out=out)
        verify(all(p.read_bytes() == b"mine" for p in first), "a segment was overwritten")
        assert_lossless(report, len(made))
        assert_same(verify_segments(second), made)

    @func_test
    def names_are_local_time_or_utc(self):
        """The name has local time, with -U UTC."""
        _, path = self.ten_seconds(1000)
        names = []
        zone = os.environ.get("TZ")
        self.stack.callback(lambda: os.environ.pop("TZ") if zone is None else os.environ.update(TZ=zone))
        os.environ["TZ"] = "XYZ-9"
        for index, args in enumerate(((), ("-U",))):
            found, _ = self.segments(path, *args, out=self.make_folder(f"o{index}"))
            names.append(datetime.strptime(found[0].name[:15], "%Y%m%d-%H%M%S"))
        apart = names[0] - names[1]
        verify(abs(apart - timedelta(hours=9)) < timedelta(minutes=5), f"{names}")
