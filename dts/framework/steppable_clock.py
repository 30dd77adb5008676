# SPDX-License-Identifier: BSD-3-Clause
"""A system clock that a test steps, for one process and without touching the host's."""

import mmap
import struct
import time

from .preload import preload

_SIZE = 8 + 8 * 16


class SteppableClock:
    """env is what a process needs to live by this clock. It follows the host's until the first step."""

    def __init__(self, folder):
        schedule = folder / "steps"
        schedule.write_bytes(bytes(_SIZE))
        with open(schedule, "r+b") as f:
            self._map = mmap.mmap(f.fileno(), _SIZE)
        self._n = 0
        self.shift_ns = 0
        self.env = {"LD_PRELOAD": str(preload("steppable_clock", folder)), "STEPPABLE_CLOCK": str(schedule)}

    def step(self, seconds):
        """Set the clock forward, or back, from now on. Returns what it shows then, in ns."""
        now_ns = time.time_ns()
        self.shift_ns += seconds * 10**9
        struct.pack_into("=qq", self._map, 8 + 16 * self._n, now_ns, self.shift_ns)
        self._n += 1
        struct.pack_into("=q", self._map, 0, self._n)
        return now_ns + self.shift_ns

    def now_ns(self):
        return time.time_ns() + self.shift_ns
