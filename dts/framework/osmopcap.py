# SPDX-License-Identifier: BSD-3-Clause
"""A receiver of osmo-pcap's messages, written from the protocol's description: what a node says is judged by it."""

import socket
import ssl
import struct
import threading

from .process import free_port, wait_until
from .reader import parse

LINK, PACKET = 0, 1


class Connection:
    """What one connection brought: files, each a link header with the packets behind it; and how it ended."""

    def __init__(self, peer):
        self.peer = peer
        self.files = []         # bytearrays
        self.links = 0          # link headers
        self.messages = 0
        self.lengths = []       # of the packets' payloads
        self.left = b""         # bytes of a message that did not come whole
        self.error = None
        self.certificate = None
        self.closed = False

    def feed(self, data):
        self.left += data
        at = 0
        while len(self.left) - at >= 4:
            kind, _, length = struct.unpack_from(">BBH", self.left, at)
            if len(self.left) - at < 4 + length:
                break
            self.take(kind, bytes(self.left[at + 4:at + 4 + length]))
            at += 4 + length
        self.left = self.left[at:]

    def take(self, kind, payload):
        self.messages += 1
        if kind == LINK:
            self.links += 1
            if not self.files or bytes(self.files[-1][:len(payload)]) != payload:
                self.files.append(bytearray(payload))
        elif kind == PACKET and self.files:
            self.lengths.append(len(payload))
            self.files[-1] += payload
        else:
            raise ValueError(f"a message of type {kind}, {len(self.files)} link headers")

    def packets(self):
        return [p for f in self.files for p in parse(bytes(f)).packets]


class Receiver:
    """
    A server on one port. stall() stops its reading, go() lets it go on; kill() ends it and resets its connections, restart()
    listens again on the same port. tls is an ssl.SSLContext. most: bytes to read from each connection before it is reset; it holds
    for those that begin then.
    """

    def __init__(self, address="127.0.0.1", tls=None, most=None):
        self.address = address
        self.tls = tls
        self.most = most
        # Not one that the kernel gives to a connection while nobody listens there.
        self.port = free_port()
        self.connections = []
        self._reading = threading.Event()
        self._reading.set()
        self._sockets = []
        self._threads = []
        self._listener = None
        self.restart()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._reading.set()
        self.kill()

    def restart(self):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.address, self.port))
        listener.listen()
        self._listener = listener
        self._thread(self._accept, listener)

    def kill(self):
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        wait_until(self._all_reset, "the connections' end")
        self._sockets = []
        self._threads = []

    def _all_reset(self):
        """A connection is reset when nobody reads it any more; one that is just being accepted comes to our socket list late."""
        for sock in list(self._sockets):
            self._reset(sock)
        return not any(thread.is_alive() for thread in self._threads)

    def stall(self):
        self._reading.clear()

    def go(self):
        self._reading.set()

    def packets(self):
        return [p for c in self.connections for p in c.packets()]

    def count(self):
        return sum(len(c.lengths) for c in self.connections)

    def wait_connected(self, count=1, timeout=60):
        wait_until(lambda: len(self.connections) >= count, f"{count} connections", timeout)

    def wait_packets(self, count, timeout=60):
        wait_until(lambda: self.count() >= count, f"{count} packets at the receiver", timeout)

    def wait_closed(self, timeout=60):
        wait_until(lambda: self.connections and all(c.closed for c in self.connections), "the connections' end", timeout)

    def _thread(self, target, *args):
        thread = threading.Thread(target=target, args=args, daemon=True)
        thread.start()
        self._threads.append(thread)

    @staticmethod
    def _reset(sock):
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            sock.shutdown(socket.SHUT_RD)
        except OSError:
            pass
        sock.close()

    def _accept(self, listener):
        while True:
            try:
                sock, peer = listener.accept()
            except OSError:
                return
            connection = Connection(peer)
            self._sockets.append(sock)
            self._thread(self._serve, sock, connection)

    def _serve(self, sock, connection):
        total, most = 0, self.most
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
                self._sockets.append(sock)
                connection.certificate = sock.getpeercert()
            self.connections.append(connection)
            while True:
                self._reading.wait()
                data = sock.recv(1 << 16 if most is None else min(1 << 16, most - total))
                if not data:
                    break
                connection.feed(data)
                total += len(data)
                if most is not None and total >= most:
                    self._reset(sock)
                    break
        except (OSError, ssl.SSLError, ValueError) as error:
            connection.error = error
            if connection not in self.connections:
                self.connections.append(connection)
        finally:
            connection.closed = True
            sock.close()
