# SPDX-License-Identifier: BSD-3-Clause
"""What fingers type out of habit, or by mistake: it works, or the answer names what does."""

import contextlib
import json
import os
import pty
import re
import shutil
import subprocess
from pathlib import Path

from framework import host
from framework.braidcap import program
from framework.checks import assert_balance, capinfos_counts, published
from framework.packets import frames, timed, write_pcap
from framework.process import environment, tool, unique, wait_until
from framework.test_suite import TestSuite, func_test, verify

ROOT = Path(__file__).parents[2]


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
        self.refused("co", words=["ambiguous", "'co': collect, console"])
        self.refused("-i", "lo", words=["no command before '-i'", "'braidcap capture -i ...'"])

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

    def table(self, program):
        """The options of the program that `braidcap help PROGRAM` explains."""
        return set(re.findall(r"(?<![\w-])(--?[\w#-]+)", "\n".join(line[:38] for line in self.braidcap("help", program).stdout.splitlines()[2:])))

    @func_test
    def every_option_of_tcpdump_and_dumpcap_is_explained(self):
        """In the table, and in the document; each that is not taken is answered with its own program's name."""
        document = (ROOT / "docs" / "tcpdump.md").read_text()
        for program in ("tcpdump", "dumpcap"):
            known = self.table(program)
            verify(len(known) > 20, f"{known}")
            for option in known:
                verify(re.search(rf"(?<![\w-]){option}(?![\w-])", document), f"{option} is not in the document")
        if shutil.which("tcpdump"):
            usage = tool("tcpdump", "--help").stderr + tool("tcpdump", "--help").stdout
            letters = re.search(r"\[-(\S+)\]", usage)[1] + "".join(re.findall(r"\[ -(\w) ", usage))
            missing = {f"-{c}" for c in letters} - self.table("tcpdump")
            verify(not missing, f"{missing}")
        if shutil.which("dumpcap"):
            usage = tool("dumpcap", "--help").stdout
            missing = set(re.findall(r"^  (?:.*, )?(--?[\w-]+)", usage, re.M)) - self.table("dumpcap")
            verify(not missing, f"{missing}")

    @func_test
    def what_means_another_thing_is_answered(self):
        """Letters that we have for something else, and those that mean nothing."""
        for args, answer in ((("-C", "10"), "--rotate-size"), (("-W", "3"), "--keep-number"), (("-z", "gzip"), "--on-segment"),
                             (("-S", "-i", "lo"), "-S"), (("-nnvvX",), "-X"), (("--time-stamp-precision=nano",), "--format")):
            self.refused("capture", *args, words=["tcpdump's", answer])
        self.refused("capture", "-i", "lo", "-w", "x.pcap", "-B", "4096", words=["of MB from 1 to 2047"])

    @func_test
    def a_command_line_of_theirs_works(self):
        """-r, -F, -n, -q, -P; a filter behind the options, which may follow it, too."""
        expression = self.folder / "filter"
        expression.write_text("udp # all of it\nand less 100\n")
        out = self.folder / "out.pcap"
        self.capture("-n", "-q", "-p", "-r", self.trace, "-F", expression, "-P", "-w", out, "--interface", self.trace)
        verify(sum(capinfos_counts([out])) == 20, "not all of both")
        run = self.capture("tcp", "-i", self.trace, "-w", "null:")
        verify(run.report["balance"]["filtered"] == 10, "no filter")

    @func_test
    def files_end_with_packets_and_the_capture_with_files(self):
        """dumpcap's -b packets:, -a files: and -a filesize:, also in one file."""
        out = self.make_folder()
        assert_balance(self.capture("-i", self.trace, "-w", out, "-b", "packets:3").report)
        verify(capinfos_counts(published(out)) == [3, 3, 3, 1], "other segments")
        out = self.make_folder("two")
        run = self.capture("-i", self.trace, "-w", out, "-b", "packets:3", "-a", "files:2")
        verify(capinfos_counts(published(out)) == [3, 3], "other segments")
        assert_balance(run.report)
        trace = write_pcap(self.folder / "long.pcap", timed(frames(0, 100)))
        self.capture("-i", trace, "-w", self.folder / "one.pcap", "-a", "filesize:4")
        verify((self.folder / "one.pcap").stat().st_size in range(3900, 4100), "did not stop there")

    @func_test
    def no_file_without_packets(self):
        """--skip-empty: an idle capture that rotates leaves nothing."""
        out = self.make_folder()
        self.capture("-i", "null:idle=yes", "-w", out, "-G", "0.1", "--skip-empty", "-d", "0.4")
        verify(list(out.iterdir()) == [], "something is there")

    @func_test
    def a_comment_is_in_the_file(self):
        """--comment, as capinfos tells it."""
        self.capture("-i", self.trace, "-w", self.folder / "c.pcapng", "--comment", "the bad switch")
        verify("the bad switch" in tool("capinfos", self.folder / "c.pcapng").stdout, "no comment")

    @func_test
    def a_name_is_what_the_file_is(self):
        """Without a word on compression there is none; what contradicts the name is refused."""
        self.capture("-i", self.trace, "-w", self.folder / "dump")
        verify((self.folder / "dump").read_bytes()[:4] == b"\n\r\r\n", "not pcapng")
        for name, args, word in (("a.pcap", ("--format", "pcapng"), "a.pcapng"), ("a.pcapng", ("-Z", "lz4"), "a.pcapng.lz4"),
                                 ("a.pcap.zip", (), "lz4")):
            self.refused("capture", "-i", self.trace, "-w", self.folder / name, *args, words=[name, word])
            verify(not (self.folder / name).exists(), "it was written")

    @func_test
    def a_configuration_is_checked(self):
        """--check starts nothing, and looks at what is named."""
        out = self.make_folder()
        good = ("capture", "--check", "-i", self.trace, "-w", out)
        verify("good" in self.braidcap(*good).stdout and list(out.iterdir()) == [], "not checked, or more than that")
        self.refused(*good, "-f", "tcp and and", words=["syntax error"])
        self.refused("capture", "--check", "-i", self.trace, "-w", f"{self.folder}/none/", words=["none", "create it"])
        self.refused("capture", "--check", "-r", self.folder / "none", "-w", out, words=["none"])
        self.refused("collect", "--check", "-l", "1", "--allow", "a=127.0.0.1", "-w", f"{self.folder}/none/", words=["none"])

    @func_test
    def packets_of_one_direction(self):
        """direction=in and -Q out, over one interface."""
        near, far = self.stack.enter_context(host.veth())
        run = self.start("-i", f"pcap:{near},direction=in", "-i", f"pcap:{near}", "-Q", "out", "-w", "null:")
        with host.Sender(far) as there, host.Sender(near) as here:
            there.send(frames(1, 5))
            here.send(frames(2, 3))
        run.wait_received(8)
        received = [s["received"] for s in run.stop()["sources"]]
        verify(received == [5, 3], f"{received}")

    @func_test
    def an_interface_is_waited_for(self):
        """--wait-interface: until it appears, or for as long as was said."""
        host.require_root("ip")
        name = unique("bv")
        done = self.braidcap("capture", "-i", f"pcap:{name}", "-w", "null:", "--wait-interface", "0.1", "--no-huge", check=False)
        verify(done.returncode == 1 and name in done.stderr, done.stderr)
        run = self.start("-i", f"pcap:{name}", "-w", "null:", "--wait-interface", "60", capturing=False)
        wait_until(lambda: "waiting for" in run.stderr, "the word that it waits")
        self.stack.callback(tool, "ip", "link", "del", name, check=False)
        tool("ip", "link", "add", name, "up", "type", "veth", "peer", "name", unique("bv"))
        run.wait_capturing()
        run.stop()

    @func_test
    def link_types_are_listed(self):
        """-L, and -y with one of them, or another."""
        host.require_root()
        verify("EN10MB" in self.braidcap("capture", "-L", "-i", "lo").stdout, "no Ethernet")
        self.capture("-i", "lo", "-y", "EN10MB", "-d", "0.1", "-w", "null:")
        self.refused("capture", "-i", "lo", "-y", "PPP", "-w", "null:", "--no-huge", words=["lo", "PPP", "-L"])

    @func_test
    def answers_for_programs(self):
        """--json of plan, verify, recover and expire; verify's sums for people."""
        out = self.make_folder()
        self.capture("-i", self.trace, "-w", out, "-b", "packets:5")
        done = self.braidcap("verify", out)
        verify("2 files: 2 complete, 0 not; 10 packets" in done.stdout and "\033" not in done.stderr, done.stdout)
        (out / "cut.pcap").write_bytes(self.trace.read_bytes()[:-5])
        told = json.loads(self.braidcap("verify", "--json", out, check=False).stdout)
        verify(told["total"] == {"files": 3, "complete": 2, "packets": 19, "backwards": 0, "bytes": told["total"]["bytes"]}, f"{told}")
        verify(["not complete" in f["error"] for f in told["files"] if not f["complete"]] == [True], f"{told}")
        plan = json.loads(self.braidcap("plan", "--json", "-i", self.trace, "-w", out).stdout)
        verify({s["kind"] for c in plan["lcores"] for s in c["stages"]} == {"rx", "merge", "lane"}, f"{plan}")
        (out / "tmp-1-00000009.pcap").write_bytes(self.trace.read_bytes()[:-5])
        told = json.loads(self.braidcap("recover", "--json", out).stdout)
        verify([(f["outcome"], f["packets"]) for f in told["files"]] == [("recovered", 9)], f"{told}")
        told = json.loads(self.braidcap("expire", "--json", "-n", "--keep-number", "1", out).stdout)
        verify(told["dry_run"] and told["folders"][0]["removed"] == len([f for f in told["files"] if f["deed"] == "removed"]) > 0, f"{told}")

    def on_terminal(self, *args, **env):
        """What the command shows on a terminal that is its stderr."""
        master, slave = pty.openpty()
        try:
            subprocess.run([program(), *map(str, args)], stdout=subprocess.DEVNULL, stderr=slave, check=False,
                           env={**environment(self.folder), "TERM": "xterm", **env})
        finally:
            os.close(slave)
        shown = b""
        # EIO ends it: nobody writes to the terminal any more.
        with contextlib.suppress(OSError):
            while data := os.read(master, 65536):
                shown += data
        os.close(master)
        return shown.decode()

    @func_test
    def a_terminal_shows_damage_and_progress(self):
        """Damage is coloured, unless NO_COLOR says no; recompressing tells its share."""
        cut = self.folder / "cut.pcap"
        cut.write_bytes(self.trace.read_bytes()[:-5])
        verify("\033[31m" in self.on_terminal("verify", cut), "no colour")
        verify("\033[31m" not in self.on_terminal("verify", cut, NO_COLOR="1"), "a colour")
        out = self.make_folder()
        self.capture("-i", self.trace, "-w", out)
        shown = self.on_terminal("expire", "--recompress", "zstd", out)
        verify("  0 %, " in shown and "100 %, " in shown, f"{shown!r}")
