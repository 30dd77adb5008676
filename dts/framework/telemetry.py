# SPDX-License-Identifier: BSD-3-Clause
"""A client of DPDK's telemetry socket."""

import json
import socket
import struct


def with_lists(answer):
    """DPDK's telemetry has no lists of objects: an object with the keys 0, 1, ... stands for one."""
    if not isinstance(answer, dict):
        return answer
    values = {key: with_lists(value) for key, value in answer.items()}
    return list(values.values()) if values and list(values) == [str(i) for i in range(len(values))] else values


class Telemetry:
    """One connection; close it, or use it as a context."""

    def __init__(self, runtime_folder, prefix, timeout=60):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            # Python's own time-out would make connect fail, not wait, where others are connecting: DPDK's queue holds one.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", timeout, 0))
            self._socket.connect(str(runtime_folder / "dpdk" / prefix / "dpdk_telemetry.v2"))
            self._socket.settimeout(timeout)
            self.hello = json.loads(self._socket.recv(1024))
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def command(self, command):
        """What the command answers, with lists; None if the program does not know the command."""
        self._socket.send(command.encode())
        reply = json.loads(self._socket.recv(self.hello["max_output_len"]))
        return with_lists(reply[command.partition(",")[0]])
