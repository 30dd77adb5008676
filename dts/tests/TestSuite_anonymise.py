# SPDX-License-Identifier: BSD-3-Clause
"""Addresses are not in what is written, and what can be told without them still can."""

import json
import os
import pathlib
import socket
import struct

from framework.checks import published
from framework.packets import block, option, timed, write_pcapng
from framework.process import free_port, tool, wait_until
from framework.reader import packets, parse, read
from framework.test_suite import TestSuite, func_test, verify

# Made by Linux, of hosts that speak TCP, UDP and ICMP of both versions over a wire and in VXLAN; some packets are fragments.
MIXED = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "mixed.pcap"
# Beginnings of the addresses in it, and of those that tests put beside the packets.
CLEAR = [bytes.fromhex(a) for a in ("c0000201", "c0000202", "20010db8", "0a0d0001", "0a0d0002", "fe800000")]
SECRET = b"192.0.2.1"
CHECKED = ("frame.len", "ip.checksum.status", "tcp.checksum.status", "udp.checksum.status", "icmp.checksum.status",
           "icmpv6.checksum.status", "_ws.malformed", "_ws.col.Protocol")


def fields(path, *names):
    """What tshark tells of each packet."""
    checks = [w for proto in ("ip", "tcp", "udp") for w in ("-o", f"{proto}.check_checksum:TRUE")]
    return tool("tshark", "-n", *checks, "-r", path, "-T", "fields", *(w for n in names for w in ("-e", n))).stdout.splitlines()


def verify_no_address(data):
    left = [a.hex() for a in CLEAR if a in data]
    verify(not left, f"{left} are still there")


