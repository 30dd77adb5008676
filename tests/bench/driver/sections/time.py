# SPDX-License-Identifier: BSD-3-Clause
"""Software stamps against the sender's own counter, which each packet carries."""

import struct
import time

from ..programs import RING, Braidcap, Generator, vhost, virtio
from ..stats import Table, number
from ..ledger import settled
from .written import connect

TITLE = "Accuracy of software timestamps, vhost-user"
SHARES = (0.1, 0.5, 0.9)
SEQ_AT = 42
HEADER = struct.Struct("<IIIIIII")
CARRIED = struct.Struct("<QQ")


def packets(path):
    """(stamp, sequence number, the sender's counter) of each packet of an uncompressed pcapng file."""
    data = path.read_bytes()
    at = 0
    while at + 12 <= len(data):
        kind, length = struct.unpack_from("<II", data, at)
        if kind == 6:
            head = HEADER.unpack_from(data, at)
            seq, tsc = CARRIED.unpack_from(data, at + 28 + SEQ_AT)
            yield head[3] << 32 | head[4], seq, tsc
        if length < 12:
            raise RuntimeError(f"{path}: a block of {length} bytes at {at}")
        at += length


def errors(path, sent):
    """Sorted, in ns: stamp less send time, of the packets of this job."""
    span_tsc, span_ns = sent["end_tsc"] - sent["begin_tsc"], sent["end_utc_ns"] - sent["begin_utc_ns"]
    return sorted(stamp - sent["begin_utc_ns"] - (tsc - sent["begin_tsc"]) * span_ns // span_tsc
                  for stamp, seq, tsc in packets(path) if sent["first_seq"] <= seq < sent["next_seq"])


def at_share(ctx, rate, generator_burst):
    socket, path = ctx.socket(), ctx.tmpfs / "time.pcapng"
    with Braidcap(ctx, ["-i", vhost(socket), "-w", path, "-Z", "none"]) as capture:
        capture.wait_capturing()
        with Generator(ctx, virtio(socket)) as generator:
            connect(capture, generator)
            # The clock is disciplined over some seconds.
            time.sleep(ctx.seconds(3))
            sent = generator.send(sizes="64", rate=int(rate), burst=generator_burst, count=int(min(400000, rate * ctx.seconds(1))))
            settled(capture)
            clock, delay = capture.ask("/braidcap/clock"), capture.ask("/braidcap/info")["merge_delay_ns"]
        capture.stop()
    found = errors(path, sent)
    path.unlink()
    return found, sent, clock, delay


def top_rate(ctx):
    """What the no-drop rate is taken to be, and where that is from."""
    for key, what in (("nodrop_none_64", "loss 0"), ("nodrop_some_none_64", "loss under 0.5 %")):
        if ctx.results.get(key):
            return ctx.results[key], what
    return 1e6, "not measured: 1 Mpps assumed"


def run(ctx, report):
    top, what = top_rate(ctx)
    t = Table(f"Timestamp minus send time, 64 B; 100 % is {number(top)} packets/s ({what})",
              ["rate", "packets", "minimum", "median", "p99", "p99.9", "median - minimum", "sender behind", "reported by braidcap: rms", "offset"])
    merge = Table("From a packet's timestamp until a writer has it, one core", ["rate", "samples", "p50", "p99", "p99.9"])
    for share in SHARES[1:2] if ctx.quick else SHARES:
        found, sent, clock, delay = at_share(ctx, top * share, 1)
        if not found:
            ctx.problem(f"at {share:.0%} no packet was found in the file")
            continue
        least, mid, p99, p999 = (found[min(len(found) - 1, int(len(found) * q))] for q in (0, 0.5, 0.99, 0.999))
        t.add(f"{share:.0%}", number(len(found)), *(f"{v / 1000:.2f} us" for v in (least, mid, p99, p999)),
              f"{(mid - least) / 1000:.2f} us", f"{sent['late_seconds'] / sent['seconds'] * 100:.1f} %",
              f"{clock['rms_ns']} ns", f"{clock['offset_ns']} ns")
        merge.add(f"{share:.0%}", number(delay["samples"]), *(f"{delay[q] / 1000:.2f} us" for q in ("p50", "p99", "p999")))
    report.table(t)
    report.table(merge)
    report.note(f"This includes the time in the ring of {RING}: a packet waits for the poll that takes it, and is stamped when that "
                "poll is over. The sender's counter is converted to UTC by reading both clocks at the start and end of the job. "
                "Packets are sent singly, evenly spaced.")
    report.note("The second table is braidcap's own measurement (merge_delay_ns): one merge round in eight is sampled, and values are "
                "up to a quarter too high.")
