# SPDX-License-Identifier: BSD-3-Clause
"""More than can be compressed: what the pressure ladder keeps of the uncompressed rate."""

import time

from ..programs import Braidcap, Generator, vhost, virtio
from ..stats import Table, cell, ratio
from .written import connect

TITLE = "The pressure ladder: overload, one core"
WAYS = {"not compressed": ["-Z", "none"], "LZ4, ladder": ["-Z", "lz4"], "LZ4, no ladder": ["-Z", "lz4", "--no-accelerate"]}
CASES = (("mix", "random"), ("mix", "text"), ("1500", "random"))


def measure(ctx, way, found):
    socket = ctx.socket()
    with Braidcap(ctx, ["-i", vhost(socket), "-w", "null:", "--memory", "64", *WAYS[way]]) as capture:
        capture.wait_capturing()
        with Generator(ctx, virtio(socket)) as generator:
            connect(capture, generator)
            for sizes, payload in CASES:
                generator.begin(sizes=sizes, payload=payload, seconds=ctx.seconds(1.6))
                time.sleep(ctx.seconds(0.7))
                begin, written = time.monotonic(), capture.balance()["written"]
                time.sleep(ctx.seconds(0.8))
                end, now = time.monotonic(), capture.balance()["written"]
                generator.end()
                found.setdefault((way, sizes, payload), []).append((now - written) / (end - begin))
        capture.stop()


def run(ctx, report):
    found = {}
    for _ in range(ctx.runs(3)):
        for way in WAYS:
            measure(ctx, way, found)
    t = Table("Written per second while the sender sends all it can, into null:",
              ["packets, payload", *WAYS, "ladder / not compressed", "no ladder / not compressed"])
    for sizes, payload in CASES:
        of = [found.get((w, sizes, payload), []) for w in WAYS]
        t.add(f"{sizes}, {payload}", *(cell(v) for v in of), ratio(of[1], of[0]), ratio(of[2], of[0]))
    report.table(t)
