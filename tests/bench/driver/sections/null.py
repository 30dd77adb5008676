# SPDX-License-Identifier: BSD-3-Clause
"""What braidcap itself costs: packets that cost nothing to receive, into a null output."""

import time

from ..programs import Braidcap
from ..stats import Table, cell, median

TITLE = "Own cost: null source to null output, one core"
CASES = (
    ("net_null, 64 B", "dpdk:net_null0,size=64,full=wait", "none"),
    ("net_null, 512 B", "dpdk:net_null0,size=512,full=wait", "none"),
    ("net_null, 1500 B", "dpdk:net_null0,size=1500,full=wait", "none"),
    ("null:, 64 B", "null:,size=64", "none"),
    ("null:, 64 B, merge of 4 queues", "null:,size=64,queues=4", "none"),
    ("null:, 1500 B", "null:,size=1500", "none"),
)


def stages(capture):
    """(units, busy ns) by kind of stage."""
    out = {}
    for stage in capture.ask("/braidcap/lcores,0")["stages"]:
        kind = stage["name"].split()[0]
        units, busy = out.get(kind, (0, 0))
        out[kind] = (units + stage["units"], busy + stage["busy_ns"])
    return out


def measure(ctx, source, codec):
    """Packets per second by the clock and by CPU time, and each stage's ns per packet."""
    with Braidcap(ctx, ["-i", source, "-w", "null:", "-Z", codec]) as capture:
        capture.wait_capturing()
        time.sleep(ctx.seconds(0.5))
        begin, cpu, written, before = time.monotonic(), capture.cpu(), capture.balance()["written"], stages(capture)
        time.sleep(ctx.seconds(1.2))
        wall, cpu, packets = time.monotonic() - begin, capture.cpu() - cpu, capture.balance()["written"] - written
        after = stages(capture)
        capture.stop()
    if packets <= 0:
        raise RuntimeError(f"{source}: nothing was written")
    return packets / wall, packets / cpu, {k: (after[k][1] - before[k][1]) / packets for k in after}


def run(ctx, report):
    found = {}
    for _ in range(ctx.runs(3)):
        for name, source, codec in CASES[::3] if ctx.quick else CASES:
            try:
                found.setdefault(name, []).append(measure(ctx, source, codec))
            except RuntimeError as why:
                ctx.problem(f"{name}: {why}")
    t = Table("Uncompressed, to null:", ["source", "packets/s", "per CPU second", "ns per packet",
                                           "of it rx", "merge", "writer"])
    for name, _, _ in CASES:
        runs = found.get(name)
        if not runs:
            continue
        by_cpu = [r[1] for r in runs]
        t.add(name, cell([r[0] for r in runs]), cell(by_cpu), f"{1e9 / median(by_cpu):.1f}",
              *(f"{median([r[2].get(k, 0) for r in runs]):.1f}" for k in ("rx", "merge", "writer")))
    report.table(t)
    report.note("Stage times are those of /braidcap/lcores, for rounds that did work, by wall clock: they include whatever else ran "
                "on the CPU. rx includes the driver, writer the copying.")
    for name, key in (("net_null, 64 B", "net_null_64_pps"), ("null:, 64 B", "null_64_pps")):
        if found.get(name):
            report.keep(key, median([r[1] for r in found[name]]))
