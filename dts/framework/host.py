# SPDX-License-Identifier: BSD-3-Clause
"""What the host lends to a test: pairs of interfaces, small file systems. Without root the test says SKIP."""

import fcntl
import os
import shutil
import socket
import struct
from contextlib import contextmanager
from pathlib import Path

import pytest

from .process import tool, unique, wait_until


def require_root(*tools):
    """SKIP unless we are root and have these tools."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
    for name in tools:
        if not shutil.which(name):
            pytest.skip(f"needs the program {name}")


def _quiet_up(name, mtu):
    """Up, and silent: no IPv6, so that only our packets pass."""
    disable = Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6")
    if disable.exists():
        disable.write_text("1")
    tool("ip", "link", "set", name, "mtu", mtu, "up")


def is_up(interface):
    return Path(f"/sys/class/net/{interface}/operstate").read_text() == "up\n"


@contextmanager
def veth(mtu=1500):
    """The names of the two ends of a pair."""
    require_root("ip")
    a, b = unique("bv"), unique("bv")
    tool("ip", "link", "add", a, "type", "veth", "peer", "name", b)
    try:
        _quiet_up(a, mtu)
        _quiet_up(b, mtu)
        # Frames that the sender is told were sent may be lost before both ends have carrier.
        for name in (a, b):
            wait_until(lambda n=name: is_up(n), f"{name} up")
        yield a, b
    finally:
        tool("ip", "link", "del", a, check=False)


@contextmanager
def namespace():
    """
    A network namespace that is tied to ours by a veth pair: its name, the interface at our end and that address, and the
    interface at its own.
    """
    require_root("ip")
    name, near, far = unique("bn"), unique("bv"), unique("bv")
    # Of the addresses for tests of devices; runs beside this one have another.
    net = f"198.18.{os.getpid() % 256}"
    done = tool("ip", "netns", "add", name, check=False)
    if done.returncode:
        pytest.skip(f"may not make a network namespace: {done.stderr.strip()}")
    try:
        tool("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        Path(f"/proc/sys/net/ipv6/conf/{near}/disable_ipv6").write_text("1")
        tool("ip", "addr", "add", f"{net}.1/30", "dev", near)
        tool("ip", "link", "set", near, "up")
        tool("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        tool("ip", "-n", name, "addr", "add", f"{net}.2/30", "dev", far)
        tool("ip", "-n", name, "link", "set", far, "up")
        tool("ip", "-n", name, "link", "set", "lo", "up")
        wait_until(lambda: Path(f"/sys/class/net/{near}/operstate").read_text() == "up\n", f"{near} up")
        yield name, near, f"{net}.1", far
    finally:
        tool("ip", "link", "del", near, check=False)
        tool("ip", "netns", "del", name, check=False)


@contextmanager
def tmpfs(folder, mib):
    """A file system of that size mounted on folder."""
    require_root("mount", "umount")
    done = tool("mount", "-t", "tmpfs", "-o", f"size={mib}m,mode=0777", "tmpfs", folder, check=False)
    if done.returncode:
        pytest.skip(f"may not mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        tool("umount", "-l", folder)


class Sender:
    """Puts frames on an interface through a packet socket."""

    def __init__(self, interface):
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.bind((interface, 0))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def send(self, frames):
        send = self._socket.send
        for frame in frames:
            send(frame)


def received_by(interface):
    """How many packets the kernel has seen come in on the interface."""
    return int(Path(f"/sys/class/net/{interface}/statistics/rx_packets").read_text())


class Tun:
    """An interface of bare IP packets, which come in there as they are sent here; gone with the object."""

    TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000

    def __init__(self):
        require_root("ip")
        self.name = unique("bt")
        try:
            self._file = os.open("/dev/net/tun", os.O_RDWR)
        except OSError as why:
            pytest.skip(f"no tun interfaces: {why}")
        fcntl.ioctl(self._file, self.TUNSETIFF, struct.pack("16sH22x", self.name.encode(), self.IFF_TUN | self.IFF_NO_PI))
        _quiet_up(self.name, 1500)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        os.close(self._file)

    def send(self, packets):
        for packet in packets:
            os.write(self._file, packet)


def promiscuous(interface):
    return bool(int(Path(f"/sys/class/net/{interface}/flags").read_text(), 16) & 0x100)
