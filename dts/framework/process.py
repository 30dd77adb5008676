# SPDX-License-Identifier: BSD-3-Clause
"""What all programs under test share: names, CPUs, waiting, ending."""

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import time

_serial = itertools.count()

# Where a second CPU exists the generator has it to itself.
_cpus = sorted(os.sched_getaffinity(0))
PROGRAM_CPU = _cpus[0]
GENERATOR_CPU = _cpus[1] if len(_cpus) > 1 else _cpus[0]


def unique(stem):
    """A name that no other test and no other run uses: an EAL prefix, an interface (at most 15 bytes)."""
    return f"{stem}{os.getpid() % 1000000}{next(_serial)}"


def free_port():
    """A TCP port of 127.0.0.1 that nobody listens on; not one of those that the kernel gives to connections, as it might meanwhile."""
    while True:
        with socket.socket() as s, contextlib.suppress(OSError):
            s.bind(("127.0.0.1", random.randrange(10000, 30000)))
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


def end(process):
    """Make sure that a process of ours is gone."""
    if process.poll() is None:
        process.send_signal(signal.SIGCONT)
        process.kill()
    process.wait()


def tool(*argv, check=True, timeout=120, **options):
    """Run an outside program to its end; its output as text, or bytes with text=False."""
    options.setdefault("text", True)
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          check=False, **options)
    if check and done.returncode:
        raise AssertionError(f"{argv[0]} ended with {done.returncode}: {done.stderr[-2000:]}\n{argv}")
    return done
