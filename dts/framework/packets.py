# SPDX-License-Identifier: BSD-3-Clause
"""Packets that can be told apart, and the files that hold them: made here byte by byte, without the code under test."""

import random
import struct
from collections import defaultdict, namedtuple

# data is what was captured, wire the length that the packet had, iface the number of its interface in the file.
Packet = namedtuple("Packet", "ts_ns data wire iface")

T0_NS = 1_700_000_000 * 10**9
MAGIC = b"BCAP"
MARK = struct.Struct(">4sIQ")
MARK_AT = 42
ETHERNET = 1


def frame_head(stream, size, vlans=()):
    """Ethernet, the tags given as (type, id), IPv4 from 10.0.0.STREAM to 10.1.0.1, UDP from 1000 + STREAM to 9."""
    tags = b"".join(struct.pack(">HH", kind, ident) for kind, ident in vlans)
    ip = struct.pack(">BBHHHBBH4B4B", 0x45, 0, size - 14 - len(tags), 0, 0, 64, 17, 0, 10, 0, 0, stream, 10, 1, 0, 1)
    total = sum(struct.unpack(">10H", ip))
    total = (total & 0xFFFF) + (total >> 16)
    ip = ip[:10] + struct.pack(">H", ~(total + (total >> 16)) & 0xFFFF) + ip[12:]
    udp = struct.pack(">HHHH", 1000 + stream, 9, size - 34 - len(tags), 0)
    return bytes((2, 0, 0, 0, 1, stream, 2, 0, 0, 0, 2, stream)) + tags + b"\x08\x00" + ip + udp


def frames(stream, count, sizes=(64,), first=0, noise=False, vlans=()):
    """count frames of a stream, numbered from first, their sizes taken in turn. noise makes them hard to compress."""
    pool = random.Random(stream).randbytes(1 << 20) if noise else bytes(max(sizes))
    heads = {size: frame_head(stream, size, vlans) + MAGIC + struct.pack(">I", stream) for size in sizes}
    number = struct.Struct(">Q")
    out = []
    for i in range(first, first + count):
        size = sizes[i % len(sizes)]
        head = heads[size]
        at = i * 61 % (len(pool) - size) if noise else 0
        out.append(head + number.pack(i) + pool[at:at + size - len(head) - 8])
    return out


def timed(data, begin_ns=T0_NS, step_ns=1000, iface=0):
    """Give frames timestamps, evenly spaced."""
    return [Packet(begin_ns + i * step_ns, d, len(d), iface) for i, d in enumerate(data)]


def numbers(packets):
    """The sequence numbers of each stream, in the order of the packets; foreign packets are left out."""
    found = defaultdict(list)
    for packet in packets:
        at = MARK_AT if packet.data[MARK_AT:MARK_AT + 4] == MAGIC else packet.data.find(MAGIC)
        if at >= 0 and len(packet.data) >= at + MARK.size:
            _, stream, number = MARK.unpack_from(packet.data, at)
            found[stream].append(number)
    return dict(found)


def write_pcap(path, packets, nanoseconds=False, order="<", linktype=ETHERNET):
    """A pcap file in microseconds or nanoseconds and in either byte order ('<', '>')."""
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    unit = 1 if nanoseconds else 1000
    record = struct.Struct(order + "IIII")
    with open(path, "wb") as f:
        f.write(struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, linktype))
        f.write(b"".join(
            record.pack(p.ts_ns // 10**9, p.ts_ns % 10**9 // unit, len(p.data), p.wire) + p.data for p in packets))
    return path


def block(order, kind, body):
    """A block of a pcapng file."""
    body += bytes(-len(body) % 4)
    size = len(body) + 12
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def option(code, value, order="<"):
    """An option of a block."""
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def write_pcapng(path, packets, digits=(9,), order="<", linktypes=None, options=None, iface_options=b""):
    """
    A pcapng file with one interface for each of digits, which says how many decimals its timestamps have. options: the bytes of each
    packet's, with their end.
    """
    linktypes = linktypes or [ETHERNET] * len(digits)
    out = [block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))]
    for d, linktype in zip(digits, linktypes):
        resolution = struct.pack(order + "HHB3xHH", 9, 1, d, 0, 0)
        out.append(block(order, 1, struct.pack(order + "HHI", linktype, 0, 262144) + iface_options + resolution))
    units = [10 ** (9 - d) for d in digits]
    head = struct.Struct(order + "IIIII")
    for i, p in enumerate(packets):
        ticks = p.ts_ns // units[p.iface]
        tail = bytes(-len(p.data) % 4) + options[i] if options else b""
        out.append(block(order, 6, head.pack(p.iface, ticks >> 32, ticks & 0xFFFFFFFF, len(p.data), p.wire) + p.data + tail))
    with open(path, "wb") as f:
        f.write(b"".join(out))
    return path
