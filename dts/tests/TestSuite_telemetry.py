# SPDX-License-Identifier: BSD-3-Clause
"""The control plane: DPDK's telemetry socket, and `braidcap ctl` on it."""

import json
import threading

from framework.checks import assert_balance, assert_closed, assert_streams, losses, published, verify_segments
from framework.packets import frames
from framework.process import environment, tool, wait_until
from framework.test_suite import TestSuite, func_test, verify

VIEWS = ("info", "sources", "outputs", "lcores", "ledger", "clock", "segments")


class TestTelemetry(TestSuite):
    def set_up_test_case(self):
        self.out = self.make_folder()

    def two_ports(self):
        """A capture of the sockets 0 and 1."""
        return self.start("-i", self.vhost(0), "-i", self.vhost(1), "-w", self.out, beside_generator=True)

    def ctl(self, run, *args, **options):
        return self.braidcap("ctl", "--prefix", run.prefix, *args, **options)

    @func_test
    def every_view_answers(self):
        """Each of the commands that only look is listed, and gives an object or a list."""
        run = self.two_ports()
        with run.telemetry() as t:
            listed = t.command("/")
            for view in VIEWS:
                verify(f"/braidcap/{view}" in listed, f"/braidcap/{view} is not listed")
                verify(t.command(f"/braidcap/{view}"), f"/braidcap/{view} is empty")

    @func_test
    def ledger_is_the_report(self):
        """The live ledger has the form of the report, and its numbers."""
        run = self.two_ports()
        self.send(frames(0, 5000))
        run.wait_written(5000)
        live = run.ask("/braidcap/ledger")
        report = run.stop()
        verify(live["balance"] == report["balance"], f"{live['balance']} then {report['balance']}")
        for part in ("sources", "outputs"):
            verify(set(live[part][0]) <= set(report[part][0]), f"{part}: {live[part]}")
        assert_closed(live["balance"])

    @func_test
    def dpdk_client_works(self):
        """DPDK's own client shows the ledger."""
        run = self.two_ports()
        done = tool("/usr/bin/python3", "/usr/bin/dpdk-telemetry.py", "-f", run.prefix, input="/braidcap/ledger\n",
                    env=environment(self.folder))
        verify("balance" in done.stdout, done.stdout)

    @func_test
    def rotate_publishes(self):
        """/braidcap/rotate closes the segment at once."""
        run = self.two_ports()
        self.send(frames(0, 1000))
        run.wait_received(1000)
        verify(run.ask("/braidcap/rotate")["status"] == "ok", "rotate")
        wait_until(lambda: len(published(self.out)) == 1, "a segment")
        assert_streams(verify_segments(published(self.out)), {0: 1000})
        run.stop()
        verify(len(published(self.out)) == 2, "the last segment")

    @func_test
    def pause_is_accounted_for(self):
        """What comes during a pause is lost under that name; after it the capture goes on."""
        run = self.two_ports()
        run.pause()
        self.send(frames(0, 1000), 0)
        run.wait_received(1000)
        verify(run.ask("/braidcap/resume")["status"] == "ok", "resume")
        self.send(frames(1, 500), 1)
        run.wait_received(1500)
        report = run.stop()
        assert_balance(report)
        verify(losses(report) == {"paused": 1000}, losses(report))
        assert_streams(verify_segments(published(self.out)), {1: 500})

    @func_test
    def stop_ends_in_good_order(self):
        """/braidcap/stop drains, publishes and exits with 0."""
        run = self.two_ports()
        self.send(frames(0, 1000))
        run.wait_received(1000)
        verify(run.ask("/braidcap/stop")["status"] == "ok", "stop")
        run.finish()
        assert_balance(run.report)
        assert_streams(verify_segments(published(self.out)), {0: 1000})

    @func_test
    def ctl_shows(self):
        """Each view of ctl prints something and exits with 0."""
        run = self.two_ports()
        for view in ("stats", "sources", "outputs", "ledger"):
            verify(self.ctl(run, view).stdout.strip(), f"ctl {view} is silent")

    @func_test
    def ctl_acts(self):
        """ctl pauses, resumes, rotates, changes the filter and stops."""
        run = self.two_ports()
        self.ctl(run, "pause")
        self.ctl(run, "resume")
        self.ctl(run, "filter", "src host 10.0.0.7")
        self.send(frames(7, 300) + frames(8, 200))
        run.wait_received(500)
        self.ctl(run, "rotate")
        wait_until(lambda: published(self.out), "a segment")
        self.ctl(run, "stop")
        run.finish()
        assert_balance(run.report)
        verify(run.report["balance"]["filtered"] == 200, run.report["balance"])
        assert_streams(verify_segments(published(self.out)), {7: 300})

    @func_test
    def a_bad_filter_changes_nothing(self):
        """ctl refuses a filter that libpcap refuses, in libpcap's words, and the old one stays."""
        run = self.two_ports()
        done = self.ctl(run, "filter", "tcp and and", check=False)
        verify(done.returncode and "syntax error" in done.stderr, done.stderr)
        self.send(frames(0, 100))
        run.wait_received(100)
        verify(run.stop()["balance"]["written"] == 100, "the filter changed")

    @func_test
    def ctl_without_a_capture(self):
        """One line and a failure where nobody listens."""
        done = self.braidcap("ctl", "--prefix", "nobody-here", "stats", check=False)
        verify(done.returncode != 0, "a success")
        verify(len(done.stderr.strip().splitlines()) == 1, done.stderr)

    @func_test
    def ctl_names_who_answers(self):
        """Without --prefix it names the others; of one that was killed it says so, and what to do."""
        run = self.start("-i", "null:rate=100", "-w", "null:")
        run.wait_received(1)
        done = self.braidcap("ctl", "stats", check=False)
        verify(done.returncode == 1 and done.stderr.endswith(f"choose another with --prefix: {run.prefix}\n"), done.stderr)
        run.kill()
        done = self.braidcap("ctl", "--prefix", run.prefix, "stats", check=False)
        verify(done.returncode == 1 and "killed" in done.stderr and "braidcap recover" in done.stderr, done.stderr)

    @func_test
    def many_clients_at_once(self):
        """Eight clients that ask everything at the same time, and nonsense, all get whole answers."""
        run = self.two_ports()
        failed = []

        def client():
            try:
                with run.telemetry() as t:
                    for _ in range(20):
                        for view in VIEWS:
                            assert t.command(f"/braidcap/{view}") is not None, view
                        assert t.command("/braidcap/nonsense") is None
                        t.command("/braidcap/filter," + "(" * 900)
            except (AssertionError, OSError, json.JSONDecodeError) as e:
                failed.append(repr(e))

        threads = [threading.Thread(target=client) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        verify(not failed, failed)
        run.stop()
