# SPDX-License-Identifier: BSD-3-Clause
"""What can be captured here, and what to type for it."""

import json

from framework import host
from framework.checks import assert_lossless
from framework.packets import frames
from framework.process import tool
from framework.test_suite import TestSuite, func_test, verify


class TestDevices(TestSuite):
    def devices(self):
        return json.loads(self.braidcap("devices", "--json").stdout)

    def interface(self, name):
        return next(i for i in self.devices()["interfaces"] if i["name"] == name)

    @func_test
    def what_is_told_is_captured_from(self):
        """The source of a row, typed behind -i, captures that interface; set down, the row says how to set it up."""
        with host.veth() as (a, b):
            row = self.interface(a)
            verify(row["state"] == "up" and row["driver"] == "veth" and row["link_type_name"] == "Ethernet", row)
            run = self.start("-i", row["source"], "-w", "null:", "-c", "10", "--idle-exit", "60")
            with host.Sender(b) as sender:
                sender.send(frames(0, 10))
            run.finish()
            assert_lossless(run.report, 10)
            tool("ip", "link", "set", a, "down")
            row = self.interface(a)
            verify(row["state"] == "down" and row["first"] == f"ip link set {a} up", row)

    @func_test
    def hostile_name(self):
        """A name may hold what steers a terminal: it is not shown as it is, and a shell gets it quoted."""
        with host.veth() as (a, _):
            for name, shown in (("bc\033[7m", "bc?[7m"), ("bc$(id)", "-i 'bc$(id)'")):
                if tool("ip", "link", "set", a, "down", check=False).returncode or \
                   tool("ip", "link", "set", a, "name", name, check=False).returncode:
                    continue
                out = self.braidcap("devices").stdout
                tool("ip", "link", "set", name, "name", a)
                verify(shown in out and "\033" not in out, out)

    @func_test
    def same_list_by_letter(self):
        """tcpdump's -D gives the same list, wherever it stands; nothing else may stand behind devices."""
        for args in (("capture", "-D"), ("capture", "-vD", "-i", "eth0")):
            verify("INTERFACE" in self.braidcap(*args).stdout, f"{args}: no list")
        for args in (("devices", "eth0"), ("devices", "--all"), ("plan", "-D")):
            done = self.braidcap(*args, check=False)
            verify(done.returncode == 2 and len(done.stderr.splitlines()) == 1, f"{args}: {done.returncode}, {done.stderr}")
