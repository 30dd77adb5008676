# SPDX-License-Identifier: BSD-3-Clause
"""Time stamps of a chain of custody: asked for, kept, checked; and an authority that is dead, or lies, costs nothing."""

import base64
import json
import re

from framework.checks import assert_lossless, published
from framework.process import free_port, tool, wait_until
from framework.test_suite import TestSuite, func_test, verify
from framework.tsa import Authority


class TestTimestamp(TestSuite):
    def set_up_test_case(self):
        self.key, self.public = self.folder / "key.pem", self.folder / "public.pem"
        tool("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.key)
        tool("openssl", "pkey", "-in", self.key, "-pubout", "-out", self.public)
        self.key.chmod(0o600)
        self.out = self.make_folder()
        self.tsa = self.stack.enter_context(Authority(self.folder / "tsa", free_port()))

    def arguments(self, count=3):
        """Of a capture of so many segments."""
        return ("-i", f"null:size=100,count={count * 2000}", "-w", self.out, "--rotate-packets", "2000", "-Z", "none", "--sign", self.key,
                "--timestamp", self.tsa.url, "--timestamp-seconds", "1")

    def custody(self, run):
        return run.report["outputs"][0]["custody"]

    def check(self, rc, *args, ca=None):
        """What `verify --chain --tsa-ca` says, on stderr and on stdout."""
        done = self.braidcap("verify", "--chain", self.public, "--tsa-ca", ca or self.tsa.ca, *args, self.out, check=False)
        verify(done.returncode == rc, f"exit status {done.returncode}: {done.stdout} {done.stderr}")
        return done.stderr, done.stdout

    @func_test
    def records_are_stamped(self):
        """All of them, at the end; `verify` says by which time what was there; and so does openssl of what was kept."""
        self.tsa.start()
        run = self.capture(*self.arguments())
        sums = self.custody(run)
        verify(sums["stamped"] == sums["records"] == 3 and sums["unstamped"] == sums["stamps_failed"] == 0, f"{sums}")
        first, last = published(self.out)[0].name, published(self.out)[-1].name
        said = self.check(0)[1]
        verify(f"records 0 to {sums['records'] - 1} ({first} to {last}): there by 2" in said or f"record 0 ({first}): there by 2" in said, said)
        verify(all(a != b for a, b in re.findall(r"\((\S+) to (\S+)\)", said)), said)
        verify(said.count("as CN=clock says") == len((self.out / ".chain.stamps").read_text().splitlines()), said)
        ranges = json.loads(self.check(0, "--json")[1])["folders"][0]["stamps"]
        verify(ranges[0]["first"] == first and ranges[-1]["last"] == last and all(r["kind"] == "proven" for r in ranges), f"{ranges}")
        for line in (self.out / ".chain.stamps").read_text().splitlines():
            _, digest, answer = line.split()
            (self.folder / "answer.tsr").write_bytes(base64.b64decode(answer))
            tool("openssl", "ts", "-verify", "-in", self.folder / "answer.tsr", "-digest", digest, "-CAfile", self.tsa.ca)

    @func_test
    def a_dead_authority_costs_nothing(self):
        """The capture ends as ever; `verify` names what has no stamp; the next capture gets one for all."""
        run = self.capture(*self.arguments())
        assert_lossless(run.report, 6000)
        sums = self.custody(run)
        verify(sums["stamped"] == 0 and sums["unstamped"] == sums["records"] and sums["stamps_failed"] >= 1, f"{sums}")
        said, _ = self.check(1)
        verify(f"records 0 to {sums['records'] - 1} (" in said and ": no time stamp" in said, said)
        self.tsa.start()
        sums = self.custody(self.capture(*self.arguments(1)))
        verify(sums["stamped"] == sums["records"] and sums["unstamped"] == 0, f"{sums}")
        self.check(0)

    @func_test
    def it_is_asked_again(self):
        """An authority that comes back stamps what waited; telemetry counts."""
        run = self.start(*self.arguments(1)[2:], "-i", "null:size=100,rate=1000")
        now = lambda: run.ask("/braidcap/outputs")[0]["custody"]  # noqa: E731
        wait_until(lambda: now()["stamps_failed"] and now()["unstamped"], "a request that failed")
        self.tsa.start()
        wait_until(lambda: now()["stamped"], "a stamp")
        said = self.check(0)[1]
        verify("there by 2" in said, said)
        run.stop()

    @func_test
    def what_is_no_answer_is_not_kept(self):
        """An old answer once more, other bytes, none, and more than there may be: counted, and asked again."""
        old = []
        self.tsa.change = lambda answer: old.append(answer) or answer
        self.tsa.start()
        self.capture(*self.arguments(1))
        kept = (self.out / ".chain.stamps").read_text()
        for lie in (old[0], b"no answer", None, bytes(100000)):
            self.tsa.change = lambda _, lie=lie: lie
            sums = self.custody(self.capture(*self.arguments(1)))
            verify(sums["stamps_failed"] >= 1, f"{sums}")
        verify((self.out / ".chain.stamps").read_text() == kept, "something was kept")
        self.tsa.change = lambda answer: answer
        self.capture(*self.arguments(1))
        verify(len((self.out / ".chain.stamps").read_text().splitlines()) > len(kept.splitlines()), "no good answer was kept")
        self.check(0)

    @func_test
    def what_is_wrong_is_named(self):
        """An authority that is not trusted; and a stamp that was altered."""
        self.tsa.start()
        self.capture(*self.arguments(1))
        other = self.stack.enter_context(Authority(self.folder / "other", free_port()))
        said, _ = self.check(1, ca=other.ca)
        verify("time stamp 1: it does not hold" in said and "no time stamp" in said, said)
        stamps = self.out / ".chain.stamps"
        stamps.write_text(stamps.read_text().replace(" ", " 0", 1))
        said, _ = self.check(1)
        verify("time stamp 1: it is damaged" in said, said)

    @func_test
    def what_cannot_be_stamped_is_refused(self):
        """No chain, no URL, a password in it: exit status 2, one line, and nothing is written."""
        for args, word in ((("--timestamp", self.tsa.url), "--sign"), (("--sign", self.key, "--timestamp", "tsa.example"), "HOST"),
                           (("--sign", self.key, "--timestamp", "http://a:b@tsa.example/"), "HOST"),
                           (("--sign", self.key, "--timestamp-seconds", "5"), "--timestamp URL")):
            done = self.braidcap("capture", "-i", "null:count=5", "-w", self.out, *args, check=False)
            verify(done.returncode == 2 and word in done.stderr and done.stderr.count("\n") == 1, f"{done.returncode} {done.stderr}")
        done = self.braidcap("verify", "--tsa-ca", self.tsa.ca, self.out, check=False)
        verify(done.returncode == 2 and "--chain" in done.stderr, done.stderr)
        verify(list(self.out.iterdir()) == [], "something was written")
