# SPDX-License-Identifier: BSD-3-Clause
"""The program is killed: what is published is whole, and the rest can be made whole."""

import time

from framework.checks import assert_ordered, published, temporary, verify_segments
from framework.packets import frames, numbers
from framework.process import wait_until
from framework.test_suite import TestSuite, func_test, verify

FLUSH_S = 1  # the default


class TestKill9(TestSuite):
    @func_test
    def published_segments_are_whole(self):
        """Killed in the midst of cutting and writing, it leaves no damaged file under a final name."""
        out = self.make_folder()
        run = self.start("-i", "null:size=1000,full=wait", "-w", out, "-S", "2", "-Z", "none")
        wait_until(lambda: len(published(out)) >= 3, "three segments")
        run.kill()
        before = published(out)
        verify_segments(before)
        self.braidcap("recover", out)
        verify(published(out)[:len(before)] == before, "a published segment is gone")
        verify(temporary(out) == [], f"not recovered: {temporary(out)}")
        verify_segments(published(out))

    @func_test
    def at_most_the_flush_interval_is_gone(self):
        """What came before the last flush interval is all there after recovery, in order and once."""
        out = self.make_folder()
        run = self.start("-i", self.vhost(0), "-i", self.vhost(1), "-w", out, beside_generator=True)
        self.send(frames(0, 30000), 0)
        run.wait_received(30000)
        time.sleep(FLUSH_S + 1.5)
        self.send(frames(1, 30000), 1)
        run.kill()
        verify(published(out) == [], "an unfinished segment has a final name")
        self.braidcap("recover", out)
        got = verify_segments(published(out))
        assert_ordered(got)
        seen = numbers(got)
        verify(seen[0] == list(range(30000)), f"{len(seen[0])} of the first 30000")
        last = seen.get(1, [])
        verify(last == list(range(len(last))), "the last interval has gaps")

    @func_test
    def recovering_twice_changes_nothing(self):
        """A second recovery, and one of a sound folder, leaves all as it is."""
        out = self.make_folder()
        run = self.start("-i", self.vhost(), "-w", out, "-G", "1", beside_generator=True)
        self.send(frames(0, 10000))
        wait_until(lambda: len(published(out)) >= 2, "two segments")
        run.kill()
        self.braidcap("recover", out)
        state = {p: p.read_bytes() for p in out.iterdir()}
        self.braidcap("recover", out)
        verify({p: p.read_bytes() for p in out.iterdir()} == state, "something changed")
