# SPDX-License-Identifier: BSD-3-Clause
"""A fault in a parser by which somebody runs whatever he likes inside the program."""

import ctypes
import os
import signal

import pytest

from .preload import preload
from .process import wait_until


def require_landlock():
    """SKIP on a kernel that cannot restrict files."""
    create_ruleset, version = 444, 1
    if ctypes.CDLL(None).syscall(create_ruleset, None, 0, version) < 1:
        pytest.skip("a kernel without Landlock")


class Fault:
    """options are what a process is started with to have it. It ends with the context."""

    def __init__(self, folder):
        require_landlock()
        library = preload("fault", folder)
        told, self._tell = os.pipe()
        self._stdin = os.fdopen(told)
        self.options = {"env": {"LD_PRELOAD": str(library)}, "stdin": self._stdin}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stdin.close()
        os.close(self._tell)

    def tries(self, run, folder, segment, keeper):
        """How far each gets: the tries of one thread, and of each other thread a try to change something."""
        before = run.stderr.count("fault: over")
        os.write(self._tell, f"{folder} {segment} {keeper}\n".encode())
        run.signal(signal.SIGUSR1)
        wait_until(lambda: run.stderr.count("fault: over") > before, "its tries")
        got = dict(line.split(": ")[1:3] for line in run.stderr.splitlines() if line.startswith("fault: "))
        del got["over"]
        return got
