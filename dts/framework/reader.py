# SPDX-License-Identifier: BSD-3-Clause
"""What a capture file holds, read without the code under test."""

import re
import struct
from dataclasses import dataclass, field

from .packets import Packet
from .process import tool

_PCAP = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}
_PACKERS = {b"\x04\x22\x4d\x18": "lz4", b"\x28\xb5\x2f\xfd": "zstd", b"\x1f\x8b": "gzip", b"\xfd7zXZ": "xz",
            b"BZh": "bzip2", b"\x89LZO\0\r\n\x1a\n": "lzop"}


@dataclass
class Capture:
    packets: list = field(default_factory=list)
    interfaces: list = field(default_factory=list)  # the options of each, by code
    statistics: list = field(default_factory=list)  # (interface, options by code) of each statistics block
    statistics_at: list = field(default_factory=list)  # how many packets stand before each of them
    epb_options: list = field(default_factory=list)  # (index of the packet, options by code), where there are any


def packer(path):
    """Which program unpacks the file: lz4, zstd, gzip, xz, bzip2, lzop; None for a plain one."""
    with open(path, "rb") as f:
        head = f.read(9)
    return next((name for magic, name in _PACKERS.items() if head.startswith(magic)), None)


def unpacked(path):
    """The bytes of a file, packed or plain."""
    name = packer(path)
    if not name:
        with open(path, "rb") as f:
            return f.read()
    return tool(name, "-dc", path, text=False).stdout


def _options(data, at, end, order):
    found = {}
    while at + 4 <= end:
        code, size = struct.unpack_from(order + "HH", data, at)
        if code == 0:
            break
        found[code] = data[at + 4:at + 4 + size]
        at += 4 + size + (-size % 4)
    return found


def _pcap(data):
    order = "<" if struct.unpack_from("<I", data)[0] in _PCAP else ">"
    unit = _PCAP[struct.unpack_from(order + "I", data)[0]]
    record = struct.Struct(order + "IIII")
    capture, at = Capture(interfaces=[{}]), 24
    while at < len(data):
        seconds, fraction, size, wire = record.unpack_from(data, at)
        at += 16
        assert at + size <= len(data), f"the record at {at - 16} is cut off"
        capture.packets.append(Packet(seconds * 10**9 + fraction * unit, data[at:at + size], wire, 0))
        at += size
    return capture


def _pcapng(data):
    capture, at, order, units, base = Capture(), 0, "<", [], 0
    while at < len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            head, units, base = struct.Struct(order + "IIIII"), [], len(capture.interfaces)
        kind, size = struct.unpack_from(order + "II", data, at)
        assert size >= 12 and size % 4 == 0 and at + size <= len(data), f"the block at {at} is cut off"
        assert data[at + 4:at + 8] == data[at + size - 4:at + size], f"the block at {at} has two sizes"
        if kind == 6:
            iface, high, low, caplen, wire = head.unpack_from(data, at + 8)
            body = at + 28
            ticks = (high << 32 | low) * units[iface]
            capture.packets.append(Packet(ticks, data[body:body + caplen], wire, base + iface))
            rest = body + caplen + (-caplen % 4)
            if rest < at + size - 4:
                capture.epb_options.append((len(capture.packets) - 1, _options(data, rest, at + size - 4, order)))
        elif kind == 1:
            options = _options(data, at + 16, at + size - 4, order)
            resolution = options.get(9, b"\x06")[0]
            units.append(10 ** (9 - resolution))
            capture.interfaces.append(options)
        elif kind == 5:
            iface = struct.unpack_from(order + "I", data, at + 8)[0]
            capture.statistics_at.append(len(capture.packets))
            capture.statistics.append((base + iface, _options(data, at + 20, at + size - 4, order)))
        at += size
    return capture


def _erf(data):
    """Ethernet records; the check sequence is left out."""
    capture, at = Capture(interfaces=[{}]), 0
    while at < len(data):
        stamp, kind, flags, size, _, wire = struct.unpack("<QBB", data[at:at + 10]) + struct.unpack(">HHH", data[at + 10:at + 16])
        assert kind == 2 and size % 8 == 0 and at + size <= len(data), f"the record at {at} is none of ours"
        ns = (stamp >> 32) * 10**9 + ((stamp & 0xFFFFFFFF) * 10**9 + 2**31 >> 32)
        capture.packets.append(Packet(ns, data[at + 18:at + min(size, 18 + wire - 4)], wire - 4, flags & 3))
        at += size
    return capture


def parse(data):
    """A Capture out of the bytes of a pcap or pcapng file."""
    return _pcapng(data) if data[:4] == b"\x0a\x0d\x0d\x0a" else _pcap(data)


def read(path):
    return (_erf if re.search(r"\.erf(\.(lz4|zst|gz|xz|bz2|lzo))?$", str(path)) else parse)(unpacked(path))


def packets(path):
    return read(path).packets
