# SPDX-License-Identifier: BSD-3-Clause
"""`braidcap top` in a terminal of 80x24."""

import json
import re
import signal
import socket
import threading

from framework.checks import published
from framework.process import free_port, wait_until
from framework.terminal import Terminal
from framework.test_suite import TestSuite, func_test, verify

HOSTILE = "eth\x1b]0;stolen\x07\x1b[31m\u009b5m\n0"


class FakeCapture:
    """Answers as a capture would that has this name for its source, its output, a loss and everything else."""

    def __init__(self, folder, prefix, name):
        path = folder / "dpdk" / prefix
        path.mkdir(mode=0o700, parents=True)
        path.parent.chmod(0o700)
        element = {"name": name, "interface": name, "state": name, "received": 5, "dropped": {name: 3}, "stages": {"0": {"name": name}}}
        lists = {key: {"0": element} for key in ("sources", "outputs", "lcores", "segments", "clients")}
        self._views = {"info": {"pid": 1, "now_ns": 2, "state": name, "version": name, "pcap_over_ip": {"address": name},
                                **{key: 1 for key in lists}}, "clock": {}, **lists}
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._listener.bind(str(path / "dpdk_telemetry.v2"))
        self._listener.listen(8)
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client):
        with client:
            client.send(b"{}")
            while request := client.recv(1024).decode():
                command = request.partition(",")[0]
                client.send(json.dumps({command: self._views.get(command.rpartition("/")[2])}).encode())


