# SPDX-License-Identifier: BSD-3-Clause
"""A chain of custody: what was changed, taken away, exchanged or added since segments were published is found."""

import json
import re
import time

from framework.checks import published
from framework.packets import frames, timed
from framework.peer import Peer
from framework.process import free_port, tool, wait_until
from framework.test_suite import TestSuite, func_test, verify


class TestCustody(TestSuite):
    def set_up_test_case(self):
        self.key, self.public = self.make_key("key")
        self.out = self.make_folder()

    def make_key(self, name):
        key, public = self.folder / f"{name}.pem", self.folder / f"{name}.pub.pem"
        tool("openssl", "genpkey", "-algorithm", "ed25519", "-out", key)
        tool("openssl", "pkey", "-in", key, "-pubout", "-out", public)
        key.chmod(0o600)
        return key, public

    def segments(self, count=5):
        """Capture, and sign, so many segments; the paths of all."""
        self.capture("-i", f"null:size=100,count={count * 2000}", "-w", self.out, "--rotate-packets", "2000", "-Z", "none", "--sign", self.key)
        return published(self.out)

    def check(self, rc, public=None):
        """What `verify --chain` says, on stderr and on stdout."""
        done = self.braidcap("verify", "--chain", public or self.public, self.out, check=False)
        verify(done.returncode == rc, f"exit status {done.returncode}: {done.stdout} {done.stderr}")
        return done.stderr, done.stdout

    def whole(self):
        return int(re.search(r"(\d+) segments? as", self.check(0)[1])[1])

    @func_test
    def what_is_untouched_verifies(self):
        """Also after another capture went on with the chain, and what lay there before is in it."""
        self.capture("-i", "null:size=100,count=10", "-w", self.out)
        first = len(self.segments())
        verify(self.whole() == first, self.check(0)[1])
        more = len(self.segments())
        verify(self.whole() == more > first, self.check(0)[1])

    @func_test
    def each_change_is_named(self):
        """A changed byte, a segment taken away, and one that was added."""
        paths = self.segments()
        data = bytearray(paths[1].read_bytes())
        data[200] ^= 1
        paths[1].write_bytes(data)
        paths[2].unlink()
        added = self.out / "20200101-000000-00000000.pcapng"
        added.write_bytes(paths[0].read_bytes())
        said, _ = self.check(1)
        verify(f"{paths[1]}: is not what was recorded" in said, said)
        verify(f"{paths[2]}: is missing" in said, said)
        verify(f"{added}: has no record: added, or recovered" in said, said)
        verify(len(said.splitlines()) == 3, said)
        done = self.braidcap("verify", "--json", "--chain", self.public, self.out, check=False)
        told = {f.get("name"): f["fault"] for f in json.loads(done.stdout)["folders"][0]["faults"]}
        verify(set(told) == {paths[1].name, paths[2].name, added.name}, f"{told}")

    @func_test
    def an_index_leaves_what_is_signed(self):
        """`index` changes no segment of the chain, not even anew: what it makes is beside them."""
        count = len(self.segments())
        self.braidcap("index", "--anew", self.out)
        self.braidcap("index", "--anew", published(self.out)[0])
        verify(self.whole() == count, self.check(0)[1])
        verify(len(list(self.out.glob("*.bcidx"))) == count, f"{list(self.out.iterdir())}")

    @func_test
    def exchanged_segments_are_named(self):
        """Two of them have each other's names."""
        paths = self.segments()
        a, b = paths[0].read_bytes(), paths[1].read_bytes()
        paths[0].write_bytes(b)
        paths[1].write_bytes(a)
        said, _ = self.check(1)
        verify(said.count("is not what was recorded") == 2, said)

    @func_test
    def another_key_did_not_sign(self):
        """The public half of another key finds that."""
        self.segments(2)
        said, _ = self.check(1, self.make_key("other")[1])
        verify("is not signed by this key" in said, said)

    @func_test
    def retention_is_no_fault(self):
        """What `expire` removed is counted apart."""
        paths = self.segments()
        self.braidcap("expire", "--keep-number", "2", self.out)
        verify(f"2 segments as they were, {len(paths) - 2} older ones removed, 0 faults" in self.check(0)[1], self.check(0)[1])

    @func_test
    def kill_9_leaves_nothing_out(self):
        """The next capture records what was published without a record, and the recovered rest."""
        run = self.start("-i", "null:size=1000,full=wait", "-w", self.out, "-S", "2", "-Z", "none", "--sign", self.key)
        wait_until(lambda: len(published(self.out)) >= 5, "five segments")
        run.kill()
        self.braidcap("recover", self.out)
        self.segments(1)
        verify(self.whole() == len(published(self.out)), self.check(0)[1])

    @func_test
    def it_is_checked_beside_the_capture(self):
        """What has no record yet is no fault then; telemetry has the head of the chain."""
        run = self.start("-i", "null:size=100,rate=1000", "-w", self.out, "-G", "0.1", "--sign", self.key)
        wait_until(lambda: run.ask("/braidcap/outputs")[0]["custody"]["records"] >= 2, "two records")
        _, said = self.check(0)
        verify("a capture adds to it" in said, said)
        run.stop()
        heads = [line.split()[-1] for line in self.check(0)[1].splitlines()]
        verify(run.report["outputs"][0]["custody"]["head"] == heads[0], f"{heads}")

    @func_test
    def clients_of_a_collector_share_a_chain(self):
        """The files of both are in it."""
        port = free_port()
        run = self.collect("-l", f"127.0.0.1:{port}", "--allow", "a=127.0.1.1", "--allow", "b=127.0.1.2", "-w", f"{self.out}/",
                           "--sign", self.key)
        for i in range(2):
            with self.stack.enter_context(Peer(port, source=f"127.0.1.{i + 1}")) as peer:
                peer.hello()
                peer.packets(timed(frames(i, 10), time.time_ns()))
        run.wait_written(20)
        run.stop()
        verify(self.whole() == 2, self.check(0)[1])

    @func_test
    def what_cannot_be_signed_is_refused(self):
        """A file, recompression, a key that others may read, no key: exit status 2, one line, and nothing is written."""
        self.key.chmod(0o644)
        for args, word in ((("-w", self.folder / "a.pcapng"), "FOLDER/"), (("-w", self.out, "--recompress", "zstd"), "--recompress"),
                           (("-w", self.out), "chmod 600")):
            done = self.braidcap("capture", "-i", "null:count=5", *args, "--sign", self.key, check=False)
            verify(done.returncode == 2 and word in done.stderr and done.stderr.count("\n") == 1, f"{done.returncode} {done.stderr}")
        verify(list(self.out.iterdir()) == [], "something was written")
