# SPDX-License-Identifier: BSD-3-Clause
"""import-osmo: what an osmo-pcap configuration becomes, and that it can be run."""

import re
import shlex
import socket
import struct
import threading

from framework import host
from framework.braidcap import program
from framework.checks import assert_closed, assert_lossless
from framework.gprs import flow_control, frame, llc, unitdata
from framework.packets import Packet, frames, timed
from framework.peer import Pcap, Peer
from framework.process import free_port, tool
from framework.reader import packets
from framework.test_suite import TestSuite, func_test, verify

CLIENT = """\
!
log stderr
 logging color 1
!
line vty
 no login
!
client
 pcap device {device}
 pcap snaplen 90
 pcap filter src host 10.0.0.1
 pcap add-filter gprs
 pcap detect-loop 1
 server ip 127.0.0.1
 server port {port}
"""

SERVER = """\
server
 base-path {base}
 completed-path {base}/it's-done
 server ip 127.0.0.1
 server port 6001
 max-file-size 2000000
 rotate-localtime hour
 client a 127.0.0.1
 client b 127.0.0.2 no-store
"""


class OsmoServer:
    """One connection of an osmo-pcap-client: the link header and the packets that come through it."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.messages = []
        self.thread = threading.Thread(target=self.serve)

    def __enter__(self):
        self.listener.settimeout(60)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.thread.join()

    def serve(self):
        try:
            connection, _ = self.listener.accept()
        except OSError:
            return
        with connection, connection.makefile("rb") as stream:
            while len(head := stream.read(4)) == 4:
                kind, _, length = struct.unpack(">BBH", head)
                self.messages.append((kind, stream.read(length)))

    def packets(self):
        """Of a pcap stream with microseconds."""
        verify(self.messages and self.messages[0][0] == 0, f"no link header first: {self.messages[:1]}")
        order = "<" if self.messages[0][1][:4] == b"\xd4\xc3\xb2\xa1" else ">"
        verify(struct.unpack(order + "I", self.messages[0][1][:4])[0] == 0xA1B2C3D4, "not pcap with microseconds")
        found = []
        for kind, payload in self.messages[1:]:
            verify(kind == 1, f"type {kind}")
            s, us, caplen, wire = struct.unpack(order + "IIII", payload[:16])
            verify(caplen == len(payload) - 16, "lengths differ")
            found.append(Packet(s * 10**9 + us * 1000, payload[16:], wire, 0))
        return found


class TestImportOsmo(TestSuite):
    def imported(self, text, rc=0):
        """What a configuration becomes, and what was said."""
        config = self.folder / "osmo.cfg"
        config.write_text(text)
        done = self.braidcap("import-osmo", config, check=False)
        verify(done.returncode == rc, f"exit status {done.returncode}: {done.stderr}")
        return done.stdout, done.stderr

    def sent(self):
        """Frames that the configuration takes, and such as its filters do not."""
        kept = frames(0, 50, sizes=(60, 90, 91, 400))
        kept = [d[:26] + b"\x0a\0\0\x01" + d[30:] for d in kept] + [frame(unitdata(True, llc(1)))]
        dropped = frames(2, 20) + [frame(unitdata(True, llc(3))), frame(flow_control())]
        return kept, dropped

    def exchange(self, near, run, count):
        kept, dropped = self.sent()
        with host.Sender(near) as sender:
            sender.send(kept + dropped)
        run.wait_received(count)
        report = run.stop()
        assert_closed(report["balance"])
        verify((report["balance"]["written"], report["balance"]["filtered"]) == (len(kept), len(dropped)), report["balance"])
        return kept

    @func_test
    def a_clients_filters_hold(self):
        """The imported YAML captures what the client would have sent; here into a file."""
        host.require_root("ip")
        near, far = self.stack.enter_context(host.veth())
        yaml, _ = self.imported(CLIENT.format(device=far, port=6001))
        out = self.folder / "out.pcap"
        verify('dest: "osmo://127.0.0.1:6001"' in yaml, yaml)
        # Without what is of the transport only.
        yaml = re.sub(r"^(detect_loop|tls_\w+):.*\n", "", yaml.replace("osmo://127.0.0.1:6001", str(out)), flags=re.M)
        config = self.folder / "capture.yaml"
        config.write_text(yaml)
        kept = self.exchange(near, self.start("-C", config), 73)
        found = packets(out)
        verify([p.data for p in found] == [d[:90] for d in kept], "content or order differ")
        verify([p.wire for p in found] == [len(d) for d in kept], "lengths differ")

    @func_test
    def a_client_sends_what_it_sent(self):
        """The imported YAML as it is, towards something that speaks as osmo-pcap-server does."""
        host.require_root("ip")
        near, far = self.stack.enter_context(host.veth())
        with OsmoServer() as server:
            config = self.folder / "capture.yaml"
            config.write_text(self.imported(CLIENT.format(device=far, port=server.port))[0])
            kept = self.exchange(near, self.start("-C", config), 73)
            server.thread.join(60)
            verify([p.data for p in server.packets()] == [d[:90] for d in kept], "content or order differ")

    @func_test
    def a_servers_command_line_is_a_shells(self):
        """A shell finds the words that were meant in what a server's configuration becomes."""
        command, said = self.imported(SERVER.format(base=self.folder))
        line = command.replace("\\\n", " ")
        words = shlex.split(line, comments=True)
        verify(words[:2] == ["braidcap", "collect"], command)
        verify(words[2:] == ["-l", "127.0.0.1:6001", "-w", f"{self.folder}/", "--completed",
                             f"{self.folder}/it's-done", "--mode", "0440", "--rotate-size", "2.000000",
                             "--rotate-clock", "hour", "--allow", "a=127.0.0.1", "--allow", "b=127.0.0.2,no-store"],
               f"{words} {said}")

    @func_test
    def a_servers_command_line_runs(self):
        """It is a collector that stores what an allowed client sends."""
        done = self.folder / "it's-done"
        done.mkdir()
        port = free_port()
        command, _ = self.imported(SERVER.format(base=self.folder).replace("6001", str(port)))
        run = self.collect(*shlex.split(command.replace("\\\n", " "), comments=True)[2:])
        with Peer(port, Pcap("<", False), source="127.0.0.1") as peer:
            peer.hello()
            peer.packets(timed(frames(0, 100)))
        run.wait_written(100)
        assert_lossless(run.stop(), 100)
        verify([p.name.startswith("trace-a-") for p in done.iterdir()] == [True], f"{list(done.iterdir())}")

    @func_test
    def what_is_lost_is_said_line_by_line(self):
        """The exit status is 1, and standard error names file, line and command."""
        _, said = self.imported(CLIENT.format(device="eth0", port=6001) + " tls priority SECURE\n pcap colour blue\n", rc=1)
        lines = [line for line in said.splitlines() if "not carried over" in line]
        verify(len(lines) == 2, said)
        verify("osmo.cfg:16: 'tls priority SECURE': not carried over" in lines[0], said)
        verify("osmo.cfg:17: 'pcap colour blue': not carried over" in lines[1], said)

    @func_test
    def what_is_none_is_refused(self):
        """No file, no osmo-pcap configuration, no text: exit status 2, and nothing on standard output."""
        for text in ("", "log stderr\n", "client\nserver\n", "client\n\0"):
            out, said = self.imported(text, rc=2)
            verify(not out and said.startswith("braidcap: "), f"{text!r}: {out} {said}")
        for args in ([], ["a", "b"], [self.folder / "missing"], ["--nothing"], [self.folder]):
            done = self.braidcap("import-osmo", *args, check=False)
            verify(done.returncode == 2 and not done.stdout and done.stderr, f"{args}: {done}")

    @func_test
    def standard_input_is_read(self):
        """- is standard input, and the name in the messages says so."""
        done = tool(program(), "import-osmo", "-", input=CLIENT.format(device="eth0", port=1))
        verify('"osmo://127.0.0.1:1"' in done.stdout and "standard input:2:" in done.stderr, done)
