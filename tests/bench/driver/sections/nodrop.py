# SPDX-License-Identifier: BSD-3-Clause
"""The highest rate that is captured without loss, and the largest burst."""

import subprocess
import time

from ..ledger import lost, search, settled
from ..programs import Braidcap, Generator, vhost, virtio
from ..stats import Table, number
from ..traffic import dense_bytes, gbit
from .written import connect

TITLE = "No-drop rate and bursts: vhost-user, one core"
SIZES = ("64", "512", "1500", "imix", "9000")
LIMITS = (0.005, 0.0)
# So small that what is held back is soon more than fits.
MEMORY = 32
MBUF_BYTES = 2048 + 128 + 128


def generator_for(ctx, socket, sizes):
    return Generator(ctx, virtio(socket), 9216, 2047) if sizes == "9000" else Generator(ctx, virtio(socket))


def rates(ctx, codec, sizes):
    """The highest rate for each limit, and what the generator can."""
    socket = ctx.socket()
    with Braidcap(ctx, ["-i", vhost(socket), "-w", "null:", "-Z", codec, "--memory", MEMORY, "--flush-ms", "10"]) as capture:
        capture.wait_capturing()
        with generator_for(ctx, socket, sizes) as generator:
            if sizes == "9000":
                generator.send(sizes="9000", count=512, retry=1)
            else:
                connect(capture, generator)
            length = ctx.seconds(0.8)
            flood = generator.send(sizes=sizes, seconds=0.3)
            top = high = flood["sent"] / flood["seconds"]
            settled(capture)
            found = {}
            for limit in LIMITS:
                found[limit] = high = search(lambda rate: lost(capture, generator, sizes=sizes, seconds=length, rate=int(rate)),
                                             high, limit, step=1.5 if ctx.quick else 1.05)
                if not high:
                    break
        capture.stop()
    return found, top


def absorbed(ctx, sizes, memory):
    """
    Nobody reads the output: the packets of one burst at full speed that were kept, and the seconds that it took to send as many.
    """
    socket = ctx.socket()
    args = ["-i", vhost(socket), "-w", "-", "-Z", "none", "--memory", memory]
    with Braidcap(ctx, args, stdout=subprocess.PIPE) as capture:
        capture.wait_capturing()
        with Generator(ctx, virtio(socket)) as generator:
            count = int(memory * 1.5 * (1 << 20) / dense_bytes(sizes)) + 20000
            sent = generator.send(sizes=sizes, count=count)
            ledger = capture.ask("/braidcap/ledger")
            last = None
            while ledger != last:
                last = ledger
                time.sleep(0.1)
                ledger = capture.ask("/braidcap/ledger")
            kept = ledger["balance"]["received"] - ledger["balance"]["dropped"]
            capture.process.kill()
    return kept, kept * sent["seconds"] / sent["wanted"], sent["wanted"] - sent["sent"]


def run(ctx, report):
    t = Table(f"Highest rate without loss (in brackets: Gbit/s of packets), to null:, --memory {MEMORY}",
              ["packets", "codec", "generator", "loss 0", "loss under 0.5 %"])
    bars = {"none": [], "lz4": []}
    all_sizes = SIZES[:1] if ctx.quick else SIZES
    for sizes in all_sizes:
        for codec in ("none", "lz4"):
            ctx.say(f"{sizes}, {codec}")
            found, top = rates(ctx, codec, sizes)
            zero, some = found.get(0.0, 0), found.get(0.005, 0)
            t.add(sizes, codec, number(top), *(f"{number(r)} ({gbit(r, sizes):.2f})" if r else "none" for r in (zero, some)))
            bars[codec].append(zero)
            report.keep(f"nodrop_{codec}_{sizes}", zero)
            report.keep(f"nodrop_some_{codec}_{sizes}", some)
    report.table(t)
    report.note("Each trial sends evenly, in bursts of 32; a packet that finds the ring of 1024 full counts as lost. On a machine that "
                "takes CPUs away for milliseconds, loss 0 is out of reach at any rate that fills the ring in that time.")
    report.bars("nodrop", "Rate without loss, one core, to null:", all_sizes, bars, "packets/s")
    t = Table("A burst at full speed while nothing can be written: packets kept, best case",
              ["packets", "--memory", "packets kept", "bytes in the file", "time at full speed", "per MiB", "as many in mbufs"])
    for sizes in ("1500",) if ctx.quick else ("64", "1500"):
        for memory in (16,) if ctx.quick else (16, 64, 256):
            kept, seconds, refused = max(absorbed(ctx, sizes, memory) for _ in range(ctx.runs(3)))
            t.add(f"{sizes} B", f"{memory} MiB", number(kept), f"{kept * dense_bytes(sizes) / (1 << 20):.0f} MiB",
                  f"{seconds * 1e3:.1f} ms", number(kept / memory), f"{kept * MBUF_BYTES / (1 << 20):.0f} MiB")
            if refused:
                ctx.say(f"{refused} packets of that burst found the ring full")
    report.table(t)
