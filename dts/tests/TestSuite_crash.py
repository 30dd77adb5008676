# SPDX-License-Identifier: BSD-3-Clause
"""What scripts/crash checks after each crash: that it finds what it looks for."""

import functools
import sys
from pathlib import Path

from framework.braidcap import braidcap
from framework.checks import published
from framework.test_suite import TestSuite, func_test, verify

sys.path.append(str(Path(__file__).parents[2] / "tests" / "crash"))
import left  # noqa: E402
import trial  # noqa: E402


class TestCrash(TestSuite):
    def set_up_test_case(self):
        self.key, self.public = trial.make_keys(self.folder)
        self.out = self.make_folder()
        self.capture("-i", "null:payload=text,size=100,count=1000,rate=5000", "-w", f"{self.out}/", "--rotate-packets", "250",
                     "-Z", "none", "--sign", self.key)
        self.paths = published(self.out)
        self.names = {path.name for path in self.paths}

    def faults(self):
        return " ".join(self.check().faults)

    def check(self):
        return left.check(functools.partial(braidcap, folder=self.folder), self.out, self.names)

    @func_test
    def nothing_is_wrong_with_a_whole_folder(self):
        """All its segments are looked at, and its chain."""
        found = self.check()
        left.check_chain(found, functools.partial(braidcap, folder=self.folder), self.out, self.key, self.public)
        verify((found.segments, found.faults) == (len(self.paths), []), f"{found}")

    @func_test
    def a_segment_that_is_gone_is_named(self):
        """So is the gap where its packets were."""
        self.paths[1].unlink()
        said = self.faults()
        verify(f"{self.paths[1].name} was published, and is gone" in said and "where 250 should be" in said, said)

    @func_test
    def a_segment_that_is_cut_off_is_named(self):
        """It is not whole."""
        data = self.paths[-1].read_bytes()
        self.paths[-1].write_bytes(data[:-5])
        verify("is published, and not whole" in self.faults(), self.faults())

    @func_test
    def encrypted_segments_are_looked_into(self):
        """With their key; one in clear is named, and so is one that is cut off."""
        key = self.folder / "identity"
        recipient = self.braidcap("keygen", "-w", key).stdout.strip()
        self.out = self.make_folder("encrypted")
        self.capture("-i", "null:payload=text,size=100,count=1000,rate=5000", "-w", f"{self.out}/", "--rotate-packets", "250",
                     "-Z", "none", "--encrypt", recipient)
        paths = sorted(self.out.glob("*.age"))
        ours = functools.partial(braidcap, folder=self.folder)
        found = left.check(ours, self.out, {path.name for path in paths}, key)
        verify(len(paths) > 3 and (found.segments, found.faults) == (len(paths), []), f"{found}")
        (self.out / self.paths[0].name).write_bytes(self.paths[0].read_bytes())
        paths[-1].write_bytes(paths[-1].read_bytes()[:-5])
        said = " ".join(left.check(ours, self.out, (), key).faults)
        verify(f"{self.paths[0].name} is in clear" in said and f"{paths[-1]} is published, and not whole" in said, said)

    @func_test
    def what_the_chain_says_is_told(self):
        """A byte that was changed."""
        data = bytearray(self.paths[0].read_bytes())
        data[200] ^= 1
        self.paths[0].write_bytes(data)
        found = left.Left()
        left.check_chain(found, functools.partial(braidcap, folder=self.folder), self.out, self.key, self.public)
        verify("is not what was recorded" in " ".join(found.faults), f"{found.faults}")
