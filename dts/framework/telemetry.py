# SPDX-License-Identifier: BSD-3-Clause
"""A client of DPDK's telemetry socket."""

import json
import socket


class Telemetry:
    """One connection; close it, or use it as a context."""

    def __init__(self, runtime_folder, prefix, timeout=10):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(str(runtime_folder / "dpdk" / prefix / "dpdk_telemetry.v2"))
            self.hello = json.loads(self._socket.recv(1024))
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def command(self, command):
        """What the command answers; None if the program does not know it or refuses it."""
        self._socket.send(command.encode())
        reply = json.loads(self._socket.recv(self.hello["max_output_len"]))
        return reply[command.partition(",")[0]]
