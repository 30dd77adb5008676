# SPDX-License-Identifier: BSD-3-Clause
"""A proxy before a real store, which lets a suite have requests fail as stores and networks do, and see what was asked."""

import http.client
import socket
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Refuse:
    """Answer for the store: HTTP status and S3 code; more: other elements of the answer."""

    def __init__(self, status, code, headers=None, more=""):
        self.status, self.code, self.headers, self.more = status, code, headers or {}, more


class Cut:
    """Take this much of the request's body, then end the connection; all: the store gets it whole, only its answer is cut off."""

    def __init__(self, after=0, answer=False):
        self.after, self.answer = after, answer


class Stall:
    """Keep the connection, and say nothing for so long."""

    def __init__(self, seconds):
        self.seconds = seconds


class Proxy:
    """
    `fault(method, path, n)` is asked about each request, the n-th of them, and returns None to let it pass, or one of the above. Meanwhile
    again is how often the same one has come before. requests: (method, path) of all that came.
    """

    def __init__(self, port, fault=None):
        self.port, self.fault, self.requests, self.lock = port, fault or (lambda *_: None), [], threading.Lock()
        self.again, self._times = 0, Counter()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                proxy.handle(self)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = handle_any

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def count(self, method, part=""):
        with self.lock:
            return sum(1 for m, path in self.requests if m == method and part in path)

    def handle(self, h):
        with self.lock:
            self.requests.append((h.command, h.path))
            same = (h.command, h.path, h.headers.get("Range"))
            self.again = self._times[same]
            self._times[same] += 1
            fault = self.fault(h.command, h.path, len(self.requests))
        length = int(h.headers.get("Content-Length") or 0)
        if isinstance(fault, Cut) and not fault.answer:
            h.rfile.read(min(fault.after, length))
            self.cut(h)
            return
        body = h.rfile.read(length)
        if isinstance(fault, Stall):
            time.sleep(fault.seconds)
            self.cut(h)
        elif isinstance(fault, Refuse):
            text = f"<?xml version=\"1.0\"?><Error><Code>{fault.code}</Code>{fault.more}</Error>".encode()
            self.answer(h, fault.status, fault.headers, b"" if h.command == "HEAD" else text)
        else:
            self.forward(h, body, fault)

    @staticmethod
    def cut(h):
        h.close_connection = True
        h.connection.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def answer(h, status, headers, body):
        h.send_response_only(status)
        for name, value in headers.items():
            h.send_header(name, value)
        if "Content-Length" not in headers:
            h.send_header("Content-Length", str(len(body)))
        h.end_headers()
        h.wfile.write(body)

    def forward(self, h, body, fault):
        line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            line.putrequest(h.command, h.path, skip_host=True, skip_accept_encoding=True)
            for name, value in h.headers.items():
                line.putheader(name, value)
            line.endheaders(body or None)
            answer = line.getresponse()
            data = answer.read()
        except OSError:
            self.cut(h)
            return
        finally:
            line.close()
        if isinstance(fault, Cut):
            self.cut(h)
            return
        kept = {n: v for n, v in answer.getheaders() if n.lower() not in ("transfer-encoding", "connection", "content-length")}
        if h.command == "HEAD":
            kept["Content-Length"] = answer.getheader("Content-Length") or "0"
        self.answer(h, answer.status, kept, data)
