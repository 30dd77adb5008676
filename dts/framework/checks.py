# SPDX-License-Identifier: BSD-3-Clause
"""The promises that hold for every capture, whatever it was about."""

import re

from .packets import numbers
from .process import tool
from .reader import packer, read

# YYYYMMDD-HHMMSS-SEQ.EXT; a segment that is being written has another name.
PUBLISHED = re.compile(r"^(\d{8}-\d{6})-(\d+)\.(pcapng|pcap|erf)(\.lz4|\.zst|\.gz|\.xz|\.bz2|\.lzo)?$")

UNKNOWN_TO_WIRESHARK = ("xz", "bzip2", "lzop")  # in version 4.0

# trace-CLIENT-YYYYMMDD_HHMMSS.EXT; _N stands behind it where another has the name.
SERIES = re.compile(r"^trace-(.+)-(\d{8}_\d{6})(?:_(\d+))?\.(pcapng|pcap|erf)(\.\w+)?$")


def published(folder):
    """The published segments of a folder, in their order."""
    found = [(m.group(1), int(m.group(2)), p) for p in folder.iterdir() if (m := PUBLISHED.match(p.name))]
    return [path for *_, path in sorted(found)]


def published_of(folder, client):
    """The published segments of a client's series, as osmo-pcap names them, in their order."""
    found = [(m.group(2), int(m.group(3) or 0), p) for p in folder.iterdir()
             if (m := SERIES.match(p.name)) and m.group(1) == client]
    return [path for *_, path in sorted(found)]


def temporary(folder):
    """All else in the folder, but for what nodes were acknowledged."""
    return [p for p in folder.iterdir() if not PUBLISHED.match(p.name) and not SERIES.match(p.name) and
            not p.name.startswith(".acknowledged")]


def capinfos_counts(paths):
    """The number of packets in each file, as Wireshark has it; it must find each file whole."""
    out = tool("capinfos", "-T", "-r", "-M", "-c", *paths).stdout.splitlines()
    assert len(out) == len(paths), f"capinfos: {out}"
    return [int(line.split("\t")[1]) for line in out]


def verify_segments(paths, ordered=True):
    """Every file passes its packer's own test, capinfos if it knows the packer, and our parser; time never goes back.

    All their packets.
    """
    assert paths, "there is no segment"
    for name in ("lz4", "zstd", "gzip", "xz", "bzip2", "lzop"):
        packed = [p for p in paths if packer(p) == name]
        if packed:
            tool(name, "-t", "-q", *(["-m"] if name == "lz4" else []), *packed)
    each = [read(path).packets for path in paths]
    known = [i for i, p in enumerate(paths) if packer(p) not in UNKNOWN_TO_WIRESHARK]
    if known:
        assert capinfos_counts([paths[i] for i in known]) == [len(each[i]) for i in known]
    packets = [p for segment in each for p in segment]
    if ordered:
        assert_ordered(packets)
    return packets


def assert_ordered(packets):
    last = 0
    for i, p in enumerate(packets):
        assert p.ts_ns >= last, f"packet {i}: time goes back by {last - p.ts_ns} ns"
        last = p.ts_ns


def losses(report):
    """All named losses, those of the sources and those of the outputs, added up by name."""
    total = {}
    for part in report["sources"] + report["outputs"]:
        for name, count in part["dropped"].items():
            total[name] = total.get(name, 0) + count
    return {name: count for name, count in total.items() if count}


def assert_closed(balance):
    assert balance["unaccounted"] == 0, balance
    assert balance["received"] == balance["written"] + balance["filtered"] + balance["dropped"], balance


def assert_balance(report):
    """The ledger of a capture with one output closes, and every loss in it has a name."""
    balance = report["balance"]
    assert_closed(balance)
    assert sum(losses(report).values()) == balance["dropped"], (balance, losses(report))
    assert sum(o["written"] for o in report["outputs"]) == balance["written"], report
    segments = [s for o in report["outputs"] for s in o["segments"]]
    assert sum(s["packets"] for s in segments) == balance["written"], report


def assert_lossless(report, count):
    """Exactly count packets came in, and all of them were written."""
    assert_balance(report)
    balance = report["balance"]
    assert (balance["received"], balance["written"], balance["dropped"]) == (count, count, 0), (balance, losses(report))


def assert_streams(packets, counts):
    """The streams {stream: count}, and no others, are there: each number once, in order."""
    found = numbers(packets)
    assert {s: len(n) for s, n in found.items()} == counts
    for stream, seen in found.items():
        assert seen == list(range(counts[stream])), f"stream {stream} is out of order, or has gaps"


def assert_same(packets, expected):
    """The same packets with the same times, in the same order; interfaces may be numbered otherwise."""
    assert len(packets) == len(expected)
    for i, (a, b) in enumerate(zip(packets, expected)):
        assert a[:3] == b[:3], f"packet {i}: {a} instead of {b}"


def mergecap(inputs, output):
    """What Wireshark makes of the same files."""
    tool("mergecap", "-F", "pcapng", "-w", output, *inputs)
    return read(output).packets
