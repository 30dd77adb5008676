# SPDX-License-Identifier: BSD-3-Clause
"""Overload: how much of the uncompressed rate the pressure ladder keeps."""

import time

from ..programs import Braidcap, Generator, vhost, virtio
from ..stats import Table, cell, ratio
from .written import connect

TITLE = "The pressure ladder: overload, one core"
LADDER = "LZ4, ladder"
WAYS = {"uncompressed": ["-Z", "none"], LADDER: ["-Z", "lz4"], "LZ4, no ladder": ["-Z", "lz4", "--no-accelerate"]}
CASES = (("mix", "random"), ("mix", "text"), ("1500", "random"))


def blocks(capture):
    """What the writers did: blocks as asked for, compressed faster, stored, tried in vain."""
    writers = capture.ask("/braidcap/outputs,0")["writers"]
    return [writers[k] for k in ("blocks", "blocks_faster", "blocks_stored", "blocks_incompressible")]


def measure(ctx, way, found, gave_way):
    socket = ctx.socket()
    with Braidcap(ctx, ["-i", vhost(socket), "-w", "null:", "--memory", "64", *WAYS[way]]) as capture:
        capture.wait_capturing()
        with Generator(ctx, virtio(socket)) as generator:
            connect(capture, generator)
            for sizes, payload in CASES[:1] if ctx.quick else CASES:
                generator.begin(sizes=sizes, payload=payload, seconds=ctx.seconds(1.6))
                time.sleep(ctx.seconds(0.7))
                begin, written, before = time.monotonic(), capture.balance()["written"], blocks(capture)
                time.sleep(ctx.seconds(0.8))
                end, now = time.monotonic(), capture.balance()["written"]
                for i, n in enumerate(blocks(capture)):
                    gave_way.setdefault((way, sizes, payload), [0, 0, 0, 0])[i] += n - before[i]
                generator.end()
                found.setdefault((way, sizes, payload), []).append((now - written) / (end - begin))
        capture.stop()


def run(ctx, report):
    found, gave_way = {}, {}
    for _ in range(ctx.runs(3)):
        for way in WAYS:
            measure(ctx, way, found, gave_way)
    t = Table("Packets written per second while the sender sends at full speed, to null:",
              ["packets, payload", *WAYS, "ladder / uncompressed", "no ladder / uncompressed",
               "with the ladder: blocks at the level asked for", "faster", "stored", "no gain"])
    for sizes, payload in CASES[:1] if ctx.quick else CASES:
        of = [found.get((w, sizes, payload), []) for w in WAYS]
        t.add(f"{sizes}, {payload}", *(cell(v) for v in of), ratio(of[1], of[0]), ratio(of[2], of[0]),
              *(f"{n / max(1, sum(gave_way[(LADDER, sizes, payload)])) * 100:.0f} %" for n in gave_way[(LADDER, sizes, payload)]))
    report.table(t)
