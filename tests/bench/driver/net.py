# SPDX-License-Identifier: BSD-3-Clause
"""A pair of kernel interfaces, for as long as they are needed."""

import os
import subprocess
from contextlib import contextmanager
from pathlib import Path

from .programs import unique, wait_until
from .stats import Skip


def _ip(*words):
    return subprocess.run(["ip", "link", *map(str, words)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, check=False)


@contextmanager
def veth(mtu=1600):
    if os.geteuid() != 0:
        raise Skip("making interfaces needs root")
    near, far = unique("bv"), unique("bw")
    done = _ip("add", near, "type", "veth", "peer", "name", far)
    if done.returncode:
        raise Skip(f"no veth pair: {done.stderr.strip()}")
    try:
        for name in (near, far):
            knob = Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6")
            if knob.exists():
                knob.write_text("1")
            _ip("set", name, "mtu", mtu, "up")
        for name in (near, far):
            wait_until(lambda n=name: Path(f"/sys/class/net/{n}/operstate").read_text() == "up\n", f"{name} up")
        yield near, far
    finally:
        _ip("del", near)


def arrived(name):
    """Packets that the kernel has seen come in."""
    return int(Path(f"/sys/class/net/{name}/statistics/rx_packets").read_text())
