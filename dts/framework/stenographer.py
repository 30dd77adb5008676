# SPDX-License-Identifier: BSD-3-Clause
"""Google's stenographer, from Debian: it captures from an interface, and answers queries over HTTPS. SKIP where it does not run."""

import json
import socket
import subprocess
import time

import pytest

from .host import require_root
from .process import end, free_port, tool, wait_until
from .reader import packets

# Files are searched once they are closed, which is after so many seconds.
FILE_AGE_S = 3


def _certificates(folder):
    """Of a CA, the server and a client, as its own script makes them."""
    tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / "ca_key.pem", "-out", folder / "ca_cert.pem",
         "-days", "2", "-subj", "/CN=127.0.0.1")
    extensions = folder / "extensions"
    extensions.write_text("subjectAltName=IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n")
    for name in ("server", "client"):
        request = folder / f"{name}.csr"
        tool("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-keyout", folder / f"{name}_key.pem", "-out", request, "-subj", "/CN=127.0.0.1")
        tool("openssl", "x509", "-req", "-in", request, "-CA", folder / "ca_cert.pem", "-CAkey", folder / "ca_key.pem", "-CAcreateserial",
             "-out", folder / f"{name}_cert.pem", "-days", "2", "-extfile", extensions)


class Stenographer:
    """It captures when the block is entered."""

    def __init__(self, folder, interface):
        require_root("stenographer", "stenotype", "openssl", "curl")
        self.folder, self.port = folder, free_port()
        for name in ("certs", "packets", "index"):
            (folder / name).mkdir()
        _certificates(folder / "certs")
        config = {
            "Threads": [{"PacketsDirectory": str(folder / "packets"), "IndexDirectory": str(folder / "index"), "MaxDirectoryFiles": 30000,
                         "DiskFreePercentage": 1}],
            "StenotypePath": "/usr/sbin/stenotype", "Interface": interface, "Port": self.port, "Host": "127.0.0.1",
            # Small: as shipped it wants 2 GB of memory. A machine under load is slower than its watchdogs allow.
            "Flags": [f"--fileage_sec={FILE_AGE_S}", "--blockage_sec=1", "--blocks=64", "--aiops=64", "--filesize_mb=256", "--uid=root",
                      "--gid=root", "--seccomp=none", "--no_watchdogs"],
            "CertPath": str(folder / "certs"),
        }
        (folder / "config").write_text(json.dumps(config))

    def _listens(self):
        if self.process.poll() is not None:
            pytest.skip(f"stenographer does not run here: {(self.folder / 'log').read_text()[-500:]}")
        # Its first file is there when stenotype captures.
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0 and any((self.folder / "packets").iterdir())

    def __enter__(self):
        with open(self.folder / "log", "wb") as log:
            self.process = subprocess.Popen(["stenographer", f"--config={self.folder / 'config'}", "--syslog=false"], stdout=log, stderr=log)
        try:
            wait_until(self._listens, "stenographer to capture")
        except BaseException:
            end(self.process)
            raise
        return self

    def __exit__(self, *_):
        # pytest shows this where a test case fails.
        print(f"--- stenographer, {self.process.poll()}:\n{(self.folder / 'log').read_text()[-3000:]}")
        # Its stenotype goes with it only if asked.
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            pass
        end(self.process)

    def query(self, expression, path):
        """The packets, as a pcap file."""
        certs = self.folder / "certs"
        tool("curl", "--silent", "--fail", "--cert", certs / "client_cert.pem", "--key", certs / "client_key.pem", "--cacert",
             certs / "ca_cert.pem", "--data", expression, "--output", path, f"https://127.0.0.1:{self.port}/query")
        return path

    def count(self, expression):
        """How many packets there are by now."""
        time.sleep(0.5)
        return len(packets(self.query(expression, self.folder / "count.pcap")))

    def bytes(self):
        """Of its packets, and of its index."""
        return [sum(p.stat().st_size for p in (self.folder / name).iterdir() if not p.name.startswith(".")) for name in ("packets", "index")]
