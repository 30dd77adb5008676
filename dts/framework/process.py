# SPDX-License-Identifier: BSD-3-Clause
"""What all programs under test share: names, CPUs, waiting, ending."""

import contextlib
import functools
import itertools
import os
import random
import signal
import socket
import subprocess
import time
from pathlib import Path

_serial = itertools.count()

# Where a second CPU exists the generator has it to itself.
_cpus = sorted(os.sched_getaffinity(0))
PROGRAM_CPU = _cpus[0]
GENERATOR_CPU = _cpus[1] if len(_cpus) > 1 else _cpus[0]


def unique(stem):
    """A name that no other test and no other run uses: an EAL prefix, an interface (at most 15 bytes). A later one is sorted behind it."""
    return f"{stem}{os.getpid() % 1000000:06}{next(_serial):04}"


@functools.cache
def _ports():
    """Ports that no other run has, again and again: those of a block whose name this process holds until it ends."""
    for first in random.sample(range(10000, 30000, 1000), 20):
        holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            holder.bind(f"\0braidcap-ports-{first}")
        except OSError:
            holder.close()
            continue
        return itertools.cycle(range(first, first + 1000)), holder
    raise RuntimeError("other runs have all blocks of ports")


def free_port():
    """A TCP port that nobody listens on; not one of those that the kernel gives to connections, as it might meanwhile."""
    while True:
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("", next(_ports()[0])))
            return s.getsockname()[1]


def environment(folder):
    """EAL's runtime folder goes below the test's own, so that nothing stays behind."""
    return {**os.environ, "RUNTIME_DIRECTORY": str(folder)}


def wait_until(condition, what, timeout=60):
    """Poll condition until it gives something true, and return that."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise TimeoutError(f"{what}: not within {timeout} s")
        time.sleep(0.02)


def of_threads(pid, name):
    """What /proc has of each thread of a process in the file of that name."""
    found = []
    for path in Path(f"/proc/{pid}/task").glob(f"*/{name}"):
        # One that has just ended has nothing.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found.append(path.read_text())
    return found


def signal_until_end(process, number):
    """Send a process the signal until it ends: one that comes too soon behind another does not count."""
    def over():
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.6)
        return process.returncode is not None
    wait_until(over, "its end")


def end(process):
    """Make sure that a process of ours is gone."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.kill()
    process.wait()


def tool(*argv, check=True, timeout=300, **options):
    """Run an outside program to its end; its output as text, or bytes with text=False."""
    options.setdefault("text", True)
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          check=False, **options)
    if check and done.returncode:
        raise AssertionError(f"{argv[0]} ended with {done.returncode}: {done.stderr[-2000:]}\n{argv}")
    return done
