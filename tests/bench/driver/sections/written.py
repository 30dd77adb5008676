# SPDX-License-Identifier: BSD-3-Clause
"""Packets written per second, received from vhost-user, all of it on one core."""

import os
import time

from ..parts import Parts
from ..programs import Braidcap, DpdkDumpcap, Dpdkcap, Generator, TestpmdSink, vhost, virtio, wait_until
from ..stats import Table, cell, median, number, ratio
from ..traffic import dense_bytes, gbit

TITLE = "Packets written per second: vhost-user, one core"
ALL = ("64", "512", "1500", "mix")
CODECS = ("none", "lz4")


class Figures:
    """Lists of runs: packets per second by the clock, and per second of CPU time."""

    def __init__(self):
        self.wall = {}
        self.cpu = {}

    def add(self, key, packets, seconds, cpu):
        self.wall.setdefault(key, []).append(packets / seconds)
        if cpu > 0:
            self.cpu.setdefault(key, []).append(packets / cpu)


def clear(folder):
    """Take away what is published: the space is needed, and what it holds has been counted."""
    for name in os.listdir(folder):
        if not name.startswith("tmp-"):
            os.unlink(folder / name)


def sizes_of(ctx):
    return ALL[::3] if ctx.quick else ALL


def connect(capture, generator):
    """Until packets arrive: a new device takes a moment."""
    generator.send(sizes="64", count=4096, retry=1)
    wait_until(lambda: capture.balance()["written"] >= 4096, "the first 4096 packets written")


def just_written(capture):
    """When the count of what is written has just moved, which onto a disk it does five times a second: time, CPU time, the count."""
    last, until = capture.balance()["written"], time.monotonic() + 5
    while (now := capture.balance()["written"]) == last:
        if time.monotonic() > until:
            raise RuntimeError("nothing is written any more")
        time.sleep(0.002)
    return time.monotonic(), capture.cpu(), now


def window(ctx, capture, generator, key, figures, length, **job):
    """One measurement, from the middle of a capture that is never done."""
    warm, length = ctx.seconds(0.3), ctx.seconds(length)
    generator.begin(seconds=warm + length + 0.7, retry=1, **job)
    time.sleep(warm)
    begin, cpu, written = just_written(capture)
    time.sleep(length)
    now, cpu_now, end = just_written(capture)
    generator.end()
    figures.add(key, end - written, now - begin, cpu_now - cpu)


def braidcap_runs(ctx, figures, codec, place, folder):
    socket = ctx.socket()
    dest = "null:"
    if folder:
        dest = folder / "written"
        dest.mkdir(exist_ok=True)
    args = ["-i", vhost(socket, "full=wait"), "-w", f"{dest}/" if folder else dest, "-Z", codec, "--memory", "64"]
    args += ["-S", "1000"] if folder else []
    with Braidcap(ctx, args) as capture:
        capture.wait_capturing()
        with Generator(ctx, virtio(socket)) as generator:
            connect(capture, generator)
            for sizes in sizes_of(ctx):
                window(ctx, capture, generator, ("braidcap", codec, place, sizes), figures, 1.2 if place == "disk" else 0.6,
                       sizes=sizes)
                if folder:
                    clear(dest)
        capture.stop()
        if capture.process.returncode:
            ctx.problem(f"braidcap ended with {capture.process.returncode}: {capture.output[-300:]}")
    if folder:
        clear(dest)


def receive_runs(ctx, figures):
    socket = ctx.socket()
    with TestpmdSink(ctx, socket) as sink, Generator(ctx, virtio(socket)) as generator:
        generator.send(sizes="64", seconds=0.2, retry=1)
        for sizes in sizes_of(ctx):
            cpu = sink.cpu()
            got = generator.send(sizes=sizes, seconds=ctx.seconds(0.8), retry=1)
            figures.add(("receive", sizes), got["sent"], got["seconds"], sink.cpu() - cpu)


