# SPDX-License-Identifier: BSD-3-Clause
"""Finding packets again, against tcpdump and tshark over the same files."""

import os
import resource
import shutil
import subprocess
import time

from ..machine import have
from ..programs import Braidcap
from ..stats import Table, cell, ratio

TITLE = "Finding packets again"
RARE = "host 192.0.2.1"  # one packet in 10,000
NOWHERE = "host 198.51.100.1"
DENSE = "tcp"  # 19 of 20
SEGMENTS = 1000
FOLDERS = ("plain", "lz4", "many")


def build(ctx, megabytes):
    """The same packets, uncompressed, in LZ4, and in many segments; how many there are."""
    packets, trace = 0, ctx.disk / "trace.pcapng"
    for folder in FOLDERS:
        (ctx.disk / folder).mkdir()
    for begin in range(0, megabytes, 2000):
        size = min(2000, megabytes - begin)
        made = subprocess.run([str(a) for a in (ctx.tools / "traffic_flows", trace, size, 10000, 1700000000 + begin, begin)],
                              stdout=subprocess.PIPE, check=True)
        packets += int(made.stdout)
        for folder, args in (("plain", ["-S", 1000, "-Z", "none"]), ("lz4", ["-S", 1000])):
            capture(ctx, trace, folder, args)
    capture(ctx, trace, "many", ["-S", max(size / SEGMENTS, 0.01)])
    trace.unlink()
    return packets


def capture(ctx, trace, folder, args):
    with Braidcap(ctx, ["-i", f"file:{trace}", "-w", f"{ctx.disk / folder}/", "--index", "flows", *args], cpus=None, lcores=None) as run:
        run.wait_end(600)
        if run.process.returncode:
            raise RuntimeError(f"braidcap ended with {run.process.returncode}: {run.output[-300:]}")


def timed(ctx, argvs, cold=()):
    """Seconds by the clock and of CPU for these programs, one after another; cold: folders that are put out of the cache before."""
    for folder in cold:
        for path in folder.iterdir():
            with open(path, "rb") as f:
                os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    for argv in argvs:
        argv = [str(a) for a in argv]
        ctx.saw(argv)
        subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.monotonic() - begin, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def find(ctx, expression, where, *more):
    return [ctx.braidcap, "find", "--priority", "normal", expression, where, "-w", "-", *more]


def tcpdump(expression, folder):
    return [["tcpdump", "-r", p, "-w", "-", expression] for p in sorted(folder.iterdir())]


def compare(ctx, report, megabytes, packets):
    plain, lz4 = ctx.disk / "plain", ctx.disk / "lz4"
    first = min(plain.iterdir())
    ways = {}
    for title, expression in (("1 packet in 10,000", RARE), ("none", NOWHERE), ("19 of 20", DENSE)):
        ways[title, "tcpdump, uncompressed"] = (lambda e=expression: tcpdump(e, plain), plain)
        ways[title, "find, uncompressed"] = (lambda e=expression: [find(ctx, e, plain)], plain)
        ways[title, "find, LZ4"] = (lambda e=expression: [find(ctx, e, lz4)], lz4)
    found = {}
    for _ in range(ctx.runs(3)):
        for key, (argvs, folder) in ways.items():
            found.setdefault(key, []).append(timed(ctx, argvs(), (folder,)))
    t = Table(f"{megabytes / 1000:g} GB, {packets / 1e6:.1f} million packets, not in the cache",
              ["found", "by", "seconds", "CPU seconds", "tcpdump's time / this", "its CPU time / this"])
    for (title, name), runs in found.items():
        base = found[title, "tcpdump, uncompressed"]
        t.add(title, name, cell([r[0] for r in runs]), cell([r[1] for r in runs]), ratio([r[0] for r in base], [r[0] for r in runs]),
              ratio([r[1] for r in base], [r[1] for r in runs]))
    report.table(t)
    if have("tshark"):
        theirs = [timed(ctx, [["tshark", "-r", first, "-Y", DENSE, "-w", "/dev/null"]]) for _ in range(ctx.runs(2))]
        ours = [timed(ctx, [find(ctx, DENSE, first)]) for _ in range(ctx.runs(2))]
        report.note(f"One segment of these, in the cache: tshark's CPU time for {DENSE} is {ratio([r[1] for r in theirs], [r[1] for r in ours])} "
                    "times that of find.")
    else:
        report.skip("tshark", "not installed")


def first_packet(ctx, where, cold):
    if cold:
        timed(ctx, [], (where,))
    argv = [str(a) for a in find(ctx, RARE, where)]
    begin = time.monotonic()
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as run:
        run.stdout.read(1)
        seconds = time.monotonic() - begin
        run.kill()
    return seconds


def run(ctx, report):
    free = shutil.disk_usage(ctx.disk).free
    megabytes = 500 if ctx.quick else min(20000, int(free / 3e6))
    packets = build(ctx, megabytes)
    compare(ctx, report, megabytes, packets)
    many = ctx.disk / "many"
    t = Table(f"The first packet of a host with 1 in 10,000, out of {len(list(many.iterdir()))} segments", ["segments", "seconds"])
    for title, cold in (("not in the cache", True), ("in the cache", False)):
        t.add(title, cell([first_packet(ctx, many, cold) for _ in range(ctx.runs(3))]))
    report.table(t)
    for name in FOLDERS:
        shutil.rmtree(ctx.disk / name)
