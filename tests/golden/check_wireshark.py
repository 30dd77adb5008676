#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Wireshark's tools must read from the golden files what the unit tests wrote into them."""
import os
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SKIP = 77


def tool(*args):
    done = subprocess.run(args, cwd=HERE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          encoding="utf-8", env=dict(os.environ, LC_ALL="C.UTF-8", TZ="UTC"), timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout


def fields(name, *names, options=()):
    wanted = [arg for n in names for arg in ("-e", n)]
    out = tool("tshark", "-n", "-r", name, *options, "-T", "fields", "-E", "separator=|", *wanted)
    return [line.split("|") for line in out.splitlines()]


def blocks(*names):
    """Options of the file's own structure, not of its packets."""
    prefix = "pcapng.options.option.data."
    return fields("braidcap.pcapng", *(prefix + n for n in names),
                  options=("-X", "read_format:MIME Files Format"))[0]


class Wireshark(unittest.TestCase):
    def test_pcapng_packets(self):
        got = fields("braidcap.pcapng", "frame.time_epoch", "frame.interface_id", "frame.interface_name",
                     "frame.cap_len", "frame.len", "frame.drop_count", "frame.interface_queue")
        self.assertEqual(got, [
            ["1700000000.123456789", "0", "eth0", "60", "60", "", ""],
            ["1700000000.123456790", "1", "net_pcap0", "41", "1500", "", ""],
            ["1700000000.123457789", "0", "eth0", "62", "62", "8", ""],
            ["1700000000.123457790", "0", "eth0", "63", "63", "", "3"],
            ["1700000000.123458789", "0", "eth0", "64", "64", "4294967298", "0"],
        ])

    def test_pcapng_statistics(self):
        got = blocks("interface.received", "interface.dropped", "interface.accepted_by_filter",
                     "interface.dropped_by_os", "interface.delivered_to_user")
        self.assertEqual(got, ["110", "5", "98", "3", "95"])

    def test_pcapng_interface_and_section(self):
        out = tool("capinfos", "-M", "braidcap.pcapng")
        for line in ("Capture hardware:    a machine", "Capture oper-sys:    Linux 6.1",
                     "Capture application: braidcap 0.1.0", "Capture comment:     a comment",
                     "Name = eth0", "Description = uplink of the café", "Hardware = net_ixgbe",
                     "Speed = 10000000000", "Capture length = 262144", "Time resolution = 0x09",
                     "Filter string = tcp port 80", "Number of stat entries = 1",
                     "Comment = stamp: nic; disciplined by ptp4l; within 1 us", "Comment = stamp: software"):
            self.assertIn(line, out)

    def test_pcap_nanoseconds(self):
        got = fields("braidcap-ns.pcap", "frame.time_epoch", "frame.cap_len", "frame.len")
        self.assertEqual(got, [["1700000000.123456789", "60", "1500"], ["1700000000.123457790", "61", "61"]])

    def test_pcap_microseconds(self):
        got = fields("braidcap-us.pcap", "frame.time_epoch", "frame.cap_len", "frame.len")
        self.assertEqual(got, [["1700000000.123456000", "60", "1500"], ["1700000000.123457000", "61", "61"]])

    def test_erf(self):
        got = fields("braidcap.erf", "frame.time_epoch", "frame.cap_len", "frame.len", "erf.flags.cap", "erf.lctr",
                     "erf.rlen", "erf.wlen", "eth.fcs.status", options=("-o", "eth.check_fcs:TRUE"))
        self.assertEqual(got, [
            ["1700000000.123456789", "64", "64", "0", "0", "88", "64", "1"],
            ["1700000000.123456790", "70", "1504", "1", "0", "88", "1504", ""],
            ["1700000000.123457789", "65", "65", "3", "7", "88", "65", "1"],
            ["1700000000.999999999", "66", "66", "0", "65535", "88", "66", "1"],
        ])

    def test_capinfos_knows_the_types(self):
        for name, kind in (("braidcap.pcapng", "pcapng"), ("braidcap-ns.pcap", "nsecpcap"),
                           ("braidcap-us.pcap", "pcap"), ("braidcap.erf", "erf")):
            self.assertIn(f"File type:           {kind}\n", tool("capinfos", "-M", name))


if __name__ == "__main__":
    missing = [name for name in ("tshark", "capinfos") if not shutil.which(name)]
    if missing:
        print("SKIP: no " + " and no ".join(missing))
        sys.exit(SKIP)
    unittest.main()
