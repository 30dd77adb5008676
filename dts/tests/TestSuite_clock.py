# SPDX-License-Identifier: BSD-3-Clause
"""The system clock is stepped under a capture: order, times, and what the files and the log say of it."""

import calendar
import socket
import time

import pytest

from framework import host
from framework.checks import PUBLISHED, assert_lossless
from framework.packets import frames
from framework.process import free_port, wait_until
from framework.reader import read
from framework.steppable_clock import SteppableClock
from framework.test_suite import TestSuite, func_test, verify

HOUR_NS = 3600 * 10**9
PAIRS = 200
# So many pairs come behind the step before it must have been seen.
BEHIND = 20


def by_number(folder):
    """The published segments in the order of their sequence numbers: their names' times go back with the clock."""
    found = [(int(m.group(2)), m.group(1), p) for p in folder.iterdir() if (m := PUBLISHED.match(p.name))]
    return [(name, path) for _, name, path in sorted(found)]


class TestClock(TestSuite):
    def segments_over(self, seconds):
        """Two kernel interfaces receive in turns while the clock is stepped: what each segment holds, and the run."""
        host.require_root("ip")
        clock = SteppableClock(self.folder)
        near, far = zip(*(self.stack.enter_context(host.veth()) for _ in range(2)))
        inputs = [word for name in far for word in ("-i", f"pcap:{name},immediate=1,lateness_us=100000")]
        out = self.make_folder()
        run = self.start(*inputs, "-w", f"{out}/", "-G", "0.5", "-U", "-Z", "none", env=clock.env)
        data = [frames(i, PAIRS) for i in range(2)]
        with host.Sender(near[0]) as a, host.Sender(near[1]) as b:
            for i in range(PAIRS):
                if i == PAIRS // 3:
                    stepped_ns = clock.step(seconds)
                if i == PAIRS // 3 + BEHIND:
                    wait_until(lambda: run.ask("/braidcap/clock")["stepped_ns"], "the step")
                a.send(data[0][i:i + 1])
                b.send(data[1][i:i + 1])
                time.sleep(0.01)
        run.wait_received(2 * PAIRS)
        assert_lossless(run.stop(), 2 * PAIRS)
        return [(name, read(path)) for name, path in by_number(out)], run, stepped_ns

    def check(self, seconds):
        segments, run, stepped_ns = self.segments_over(seconds)
        packets = [p for _, capture in segments for p in capture.packets]
        verify([p.data for p in packets] == [d for pair in zip(*(frames(i, PAIRS) for i in range(2))) for d in pair],
               "the order of sending is lost")
        verify(all(s["late"] == 0 and s["forced"] == 0 for s in run.report["sources"]), run.report["sources"])
        self.check_times(packets, seconds, stepped_ns)
        self.check_mark(segments, seconds, stepped_ns)
        self.check_rotation(segments, seconds)
        verify(run.stderr.count("the system clock was stepped by") == 1, run.stderr)

    def check_times(self, packets, seconds, stepped_ns):
        """Each packet has the clock's time of its moment: one jump, as far as the clock's, and nothing else goes back."""
        jumps = [i for i in range(1, len(packets)) if abs(packets[i].ts_ns - packets[i - 1].ts_ns) > HOUR_NS // 2]
        verify(jumps == [2 * (PAIRS // 3)], f"the time jumps at the packets {jumps}")
        verify(all(a.ts_ns <= b.ts_ns for i, (a, b) in enumerate(zip(packets, packets[1:]), 1) if i not in jumps),
               "time goes back elsewhere")
        verify(packets[jumps[0] - 1].ts_ns + seconds * 10**9 <= stepped_ns <= packets[jumps[0]].ts_ns, "the jump is not that of the clock")

    def check_mark(self, segments, seconds, stepped_ns):
        """The first segment that begins behind the step says so for each interface, before its packets."""
        note = f"the system clock was stepped by {seconds:+d}.".encode()
        marks = [(n, at) for n, (_, capture) in enumerate(segments)
                 for (_, options), at in zip(capture.statistics, capture.statistics_at) if note in options.get(1, b"")]
        verify(len(marks) == 2 and {at for _, at in marks} == {0}, marks)
        n = marks[0][0]
        verify(all(p.ts_ns >= stepped_ns for _, capture in segments[n:n + 1] for p in capture.packets), "a packet from before")
        behind = [abs(p.ts_ns - stepped_ns) < HOUR_NS // 2 for _, capture in segments[:n] for p in capture.packets]
        verify(sum(behind) <= 2 * BEHIND, f"{sum(behind)} packets are behind the step and before the mark")

    def check_rotation(self, segments, seconds):
        """Segments go on behind the step, named by the clock of their own time."""
        names = [calendar.timegm(time.strptime(name, "%Y%m%d-%H%M%S")) for name, _ in segments]
        gaps = [b - a for a, b in zip(names, names[1:])]
        jumps = [i for i, gap in enumerate(gaps) if abs(gap) > 1800]
        verify(len(jumps) == 1 and abs(gaps[jumps[0]] - seconds) < 60, gaps)
        verify(len(gaps) - jumps[0] >= 2, "rotation ended with the step")

    @func_test
    def set_back_by_an_hour(self):
        """Order is kept, and the file says where the clock was set back."""
        self.check(-3600)

    @func_test
    def set_forward_by_an_hour(self):
        """The same the other way."""
        self.check(3600)

    @func_test
    def later_segments_describe_the_clock_as_it_is_then(self):
        """Software stamps follow the step, and the interface's description says what was stepped; earlier ones stay as they were."""
        clock = SteppableClock(self.folder)
        out = self.make_folder()
        run = self.start("-i", "null:rate=500", "-w", f"{out}/", "-G", "0.5", "-U", "-Z", "none", env=clock.env)
        run.wait_written(100)
        stepped_ns = clock.step(-3600)
        wait_until(lambda: run.ask("/braidcap/clock")["stepped_ns"], "the step")
        run.wait_written(run.ask("/braidcap/info")["balance"]["received"] + 300)
        run.stop()
        segments = [read(path) for _, path in by_number(out)]
        said = [b", stepped by -3600." in segment.interfaces[0][1] for segment in segments]
        verify(not said[0] and said[-1], said)
        last = [p for segment in segments for p in segment.packets][-1]
        verify(stepped_ns <= last.ts_ns <= clock.now_ns(), "software stamps do not follow the clock")

    def told_of_a_step(self, start, *args):
        """The parts of the event that tells of one."""
        zmq = pytest.importorskip("zmq", reason="needs python3-zmq")
        clock = SteppableClock(self.folder)
        endpoint = f"ipc://{self.folder}/zmq"
        run = start(*args, "--zmq-publish", endpoint, env=clock.env)
        with zmq.Context() as context, context.socket(zmq.SUB) as subscriber:
            subscriber.setsockopt(zmq.RCVTIMEO, 60000)
            subscriber.setsockopt_string(zmq.SUBSCRIBE, "event.v1.clockstep.")
            subscriber.connect(endpoint)
            wait_until(lambda: run.ask("/braidcap/ledger")["publisher"]["subscriptions"] > 0, "the subscription")
            clock.step(-3600)
            topic, seconds = subscriber.recv_multipart()
        run.stop()
        return topic.decode(), round(float(seconds))

    @func_test
    def an_event_tells_of_a_step(self):
        """Subscribers are told by how much the clock was set."""
        told = self.told_of_a_step(self.start, "-i", "null:idle=yes", "-w", "null:", "--zmq-client", "node-1")
        verify(told == ("event.v1.clockstep.node-1", -3600), told)

    @func_test
    def a_collector_tells_of_a_step(self):
        """It names itself: the clock is its own."""
        told = self.told_of_a_step(self.collect, "-l", f"127.0.0.1:{free_port()}", "--allow", "node=127.0.0.1", "-w",
                                   f"{self.make_folder()}/")
        verify(told == (f"event.v1.clockstep.{socket.gethostname()}", -3600), told)
