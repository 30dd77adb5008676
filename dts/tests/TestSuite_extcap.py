# SPDX-License-Identifier: BSD-3-Clause
"""Wireshark's extcap: its own programs list our interfaces, and capture from them."""

import os
import re
import shutil
import signal
import struct
import subprocess
import threading
from pathlib import Path

import pytest

from framework.braidcap import program, sanitizers
from framework.checks import published
from framework.packets import T0_NS, frames, timed, write_pcap
from framework.process import end, environment, free_port, tool, wait_until
from framework.reader import parse
from framework.test_suite import TestSuite, func_test, verify


class TestExtcap(TestSuite):
    def set_up_test_case(self):
        self.port = free_port()
        self.links = self.make_folder("extcap")
        self.extcap = self.links / "braidcap-extcap"
        self.extcap.symlink_to(Path(program()).absolute())
        self.env = {**environment(self.folder), **sanitizers(), "WIRESHARK_EXTCAP_DIR": str(self.links), "HOME": str(self.folder)}

    def tshark(self, *args):
        """With our link in the folder that it looks into: another one is named to it, but not by root."""
        if not shutil.which("tshark"):
            pytest.skip("needs the program tshark")
        if os.geteuid() != 0:
            return tool("tshark", *args, env=self.env)
        folder = re.search(r"Extcap path:\s*(\S+)", tool("tshark", "-G", "folders").stdout).group(1)
        bind = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', self.links, folder]
        if tool(*bind, "true", check=False).returncode:
            pytest.skip("may not mount, and root's tshark looks into no other folder")
        return tool(*bind, "tshark", *args, env=self.env)

    def serve(self, *sources, out="null:", args=()):
        given = [a for s in sources for a in ("-i", s)]
        return self.start(*given, "-w", out, "--flush-ms", "50", "--pcap-over-ip", self.port, *args)

    def ask(self, *args, **options):
        return tool(self.extcap, *args, env=self.env, **options)

    def begin(self, interface, *args):
        """The program as Wireshark starts it, and its pipe's other end."""
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        run = subprocess.Popen([str(a) for a in (self.extcap, "--capture", "--extcap-interface", interface, "--fifo", fifo, *args)],
                               env=self.env, stderr=subprocess.PIPE)
        self.stack.callback(end, run)
        return run, self.stack.enter_context(open(fifo, "rb", buffering=0))

    @staticmethod
    def ended(run):
        """It has ended well, and said nothing."""
        _, err = run.communicate(timeout=60)
        verify(run.returncode == 0 and err == b"", f"status {run.returncode}: {err}")

    @func_test
    def tshark_lists_the_interfaces(self):
        listed = self.tshark("-D").stdout
        for name, display in (("braidcap-live", "a running capture"), ("braidcap-find", "find packets in stored captures")):
            verify(f"{name} (braidcap: {display})" in listed, listed)

    @func_test
    def tshark_captures_live_by_a_filter(self):
        """From the only capture that serves packets; of two kinds the filter lets one through."""
        self.serve("null:rate=1000,size=100", "null:rate=1000,size=300")
        done = self.tshark("-i", "braidcap-live", "-f", "greater 200", "-c", "200", "-T", "fields", "-e", "frame.len")
        verify(done.stdout.split() == ["300"] * 200, f"{set(done.stdout.split())}")

    @func_test
    def tshark_finds_stored_packets(self):
        """An expression over a folder, within a time; it ends by itself."""
        folder = self.make_folder("stored")
        write_pcap(folder / "a.pcap", timed(frames(1, 100) + frames(2, 100), step_ns=10**9))
        done = self.tshark("-i", "braidcap-find", "-f", "udp port 1001", "-o", f"extcap.braidcap_find.folder:{folder}",
                           "-o", f"extcap.braidcap_find.from:{T0_NS // 10**9 + 10}", "-o", "extcap.braidcap_find.priority:normal", "-T", "fields", "-e", "udp.srcport")
        verify(done.stdout.split() == ["1001"] * 90, f"{len(done.stdout.split())} packets")

    @func_test
    def it_ends_with_its_reader_or_by_a_signal(self):
        """Either way in good order, as far as packets have gone by whole ones."""
        self.serve("null:rate=2000,size=100")
        run, pipe = self.begin("braidcap-live")
        verify(pipe.read(4) == b"\x0a\x0d\x0d\x0a", "no stream")
        pipe.close()
        self.ended(run)
        (self.folder / "fifo").unlink()
        run, pipe = self.begin("braidcap-live", "--prefix", "", "--server", f"127.0.0.1:{self.port}")
        data = b""
        while len(data) < 20000:
            data += pipe.read(65536)
        run.send_signal(signal.SIGTERM)
        data += pipe.readall()
        self.ended(run)
        verify(len(parse(data).packets) > 100, "too few packets")

    @func_test
    def it_ends_with_the_capture(self):
        """What the capture has left comes, then the end."""
        capture = self.serve("null:rate=2000,size=100")
        run, pipe = self.begin("braidcap-live", "--prefix", capture.prefix)
        data = pipe.read(4)
        wait_until(lambda: capture.ask("/braidcap/info")["pcap_over_ip"]["sent"] > 100, "packets to be sent")
        capture.signal(signal.SIGINT)
        data += pipe.readall()
        capture.finish()
        self.ended(run)
        verify(len(parse(data).packets) == capture.report["pcap_over_ip"]["sent"], "packets are missing")

    @func_test
    def a_search_ends_with_its_reader(self):
        folder = self.make_folder("stored")
        write_pcap(folder / "a.pcap", timed(frames(1, 20000, sizes=(1000,))))
        run, pipe = self.begin("braidcap-find", "--folder", folder, "--priority", "normal")
        verify(pipe.read(4) == b"\x0a\x0d\x0d\x0a", "no stream")
        pipe.close()
        self.ended(run)

    @func_test
    def by_tls_from_elsewhere(self):
        if not shutil.which("openssl"):
            pytest.skip("needs the program openssl")
        ca = self.folder / "ca"
        tool(Path(__file__).parents[2] / "scripts" / "test-ca", ca, "localhost", "me")
        self.start("-i", "null:rate=2000", "-w", "null:", "--flush-ms", "50", "--pcap-over-ip", f"{self.port},tls", "--tls-cert",
                   ca / "localhost.crt", "--tls-key", ca / "localhost.key", "--tls-ca", ca / "ca.crt")
        run, pipe = self.begin("braidcap-live", "--server", f"localhost:{self.port}", "--tls", "--tls-ca", ca / "ca.crt",
                               "--tls-cert", ca / "me.crt", "--tls-key", ca / "me.key")
        verify(pipe.read(4) == b"\x0a\x0d\x0d\x0a", "no stream")
        run.send_signal(signal.SIGTERM)
        pipe.readall()
        self.ended(run)

    @func_test
    def the_toolbar_rotates_the_capture(self):
        """What Wireshark writes when the button is pressed, and the line that it then shows."""
        out = self.make_folder()
        capture = self.serve("null:rate=2000,size=100", out=f"{out}/")
        pipes = [self.folder / name for name in ("button", "status")]
        for pipe in pipes:
            os.mkfifo(pipe)
        said = os.open(pipes[1], os.O_RDWR)
        self.stack.callback(os.close, said)
        run, pipe = self.begin("braidcap-live", "--extcap-control-in", pipes[0], "--extcap-control-out", pipes[1])
        threading.Thread(target=pipe.readall, daemon=True).start()
        verify(self.line(said).startswith("braidcap: live from 127.0.0.1"), "no greeting")
        with open(pipes[0], "wb", buffering=0) as button:
            # One of another control, which is passed over; then ours, in two parts.
            button.write(struct.pack(">cBHBB3s", b"T", 0, 5, 7, 1, b"abc") + struct.pack(">cBHB", b"T", 0, 2, 0))
            button.write(b"\x01")
            verify(self.line(said) == "braidcap: the capture begins another segment", "no answer")
        wait_until(lambda: published(out), "a segment")
        run.send_signal(signal.SIGTERM)
        self.ended(run)
        capture.stop()

    @staticmethod
    def line(pipe):
        """The text of the status line that the program sends to Wireshark."""
        kind, high, low, _, command = struct.unpack(">cBHBB", os.read(pipe, 6))
        verify((kind, command) == (b"T", 6), f"{kind} {command}")
        return os.read(pipe, (high << 16) + low - 2).decode()

    @func_test
    def what_wireshark_asks(self):
        """Sentences for each question; a filter is refused in libpcap's words."""
        capture = self.serve("null:idle=yes")
        config = self.ask("--extcap-config", "--extcap-interface", "braidcap-live").stdout
        verify(f"{{value={capture.prefix}}}{{display={capture.prefix}, at 127.0.0.1:{self.port}}}" in config, config)
        verify("{call=--folder}" in self.ask("--extcap-config", "--extcap-interface=braidcap-find").stdout, "no folder")
        verify(self.ask("--extcap-dlts", "--extcap-interface", "braidcap-find").stdout.startswith("dlt {number=1}"), "no link type")
        check = ["--extcap-interface", "braidcap-live", "--extcap-capture-filter"]
        verify(self.ask(*check, "host 10.0.0.1").stdout == "", "a good filter is refused")
        verify("syntax error" in self.ask(*check, "host host").stdout, "a bad filter is taken")
        verify("extcap {version=" in self.braidcap("extcap", "--extcap-version=4.0").stdout, "no version")

    @func_test
    def bad_requests_are_refused(self):
        """One line and a status, whatever is asked for."""
        live, regular = ["--extcap-interface", "braidcap-live"], self.folder / "regular"
        regular.write_text("keep")
        folder = self.make_folder("stored")
        for args, rc, words in (
                ([], 2, "nothing to do"), (["--capture", *live], 2, "--fifo is missing"),
                (["--extcap-config", "--extcap-interface", "eth0"], 2, "neither braidcap-live nor"),
                (["--extcap-config"], 2, "--extcap-interface is missing"), (["--bogus"], 2, "unknown option '--bogus'"),
                (["--extcap-interfaces", "x"], 2, "unexpected argument 'x'"), (["--fifo"], 2, "'--fifo' needs a value"),
                (["--capture", *live, "--fifo", regular, "--server", "1"], 2, "is not a named pipe"),
                (["--capture", *live, "--fifo", "/nonexistent/x", "--server", "1"], 1, "No such file"),
                (["--capture", *live, "--fifo", regular], 1, "no capture with --pcap-over-ip is running here"),
                (["--capture", *live, "--fifo", regular, "--prefix", "../../x"], 1, "no capture '../../x'"),
                (["--capture", *live, "--fifo", regular, "--server", "a:b:1"], 2, "an IPv6 address is in brackets"),
                (["--capture", *live, "--fifo", regular, "--server", "h:70000"], 2, "'h:70000' is not HOST:PORT"),
                (["--capture", "--extcap-interface", "braidcap-find", "--fifo", regular], 2, "--folder is missing"),
                (["--capture", "--extcap-interface", "braidcap-find", "--fifo", regular, "--folder", folder], 2, "is not a named pipe"),
                (["--prefix", "x" * 5000, "--extcap-interfaces"], 2, "longer than 4095")):
            done = self.ask(*args, check=False)
            verify(done.returncode == rc and words in done.stderr and done.stderr.count("\n") == 1, f"{args}: {done.returncode} {done.stderr}")
        verify(regular.read_text() == "keep", "a file that is no pipe was written to")
