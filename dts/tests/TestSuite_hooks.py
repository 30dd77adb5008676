# SPDX-License-Identifier: BSD-3-Clause
"""What happens to packets and segments beside being written: applications get them, commands run, files move."""

import os
import signal
import struct
from pathlib import Path

import pytest

from framework.checks import assert_lossless, assert_same, assert_streams, published, temporary, verify_segments
from framework.host import tmpfs
from framework.packets import Packet, frames, timed, write_pcap
from framework.process import signal_until_end, wait_until
from framework.test_suite import TestSuite, func_test, verify

zmq = pytest.importorskip("zmq", reason="needs python3-zmq")


class Subscriber:
    """An application that subscribes to topics of osmo-pcap's kind."""

    def __init__(self, endpoint, topic="", hwm=0):
        self.context = zmq.Context()
        self.socket = self.context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.setsockopt(zmq.RCVHWM, hwm)
        self.socket.setsockopt(zmq.RCVTIMEO, 60000)
        self.socket.setsockopt_string(zmq.SUBSCRIBE, topic)
        self.socket.connect(endpoint)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.context.term()

    def until_disconnect(self):
        """All messages up to the event that ends the capture."""
        messages = []
        while not messages or not messages[-1][0].startswith(b"event.v1.disconnect."):
            messages.append(self.socket.recv_multipart())
        return messages


def packet_of(message):
    """A Packet out of data.v1, read as a program written for osmo-pcap does."""
    _, header, record = message
    magic, major, minor, _, _, _, linktype = struct.unpack("<IHHiIII", header)
    unit = {0xA1B2C3D4: 1000, 0xA1B23C4D: 1}[magic]
    seconds, fraction, size, wire = struct.unpack_from("<IIII", record)
    verify((major, minor) == (2, 4) and len(record) == 16 + size, "not a packet of pcap")
    return Packet(seconds * 10**9 + fraction * unit, record[16:], wire, linktype)