def dumpcap_runs(ctx, figures, place, folder):
    socket = ctx.socket()
    path = folder / "dumpcap.pcapng"
    with TestpmdSink(ctx, socket, pdump=True) as sink, Generator(ctx, virtio(socket)) as generator:
        generator.send(sizes="64", seconds=0.2, retry=1)
        for sizes in sizes_of(ctx):
            with DpdkDumpcap(ctx, sink, path) as dumpcap:
                cpu, own = sink.cpu(), dumpcap.cpu()
                sent = generator.send(sizes=sizes, seconds=ctx.seconds(0.6), retry=1)
                cpu, own = sink.cpu() - cpu, dumpcap.cpu() - own
                dumpcap.stop()
                written, _ = dumpcap.counts()
                figures.add(("dumpcap", place, sizes), written, sent["seconds"], cpu + own)
                figures.add(("dumpcap receives", place, sizes), sent["sent"], sent["seconds"], cpu + own)
            path.unlink()


def dpdkcap_runs(ctx, figures, program, codec, place, folder):
    """What a build of one's own writes; it needs a TX queue set up, or vhost-user gives it no packet."""
    for sizes in sizes_of(ctx):
        socket = ctx.socket()
        with Dpdkcap(ctx, program, socket, folder, codec != "none") as dpdkcap, Generator(ctx, virtio(socket)) as generator:
            jobs = [generator.send(sizes=sizes, seconds=seconds, retry=1) for seconds in (0.2, ctx.seconds(0.6))]
            dpdkcap.stop()
            written = dpdkcap.packets()
        if not written:
            raise RuntimeError("dpdkcap received nothing: does it set up a TX queue for each port?")
        figures.add(("dpdkcap", codec, place, sizes), written, sum(j["seconds"] for j in jobs), 0)


def write_rate(parts, place, what):
    """The better of both ways of writing."""
    best = [median(v) for v in (parts.get(f"{place} {what}"), parts.get(f"{place} {what.replace('write', 'write direct')}")) if v]
    return max(best) if best else None


def composed(parts, received, codec, place, sizes, what="write"):
    """Packets per second if one thing were done after the other, each at the speed that it has alone; None if a part is missing."""
    copy, packed = parts.get(f"copy {sizes} text"), parts.get(f"compress {sizes} text")
    if not received or not copy or not packed:
        return None
    seconds = 1 / median(received) + 1 / median(copy)
    size = dense_bytes(sizes)
    if codec == "lz4":
        seconds += 1 / median(packed)
        size /= median(parts.get(f"compress {sizes} text ratio"))
    if place != "null":
        rate = write_rate(parts, place, what)
        if not rate:
            return None
        seconds += size / rate
    return 1 / seconds


def of_composed(runs, limit):
    return f"{median(runs) / limit:.2f}" if runs and limit else "-"


def table(ctx, figures, parts, codec, places):
    peer = [] if codec == "lz4" else ["dumpcap", "/ dumpcap"]
    if any(key[:2] == ("dpdkcap", codec) for key in figures.wall):
        peer += [f"dpdkcap{', LZO' if codec == 'lz4' else ''}", "/ dpdkcap"]
    t = Table(f"Packets per second, {'LZ4' if codec == 'lz4' else 'uncompressed'} (in brackets: Gbit/s of packets)",
              ["packets, place", "receive", "copy", *(["compress"] if codec == "lz4" else []), "composed", "braidcap",
               "/ composed", "/ composed, by CPU time", *peer])
    for sizes in sizes_of(ctx):
        for place in places:
            key = ("braidcap", codec, place, sizes)
            wall = figures.wall.get(key, [])
            received = figures.wall.get(("receive", sizes), [])
            limit = composed(parts, received, codec, place, sizes)
            by_cpu = composed(parts, figures.cpu.get(("receive", sizes), []), codec, place, sizes, "write cpu")
            row = [f"{sizes} B, {place}" if sizes.isdigit() else f"{sizes}, {place}", cell(received),
                   cell(parts.get(f"copy {sizes} text"))]
            row += [cell(parts.get(f"compress {sizes} text"))] if codec == "lz4" else []
            rate = f" ({gbit(median(wall), sizes):.2f})" if wall else ""
            row += [number(limit), cell(wall) + rate, of_composed(wall, limit), of_composed(figures.cpu.get(key, []), by_cpu)]
            for name in peer[::2]:
                key = ("dumpcap", place, sizes) if name == "dumpcap" else ("dpdkcap", codec, place, sizes)
                theirs = figures.wall.get(key, [])
                row += [cell(theirs), ratio(wall, theirs)]
            t.add(*row)
    return t


