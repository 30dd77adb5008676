# SPDX-License-Identifier: BSD-3-Clause
"""Nodes on one machine: network namespaces, each with a way to the collector and an interface to capture from."""

import contextlib
import os
from pathlib import Path

from .host import _quiet_up, require_root
from .process import tool, unique, wait_until

# A network of our own, should somebody else test beside us.
_NETWORK = f"10.{64 + os.getpid() % 180}"
COLLECTOR = f"{_NETWORK}.0.1"


def _inside(namespace, *argv):
    return tool("ip", "netns", "exec", namespace, *argv)


class Node:
    """
    A namespace, by its name. address: its own on the way to the collector; capture: the interface inside it to capture from;
    sender: the interface outside whose frames come in there.
    """

    def __init__(self, stack, bridge, index):
        self.name = unique("bn")
        self.address = f"{_NETWORK}.{index // 200}.{index % 200 + 2}"
        self.capture = "cap0"
        way, self.sender = unique("bw"), unique("bs")
        tool("ip", "netns", "add", self.name)
        stack.callback(tool, "ip", "netns", "del", self.name, check=False)
        for outside, inside in ((way, "eth0"), (self.sender, self.capture)):
            tool("ip", "link", "add", outside, "type", "veth", "peer", "name", inside, "netns", self.name)
            # It goes with the namespace, but only a while later.
            stack.callback(tool, "ip", "link", "del", outside, check=False)
        disable = "/proc/sys/net/ipv6/conf/{}/disable_ipv6"
        for interface in ("eth0", self.capture):
            _inside(self.name, "sh", "-c", f"echo 1 > {disable.format(interface)}; ip link set {interface} up")
        tool("ip", "link", "set", way, "master", bridge)
        for interface in (way, self.sender):
            _quiet_up(interface, 1500)
            wait_until(lambda i=interface: Path(f"/sys/class/net/{i}/operstate").read_text() == "up\n", f"{interface} up")
        _inside(self.name, "ip", "addr", "add", f"{self.address}/16", "dev", "eth0")


@contextlib.contextmanager
def nodes(count):
    """So many nodes; the collector is at COLLECTOR, outside the namespaces."""
    require_root("ip")
    bridge = unique("bb")
    with contextlib.ExitStack() as stack:
        tool("ip", "link", "add", bridge, "type", "bridge")
        stack.callback(tool, "ip", "link", "del", bridge, check=False)
        _quiet_up(bridge, 1500)
        tool("ip", "addr", "add", f"{COLLECTOR}/16", "dev", bridge)
        yield [Node(stack, bridge, i) for i in range(count)]