class TestHooks(TestSuite):
    def published_while(self, *args, send=5000, hwm=0):
        """Capture what is sent while a subscriber listens: its messages, the report, the folder."""
        out = self.make_folder()
        endpoint = f"ipc://{self.folder}/zmq"
        run = self.start("-i", self.vhost(), "-w", out, "--zmq-publish", endpoint, "--zmq-client", "node-1", *args)
        with Subscriber(endpoint, hwm=hwm) as subscriber:
            wait_until(lambda: run.ask("/braidcap/ledger")["publisher"]["subscriptions"] > 0, "the subscription")
            self.send(frames(0, send, sizes=(64, 900), noise=True))
            run.wait_received(send)
            run.signal(signal.SIGINT)
            messages = subscriber.until_disconnect()
            run.finish()
        return messages, run.report, out

    def check_all_received(self, *args, nanoseconds=False, topic=b"data.v1.node-1"):
        messages, report, out = self.published_while(*args)
        assert_lossless(report, 5000)
        seen = [packet_of(m) for m in messages if m[0] == topic]
        written = verify_segments(published(out))
        if not nanoseconds:
            written = [p._replace(ts_ns=p.ts_ns // 1000 * 1000) for p in written]
        assert_same(seen, written)
        verify({p.iface for p in seen} == {1}, "the link type is not Ethernet's")
        verify(report["publisher"]["packets"] == 5000 and report["publisher"]["overflowed"] == 0, f"{report['publisher']}")
        return messages, out

    @func_test
    def a_subscriber_receives_all(self):
        """Every packet that is written comes to the subscriber, in order, with its stamp in microseconds."""
        self.check_all_received()

    @func_test
    def in_nanoseconds_and_not_compressed(self):
        self.check_all_received("-Z", "none", "--zmq-ns", nanoseconds=True)

    @func_test
    def from_zstd_and_classic_pcap(self):
        self.check_all_received("-Z", "zstd", "--format", "pcap")

    @func_test
    def from_erf(self):
        messages, report, _ = self.published_while("--format", "erf")
        assert_lossless(report, 5000)
        assert_streams([packet_of(m) for m in messages if m[0] == b"data.v1.node-1"], {0: 5000})

    @func_test
    def each_finished_file_is_an_event(self):
        """closingtracefile tells the path of each segment, behind all of its packets."""
        messages, out = self.check_all_received("-S", "0.5")
        events = [m for m in messages if m[0].startswith(b"event.v1.closingtracefile.")]
        verify({m[0] for m in events} == {b"event.v1.closingtracefile.node-1"}, "another client's")
        verify([os.path.basename(m[1].decode()) for m in events] == [p.name for p in published(out)], f"{events}")
        verify(len(events) >= 4, "too few files to tell")
        verify(messages[-1] == [b"event.v1.disconnect.node-1"], f"{messages[-1]}")

    @func_test
    def only_the_first_output_is_published(self):
        """Packets of one output, once; files of all."""
        second = self.make_folder("second")
        messages, report, _ = self.published_while("-w", second)
        verify(sum(m[0].startswith(b"data.") for m in messages) == 5000, "packets are published twice, or not at all")
        verify(sum(m[0].startswith(b"event.v1.closing") for m in messages) == 2, "one file of each output")

    @func_test
    def a_slow_subscriber_holds_nobody(self):
        """One that never reads: the capture is lossless all the same, and what is not delivered is counted."""
        out = self.make_folder()
        endpoint = f"ipc://{self.folder}/zmq"
        run = self.start("-i", self.vhost(), "-w", out, "--zmq-publish", endpoint)
        with Subscriber(endpoint, "data", hwm=1):
            wait_until(lambda: run.ask("/braidcap/ledger")["publisher"]["subscriptions"] > 0, "the subscription")
            self.send(frames(0, 150000, sizes=(400,), noise=True))
            run.wait_received(150000)
            wait_until(lambda: run.ask("/braidcap/ledger")["publisher"]["stalls"] > 0, "the stall to be counted")
            report = run.stop()
        assert_lossless(report, 150000)
        verify("subscriber is too slow" in run.stderr, "nobody was told")

    @func_test
    def a_command_runs_after_each_segment(self):
        """It gets path, packets, bytes and times, in the order of the segments; all have run at the end."""
        made = timed(frames(0, 1000), step_ns=10**7)
        trace, out, log = write_pcap(self.folder / "in.pcap", made), self.make_folder(), self.folder / "log"
        run = self.capture("-i", trace, "-w", out, "-G", "1", "--on-segment",
                           f'printf "%s %s %s %s %s\\n" "$@" >> {log}; [ "$BRAIDCAP_PATH" = "$1" ]')
        lines = [line.split() for line in log.read_text().splitlines()]
        segments = run.report["outputs"][0]["segments"]
        verify(len(lines) == len(segments) >= 10, f"{len(lines)} commands, {len(segments)} segments")
        for line, s in zip(lines, segments):
            times = [f"{t // 10**9}.{t % 10**9:09}" for t in (s["first_ns"], s["last_ns"])]
            verify(line == [s["path"], str(s["packets"]), str(s["bytes"]), *times], f"{line}: {s}")
        verify(run.report["outputs"][0]["hooks"]["commands"] == len(segments), f"{run.report['outputs'][0]['hooks']}")

    @func_test
    def names_reach_no_shell(self):
        """A folder with a command in its name is a folder."""
        out = self.make_folder("$(touch x);`touch y`' \"")
        trace = write_pcap(self.folder / "in.pcap", timed(frames(0, 10)))
        run = self.capture("-i", trace, "-w", f"{out}/", "--on-segment", f'cd {self.folder}; test -s "$1"')
        verify(run.report["outputs"][0]["hooks"]["commands"] == 1, f"{run.report['outputs'][0]['hooks']}")
        verify(not (self.folder / "x").exists() and not (self.folder / "y").exists(), "a name was run")

    @func_test
    def commands_fail_and_stick_without_harm(self):
        """A failing one is said and counted, a stuck one ended; nothing is lost, and segments are published meanwhile."""
        out = self.make_folder()
        run = self.start("-i", self.vhost(), "-w", out, "-G", "0.2", "--on-segment-seconds", "10", "--on-segment",
                         'case $1 in *-00000000.*) sleep 1000;; *-00000001.*) exit 7;; esac')
        self.send(frames(0, 20000))
        run.wait_received(20000)
        wait_until(lambda: len(published(out)) >= 4, "segments beside a stuck command")
        wait_until(lambda: run.ask("/braidcap/ledger")["outputs"][0]["hooks"]["commands"] >= 2, "the commands behind it")
        report = run.stop()
        assert_lossless(report, 20000)
        verify(report["outputs"][0]["hooks"]["commands_failed"] == 2, f"{report['outputs'][0]['hooks']}")
        verify("took longer than 10 s" in run.stderr and "exit status 7" in run.stderr, run.stderr[-2000:])

    @func_test
    def one_more_signal_ends_a_command(self):
        """At the end a running command is waited for, which is told; a second signal ends it, and everything is published."""
        trace, out = write_pcap(self.folder / "in.pcap", timed(frames(0, 10))), self.make_folder()
        run = self.start("-i", trace, "-w", out, "--on-segment", "touch $BRAIDCAP_PATH.begun; sleep 1000", capturing=False)
        wait_until(lambda: any(p.suffix == ".begun" for p in out.iterdir()), "the command")
        wait_until(lambda: "waiting for 1 command: press Ctrl-C" in run.stderr, "what it is waiting for")
        signal_until_end(run.process, signal.SIGINT)
        run.finish()
        assert_lossless(run.report, 10)
        verify(run.report["outputs"][0]["hooks"]["commands_failed"] == 1, f"{run.report['outputs'][0]['hooks']}")

    def check_completed(self, done):
        made = timed(frames(0, 1000, noise=True), step_ns=10**7)
        trace, out = write_pcap(self.folder / "in.pcap", made), self.make_folder()
        run = self.capture("-i", trace, "-w", out, "-G", "1", "--completed", done, "--on-segment", 'test -s "$1"')
        assert_lossless(run.report, 1000)
        assert_same(verify_segments(published(done)), made)
        verify(list(out.iterdir()) == [], "something stays behind")
        verify(temporary(done) == [], "something unfinished lies there")
        output = run.report["outputs"][0]
        verify([s["path"] for s in output["segments"]] == [f"{done}/{p.name}" for p in published(done)], f"{output}")
        verify(output["hooks"]["moved"] == output["hooks"]["commands"] == len(published(done)) >= 10, f"{output['hooks']}")

    @func_test
    def completed_within_a_file_system(self):
        """Segments move; the report and the command know where they are."""
        self.check_completed(self.make_folder("done"))

    @func_test
    def completed_across_file_systems(self):
        with tmpfs(self.make_folder("done"), 64) as done:
            self.check_completed(done)

    @func_test
    def a_full_folder_of_completed_ones_loses_nothing(self):
        """What finds no room there stays where it is, whole, and is said."""
        made = timed(frames(0, 1000, sizes=(1000,), noise=True), step_ns=10**7)
        trace, out = write_pcap(self.folder / "in.pcap", made), self.make_folder()
        with tmpfs(self.make_folder("done"), 1) as done:
            (done / "other").write_bytes(bytes(600000))
            run = self.capture("-i", trace, "-w", out, "-G", "1", "-Z", "none", "--completed", done)
            found = sorted(published(out) + published(done), key=lambda p: p.name)
            assert_same(verify_segments(found), made)
            hooks = run.report["outputs"][0]["hooks"]
            verify(hooks["moved"] == len(published(done)) >= 1 and hooks["move_failed"] == len(published(out)) >= 1, f"{hooks}")
            verify([p.name for p in temporary(done)] == ["other"] and temporary(out) == [], "a half copy lies there")
        assert_lossless(run.report, 1000)
        verify("it stays where it is" in run.stderr, "nobody was told")

    @func_test
    def refusals_start_nothing(self):
        """A folder of completed ones that is not there, an endpoint that cannot be: one line, exit status, no file."""
        out = self.make_folder()
        for args, word in ((("--completed", self.folder / "no"), "create the folder"), (("--zmq-publish", "x"), "tcp://ADDRESS"),
                           (("--completed", out), "where they are")):
            done = self.braidcap("capture", "-i", "null:count=1", "-w", out, "--no-huge", *args, check=False)
            verify(done.returncode in (1, 2) and word in done.stderr, f"{args}: {done.returncode}: {done.stderr}")
            verify(list(out.iterdir()) == [], "something was written")

    @func_test
    def a_failed_start_sums_nothing_up(self):
        """The second output cannot be opened: the first one has no totals to tell."""
        done = self.braidcap("capture", "-v", "-i", "null:count=1", "-w", self.make_folder(), "-w", f"{self.folder}/no/", "--no-huge",
                             check=False)
        verify(done.returncode == 1 and "no such folder" in done.stderr and "TOTAL" not in done.stderr, done.stderr)

    def spawner_of(self, run):
        """The process that starts its commands."""
        children = Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children").read_text().split()
        verify(len(children) == 1, f"its children: {children}")
        return int(children[0])

    @func_test
    def a_capture_outlives_the_process_that_starts_commands(self):
        """It is killed: segments are written and published as before, and each whose command is not run is named."""
        out = self.make_folder()
        run = self.start("-i", self.vhost(), "-w", out, "-G", "0.2", "--on-segment", 'touch "$1.seen"')
        self.send(frames(0, 5000))
        run.wait_received(5000)
        wait_until(lambda: any(p.suffix == ".seen" for p in out.iterdir()), "the first command")
        spawner = self.spawner_of(run)
        os.kill(spawner, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{spawner}").exists(), "that it is waited for")
        wait_until(lambda: run.ask("/braidcap/ledger")["outputs"][0]["hooks"]["commands_failed"] > 1, "commands that are not run")
        report = run.stop()
        assert_lossless(report, 5000)
        verify("the process that starts commands has ended: none is run" in run.stderr, run.stderr[-2000:])
        verify("cannot start its command: the process that starts commands has ended" in run.stderr, run.stderr[-2000:])

    @func_test
    def commands_have_nothing_of_the_capture(self):
        """Their parent holds standard error and its socket, and ends with a killed capture; without commands there is none."""
        run = self.start("-i", "null:rate=1000", "-w", self.make_folder(), "--on-segment", "true")
        spawner = Path(f"/proc/{self.spawner_of(run)}")
        wait_until(lambda: len(list((spawner / "fd").iterdir())) == 4, "it has nothing else")
        run.process.kill()
        run.process.wait()
        wait_until(lambda: not spawner.exists() or "State:\tZ" in (spawner / "status").read_text(), "its end")
        run = self.start("-i", "null:rate=1000", "-w", self.make_folder("other"))
        verify(not Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children").read_text(), "a process without a task")
