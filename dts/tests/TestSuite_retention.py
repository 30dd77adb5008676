# SPDX-License-Identifier: BSD-3-Clause
"""What is kept of published segments: by `braidcap expire`, and inside a capture."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from framework.braidcap import program, sanitizers
from framework.checks import assert_lossless, assert_same, capinfos_counts, published, verify_segments
from framework.host import tmpfs
from framework.packets import T0_NS, frames, timed, write_pcap, write_pcapng
from framework.process import end, environment, tool, wait_until
from framework.reader import packer, packets
from framework.test_suite import TestSuite, func_test, verify

HOUR = 3600


class TestRetention(TestSuite):
    def one_segment(self, name="made", size=400, count=50, args=()):
        """A segment that braidcap made, and its packets."""
        made = timed(frames(0, count, sizes=(size,)), T0_NS)
        out = self.make_folder(name)
        self.capture("-i", write_pcap(self.folder / f"{name}.pcap", made), "-w", out, *args)
        return published(out)[0], made

    def fill(self, folder, count, segment, name="20260101-000000-{:08}.pcapng.lz4", age=lambda i, n: (n - i) * HOUR):
        """count copies of a segment, an hour apart, the last of them an hour old."""
        now = time.time()
        paths = [folder / name.format(i) for i in range(count)]
        for i, path in enumerate(paths):
            shutil.copyfile(segment, path)
            when = now - age(i, count)
            os.utime(path, (when, when))
        return paths

    def expire(self, folder, *args, rc=0):
        done = self.braidcap("expire", folder, *args, check=False)
        verify(done.returncode == rc, f"exit status {done.returncode}: {done.stdout[-1000:]} {done.stderr[-1000:]}")
        return done.stdout

    @func_test
    def a_thousand_files(self):
        """Age, number, bytes, one after the other; a dry run before each says the same and changes nothing."""
        segment, _ = self.one_segment()
        out = self.make_folder()
        paths = self.fill(out, 1000, segment)
        each = paths[0].stat().st_blocks * 512
        for args, left in ((("--keep-age", f"{900 * 60 + 30}m"), 900), (("--keep-number", "500"), 500),
                           (("--keep-size", f"{200 * each / 1e3}K"), 200)):
            before = set(out.iterdir())
            said = self.expire(out, *args, "--dry-run")
            verify(set(out.iterdir()) == before, "a dry run changed something")
            verify(said.count("would be removed (") == len(before) - left + 1, said[-500:])
            said = self.expire(out, *args)
            verify(said.count(": removed (") == len(before) - left, said[-500:])
            verify(sorted(out.iterdir()) == paths[-left:], f"{args}: not the newest {left} are left")
        verify_segments(published(out)[:3], ordered=False)

    @func_test
    def series_are_counted_apart(self):
        """--keep-number is for each series: a folder's own, and each node's."""
        segment, _ = self.one_segment()
        out = self.make_folder()
        own = self.fill(out, 10, segment)
        a = self.fill(out, 10, segment, "trace-a-20260101_0000{:02}.pcapng.lz4")
        b = self.fill(out, 2, segment, "trace-node-b-20260101_0000{:02}.pcapng.lz4")
        self.expire(out, "--keep-number", "3")
        verify(set(out.iterdir()) == set(own[-3:] + a[-3:] + b), f"{sorted(out.iterdir())}")

    @func_test
    def others_files_stay(self):
        """Foreign names, foreign content, leftovers, links, folders, files in use: none is touched."""
        segment, made = self.one_segment()
        out = self.make_folder()
        gone = self.fill(out, 2, segment)
        foreign = write_pcapng(out / "20260101-000000-00000100.pcapng", made)
        plain = write_pcap(out / "20260101-000000-00000101.pcap", made)
        text = out / "20260101-000000-00000102.pcapng.lz4"
        text.write_text("not a capture at all")
        names = [out / n for n in ("holiday.pcapng.lz4", "tmp-1-00000000.pcapng.lz4", "20260101-000000-00000103.pcapng.lz4.bak")]
        locked, written = out / "20260101-000000-00000104.pcapng.lz4", out / "20260101-000000-00000105.pcapng.lz4"
        for path in (*names, locked, written):
            shutil.copyfile(segment, path)
        (out / "20260101-000000-00000106.pcapng").mkdir()
        link = out / "20260101-000000-00000107.pcapng.lz4"
        link.symlink_to(names[0])
        for path in (foreign, plain, text, *names, locked, written):
            os.utime(path, (0, 0))
        everything = set(out.iterdir())
        with open(locked, "rb") as lock, open(written, "ab"):
            fcntl.flock(lock, fcntl.LOCK_EX)
            said = self.expire(out, "--keep-age", "1s", "-v")
        verify(everything - set(out.iterdir()) == set(gone), "something else was removed, or less")
        for path, why in ((foreign, "did not make it"), (plain, "cannot say who made it"), (text, "did not make it"),
                          (locked, "in use"), (written, "in use")):
            verify(any(str(path) in line and why in line for line in said.splitlines()), f"{path}: {said}")
        self.expire(out, "--keep-age", "1s", "--expire-unmarked")
        verify(not plain.exists() and not locked.exists() and foreign.exists() and text.exists(), "as asked for, and no more")

    @func_test
    def space_is_kept_free(self):
        """--keep-free removes the oldest until there is room, and no more."""
        segment, _ = self.one_segment(size=1400, count=200, args=("-Z", "none"))
        with tmpfs(self.make_folder(), 16) as out:
            paths = self.fill(out, 30, segment, "20260101-000000-{:08}.pcapng")
            stat = os.statvfs(out)
            free, each = stat.f_bavail * stat.f_frsize, paths[0].stat().st_blocks * 512
            self.expire(out, "--keep-free", f"{(free + 2.5 * each) / 1e3}K")
            verify(sorted(out.iterdir()) == paths[3:], "not the three oldest went")

    @func_test
    def recompression(self):
        """What is older becomes zstd: the same packets, the same time of change, a valid file; the rest stays lz4."""
        segment, made = self.one_segment()
        out = self.make_folder()
        paths = self.fill(out, 10, segment)
        times = [p.stat().st_mtime_ns for p in paths]
        said = self.expire(out, "--recompress", "zstd:19,after=270m")
        verify(said.count(": recompressed, ") == 6, said)
        found = published(out)
        verify([packer(p) for p in found] == ["zstd"] * 6 + ["lz4"] * 4, f"{found}")
        verify([p.stat().st_mtime_ns for p in found] == times, "times of change are not kept")
        for path in found:
            assert_same(packets(path), made)
        verify(set(capinfos_counts(found)) == {len(made)}, "capinfos counts otherwise")
        verify(self.expire(out, "--recompress", "zstd:19,after=270m").count(": recompressed, ") == 0, "it is done again")

    @func_test
    def recompression_that_can_be_searched(self):
        """lz4 becomes lz4hc under its name, once, with an index: others read it, and a search is that of before, in less."""
        made = timed([f for n in range(10) for s in (1, 2, 3) for f in frames(s, 200, sizes=(64, 900), first=200 * n)])
        out = self.make_folder()
        self.capture("-i", write_pcap(self.folder / "in.pcap", made), "-w", out, "-S", "0.7")
        paths = published(out)
        sizes = [p.stat().st_size for p in paths]
        said = self.expire(out, "--recompress", "lz4hc")
        verify(said.count(": recompressed, ") == len(paths) > 2 and published(out) == paths, said)
        verify(all(p.stat().st_size < size for p, size in zip(paths, sizes)), "nothing is saved")
        assert_same(sorted(verify_segments(paths)), sorted(made))
        for path in paths:
            tool("lz4", "-t", path)
        verify(set(capinfos_counts(paths)) != {0}, "capinfos reads nothing")
        found = []
        for more in ((), ("--no-index",)):
            done = self.braidcap("find", "src host 10.0.0.2", out, "-w", self.folder / f"found{len(found)}.pcap", "--json", *more)
            found.append((packets(self.folder / f"found{len(found)}.pcap"), json.loads(done.stdout)))
        assert_same(found[0][0], found[1][0])
        verify(found[0][1]["read_blocks"] == len(paths) and found[0][1]["read_packets"] < found[1][1]["read_packets"], f"{found[0][1]}")
        self.braidcap("index", "--anew", out)
        verify(self.expire(out, "--recompress", "lz4hc:12").count(": recompressed, ") == 0, "it is done again")
        verify_segments(paths)

    @func_test
    def an_index_goes_with_its_segment(self):
        """What becomes zstd keeps its index beside it, which counts, and is removed with it."""
        segment, made = self.one_segment(args=("--index", "flows"))
        out = self.make_folder()
        self.fill(out, 3, segment)
        self.expire(out, "--recompress", "zstd")
        indexes = [p for p in out.iterdir() if p.suffix == ".bcidx"]
        verify(len(indexes) == 3 and all(p.with_suffix("").suffix == ".zst" for p in indexes), f"{sorted(out.iterdir())}")
        done = self.braidcap("find", "src host 10.0.0.9", out, "-w", self.folder / "none.pcap", "--json")
        verify(json.loads(done.stdout)["not_the_flows"] == 3, done.stdout)
        assert_same(packets(self.folder / "none.pcap"), [])
        self.expire(out, "--keep-number", "1")
        verify(sorted(p.suffix for p in out.iterdir()) == [".bcidx", ".zst"], f"{sorted(out.iterdir())}")
        self.braidcap("verify", out)

    @func_test
    def killed_while_it_recompresses(self):
        """kill -9 at any time: each segment is whole under its old or its new name, and the next run ends it."""
        segment, made = self.one_segment(size=1000, count=4000)
        out = self.make_folder()
        self.fill(out, 12, segment)
        for delay, codec in ((0.02, "lz4hc:12"), (0.04, "lz4hc:12"), (0.02, "xz:9"), (0.1, "xz:9"), (0.2, "xz:9"), (0.3, "xz:9")):
            argv = [program(), "expire", str(out), "--recompress", codec, "--quiet"]
            run = subprocess.Popen(argv, env={**environment(self.folder), **sanitizers()})
            try:
                time.sleep(delay)
                run.send_signal(signal.SIGKILL)
            finally:
                end(run)
            stems = {p.name[:24] for p in out.iterdir() if not p.name.startswith(".")}
            verify(len(stems) == 12, f"killed after {delay} s: {sorted(p.name for p in out.iterdir())}")
        self.expire(out, "--recompress", "zstd")
        names = sorted(p.name for p in out.iterdir())
        verify(len(names) == 24 and all(n.endswith(".zst") or n.endswith(".zst.bcidx") for n in names), f"{names}")
        for path in out.glob("*.zst"):
            assert_same(packets(path), made)

    @func_test
    def inside_a_capture(self):
        """While packets come, the folder has the newest segments only; every packet is accounted for, removals are told."""
        segment, _ = self.one_segment()
        out = self.make_folder()
        old = self.fill(out, 5, segment)
        foreign = write_pcapng(out / "20260101-000000-00000100.pcapng", timed(frames(0, 5)))
        run = self.start("-i", self.vhost(), "-w", out, "-G", "0.2", "--keep-number", "4", beside_generator=True)
        self.send(frames(0, 20000))
        run.wait_received(20000)

        def state():
            return run.ask("/braidcap/outputs")[0]

        wait_until(lambda: state()["published"] >= 12 and state()["retention"]["removed"] >= 10, "removals")
        report = run.stop()
        assert_lossless(report, 20000)
        kept = report["outputs"][0]["retention"]
        verify(kept["removed"] >= 10 and kept["failed"] == 0 and kept["left_alone"] >= 1, f"{kept}")
        verify(not any(p.exists() for p in old) and foreign.exists(), "the old ones are there, or the foreign is not")
        left = [s["first_ns"] for s in report["outputs"][0]["segments"] if s["packets"] and Path(s["path"]).exists()]
        verify(kept.get("oldest_ns", 0) == min(left, default=0), f"{kept}, but {left}")
        verify(run.stderr.count(": removed (") == kept["removed"], "not every removal was told")

    @func_test
    def completed_ones_are_kept_where_they_are(self):
        """With --completed the limits are those of that folder, and recompression happens there."""
        made = timed(frames(0, 1000, noise=True), step_ns=10**7)
        trace, out, done = write_pcap(self.folder / "in.pcap", made), self.make_folder(), self.make_folder("done")
        source = f"dpdk:net_pcap0,rx_pcap={trace}"
        run = self.start("-i", source, "-w", out, "-S", "0.01", "--completed", done, "--recompress", "zstd")
        run.wait_written(1000)
        wait_until(lambda: run.ask("/braidcap/outputs")[0]["retention"]["recompressed"] >= 9, "recompression")
        run.stop()
        verify(list(out.iterdir()) == [], "something stays behind")
        verify(sum(packer(p) == "zstd" for p in published(done)) >= 9, f"{published(done)}")
        assert_same(sorted(verify_segments(published(done), ordered=False)), made)

    @func_test
    def bad_usage(self):
        """Nothing to keep, no folder, nonsense: exit status 2 and a line."""
        out = self.make_folder()
        for args, word in (((), "no limit given"), (("--keep-age", "7"), "not an age"), (("--keep-size", "5d"), "not a size"),
                           (("--recompress", "lz4"), "not a codec for recompression")):
            done = self.braidcap("expire", out, *args, check=False)
            verify(done.returncode == 2 and word in done.stderr, f"{args}: {done.returncode} {done.stderr}")
        done = self.braidcap("expire", out / "no", "--keep-age", "1d", check=False)
        verify(done.returncode == 1 and "cannot read" in done.stderr, done.stderr)
