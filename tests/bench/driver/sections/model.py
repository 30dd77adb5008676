# SPDX-License-Identifier: BSD-3-Clause
"""How many cores a link needs, computed from what was measured."""

from math import ceil

from ..stats import Skip, Table, number
from ..traffic import wire_bytes

TITLE = "How many cores a link needs"
LINKS = (10, 25, 40, 100)
SIZES = ("64", "512", "1500", "mix")
# FCS, preamble and the gap between frames.
FRAME = 24


def link_rate(gigabits, sizes):
    """Packets per second of a full link."""
    return gigabits * 1e9 / ((wire_bytes(sizes) + FRAME) * 8)


def run(ctx, report):
    table = Table("Cores for a fully loaded link, with and without compression",
                  ["packets, codec", "one core (measured)", *(f"{g} Gbit/s" for g in LINKS)])
    for codec in ("none", "lz4"):
        for sizes in SIZES:
            rate = ctx.results.get(f"{codec}_{sizes}_pps")
            if rate:
                table.add(f"{sizes}, {codec}", number(rate),
                          *(f"{ceil(link_rate(g, sizes) / rate)} ({link_rate(g, sizes) / rate:.1f})" for g in LINKS))
    if not table.rows:
        raise Skip("needs the section 'written' to have been measured on this build")
    report.table(table)
    report.note("Measured: packets per second of one core that runs every stage, from vhost-user into a null output (section "
                "'written'; vhost-user copies each packet, a NIC does not). Computed: everything else. This assumes that "
                "packets are spread evenly over the NIC's queues, that lanes scale as in the lanes microbenchmark, "
                "and that the disk keeps up: a full link of G Gbit/s delivers G / 8 GB/s before compression. The merge is "
                "one stage and cannot be divided: its rate is the upper limit for one output.")
    merge = ctx.results.get("null_64_pps")
    if merge:
        report.note(f"From a zero-cost source, one core reached {number(merge)} packets/s of 64 bytes.")