class TestAnonymise(TestSuite):
    def set_up_test_case(self):
        self.key = self.make_key("key")

    def make_key(self, name, mode=0o600):
        key = self.folder / name
        tool("openssl", "rand", "-hex", "-out", key, "32")
        key.chmod(mode)
        return key

    def refused(self, *args):
        done = self.braidcap(*args, check=False)
        verify(done.returncode == 2, f"exit status {done.returncode}")
        return done.stderr

    @func_test
    def checksums_are_as_they_were(self):
        """tshark finds the same protocols, and the same checksums right, in every packet; no address is left in any format."""
        before = fields(MIXED, *CHECKED)
        verify(any("1,1" in line for line in before), "checksums should be checked within tunnels, too")
        for name in ("out.pcapng", "out.pcap"):
            run = self.capture("-i", MIXED, "-w", self.folder / name, "--anonymise", self.key)
            verify_no_address((self.folder / name).read_bytes())
            after = fields(self.folder / name, *CHECKED)
            verify(after == before, [pair for pair in zip(before, after) if pair[0] != pair[1]])
            verify(run.report["outputs"][0]["anonymised"]["unparsed"] == 16, run.report["outputs"][0])
            verify("unparsed 16" in run.stderr, run.stderr)
        self.capture("-i", MIXED, "-w", self.folder / "out.erf", "--anonymise", self.key)
        verify_no_address((self.folder / "out.erf").read_bytes())
        verify([p.data for p in packets(self.folder / "out.erf")] == [p.data for p in packets(self.folder / "out.pcap")], "ERF differs")

    @func_test
    def one_output_is_clear_and_another_is_not(self):
        """An mbuf that both have is not changed for the other one."""
        config = self.folder / "two.yaml"
        config.write_text(f"sources: ['{MIXED}']\noutputs:\n- dest: {self.folder}/a.pcapng\n  anonymise: {self.key}\n"
                          f"- dest: {self.folder}/b.pcapng\n")
        run = self.capture("-C", config)
        verify([p.data for p in packets(self.folder / "b.pcapng")] == [p.data for p in packets(MIXED)], "the clear one was changed")
        verify_no_address((self.folder / "a.pcapng").read_bytes())
        verify("anonymised" not in run.report["outputs"][1], run.report["outputs"][1])

    def with_notes(self):
        """A file that says things beside its packets, in all places there are."""
        made = packets(MIXED)
        iface = option(2, SECRET) + option(3, SECRET) + option(4, bytes((192, 0, 2, 1, 255, 255, 255, 0))) + option(1, SECRET)
        path = write_pcapng(self.folder / "in.pcapng", timed([p.data for p in made]), iface_options=iface,
                            options=[option(1, SECRET) + bytes(4)] * len(made))
        names = block("<", 4, struct.pack("<HH4s12sHH", 1, 16, bytes((192, 0, 2, 1)), SECRET, 0, 0))
        secrets = block("<", 10, struct.pack("<II", 0x544C534B, len(SECRET)) + SECRET)
        data = path.read_bytes()
        at = data.index(struct.pack("<I", 6), 28)
        path.write_bytes(data[:at] + names + secrets + block("<", 0xBAD, struct.pack("<I", 32473) + SECRET) + data[at:])
        return path

    @func_test
    def nothing_beside_the_packets_tells_addresses(self):
        """Comments, names, secrets, interfaces' addresses and filters: a capture and a search leave them out."""
        path, out = self.with_notes(), self.folder / "out.pcapng"
        expression = "host 192.0.2.1 or ip6 or not ip"
        for command in (["capture", "-i", path, "-w", out, "--anonymise", self.key, "-f", expression],
                        ["find", expression, path, "-w", out, "--anonymise", self.key]):
            out.unlink(missing_ok=True)
            self.braidcap(*command)
            data = out.read_bytes()
            verify(len(read(out).packets) > 50 and SECRET not in data, f"{command[0]}: {data.count(SECRET)} times")
            verify_no_address(data)

    @func_test
    def a_search_gives_what_a_capture_gives(self):
        """With the same key; and says how much was not known."""
        self.capture("-i", MIXED, "-w", self.folder / "a.pcapng", "--anonymise", self.key)
        done = self.braidcap("find", "", MIXED, "-w", self.folder / "b.pcapng", "--anonymise", self.key, "--json")
        verify([p.data for p in packets(self.folder / "a.pcapng")] == [p.data for p in packets(self.folder / "b.pcapng")], "they differ")
        verify(json.loads(done.stdout)["unparsed"] == 16, done.stdout)
        self.braidcap("find", "", MIXED, "-w", self.folder / "c.pcapng", "--anonymise", self.make_key("other"))
        verify([p.data for p in packets(self.folder / "c.pcapng")] != [p.data for p in packets(self.folder / "b.pcapng")], "another key")

    @func_test
    def segments_are_searched_by_the_new_addresses(self):
        """Their index knows no others."""
        out = self.make_folder()
        self.capture("-i", MIXED, "-w", out, "-Z", "lz4", "--index", "flows", "--anonymise", self.key)
        (segment,) = published(out)
        new = next(n for o, n in zip(fields(MIXED, "ip.src"), fields(segment, "ip.src")) if o == "192.0.2.1")
        counts = []
        for host, path in (("192.0.2.1", MIXED), (new, out), ("192.0.2.1", out)):
            done = self.braidcap("find", f"ip src {host}", path, "-w", "null:", "--json")
            counts.append(json.loads(done.stdout)["packets"])
        verify(counts[0] == counts[1] > 0 and counts[2] == 0, f"{counts}")
        flows = self.braidcap("flows", "", out).stdout
        verify(new in flows and "192.0.2." not in flows and "2001:db8:" not in flows, flows)

    @func_test
    def live_clients_see_what_the_output_has(self):
        """PCAP-over-IP shows an anonymised output's packets as they are written."""
        port, pipe, data = free_port(), self.folder / "pipe", MIXED.read_bytes()
        os.mkfifo(pipe)
        run = self.start("-i", pipe, "-w", self.folder / "a.pcapng", "--anonymise", self.key, "--pcap-over-ip", str(port), capturing=False)
        with open(pipe, "wb", buffering=0) as source:
            source.write(data[:24])
            run.wait_capturing()
            client = self.stack.enter_context(socket.create_connection(("127.0.0.1", port), 60))
            wait_until(lambda: run.ask("/braidcap/info")["pcap_over_ip"]["connected"], "the connection to be up")
            source.write(data[24:])
        seen = b""
        while more := client.recv(1 << 20):
            seen += more
        run.finish()
        verify_no_address(seen)
        verify([p.data for p in parse(seen).packets] == [p.data for p in packets(self.folder / "a.pcapng")], "they differ")

    @func_test
    def a_key_that_others_may_read_is_refused(self):
        """So is one that is none; nothing is started."""
        for key, why in ((self.make_key("open", 0o640), "chmod 600"), (self.folder / "none", "No such file"), (self.folder, "not a file")):
            said = self.refused("capture", "-i", MIXED, "-w", self.folder / "x.pcapng", "--anonymise", key)
            verify(why in said and said.count("\n") == 1, said)
        self.key.write_text("abc\n")
        for command in (("capture", "-i", MIXED), ("find", "", MIXED)):
            said = self.refused(*command, "-w", self.folder / "x.pcapng", "--anonymise", self.key)
            verify("openssl rand -hex 32" in said, said)
        verify(not (self.folder / "x.pcapng").exists(), "something was written")
