# SPDX-License-Identifier: BSD-3-Clause
"""What a capture costs while no packets arrive, and whether it keeps the first ones after that."""

import time

from ..ledger import settled
from ..net import veth
from ..programs import Braidcap, Generator, vhost, virtio
from ..stats import Skip, Table
from .written import connect

TITLE = "Idle"
KERNEL = (("pcap:", "pcap:{}"), ("net_af_packet", "dpdk:net_af_packet0,iface={}"))


def idle_share(ctx, capture):
    seconds = ctx.seconds(4)
    cpu, begin = capture.cpu(), time.monotonic()
    time.sleep(seconds)
    return (capture.cpu() - cpu) / (time.monotonic() - begin)


def first_packets(ctx, capture, generator):
    """Sent and written, over several wakings: single packets and small bursts."""
    sent, before = 0, settled(capture)["written"]
    for turn in range(3 if ctx.quick else 10):
        time.sleep(0.5)
        sent += generator.send(sizes="64", count=1 if turn % 2 else 256)["wanted"]
    return sent, settled(capture)["written"] - before


def measure(ctx, table, name, source, vdev):
    with Braidcap(ctx, ["-i", source, "-w", "null:", "--flush-ms", "20"]) as capture:
        capture.wait_capturing()
        with Generator(ctx, vdev) as generator:
            if "vhost" in source:
                connect(capture, generator)
            time.sleep(0.5)
            share = idle_share(ctx, capture)
            sent, written = first_packets(ctx, capture, generator)
        capture.stop()
    table.add(name, f"{share * 100:.2f} %", f"{written} of {sent}")


def run(ctx, report):
    t = Table("A capture without traffic", ["source", "share of a core", "packets written after idling"])
    socket = ctx.socket()
    measure(ctx, t, "vhost-user", vhost(socket), virtio(socket))
    try:
        for name, spec in KERNEL[:1] if ctx.quick else KERNEL:
            with veth() as (near, far):
                measure(ctx, t, name, spec.format(far), f"net_af_packet0,iface={near},qdisc_bypass=1")
    except Skip as why:
        report.skip("kernel interfaces", str(why))
    report.table(t)
