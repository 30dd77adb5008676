# SPDX-License-Identifier: BSD-3-Clause
"""Is this machine fit for capturing, and how much can it keep?"""

import json

from framework import host
from framework.test_suite import TestSuite, func_test, verify


class TestDoctor(TestSuite):
    def set_up_test_case(self):
        self.out = self.make_folder()

    def doctor(self, *args):
        """What is found, and the exit status, which tells whether there is a problem."""
        done = self.braidcap("doctor", "--json", *args, check=False)
        found = json.loads(done.stdout)
        levels = [f["level"] for f in found["findings"]]
        verify(done.returncode == (1 if "problem" in levels else 0) and found["problems"] == levels.count("problem"), done.stdout)
        verify(all(f["advice"] for f in found["findings"] if f["level"] != "ok"), done.stdout)
        return found

    def of(self, found, check):
        return [f for f in found["findings"] if f["check"] == check]

    @func_test
    def without_measuring(self):
        """All is looked at, nothing is written; people see the same as programs do."""
        found = self.doctor("-w", self.out, "--no-measure")
        verify(found["measured"] is None, found)
        for check in ("memory", "iommu", "cpu", "clock", "folder"):
            verify(self.of(found, check), f"no {check}: {found}")
        text = self.braidcap("doctor", "-w", self.out, "--no-measure", check=False).stdout
        verify(all(f["what"] in text for f in self.of(found, "cpu")), text)

    @func_test
    def measured_in_a_folder(self):
        """What the CPUs and the folder take is measured, a rate is judged by it, and nothing stays behind."""
        found = self.doctor("-w", self.out, "--measure", "0.4", "--rate", "1000T")
        measured = found["measured"]
        verify(measured["disk_bytes_per_s"] > 0 and measured["lz4"]["ratio"] > 1.2 and measured["none"]["packets_per_s"] > 0, measured)
        # Beside others every rate that is tried may lose packets.
        verify(0 <= measured["lz4"]["safe_bits_per_s"] < measured["lz4"]["limit_bits_per_s"] < 1e15, measured)
        none = measured["none"]
        verify(none["least_packets_per_s"] <= none["packets_per_s"] <= none["most_packets_per_s"], measured)
        verify(0 <= measured["others_share"] <= 1 and 0 <= measured["steal_share"] <= 1, measured)
        verify([f["level"] for f in self.of(found, "rate")] == ["problem"], found)
        verify(list(self.out.iterdir()) == [], "something was left")

    @func_test
    def folder_without_room(self):
        """A nearly full disk is not filled any further."""
        with host.tmpfs(self.out, 16):
            found = self.doctor("-w", self.out)
        verify(found["measured"] is None and "too little room" in self.of(found, "measured")[0]["what"], found)

    @func_test
    def one_interface(self):
        """With -i the others are not looked at; one that is not there is a problem."""
        found = self.doctor("-i", "lo", "-i", "pcap:lo,queues=2", "-i", "dpdk:0000:ff:1f.7", "--no-measure")
        verify(not self.of(found, "nic"), found)
        verify(["0000:ff:1f.7" in f["what"] for f in self.of(found, "source")] == [True], found)

    @func_test
    def capture_is_not_disturbed(self):
        """While something is captured here nothing is measured."""
        run = self.start("-i", "null:idle=yes", "-w", "null:")
        found = self.doctor("-w", self.out)
        verify(found["measured"] is None and "disturb" in self.of(found, "rate")[0]["what"], found)
        run.stop()

    @func_test
    def bad_usage(self):
        """What cannot be asked for is refused in one line; a folder that is not there is a problem of the machine."""
        for args in (("--rate", "fast"), ("--packet", "10"), ("--measure", "0"), ("left-over",), ("--rate", "1G", "--no-measure")):
            done = self.braidcap("doctor", *args, check=False)
            verify(done.returncode == 2 and len(done.stderr.splitlines()) == 1, f"{args}: {done.returncode}, {done.stderr}")
        verify(self.of(self.doctor("-w", self.folder / "none"), "folder")[0]["level"] == "problem", "a folder out of nothing")
