# SPDX-License-Identifier: BSD-3-Clause
"""What the index of segments costs: on the lane and in all, in bytes, and in the rate of a capture."""

import json
import os
import subprocess

from ..programs import Braidcap, unique
from ..stats import Table, median, ratio

TITLE = "The index of segments"
MODES = ("none", "time", "flows")
CASES = ("mix", "64 B", "mix in GTP-U", "64 B scan")
FILES = 4
LIVE = (("800,000/s of 800 B, LZ4", "null:rate=800000,size=800", "lz4"), ("4 M/s of 64 B, uncompressed", "null:rate=4000000,size=64", "none"))


def alone(ctx, report):
    """The parts alone, in CPU time: no other process changes them but by the caches."""
    t = Table("CPU time of the index, ns a packet, and its size before compression of the packets",
              ["packets", "lane: notes", "thread: table", "thread: encoding", "in all", "size"])
    env = dict(os.environ, BENCH_RUNS=str(ctx.runs(5)), BENCH_MIB="200" if ctx.quick else "1000")
    for case in CASES:
        argv = [str(ctx.build / "tests" / "bench" / "bench_index"), case]
        ctx.saw(argv)
        done = subprocess.run(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=True)
        v = {line["case"].rsplit(", ", 1)[1]: line["value"] for line in map(json.loads, done.stdout.splitlines())}
        t.add(case, *(f"{v[k]:.1f}" for k in ("notes", "table", "encoding")), f"{v['notes'] + v['table'] + v['encoding']:.0f}",
              f"{v['percent of the bytes']:.2f} %")
    report.table(t)


def capture(ctx, sources, codec, mode, *args):
    """A whole run: its report, and its CPU time in seconds."""
    out = ctx.tmpfs / unique("index")
    out.mkdir()
    argv = [a for s in sources for a in ("-i", s)]
    with Braidcap(ctx, [*argv, "-w", out, "-Z", codec, "--index", mode, *args], cpus=None, lcores=None) as run:
        run.wait_end(300)
        result = run.report()
        if run.process.returncode:
            ctx.problem(f"braidcap --index {mode}: exit {run.process.returncode}: {run.output[-300:]}")
    for path in out.iterdir():
        path.unlink()
    out.rmdir()
    return result


def rate(result):
    return result["balance"]["written"] / ((result["stopped_ns"] - result["started_ns"]) / 1e9)


def waiting(ctx, report):
    """Sources that wait: nothing is lost, the rate tells."""
    t = Table("Packets per second where the sources wait, all CPUs, relative to no index",
              ["packets", "none", *(f"{m} / none" for m in MODES[1:])])
    folder = ctx.tmpfs / unique("flows")
    folder.mkdir()
    files = []
    for i in range(FILES):
        path = folder / f"in-{i}.pcapng"
        argv = [ctx.tools / "traffic_flows", path, 40 if ctx.quick else 200, 0, 1764405100, 7 + i]
        subprocess.run([str(a) for a in argv], stdout=subprocess.DEVNULL, check=True)
        files.append(f"file:{path}")
    cases = [(f"merge of {FILES} files of many flows, {c}", files, c) for c in ("lz4", "none")]
    cases.append(("64 B from memory, none", ["null:count=" + ("5000000" if ctx.quick else "30000000") + ",size=64"], "none"))
    for name, sources, codec in cases:
        rates = {m: [] for m in MODES}
        for turn in range(ctx.runs(5)):
            ctx.say(f"{name}: round {turn + 1}")
            for m in MODES:
                rates[m].append(rate(capture(ctx, sources, codec, m)))
        t.add(name, f"{median(rates['none']) / 1e6:.2f} M", *(ratio(rates[m], rates["none"]) for m in MODES[1:]))
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    report.table(t)


def live(ctx, report):
    """Sources that do not wait: what is lost tells."""
    t = Table("Packets lost where the sources do not wait, all CPUs",
              ["packets", *MODES, "of flows: packets that are in no row"])
    for name, source, codec in LIVE:
        lost, skipped = {m: [] for m in MODES}, []
        for turn in range(ctx.runs(5)):
            ctx.say(f"{name}: round {turn + 1}")
            for m in MODES:
                r = capture(ctx, [source], codec, m, "-d", "2" if ctx.quick else "5")
                b = r["balance"]
                lost[m].append(100 * b["dropped"] / max(1, b["received"]))
                if m == "flows":
                    skipped.append(100 * r["outputs"][0]["index"]["index_skipped"] / max(1, b["written"]))
        t.add(name, *(f"{median(lost[m]):.2f} % ({min(lost[m]):.2f} to {max(lost[m]):.2f})" for m in MODES), f"{median(skipped):.2f} %")
    report.table(t)


def run(ctx, report):
    alone(ctx, report)
    waiting(ctx, report)
    live(ctx, report)
    report.note("Alone: 4096 flows at once, in trains of 1 to 3 packets, some 22 packets in each; mix: 40 % 66 B, 10 % 590 B, 50 % 1400 B. "
                "Packets from memory have one flow.")
