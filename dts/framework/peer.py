# SPDX-License-Identifier: BSD-3-Clause
"""A node as osmo-pcap's protocol has it: made here byte by byte, without the code under test."""

import fcntl
import socket
import struct
import termios

from .packets import ETHERNET
from .process import wait_until

LINK, PACKET = 0, 1
HELLO, SESSION, ACK = 128, 129, 130
ASKS = 1  # the spare byte of a link header that asks for acknowledgements


def message(kind, payload, spare=0):
    """{type, spare, length in network byte order}, and the payload."""
    return struct.pack(">BBH", kind, spare, len(payload)) + payload


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

    def wait_arrived(self):
        """Until the collector's kernel has all that was sent."""
        wait_until(lambda: fcntl.ioctl(self.socket, termios.TIOCOUTQ, bytes(4)) == bytes(4), "the last byte's arrival")

    def read(self, size):
        """So many bytes; fewer at the end."""
        data = b""
        while len(data) < size and (more := self.socket.recv(size - len(data))):
            data += more
        return data

    def closed(self, timeout=60):
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


class Node(Peer):
    """A node that keeps its packets until they are acknowledged. first: the number of the first that it can still send."""

    def __init__(self, port, identity, epoch=1, first=0, window=1 << 20, form=None, **options):
        super().__init__(port, form or Pcapng(), **options)
        self.epoch = epoch
        self.send(message(LINK, self.form.link, ASKS))
        magic, flags, self.collector = struct.unpack(">4sI16s", self.answer(HELLO))
        assert (magic, flags) == (b"BCA1", 0), f"{magic} {flags}"
        self.send(message(SESSION, identity + struct.pack(">QQQ", epoch, first, window)))
        self.resumed = self.acked = self.ack()
        self.next = max(self.acked, first)

    def answer(self, kind):
        """The payload of the next answer, which is of this kind; None at the end."""
        head = self.read(4)
        if not head:
            return None
        got, spare, size = struct.unpack(">BBH", head)
        assert (got, spare) == (kind, 0), f"an answer of type {got}, not {kind}"
        return self.read(size)

    def ack(self):
        """The next number that is acknowledged; None at the end."""
        payload = self.answer(ACK)
        if payload is None:
            return None
        epoch, number = struct.unpack(">QQ", payload)
        assert epoch == self.epoch, f"epoch {epoch}"
        return number

    def wait_acked(self, number):
        """Until all packets below this are acknowledged."""
        while self.acked < number:
            more = self.ack()
            assert more is not None and more > self.acked, f"acknowledged {self.acked}, then {more}"
            self.acked = more

    def closed(self, timeout=60):
        """Does the collector close the connection, whatever it says before?"""
        self.socket.settimeout(timeout)
        try:
            while self.socket.recv(4096):
                pass
            return True
        except TimeoutError:
            return False
        except OSError:
            return True

    def finish(self):
        """Send nothing more, and take what is acknowledged up to the end."""
        self.socket.shutdown(socket.SHUT_WR)
        while (more := self.ack()) is not None:
            self.acked = more
        return self.acked
