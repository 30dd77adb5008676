# SPDX-License-Identifier: BSD-3-Clause
"""Names that are resolved as a test wants: a name server, and an /etc whose resolv.conf is a link, as systemd and others make it."""

import os
import shutil
import socket
import struct
import threading

from .host import require_root


class NameServer:
    """Every name is 127.0.0.1."""

    def __init__(self):
        self.address = f"127.{os.getpid() % 250 + 1}.0.53"
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((self.address, 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, client = self._socket.recvfrom(512)
            end = query.index(0, 12) + 5
            is_v4 = query[end - 4:end - 2] == b"\0\1"
            answer = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 1, 4) + bytes((127, 0, 0, 1)) if is_v4 else b""
            self._socket.sendto(query[:2] + b"\x81\x80\0\1\0" + bytes((is_v4,)) + bytes(4) + query[12:end] + answer, client)


class Etc:
    """A copy of /etc, for Braidcap's `etc`; name_server(ADDRESS) says who is asked from now on, by another file with the same name."""

    def __init__(self, folder):
        require_root("unshare", "mount")
        self.path, self._file = folder / "etc", folder / "resolver" / "resolv.conf"
        shutil.copytree("/etc", self.path, symlinks=True)
        self._file.parent.mkdir()
        link = self.path / "resolv.conf"
        link.unlink(missing_ok=True)
        link.symlink_to(self._file)

    def name_server(self, address):
        new = self._file.with_suffix(".new")
        new.write_text(f"nameserver {address}\noptions timeout:1 attempts:1\n")
        new.replace(self._file)