def parts_table(ctx, parts, places):
    t = Table("Each part alone", ["part", "rate", "LZ4's ratio"])
    for sizes in sizes_of(ctx):
        copied, packed = parts.get(f"copy {sizes} text"), parts.get(f"compress {sizes} text")
        if copied and packed:
            t.add(f"copy {sizes}", f"{median(copied) * dense_bytes(sizes) / 1e9:.1f} GB/s", "")
            t.add(f"LZ4_compress_fast {sizes}", f"{median(packed) * dense_bytes(sizes) / 1e6:.0f} MB/s",
                  f"{median(parts.get(f'compress {sizes} text ratio')):.2f}")
    for place in places:
        for how in ("write", "write direct"):
            if parts.get(f"{place} {how}"):
                t.add(f"{how}, {place}", cell(parts.get(f"{place} {how}")) + "B/s", "")
    return t


def run(ctx, report):
    sizes_here = sizes_of(ctx)
    figures, parts, dpdkcap = Figures(), Parts(ctx), os.environ.get("DPDKCAP")
    places = {"null": None, "tmpfs": ctx.tmpfs, "disk": ctx.disk}
    if ctx.quick:
        places.pop("disk")
    for turn in range(ctx.runs(3)):
        ctx.say(f"round {turn + 1}")
        receive_runs(ctx, figures)
        for sizes in sizes_of(ctx):
            parts.packets("copy", sizes)
            parts.packets("compress", sizes)
        for place, folder in places.items():
            if folder:
                parts.write(place, folder, 512)
            for codec in CODECS:
                braidcap_runs(ctx, figures, codec, place, folder)
            if folder and ctx.huge:
                dumpcap_runs(ctx, figures, place, folder)
            for codec in CODECS if folder and ctx.huge and dpdkcap else ():
                dpdkcap_runs(ctx, figures, dpdkcap, codec, place, folder)
    if not ctx.huge:
        report.skip("dpdk-dumpcap and dpdkcap", f"they need hugepages: {ctx.huge_note}")
    if not dpdkcap:
        report.skip("dpdkcap", "not packaged in Debian: name a build by DPDKCAP=PATH; it has to set up a TX queue for each port, or "
                    "vhost-user gives it no packet")
    for codec in CODECS:
        report.table(table(ctx, figures, parts, codec, places))
    report.table(parts_table(ctx, parts, places))
    report.note("receive is testpmd rxonly; copy and compress are plain memcpy and LZ4_compress_fast on 64 KiB blocks; "
                "composed is computed: 1/(1/receive + 1/copy + 1/compress + 1/write). When braidcap falls behind, it waits "
                "(full=wait), and so does the generator. Rates are taken in mid-capture; to disk, between two points at which "
                "the store has settled, at least 1.2 s apart.")
    lossy = {s: figures.wall.get(("dumpcap receives", "tmpfs", s)) for s in sizes_here}
    if any(lossy.values()):
        report.note("dpdk-dumpcap cannot slow the sender down; share of the received packets that it wrote to tmpfs: " +
                    ", ".join(f"{s}: {median(figures.wall[('dumpcap', 'tmpfs', s)]) / median(v) * 100:.0f} %"
                              for s, v in lossy.items() if v))
    report.bars("written", "Packets per second on one core, to tmpfs", sizes_here, {
        "receive only": [_mid(figures.wall.get(("receive", s))) for s in sizes_here],
        "braidcap": [_mid(figures.wall.get(("braidcap", "none", "tmpfs", s))) for s in sizes_here],
        "braidcap LZ4": [_mid(figures.wall.get(("braidcap", "lz4", "tmpfs", s))) for s in sizes_here],
        "dpdk-dumpcap": [_mid(figures.wall.get(("dumpcap", "tmpfs", s))) for s in sizes_here],
    }, "packets/s")
    for sizes in sizes_of(ctx):
        for codec in CODECS:
            report.keep(f"{codec}_{sizes}_pps", _mid(figures.wall.get(("braidcap", codec, "null", sizes))))
        report.keep(f"receive_{sizes}_pps", _mid(figures.wall.get(("receive", sizes))))
        report.keep(f"compress_{sizes}_pps", _mid(parts.get(f"compress {sizes} text")))
        report.keep(f"lz4_{sizes}_ratio", _mid(parts.get(f"compress {sizes} text ratio")))
    report.keep("disk_bytes_per_s", write_rate(parts, "disk", "write") if "disk" in places else None)


def _mid(runs):
    return median(runs) if runs else None
