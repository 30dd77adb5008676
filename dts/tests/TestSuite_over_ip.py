# SPDX-License-Identifier: BSD-3-Clause
"""PCAP-over-IP: programs that read a capture file from a TCP connection get the packets live, and hold nobody up."""

import shutil
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from framework.checks import assert_lossless, assert_same, published, verify_segments
from framework.packets import frames, timed
from framework.peer import Peer
from framework.process import end, free_port, tool, wait_until
from framework.reader import parse
from framework.test_suite import TestSuite, func_test, verify

STEADY = "null:rate=2000,size=100"


def needs(name):
    if not shutil.which(name):
        pytest.skip(f"needs the program {name}")


class TestOverIp(TestSuite):
    def set_up_test_case(self):
        self.port = free_port()

    def serve(self, source, *args, keys="", out="null:"):
        return self.start("-i", source, "-w", out, "--flush-ms", "50", "--pcap-over-ip", f"{self.port}{keys}", *args)

    def collector(self, keys=""):
        """A collector, and the first of its two nodes: what it sends is never lost."""
        self.nodes, out = free_port(), self.make_folder()
        allow = [a for i in (0, 1) for a in ("--allow", f"client{i}=127.0.1.{i + 1}")]
        run = self.collect("-l", f"127.0.0.1:{self.nodes}", *allow, "-w", f"{out}/", "--flush-ms", "50", "--pcap-over-ip",
                           f"{self.port}{keys}")
        return run, self.node(0)

    def node(self, index):
        peer = self.stack.enter_context(Peer(self.nodes, source=f"127.0.1.{index + 1}"))
        peer.hello()
        return peer

    def call(self, run, small=False):
        """A connection that is sent packets from now on."""
        before = self.state(run)["connected"]
        client = self.stack.enter_context(socket.socket())
        if small:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.settimeout(60)
        client.connect(("127.0.0.1", self.port))
        wait_until(lambda: self.state(run)["connected"] > before, "the connection to be up")
        return client

    def state(self, run):
        return run.ask("/braidcap/info")["pcap_over_ip"]

    def run_tool(self, *argv, **options):
        """A program that runs beside the capture."""
        process = subprocess.Popen([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)
        self.stack.callback(end, process)
        return process

    @staticmethod
    def rest(client):
        """All that comes until the other side ends the stream."""
        data = b""
        while more := client.recv(1 << 20):
            data += more
        return data

    @func_test
    def a_client_gets_what_is_written(self):
        """Who comes late has the end of what was written, byte for byte, with the interface's name."""
        out = self.make_folder()
        run = self.serve(STEADY, out=f"{out}/")
        run.wait_written(500)
        client = self.call(run)
        run.wait_written(1500)
        run.signal(signal.SIGINT)
        seen = parse(self.rest(client))
        run.finish()
        written = verify_segments(published(out))
        verify(0 < len(seen.packets) < len(written), f"{len(seen.packets)} of {len(written)}")
        assert_same(seen.packets, written[-len(seen.packets):])
        verify(len(seen.interfaces) == 1 and 2 in seen.interfaces[0], f"{seen.interfaces}")
        verify(run.report["pcap_over_ip"]["sent"] == len(seen.packets), f"{run.report['pcap_over_ip']}")
        verify(f"1 client, {len(seen.packets)} packets sent" in run.stderr, "the summary does not tell")

    @func_test
    def tshark_reads_pcapng(self):
        needs("tshark")
        self.serve(STEADY)
        done = tool("tshark", "-i", f"TCP@127.0.0.1:{self.port}", "-c", "300", "-T", "fields", "-e", "frame.len")
        verify(done.stdout.split() == ["100"] * 300, f"{len(done.stdout.split())} packets")

    @func_test
    def tcpdump_reads_classic_pcap(self):
        """From zstd and pcapng; behind a program that only passes bytes on."""
        needs("tcpdump")
        run = self.serve(STEADY, "-Z", "zstd", keys=",format=pcap-us")
        client = self.call(run)
        client.settimeout(None)
        tcpdump = self.run_tool("tcpdump", "-nr", "-", "-c", "300", stdin=client)
        out, err = tcpdump.communicate(timeout=60)
        verify(len(out.splitlines()) == 300, f"{err}")

    @func_test
    def a_client_that_stalls_holds_nobody(self):
        """It misses packets, which its stream tells of; the files have all of them."""
        run, node = self.collector(",buffer=1")
        client = self.call(run, small=True)
        node.packets(timed(frames(0, 30000, sizes=(1000,), noise=True)))
        run.wait_written(30000)
        wait_until(lambda: self.state(run)["clients"][0]["client_slow"] > 0, "the first packet that it misses")
        run.signal(signal.SIGINT)
        seen = parse(self.rest(client))
        run.finish()
        told = sum(int.from_bytes(options[4], "little") for _, options in seen.epb_options if 4 in options)
        tap = run.report["pcap_over_ip"]
        verify(tap["sent"] == len(seen.packets), f"{tap}, and {len(seen.packets)} came")
        verify(told == tap["client_slow"] > 0, f"{tap}, and the stream tells of {told}")
        verify(told + len(seen.packets) == 30000, f"{tap}")
        assert_lossless(run.report, 30000)
        verify("missed by clients that read too slowly" in run.stderr, "the summary does not tell")

    @func_test
    def a_client_that_is_killed_is_forgotten(self):
        """Its place is free at once, where there is only one."""
        run = self.serve(STEADY, keys=",clients=1")
        program = f"import socket; s = socket.create_connection(('127.0.0.1', {self.port})); s.recv(9); print('up', flush=True); s.recv(9)"
        process = self.run_tool("python3", "-c", program + "; import time; time.sleep(60)")
        verify(process.stdout.readline() == b"up\n", "no connection")
        refused = self.stack.enter_context(socket.create_connection(("127.0.0.1", self.port)))
        verify(refused.recv(1) == b"", "there are two clients")
        wait_until(lambda: self.state(run)["refused"] == 1, "one that is refused")
        process.kill()
        wait_until(lambda: not self.state(run)["clients"], "the client to be forgotten")
        verify(self.call(run).recv(4) == b"\x0a\x0d\x0d\x0a", "the next one has no stream")
        verify(run.stop()["balance"]["dropped"] == 0, "packets are lost")

    @func_test
    def by_tls_to_those_with_a_certificate(self):
        needs("openssl")
        ca = self.folder / "ca"
        tool(Path(__file__).parents[2] / "scripts" / "test-ca", ca, "localhost", "reader")
        run = self.serve(STEADY, "--tls-cert", ca / "localhost.crt", "--tls-key", ca / "localhost.key", "--tls-ca", ca / "ca.crt",
                         keys=",tls,format=pcap")
        options = ["openssl", "s_client", "-quiet", "-verify_return_error", "-CAfile", ca / "ca.crt", "-verify_hostname", "localhost",
                   "-connect", f"127.0.0.1:{self.port}"]
        stranger = self.run_tool(*options, stdin=subprocess.PIPE)
        verify(stranger.stdout.read() == b"", "packets for somebody without a certificate")
        reader = self.run_tool(*options, "-cert", ca / "reader.crt", "-key", ca / "reader.key", stdin=subprocess.PIPE)
        verify(reader.stdout.read(4) == b"\x4d\x3c\xb2\xa1", "not a file of pcap")
        run.stop()
        data = b"\x4d\x3c\xb2\xa1" + reader.stdout.read()
        verify(len(parse(data).packets) == run.report["pcap_over_ip"]["sent"], "packets are missing")

    @func_test
    def other_hosts_need_a_word(self):
        """An address that others reach is warned of; a port alone is not one."""
        run = self.start("-i", "null:idle=yes", "-w", "null:", "--pcap-over-ip", f"0.0.0.0:{self.port}")
        verify("can be reached from other hosts" in run.stderr, "no warning")
        run.stop()
        run = self.serve("null:idle=yes")
        verify("other hosts" not in run.stderr, "a warning")
        verify(self.state(run)["address"] == f"127.0.0.1:{self.port}", f"{self.state(run)}")

    @func_test
    def all_nodes_in_one_stream(self):
        """Of collect, the packets of all clients, each with its interfaces."""
        run, first = self.collector()
        client = self.call(run)
        for i, node in enumerate((first, self.node(1))):
            node.packets(timed(frames(i, 1000)))
        run.wait_written(2000)
        run.signal(signal.SIGINT)
        seen = parse(self.rest(client))
        run.finish()
        verify(len(seen.packets) == 2000, f"{len(seen.packets)} packets")
        for i in (0, 1):
            verify([p.data for p in seen.packets if p.data[MARK] == i] == frames(i, 1000), f"client{i}'s packets differ")


# The last byte of a frame's source address is its stream's number.
MARK = 11
