# SPDX-License-Identifier: BSD-3-Clause
"""HTTP requests within TLS, as packets and with their keys: made in this process, without a network."""

import ssl
import struct

from .packets import T0_NS, Packet
from .process import tool

MOST = 1400  # bytes of a segment


def _certificate(folder):
    key, cert = folder / "key.pem", folder / "cert.pem"
    if not cert.exists():
        tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=web.test")
    return key, cert


class _Line:
    """One TCP connection, whose segments become packets."""

    def __init__(self, number, ts_ns):
        self.ports, self.seq, self.ts_ns, self.packets = (40000 + number, 443), [1000, 5000], ts_ns, []

    def send(self, side, data, flags=0x18):
        tcp = struct.pack(">HHIIBBHHH", self.ports[side], self.ports[1 - side], self.seq[side], self.seq[1 - side],
                          0x50, flags, 65535, 0, 0) + data
        ip = struct.pack(">BBHHHBBH4B4B", 0x45, 0, 20 + len(tcp), 0, 0, 64, 6, 0, 10, 0, 0, 1 + side, 10, 0, 0, 2 - side)
        frame = bytes((2, 0, 0, 0, 0, 2 - side, 2, 0, 0, 0, 0, 1 + side)) + b"\x08\x00" + ip + tcp
        self.packets.append(Packet(self.ts_ns, frame, len(frame), 0))
        self.seq[side] += len(data) + (flags & 2 != 0)
        self.ts_ns += 1_000_000

    def open(self):
        self.send(0, b"", 0x02)
        self.send(1, b"", 0x12)
        self.send(0, b"", 0x10)


def requests(folder, number, uri, ts_ns=T0_NS):
    """The packets of one connection that asks for uri; its keys are appended to folder/keys."""
    key, cert = _certificate(folder)
    client, server = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.check_hostname, client.verify_mode, client.keylog_filename = False, ssl.CERT_NONE, str(folder / "keys")
    server.load_cert_chain(cert, key)
    wires = [(ssl.MemoryBIO(), ssl.MemoryBIO()) for _ in range(2)]
    ends = [client.wrap_bio(*wires[0]), server.wrap_bio(*wires[1], server_side=True)]
    line = _Line(number, ts_ns)
    line.open()

    def carry():
        for side in range(2):
            data = wires[side][1].read()
            wires[1 - side][0].write(data)
            for at in range(0, len(data), MOST):
                line.send(side, data[at:at + MOST])

    left = {0, 1}
    while left:
        for side in sorted(left):
            try:
                ends[side].do_handshake()
                left.discard(side)
            except ssl.SSLWantReadError:
                pass
        carry()
    ends[0].write(f"GET {uri} HTTP/1.1\r\nHost: web.test\r\n\r\n".encode())
    carry()
    ends[1].read()
    ends[1].write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    carry()
    return line.packets


def uris(path):
    """What tshark sees asked for in a file."""
    return tool("tshark", "-r", path, "-Y", "http.request", "-T", "fields", "-e", "http.request.uri").stdout.split()