class TestTop(TestSuite):
    def set_up_test_case(self):
        self.out = self.make_folder()

    def top(self, *args, **options):
        return self.stack.enter_context(Terminal(self.folder, ("top", *args), **options))

    def capture_null(self, rate=2000, out="null:", *args):
        return self.start("-i", f"null:rate={rate}", "-w", out, *args)

    @func_test
    def sources_and_rates(self):
        """Sources, outputs and CPUs with their rates; all packets are there."""
        run = self.capture_null(2000, self.out)
        screen = self.top()
        screen.wait(lambda _: re.search(r"running +[\d.]+ k? +[\d.]+ [kM]? +\d+ +0 +0 ", screen.row("null:rate=2000")), "the source's rates")
        screen.wait_text("no packet has been lost")
        screen.wait_text(f"{run.prefix}  running  up ")
        screen.wait(lambda text: re.search(r"rx null0/0 \d+ %", text), "the CPU")
        screen.wait(lambda _: re.search(r" [\d.]+ [kMGT]B$", screen.row("/tmp/").rstrip()), "how much is free")
        verify(all(len(line) <= 80 for line in screen.text.splitlines()), screen.text)

    @func_test
    def a_loss_is_seen_by_name(self):
        """Packets that come during a pause are seen to be lost, and when that was."""
        run = self.capture_null()
        screen = self.top()
        screen.wait_text("no packet has been lost")
        verify(run.ask("/braidcap/pause")["status"] == "ok", "pause")
        screen.wait(lambda _: re.search(r"null:rate=2000 +\d+ +[\d.]+ % +[\d.]+ k? +now", screen.row("paused")), "the loss")
        screen.wait(lambda _: " paused " in screen.row(run.prefix), "the pause")
        verify(run.ask("/braidcap/resume")["status"] == "ok", "resume")
        screen.wait(lambda _: re.search(r" 0 +\d+ s$", screen.row("paused").rstrip()), "when it was")

    @func_test
    def captures_begin_and_end(self):
        """One that begins is listed; one that ends is said to have ended, with what it had."""
        screen = self.top()
        screen.wait_text("no capture of this user is running")
        one, two = self.capture_null(3000), self.capture_null(1000)
        screen.wait_text("CAPTURE")
        screen.wait(lambda _: screen.row(one.prefix) and screen.row(two.prefix), "both captures")
        screen.press("Down")
        screen.wait_text("null:rate=1000")
        two.stop()
        screen.wait(lambda text: re.search(rf"^{two.prefix}  ended  \d+ s ago", text, re.M), "the end")
        screen.wait(lambda _: " running " in screen.row(one.prefix), "the other one")
        screen.wait(lambda text: "received" in text and "null:rate=1000" in text, "what it had")

    @func_test
    def a_stuck_capture_holds_nothing_up(self):
        """While one capture stands still, the other's numbers go on, and so do keys."""
        stuck, run = self.capture_null(1000), self.capture_null(3000)
        screen = self.top("--prefix", stuck.prefix, "--prefix", run.prefix)
        screen.wait_text("CAPTURE")
        stuck.signal(signal.SIGSTOP)
        screen.press("Down")
        screen.wait_text("null:rate=3000")
        for _ in range(2):
            before = screen.row("null:rate=3000")
            screen.wait(lambda _, before=before: screen.row("null:rate=3000") not in (before, ""), "other numbers")
        screen.press("r", "y")
        screen.wait_text(f"{run.prefix}: ")
        screen.press("q")
        screen.wait_end()

    @func_test
    def it_follows_the_size(self):
        """More columns show more, few rows still the most important."""
        self.capture_null()
        screen = self.top()
        screen.wait_text("null:rate=2000")
        screen.resize(150, 40)
        screen.wait(lambda text: "FILTERED" in text and len(text.splitlines()) >= 40, "a wide screen")
        screen.resize(50, 8)
        screen.wait(lambda text: "FILTERED" not in text and screen.row("q quit") and "running" in text, "a small screen")
        screen.resize(3, 2)
        screen.resize(80, 24)
        screen.wait_text("no packet has been lost")

    @func_test
    def it_gives_the_terminal_back(self):
        """After q, and after Ctrl-C, all is as it was before."""
        for key in ("q", "C-c"):
            screen = self.top()
            screen.wait_text("q quit")
            screen.press(key)
            screen.wait_end()

    @func_test
    def names_cannot_steer_the_terminal(self):
        """Whatever a capture says comes out as plain characters, in every view."""
        self.stack.enter_context(FakeCapture(self.folder, "hostile", HOSTILE))
        screen = self.top(env={"NO_COLOR": "1"})
        title = screen.title
        for view in "1234567?":
            screen.press(view)
            words = {"?": "choose a capture", "6": "no segment has been"}.get(view, "eth?]0;stolen??[31m?5m?0"[:16])
            screen.wait_text(words)
            verify(screen.title == title and "stolen" not in screen.title, screen.title)
            verify(not re.search(r"\x1b\[[\d;]*3[1-7]m|\x1b\[[\d;]*5m", screen.styled), repr(screen.styled))

    @func_test
    def one_that_was_killed_is_told(self):
        """It is told from one that has ended, also by a top that is started later and asked for it."""
        run = self.capture_null()
        screen = self.top()
        screen.wait_text(f"{run.prefix}  running")
        run.kill()
        screen.wait_text(f"{run.prefix}  was killed")
        self.top("--prefix", run.prefix).wait_text(f"{run.prefix}  was killed")
        other = self.capture_null()
        screen.wait_text(other.prefix)
        screen.press("Down", "k", "j")
        other.stop()
        screen.wait(lambda text: re.search(f"{other.prefix} +ended", text), "that it has ended")

    @func_test
    def readers_are_listed(self):
        """Who reads by --pcap-over-ip is counted, and listed with what it was sent."""
        port = free_port()
        self.capture_null(2000, "null:", "--flush-ms", "50", "--pcap-over-ip", port)
        screen = self.top()
        screen.wait_text(f"pcap-over-ip 127.0.0.1:{port}: 0 connected")
        with socket.create_connection(("127.0.0.1", port)) as reader:
            screen.wait_text(f"pcap-over-ip 127.0.0.1:{port}: 1 connected")
            screen.press("7")
            screen.wait_text("{}:{}".format(*reader.getsockname()))
        screen.wait_text("no client:")

    @func_test
    def colour_is_used_where_there_is_some(self):
        """Green is running; without colours nothing is lost."""
        run = self.capture_null()
        for term, coloured in (("screen", True), ("vt100", False)):
            screen = self.top(env={"TERM": term})
            screen.wait_text(f"{run.prefix}  running")
            verify(bool(re.search(r"\x1b\[[\d;]*3[1-7]m", screen.styled)) == coloured, repr(screen.styled))

    @func_test
    def new_segments_and_their_flows(self):
        """r asks, then begins new segments; the view of flows reads the newest one's index."""
        run = self.capture_null(2000, self.out)
        run.wait_received(100)
        screen = self.top()
        screen.wait_text(run.prefix)
        screen.press("6")
        screen.wait_text("no segment has been published yet")
        screen.press("r", "n", "r")
        screen.wait_text(f"begin new segments in {run.prefix} now?")
        verify(not published(self.out), "it did not wait for the answer")
        screen.press("y")
        wait_until(lambda: published(self.out), "a segment")
        screen.wait(lambda _: re.search(r"^- +\d+ +[\d.]+ k?B +", screen.row("- ")), "its flows")

    @func_test
    def it_needs_a_terminal(self):
        """Without one, and for bad usage: one line, and exit status 2."""
        for args, words in (((), "terminal"), (("-d", "0"), "--delay"), (("--no-such",), "--no-such"), (("x",), "'x'"), (("--prefix", "../x"), "--prefix ../x")):
            done = self.braidcap("top", *args, check=False)
            verify(done.returncode == 2 and len(done.stderr.splitlines()) == 1 and words in done.stderr, f"{args}: {done}")
        for term in ("dumb", "no-such"):
            screen = self.top(env={"TERM": term})
            screen.wait(lambda text, term=term: f"'{term}'" in text and "status 2" in text, "the refusal")
