# SPDX-License-Identifier: BSD-3-Clause
"""All that reads what others made or sent gives up what it does not need; the unit test `sandbox` tries what is then refused."""

import re
import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from framework.braidcap import program, sanitizers
from framework.console import Console
from framework.fault import Fault, require_landlock
from framework.packets import frames, timed, write_pcap
from framework.process import end, environment, free_port, of_threads, wait_until
from framework.test_suite import TestSuite, func_test, verify


def restrictions(pid):
    """What the kernel says of each thread: it gains no rights, and its system calls are filtered."""
    return {(re.search(r"NoNewPrivs:\t(\d)", s)[1], re.search(r"Seccomp:\t(\d)", s)[1]) for s in of_threads(pid, "status")}


class TestSandbox(TestSuite):
    def set_up_test_case(self):
        self.place = self.make_folder("store")
        self.trace = write_pcap(self.place / "in.pcap", timed(frames(0, 5000)))

    def while_it_writes(self, *options):
        """What the kernel says of the threads of a search that nobody takes the packets of."""
        run = subprocess.Popen([program(), "find", "", self.place, "-w", "-", "--quiet", *options], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**environment(self.folder), **sanitizers()})
        try:
            # It has begun to write, and waits for us.
            run.stdout.read(1)
            wait_until(lambda: len(of_threads(run.pid, "comm")) > 2, "its threads")
            return restrictions(run.pid)
        finally:
            end(run)
            run.stdout.close()
            run.stderr.close()

    def needs_seccomp(self):
        if "Seccomp:\t" not in Path("/proc/self/status").read_text():
            pytest.skip("a kernel without seccomp")

    @func_test
    def every_thread_of_a_capture_is_restricted(self):
        """Without DPDK and with it, with a command, a tap, applications; --no-sandbox does without, and says so."""
        self.needs_seccomp()
        more = ("-Z", "zstd", "--on-segment", "true", "--pcap-over-ip", f"127.0.0.1:{free_port()}", "--zmq-publish", f"ipc://{self.folder}/zmq")
        for n, args in enumerate((("-i", "null:rate=1000", *more), ("-i", self.vhost()), ("-i", "lo"))):
            if args[1] == "lo" and os.geteuid():
                continue
            run = self.start(*args, "-w", self.make_folder(f"out{n}"))
            verify(restrictions(run.process.pid) == {("1", "2")}, f"{args}: a thread may do everything")
            run.stop()
        run = self.start("-i", "null:rate=1000", "-w", self.make_folder("free"), "--no-sandbox")
        verify("2" not in {seccomp for _, seccomp in restrictions(run.process.pid)}, "--no-sandbox restricts")
        verify("--no-sandbox: a fault" in run.stderr, run.stderr)

    @func_test
    def every_thread_of_what_serves_is_restricted(self):
        """Of a collector, whose threads come with its clients, and of a console."""
        self.needs_seccomp()
        run = self.collect("-l", f"127.0.0.1:{free_port()}", "--allow", "node=127.0.0.1", "-w", f"{self.make_folder('collected')}/")
        verify(restrictions(run.process.pid) == {("1", "2")}, "collect: a thread may do everything")
        with Console(self.folder, [self.place]) as console:
            console.get("/api/now")
            verify(restrictions(console.process.pid) == {("1", "2")}, "console: a thread may do everything")

    def changes_nothing(self, *args):
        """A capture with these sources and a fault: what is not its own can be read, and is changed by none of its threads."""
        # The report is beside the output's folder.
        elsewhere = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="bc-")))
        segment = Path(shutil.copy(self.trace, elsewhere))
        with Fault(self.folder) as fault:
            run = self.start(*args, "-w", self.make_folder(f"out{self.captures}"), "--pcap-over-ip", f"127.0.0.1:{free_port()}", **fault.options)
            got = fault.tries(run, elsewhere, segment, run.process.pid)
            run.stop()
        self.captures += 1
        verify(got.pop("list") == got.pop("read") == "done", f"{got}")
        verify(set(got.values()) == {"Permission denied"}, f"{args}: {got}")
        verify("thread bc-tap" in got and any("lcore" in t or "worker" in t for t in got), f"{args}: not all threads tried: {got}")
        verify(list(elsewhere.iterdir()) == [segment], "something was made or removed")

    @func_test
    def no_thread_of_a_capture_changes_what_is_not_its_own(self):
        """With DPDK, whose threads are older than the devices, and without."""
        self.captures = 0
        self.changes_nothing("-i", "null:rate=1000")
        self.changes_nothing("-i", self.vhost())
        self.changes_nothing("-i", "null:rate=1000", "--bpf-jit")
        self.changes_nothing("-i", "null:rate=1000", "-w", "/dev/stdout", "-w", "/dev/null")

    @func_test
    def what_ports_make_is_made(self):
        """Where their arguments say, which is no folder of the capture's: sockets, which go when it ends, and files."""
        elsewhere = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="bc-")))
        for n, device in enumerate(("net_vhost0,iface={}", "net_memif0,role=server,socket-abstract=no,socket={}",
                                    f"net_pcap0,rx_pcap={self.trace},tx_pcap={{}}")):
            made = elsewhere / "made"
            run = self.start("-i", "dpdk:" + device.format(made), "-i", "null:rate=1000", "-w", self.make_folder(f"out{n}"))
            verify(made.exists(), f"{device}: it is not there")
            run.stop()
            verify(made.exists() == ("pcap" in device), f"{device}: what is left")

    @func_test
    def a_collector_writes_nowhere_else(self):
        """A client that is added has a folder that leads elsewhere: nothing is written there, and all others go on."""
        require_landlock()
        # The report is beside the output's folder.
        out, settings = self.make_folder("out"), self.folder / "collect.yaml"
        elsewhere = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="bc-")))
        (out / "second").symlink_to(elsewhere)

        def allow(*clients):
            settings.write_text(f"listen:\n  - 127.0.0.1:{port}\nallow:\n" + "".join(f"  - {c}\n" for c in clients)
                                + f"names: braidcap\nrotate_on_hup: yes\noutputs:\n  - dest: {out}/\n")

        port = free_port()
        allow("first=127.0.1.1")
        run = self.collect("-C", settings)
        allow("first=127.0.1.1", "second=127.0.1.2")
        run.signal(signal.SIGHUP)
        wait_until(lambda: "keeping the current clients" in run.stderr, "a refusal")
        verify("second: not a folder, or a link" in run.stderr and not list(elsewhere.iterdir()), run.stderr)
        run.stop()

    @func_test
    def a_capture_says_that_it_may_not_follow_a_folder(self):
        """One that takes the place of the output's is none that it may write into."""
        require_landlock()
        # The report is beside the output's folder.
        elsewhere = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="bc-")))
        out = elsewhere / "out"
        out.mkdir()
        run = self.start("-i", "null:rate=1000", "-w", f"{out}/", "-G", "0.2")
        run.wait_written(1)
        out.rename(elsewhere / "moved")
        out.mkdir()
        wait_until(lambda: "the sandbox knows only the folder that was there at the start: start again" in run.stderr, "a line")
        run.stop(rc=1)

    @func_test
    def every_thread_is_restricted(self):
        """System calls are filtered in all of them, unless that was not wanted."""
        self.needs_seccomp()
        verify(self.while_it_writes() == {("1", "2")}, "a thread may do everything")
        verify("2" not in {seccomp for _, seccomp in self.while_it_writes("--no-sandbox")}, "--no-sandbox restricts")

    @func_test
    def all_ways_out_of_a_search_work(self):
        """Into a folder, a file, a pipe and nowhere, from files, folders and links to files elsewhere."""
        elsewhere = self.folder / "elsewhere.pcap"
        shutil.move(self.trace, elsewhere)
        self.trace.symlink_to(elsewhere)
        for dest in (f"{self.make_folder('out')}/", self.folder / "one.pcapng.zst", "/dev/stdout", "null:"):
            done = self.braidcap("find", "", self.place, "-w", dest, "--no-index", text=False)
            verify(b"5000 packets" in done.stderr, done.stderr)
        verify("5000 packets" in self.braidcap("verify", self.place, elsewhere, self.folder / "one.pcapng.zst").stdout, "verify")
        self.braidcap("flows", "--extent", self.place)
