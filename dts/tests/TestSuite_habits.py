# SPDX-License-Identifier: BSD-3-Clause
"""What fingers type out of habit, or by mistake: it works, or the answer names what does."""

from framework.packets import frames, timed, write_pcap
from framework.test_suite import TestSuite, func_test, verify


class TestHabits(TestSuite):
    def set_up_test_case(self):
        self.trace = write_pcap(self.folder / "in.pcap", timed(frames(0, 10)))

    def refused(self, *args, words=()):
        """Run braidcap with these arguments, which must be refused in one line with these words."""
        done = self.braidcap(*args, check=False)
        verify(done.returncode == 2 and len(done.stderr.splitlines()) == 1, f"{args}: {done.returncode}, {done.stderr}")
        for word in words:
            verify(word in done.stderr, f"{args}: {word!r} is not in {done.stderr!r}")

    @func_test
    def help_and_version_are_commands(self):
        """`braidcap help`, `braidcap help COMMAND`, `braidcap version`."""
        verify("capture" in self.braidcap("help").stdout, "no list of commands")
        verify(self.braidcap("help", "find").stdout == self.braidcap("find", "--help").stdout, "another help")
        verify(self.braidcap("version").stdout == self.braidcap("--version").stdout, "another version")

    @func_test
    def commands_can_be_cut_short(self):
        """As long as one command alone begins so."""
        verify("complete, 10 packets" in self.braidcap("ver", self.trace).stdout, "not verified")
        self.refused("co", words=["ambiguous", "'co'"])

    @func_test
    def mistakes_are_told_with_what_was_meant(self):
        """In a command, in an option of any command, in a key."""
        self.refused("captrue", words=["did you mean 'capture'?"])
        self.refused("ctl", "rotat", words=["did you mean 'rotate'?"])
        for command, option, meant in (("capture", "--rotat-size", "--rotate-size"), ("find", "--explian", "--explain"),
                                       ("verify", "--s3-regoin", "--s3-region"), ("expire", "--keep-ages", "--keep-age"),
                                       ("recover", "--dryrun", "--dry-run"), ("ctl", "--jsno", "--json")):
            self.refused(command, option, words=[f"'{option}'", f"did you mean '{meant}'?"])
        config = self.folder / "c.yaml"
        config.write_text("sources: [eth0]\noutputs:\n  - dest: /tmp\n    rotate_size: 5\n")
        self.refused("capture", "-C", config, words=["c.yaml:4", "did you mean 'rotate_size_mb'?"])

    @func_test
    def a_wrong_prefix_lists_the_right_ones(self):
        """`ctl --prefix` names the captures that answer."""
        run = self.start("-i", "null:idle=yes", "-w", "null:")
        done = self.braidcap("ctl", "--prefix", "wrong", "info", check=False)
        verify(done.returncode == 1 and run.prefix in done.stderr, done.stderr)
        run.stop()
