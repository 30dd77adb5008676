# SPDX-License-Identifier: BSD-3-Clause
"""How many cores a link needs: the figures that 'braidcap plan --rate' computes with, and what it makes of them."""

from math import ceil

from .. import model
from ..stats import Skip, Table, number

TITLE = "How many cores a link needs"
LINKS = (10, 25, 40, 100)
SIZES = ("64", "512", "1500", "mix")


def run(ctx, report):
    found = ctx.results.get("written", {})
    figures = model.figures(ctx.results)
    if not figures:
        raise Skip("needs the section 'written' to have been measured on this build")
    table = Table("Cores for a fully loaded link, with and without compression",
                  ["packets, codec", "one core (measured)", *(f"{g} Gbit/s" for g in LINKS)])
    for codec in ("none", "lz4"):
        for sizes in SIZES:
            rate = found.get(f"{codec}_{sizes}_pps")
            if rate:
                cores = [model.link_rate(g, sizes) / rate for g in LINKS]
                table.add(f"{sizes}, {codec}", number(rate), *(f"{ceil(c)} ({c:.1f})" for c in cores))
    report.table(table)
    report.note(f"Measured, in the run of the section 'written' of {found['date']}: packets per second of one core that runs every "
                "stage, from vhost-user into a null output (vhost-user copies each packet, a NIC does not). Computed: everything "
                "else. This assumes that packets are spread evenly over the NIC's queues, that lanes scale as in the lanes "
                "microbenchmark, and that the disk keeps up: a full link of G Gbit/s delivers G / 8 GB/s before compression. The "
                "merge is one stage and cannot be divided: its rate is the upper limit for one output.")
    model.write(figures, model.host_path())
    report.note("`braidcap plan --rate` computes with the same figures, which this section writes where plan looks for them: "
                "`/var/lib/braidcap/figures.json` for root, otherwise `~/.local/share/braidcap/figures.json`.")
