# SPDX-License-Identifier: BSD-3-Clause
"""What each signal does."""

import os
import pty
import signal
import subprocess

from framework.checks import assert_balance, assert_lossless, assert_streams, losses, published, verify_segments
from framework.packets import frames
from framework.process import of_threads, signal_until_end, wait_until
from framework.test_suite import TestSuite, func_test, verify


class TestSignals(TestSuite):
    def loaded(self, count=20000):
        """A capture that has just received count packets."""
        self.out = self.make_folder()
        run = self.start("-i", self.vhost(), "-w", self.out, beside_generator=True)
        self.send(frames(0, count))
        run.wait_received(count)
        return run

    @func_test
    def int_drains_and_publishes(self):
        """SIGINT: all that was received is written and published."""
        assert_lossless(self.loaded().stop(), 20000)
        assert_streams(verify_segments(published(self.out)), {0: 20000})

    @func_test
    def term_drains_and_publishes(self):
        """SIGTERM: the same."""
        run = self.loaded()
        run.signal(signal.SIGTERM)
        run.finish()
        assert_lossless(run.report, 20000)
        assert_streams(verify_segments(published(self.out)), {0: 20000})

    @func_test
    def second_signal_ends_at_once(self):
        """The first SIGINT waits for a reader that does not read; the second does not, and says what is lost."""
        run = self.start("-i", self.vhost(), "-w", "-", "-Z", "none", beside_generator=True, stdout=subprocess.PIPE)
        self.send(frames(0, 5000, sizes=(1000,)))
        run.wait_received(5000)
        run.signal(signal.SIGINT)
        try:
            run.process.wait(1)
            verify(False, "it ended with packets that nobody has read")
        except subprocess.TimeoutExpired:
            pass
        signal_until_end(run.process, signal.SIGINT)
        run.finish(rc=1)
        report = run.report
        assert_balance(report)
        verify(losses(report).get("aborted", 0) > 0, losses(report))

    @func_test
    def term_ends_a_start_that_compiles_a_filter(self):
        """libpcap is at work for minutes, and cannot be interrupted."""
        ranges = " or ".join(f"portrange {100 * i + 1}-{100 * i + 50}" for i in range(500))
        run = self.start("-i", "null:count=1", "-w", "null:", "-f", ranges, capturing=False)
        wait_until(lambda: "bc-filter\n" in of_threads(run.process.pid, "comm"), "the compiling thread")
        run.signal(signal.SIGTERM)
        run.finish(rc=1)
        verify("ended before the filter was compiled" in run.stderr, run.stderr)

    def keeps_signals(self, pid):
        """Does SIGTERM wait to be taken, not end the program?"""
        blocked = next(line for line in of_threads(pid, "status")[0].splitlines() if line.startswith("SigBlk:"))
        return int(blocked.split()[1], 16) >> (signal.SIGTERM - 1) & 1

    @func_test
    def term_ends_a_start_that_waits_for_a_fifo(self):
        """Nobody has opened it to write."""
        fifo = self.folder / "fifo"
        os.mkfifo(fifo)
        run = self.start("-i", fifo, "-w", "null:", capturing=False)
        wait_until(lambda: self.keeps_signals(run.process.pid), "its signals are kept")
        run.signal(signal.SIGTERM)
        run.finish(rc=1)
        verify("ended before its first bytes arrived" in run.stderr, run.stderr)

    @func_test
    def hup_rotates(self):
        """SIGHUP: the segment is published, the next begins."""
        run = self.loaded(1000)
        run.signal(signal.SIGHUP)
        wait_until(lambda: len(published(self.out)) == 1, "a segment")
        assert_lossless(run.stop(), 1000)
        verify(len(published(self.out)) == 2, "the last segment")
        assert_streams(verify_segments(published(self.out)), {0: 1000})

    def in_a_terminal(self, *args):
        """A capture of 1000 packets in a terminal; the terminal's other end."""
        master, slave = pty.openpty()
        self.out = self.make_folder()
        run = self.start("-i", "null:count=1000,full=wait", "-i", self.vhost(), "-w", self.out, *args, terminal=slave)
        os.close(slave)
        run.wait_received(1000)
        return run, master

    @func_test
    def closed_terminal_ends(self):
        """A capture in the foreground ends with its terminal, in good order."""
        run, master = self.in_a_terminal()
        os.close(master)
        run.finish()
        assert_lossless(run.report, 1000)
        verify(len(published(self.out)) == 1, "one segment")

    @func_test
    def hup_rotates_in_a_terminal_if_asked(self):
        """With --rotate-on-hup it goes on."""
        run, master = self.in_a_terminal("--rotate-on-hup")
        os.close(master)
        wait_until(lambda: len(published(self.out)) == 1, "a segment")
        assert_lossless(run.stop(), 1000)

    @func_test
    def file_size_limit_is_a_loss_with_a_name(self):
        """A limit on the size of files is an error of the disk, not the end of the program."""
        run = self.capture("-i", "null:count=20000,size=512", "-w", self.make_folder(), "-Z", "none", rc=1, limit=2_000_000)
        assert_balance(run.report)
        verify(losses(run.report).get("disk_error", 0) > 0, losses(run.report))

    @func_test
    def usr1_prints(self):
        """SIGUSR1: the counters on stderr, and the capture goes on."""
        run = self.loaded(1234)
        before = len(run.stderr)
        run.signal(signal.SIGUSR1)
        wait_until(lambda: "1234" in run.stderr[before:], "the counters")
        assert_lossless(run.stop(), 1234)
