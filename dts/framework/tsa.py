# SPDX-License-Identifier: BSD-3-Clause
"""A time stamping authority (RFC 3161): `openssl ts` behind a small HTTP server, which may also answer as it should not."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from .process import tool

CONFIG = """
[tsa]
default_tsa = one
[one]
serial = {folder}/serial
signer_cert = {folder}/tsa.pem
signer_key = {folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
ess_cert_id_alg = sha256
[root]
basicConstraints = critical,CA:TRUE
[clock]
extendedKeyUsage = critical,timeStamping
"""


class Authority:
    """
    Its certificate is signed by that in ca. change(answer) may answer something else, or None for an HTTP error; requests: how many came. Without
    start() nobody answers at url.
    """

    def __init__(self, folder, port, change=None):
        self.folder, self.port, self.change, self.requests, self.lock = folder, port, change or (lambda a: a), 0, threading.Lock()
        self.ca, self.url, self.server = folder / "ca.pem", f"http://127.0.0.1:{port}/tsr", None
        folder.mkdir()
        self.config = folder / "tsa.cnf"
        self.config.write_text(CONFIG.format(folder=folder))
        (folder / "serial").write_text("01\n")
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "/dev/null")
        tool("openssl", "req", "-x509", *key, "-subj", "/CN=root", "-days", "30", "-keyout", folder / "ca.key", "-out", self.ca,
             "-addext", "basicConstraints=critical,CA:TRUE")
        tool("openssl", "req", *key, "-subj", "/CN=clock", "-keyout", folder / "tsa.key", "-out", folder / "tsa.csr")
        tool("openssl", "x509", "-req", "-in", folder / "tsa.csr", "-CA", self.ca, "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "30",
             "-extfile", self.config, "-extensions", "clock", "-out", folder / "tsa.pem")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.server:
            self.server.shutdown()
            self.server.server_close()

    def stamp(self, query):
        """The answer to a request, as bytes."""
        (self.folder / "query").write_bytes(query)
        tool("openssl", "ts", "-reply", "-config", self.config, "-queryfile", self.folder / "query", "-out", self.folder / "reply")
        return (self.folder / "reply").read_bytes()

    def handle(self, h):
        with self.lock:
            self.requests += 1
            query = h.rfile.read(int(h.headers["Content-Length"]))
            answer = self.change(self.stamp(query)) if h.headers["Content-Type"] == "application/timestamp-query" else None
        h.send_response(200 if answer is not None else 503)
        h.send_header("Content-Type", "application/timestamp-reply")
        h.send_header("Content-Length", str(len(answer or b"")))
        h.end_headers()
        h.wfile.write(answer or b"")

    def start(self):
        authority = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                authority.handle(self)

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_):
                pass

        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self
