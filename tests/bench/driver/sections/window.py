# SPDX-License-Identifier: BSD-3-Clause
"""The reorder window: one busy queue beside idle ones that may deliver late, or beside one whose clock is behind."""

import time

from ..programs import Braidcap
from ..stats import Table, cell, median
from .null import stages

TITLE = "The reorder window: one busy queue of 64 B, one core, to null:"
QUEUES = (2, 4, 16)
RATES = (1, 5, 10)
LATENESS_US = (100, 1000, 40000)
# Seconds that the busy queue's clock is ahead, and a rate whose packets fit into the memory for so long.
SKEWS = ((2, 1000000), (37, 100000))
MEMORY = 1024


def losses(report):
    found = {}
    for source in report["sources"]:
        for name, n in source["dropped"].items():
            found[name] = found.get(name, 0) + n
    return found


def measure(ctx, sources, seconds):
    """ns at the sources per packet written, shares lost by name, and the delay at the merge."""
    inputs = [word for s in sources for word in ("-i", s)]
    with Braidcap(ctx, [*inputs, "-w", "null:", "-Z", "none", "--memory", str(MEMORY)]) as capture:
        capture.wait_capturing()
        time.sleep(ctx.seconds(0.5))
        written, before = capture.balance()["written"], stages(capture)
        time.sleep(seconds)
        packets, after = capture.balance()["written"] - written, stages(capture)
        delay = capture.ask("/braidcap/ledger")["merge_delay_ns"]
        capture.stop()
        report = capture.report()
    received = max(1, report["balance"]["received"])
    lost = {name: n / received for name, n in losses(report).items() if n}
    if packets <= 0:
        raise RuntimeError(f"{sources}: nothing was written")
    return (after["rx"][1] - before["rx"][1]) / packets, lost, delay["p50"] / 1e3


def row(ctx, table, name, sources, seconds):
    runs = []
    for _ in range(ctx.runs(3)):
        try:
            runs.append(measure(ctx, sources, seconds))
        except RuntimeError as why:
            ctx.problem(f"{name}: {why}")
    if not runs:
        return
    names = sorted({n for r in runs for n in r[1]})
    lost = ", ".join(f"{n} {median([r[1].get(n, 0) for r in runs]) * 100:.2g} %" for n in names)
    table.add(name, cell([r[0] for r in runs]), lost or "none", cell([r[2] for r in runs]))


def run(ctx, report):
    columns = ["case", "ns at the sources per packet", "lost", "delay, us (median)"]
    t = Table("Beside idle queues", columns)
    for rate in RATES[:1] if ctx.quick else RATES:
        busy = f"null:size=64,rate={rate * 1000000}"
        row(ctx, t, f"{rate} Mpps, alone", [busy], ctx.seconds(1))
        for queues in QUEUES[:1] if ctx.quick else QUEUES:
            for late in LATENESS_US:
                idle = f"null:idle=yes,stamp=nic,lateness_us={late},queues={queues - 1}"
                row(ctx, t, f"{rate} Mpps, {queues} queues, {late / 1000:g} ms", [busy, idle], ctx.seconds(1))
    report.table(t)
    t = Table("Beside a queue whose clock is behind", columns)
    for skew, rate in SKEWS[:1] if ctx.quick else SKEWS:
        ahead = f"null:size=64,rate={rate},ahead_ms={skew * 1000}"
        row(ctx, t, f"{rate / 1000:g} kpps, {skew} s", [ahead, "null:idle=yes"], skew + 3)
    report.table(t)
    report.note("The lcore of paced sources never sleeps, so that its CPU time says nothing. Alone is the usual case, in which a packet never leaves its mbuf before its lane. A "
                "synthetic source loses as nic_missed what was not fetched in time, as a NIC of 4096 descriptors does: "
                f"that depends on the CPU, every other loss on the window. --memory {MEMORY}.")
