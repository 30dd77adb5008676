# SPDX-License-Identifier: BSD-3-Clause
"""The program is killed, or the power cut: what is published is whole, and the rest can be made whole."""

import tempfile
from pathlib import Path

from framework.checks import assert_ordered, published, temporary, verify_segments
from framework.packets import frames, numbers
from framework.process import wait_until
from framework.test_suite import TestSuite, func_test, verify
from framework.volatile_disk import VolatileDisk


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

    def left_by_a_power_cut(self, disk, out):
        """What recovery makes of the files as they would be if the power were cut now: the numbers of each stream's packets."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            left = disk.after_power_cut(out, Path(name))
            self.braidcap("recover", left)
            found = published(left)
            got = verify_segments(found) if found else []
        assert_ordered(got)
        return numbers(got)

    @func_test
    def at_most_the_flush_interval_is_gone(self):
        """Without another packet all is on disk soon, and what comes then takes nothing of it away: in order, and once."""
        disk, out = VolatileDisk(self.folder), self.make_folder()
        run = self.start("-i", self.vhost(0), "-i", self.vhost(1), "-w", out, beside_generator=True, env=disk.env)
        self.send(frames(0, 30000), 0)
        run.wait_received(30000)
        wait_until(lambda: len(self.left_by_a_power_cut(disk, out).get(0, ())) == 30000, "the first 30000 are on disk")
        self.send(frames(1, 30000), 1)
        run.kill()
        verify(published(out) == [], "an unfinished segment has a final name")
        seen = self.left_by_a_power_cut(disk, out)
        verify(seen.get(0) == list(range(30000)), f"{len(seen.get(0, ()))} of the first 30000")
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

    @func_test
    def verify_tells_of_it(self):
        """Segments are whole, and a line says that something beside them was not looked at; not once it was recovered, nor while it is written."""
        out = self.make_folder()
        self.braidcap("capture", "-i", "null:size=1000,count=100", "-w", out)
        run = self.start("-i", "null:size=1000,rate=1000", "-w", out)
        wait_until(lambda: any(p.stat().st_size for p in out.glob("tmp-*")), "a temporary file that is not empty")
        verify("recover" not in self.braidcap("verify", out).stderr, "a running capture's was told")
        run.kill()
        verify(f"braidcap recover {out}" in self.braidcap("verify", out).stderr, "no word of recover")
        self.braidcap("recover", out)
        verify("recover" not in self.braidcap("verify", out).stderr, "what was recovered is still told")

    @func_test
    def the_next_capture_tells_of_it(self):
        """What a killed capture left in an output folder, or of an output file, is told at the next start; a running one's is not."""
        out, file = self.make_folder(), self.folder / "one.pcapng"

        def told(dest, count):
            said = self.braidcap("capture", "-i", "null:size=1000,count=100", "-w", dest).stderr
            verify(said.count("braidcap recover") == count, said)
            return said

        for dest, folder in ((out, out), (file, self.folder)):
            run = self.start("-i", "null:size=1000,rate=1000", "-w", dest)
            wait_until(lambda: any(p.stat().st_size for p in folder.glob("tmp-*")), "a temporary file that is not empty")
            if dest == out:
                told(dest, 0)
            run.kill()
            verify(f"'braidcap recover {folder}'" in told(dest, 1), "not the folder's name")
            self.braidcap("recover", folder)
            file.unlink(missing_ok=True)
            told(dest, 0)
