# SPDX-License-Identifier: BSD-3-Clause
"""`braidcap console`, and clients of it: well-behaved ones and others."""

import base64
import http.client
import json
import os
import signal
import socket
import subprocess
from contextlib import contextmanager

from .braidcap import Running, program, sanitizers
from .process import end, environment, free_port, wait_until


class Console(Running):
    """One `braidcap console ARGS`; it serves when this returns. listen: None: a free port of 127.0.0.1."""

    def __init__(self, folder, args=(), listen=None, tls=None, env=None):
        self.port = free_port()
        self.listen = listen or f"127.0.0.1:{self.port}"
        self.tls = tls
        self.folder = folder
        self.stderr_path = folder / f"console-{self.port}.stderr"
        argv = [program(), "console", "--listen", self.listen, *[str(a) for a in args]]
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, start_new_session=True,
                                            env={**environment(folder), **sanitizers(), **(env or {})})
        try:
            wait_until(lambda: self.process.poll() is not None or "serving at" in self.stderr, "the console serves")
        except BaseException:
            end(self.process)
            raise
        assert self.process.poll() is None, self.stderr

    @property
    def url(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/"

    def connection(self, timeout=60):
        if self.tls:
            return http.client.HTTPSConnection("127.0.0.1", self.port, timeout=timeout, context=self.tls)
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)

    def ask(self, path, method="GET", body=None, headers=None, token=None, user=None):
        """(status, headers, body) of one request."""
        headers = dict(headers or {})
        if token:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{user}:{token}".encode()).decode() if user else f"Bearer {token}"
        c = self.connection()
        try:
            c.request(method, path, body=body, headers=headers)
            reply = c.getresponse()
            return reply.status, dict(reply.getheaders()), reply.read()
        finally:
            c.close()

    def get(self, path, status=200, **options):
        """The body, which is JSON, of an answer that must have this status."""
        got, _, body = self.ask(path, **options)
        assert got == status, f"{path}: {got}: {body[:500]}"
        return json.loads(body)

    def post(self, path, what, status=200, headers=None, **options):
        ours = {"Content-Type": "application/json", "X-Braidcap": "1"}
        return self.get(path, status=status, method="POST", body=json.dumps(what), headers=ours if headers is None else headers, **options)

    def metrics(self, **options):
        """{name: {labels as they are written: value}}"""
        status, _, body = self.ask("/metrics", **options)
        assert status == 200, body
        found = {}
        for line in body.decode().splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                metric, _, labels = name.partition("{")
                found.setdefault(metric, {})[labels.rstrip("}")] = float(value)
        return found

    def raw(self, timeout=60):
        """A socket to it."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=timeout)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        assert self.process.returncode == 0, self.stderr
        assert "Sanitizer" not in self.stderr and "runtime error" not in self.stderr, self.stderr


@contextmanager
def deaf_store():
    """The environment of an object store that takes requests and answers none: what searches s3://bucket/ goes on until it is stopped."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hush",
               "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.getsockname()[1]}"}


def write_users(path, *lines):
    path.write_text("".join(f"{line}\n" for line in lines))
    os.chmod(path, 0o600)
    return path
