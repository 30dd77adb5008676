# SPDX-License-Identifier: BSD-3-Clause
"""A node as osmo-pcap's protocol has it: made here byte by byte, without the code under test."""

import socket
import struct

from .packets import ETHERNET

LINK, PACKET = 0, 1


def free_port():
    """A port that nobody listens on now."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def message(kind, payload):
    """{type, spare, length in network byte order}, and the payload."""
    return struct.pack(">BBH", kind, 0, len(payload)) + payload


class Pcap:
    """The link header and the records of classic pcap, in either byte order, in microseconds or nanoseconds."""

    def __init__(self, order="<", nanoseconds=False, linktype=ETHERNET, snaplen=65535):
        self.unit = 1 if nanoseconds else 1000
        magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
        self.link = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snaplen, linktype)
        self._record = struct.Struct(order + "IIII")

    def packet(self, p):
        return self._record.pack(p.ts_ns // 10**9, p.ts_ns % 10**9 // self.unit, len(p.data), p.wire) + p.data


class Pcapng:
    """A section with these interfaces (name, linktype, decimals of a second), and enhanced packet blocks."""

    def __init__(self, interfaces=(("eth0", ETHERNET, 9),), order="<"):
        self._order = order
        self.units = [10 ** (9 - digits) for *_, digits in interfaces]
        self.link = self._block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
        for name, linktype, digits in interfaces:
            options = self._option(2, name.encode()) + self._option(9, bytes([digits])) + self._option(0, b"")
            self.link += self._block(1, struct.pack(order + "HHI", linktype, 0, 0) + options)

    def _block(self, kind, body):
        body += bytes(-len(body) % 4)
        size = len(body) + 12
        return struct.pack(self._order + "II", kind, size) + body + struct.pack(self._order + "I", size)

    def _option(self, code, value):
        return struct.pack(self._order + "HH", code, len(value)) + value + bytes(-len(value) % 4)

    def packet(self, p):
        ticks = p.ts_ns // self.units[p.iface]
        head = struct.pack(self._order + "IIIII", p.iface, ticks >> 32, ticks & 0xFFFFFFFF, len(p.data), p.wire)
        return self._block(6, head + p.data)


class Peer:
    """A connection to a collector. source: the address to come from. tls: an ssl.SSLContext, and the name to ask for."""

    def __init__(self, port, form=None, host="127.0.0.1", source=None, tls=None, server_name=None, timeout=60):
        self.form = form or Pcap()
        self.socket = socket.create_connection((host, port), timeout, (source, 0) if source else None)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_hostname=server_name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def hello(self):
        """The link header."""
        self.send(message(LINK, self.form.link))

    def packets(self, packets):
        packet, parts = self.form.packet, []
        for p in packets:
            parts.append(message(PACKET, packet(p)))
            if len(parts) == 4096:
                self.send(b"".join(parts))
                parts.clear()
        self.send(b"".join(parts))

    def closed(self, timeout=30):
        """Has the collector closed the connection? Waits for that."""
        self.socket.settimeout(timeout)
        try:
            return self.socket.recv(1) == b""
        except TimeoutError:
            return False
        except OSError:
            return True

    def close(self):
        self.socket.close()
