# SPDX-License-Identifier: BSD-3-Clause
"""The Gb interface of GPRS over IP, made byte by byte: NS (3GPP TS 48.016), BSSGP (48.018), LLC (44.064)."""

import ipaddress
import struct

# Which Wireshark takes for NS.
NS_PORT = 2157
USER_SAPIS = (3, 5, 9, 11)
DL_UNITDATA, UL_UNITDATA, FLOW_CONTROL_BVC, FLOW_CONTROL_BVC_ACK = 0x00, 0x01, 0x26, 0x27
ETHERNET, RAW, SLL, SLL2 = 1, 101, 113, 276

CELL = b"\x62\xf2\x10\x00\x01\x02\x00\x03"


def ie(kind, value, wide=False):
    """An IE whose length has one octet, or two."""
    if wide or len(value) > 127:
        return struct.pack(">BH", kind, len(value)) + value
    return bytes((kind, 0x80 | len(value))) + value


def fcs(data):
    """The frame check sequence of LLC: TS 44.064, 5.5."""
    crc = 0xFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xDDCC44 if crc & 1 else 0)
    return (crc ^ 0xFFFFFF).to_bytes(3, "little")


def llc(sapi, payload=b"\x05\x01\x00\x00user"):
    """A UI frame, not enciphered."""
    frame = bytes((sapi, 0xC0, 0x01)) + payload
    return frame + fcs(frame)


def unitdata(up, frame, before=b"", after=b"", wide=False):
    """A BSSGP UL- or DL-UNITDATA around an LLC frame; IEs may stand before and after it."""
    head = bytes((UL_UNITDATA if up else DL_UNITDATA,)) + b"\xc0\x11\x22\x33\x00\x50\x20"
    mandatory = ie(0x08, CELL) if up else ie(0x16, b"\x01\x00")
    return head + mandatory + before + ie(0x0E, frame, wide) + after


def flow_control():
    ies = ((0x1E, b"\x07"), (0x05, b"\x00\x64"), (0x03, b"\x00\x32"), (0x01, b"\x00\x0a"), (0x1C, b"\x00\x05"))
    return bytes((FLOW_CONTROL_BVC,)) + b"".join(ie(*i) for i in ies)


def flow_control_ack():
    return bytes((FLOW_CONTROL_BVC_ACK,)) + ie(0x1E, b"\x07")


def ns(bssgp, bvci=2, kind=0, control=0):
    return struct.pack(">BBH", kind, control, bvci) + bssgp


def udp(payload, port=NS_PORT, length=None):
    return struct.pack(">HHHH", 50000, port, length or 8 + len(payload), 0) + payload


def _checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ip4(payload, options=b"", fragment=0x4000, proto=17, length=None):
    size = 20 + len(options)
    head = struct.pack(">BBHHHBBH4s4s", 0x40 | size // 4, 0, length or size + len(payload), 1, fragment, 64, proto, 0,
                       bytes((10, 0, 0, 1)), bytes((10, 0, 0, 2))) + options
    return head[:10] + struct.pack(">H", _checksum(head)) + head[12:] + payload


def ip6(payload, extensions=(), length=None):
    """extensions: pairs of a header's number and its bytes without the first, which is the next one's number."""
    kinds = [kind for kind, _ in extensions] + [17]
    body = b"".join(bytes((kinds[i + 1],)) + rest for i, (_, rest) in enumerate(extensions)) + payload
    a, b = (ipaddress.ip_address(f"2001:db8::{i}").packed for i in (1, 2))
    return struct.pack(">IHBB", 0x60000000, length or len(body), kinds[0], 64) + a + b + body


def link(packet, linktype=ETHERNET, tags=()):
    """A header of the link layer, with VLAN tags of these EtherTypes."""
    types = [*tags, 0x86DD if packet[0] >> 4 == 6 else 0x0800]
    body = b"".join(struct.pack(">HH", 100 + i, kind) for i, kind in enumerate(types[1:])) + packet
    first = struct.pack(">H", types[0])
    if linktype == ETHERNET:
        return b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02" + first + body
    if linktype == SLL:
        return b"\0\0\0\x01\0\x06\x02\0\0\0\0\x01\0\0" + first + body
    if linktype == SLL2:
        return first + b"\0\0\0\0\0\x07\0\x01\0\x06\x02\0\0\0\0\x01\0\0" + body
    return packet


def frame(bssgp, **options):
    """BSSGP in NS, UDP, IPv4 and Ethernet."""
    return link(ip4(udp(ns(bssgp, **options))))
