# SPDX-License-Identifier: BSD-3-Clause
"""Published segments encrypted for recipients: read again by us and by age, whole or by ranges; what is wrong is named."""

import json
import shutil

import pytest

from framework.checks import published
from framework.process import tool
from framework.secrets import mistyped
from framework.test_suite import TestSuite, func_test, verify


class TestEncrypt(TestSuite):
    def set_up_test_case(self):
        self.out = self.make_folder()
        self.key, self.recipient = self.make_key("key")

    def make_key(self, name):
        path = self.folder / f"{name}.txt"
        recipient = self.braidcap("keygen", "-w", path).stdout.strip()
        verify(recipient.startswith("age1") and path.stat().st_mode & 0o777 == 0o600, f"{recipient} {path.stat()}")
        return path, recipient

    def segments(self, *args):
        """Capture three; their paths and bytes."""
        self.capture("-i", "null:size=1000,count=1200", "-w", self.out, "-S", "0.5", *args)
        return {path: path.read_bytes() for path in published(self.out)}

    def fails(self, *args, rc=1):
        done = self.braidcap(*args, check=False)
        verify(done.returncode == rc, f"exit status {done.returncode}: {done.stdout} {done.stderr}")
        verify(len(done.stderr.splitlines()) == 1, f"not one line: {done.stderr}")
        return done.stderr

    @func_test
    def segments_come_back(self):
        """All of a folder, for two recipients, in place of those in clear; either key gives the exact bytes back."""
        second, recipient = self.make_key("second")
        segments = self.segments()
        self.braidcap("encrypt", "-r", self.recipient, "-r", recipient, "--remove", self.out)
        verify(published(self.out) == [], "something is left in clear")
        for i, (path, data) in enumerate(segments.items()):
            done = self.braidcap("decrypt", "-i", second if i % 2 else self.key, "-w", self.folder / "back", f"{path}.age")
            verify(done.stdout.strip() == str(self.folder / "back"), done.stdout)
            verify((self.folder / "back").read_bytes() == data, f"{path}: other bytes")
            (self.folder / "back").unlink()

    @func_test
    def age_reads_ours_and_we_read_its(self):
        """The format is that of age: each program decrypts what the other encrypted."""
        if not shutil.which("age"):
            pytest.skip("age is not installed")
        path, data = next(iter(self.segments().items()))
        self.braidcap("encrypt", "-r", self.recipient, path)
        verify(tool("age", "-d", "-i", self.key, f"{path}.age", text=False).stdout == data, "other bytes")
        tool("age", "-r", self.recipient, "-o", self.folder / "its.age", path)
        self.braidcap("decrypt", "-i", self.key, self.folder / "its.age")
        verify((self.folder / "its").read_bytes() == data, "other bytes")
        tool("age-keygen", "-o", self.folder / "its.key")
        self.braidcap("encrypt", "-r", tool("age-keygen", "-y", self.folder / "its.key").stdout.strip(), self.key)
        self.braidcap("decrypt", "-i", self.folder / "its.key", "-w", self.folder / "again", f"{self.key}.age")
        verify((self.folder / "again").read_bytes() == self.key.read_bytes(), "other bytes")

    @func_test
    def encrypted_segments_are_searched(self):
        """`find`, `flows` and `verify` with --identity give what they give of those in clear, and read no more than they need."""
        segments = self.segments("--index", "flows")
        clear = self.braidcap("find", "udp", self.out, "-w", "-", text=False).stdout
        flows = self.braidcap("flows", "--format", "json", "", self.out).stdout
        self.braidcap("encrypt", "-r", self.recipient, "--remove", self.out)
        identity = ("--identity", self.key)
        verify(self.braidcap("find", *identity, "udp", self.out, "-w", "-", text=False).stdout == clear, "other packets")
        verify(self.braidcap("flows", *identity, "--format", "json", "", self.out).stdout == flows, "other flows")
        plan = json.loads(self.braidcap("find", *identity, "--explain", "--json", "host 192.0.2.99", self.out).stdout)
        verify(plan["not_the_flows"] == len(segments) and plan["to_read"] == 0, f"their indexes were not used: {plan}")
        done = self.braidcap("verify", *identity, self.out)
        verify(done.stdout.count(": complete,") == len(segments), done.stdout)

    @func_test
    def several_keys_are_tried(self):
        """Segments for one recipient beside those for another: each --identity adds its key, whichever comes last."""
        other, recipient = self.make_key("beside")
        paths = list(self.segments())[:2]
        for path, to in zip(paths, (self.recipient, recipient)):
            self.braidcap("encrypt", "--remove", "-r", to, path)
        keys = ("--identity", other, "--identity", self.key)
        for identity in (keys, keys[2:] + keys[:2]):
            done = self.braidcap("verify", *identity, *[f"{p}.age" for p in paths])
            verify("2 complete" in done.stdout, done.stdout)
            self.braidcap("find", *identity, "--quiet", "udp", *[f"{p}.age" for p in paths], "-w", "null:")

    @func_test
    def without_a_key_nothing_is_read(self):
        """That it is encrypted is said, and what to do; another key does not fit."""
        path = next(iter(self.segments()))
        self.braidcap("encrypt", "-r", self.recipient, "--remove", path)
        verify("--identity" in self.fails("verify", f"{path}.age"), "no word of --identity")
        other, _ = self.make_key("other")
        verify("none of the keys fits" in self.fails("decrypt", "-i", other, f"{path}.age"), "no word of the key")
        verify("none of the keys fits" in self.fails("verify", "--identity", other, f"{path}.age"), "no word of the key")
        done = self.braidcap("find", "", f"{path}.age", "-w", self.folder / "found", check=False)
        verify(done.returncode == 1 and "--identity" in done.stderr, done.stderr)
        verify(not path.exists(), "something was written")

    @func_test
    def damage_is_named(self):
        """A changed byte, exchanged blocks, and a file that is cut off: status 1, a line, and no file; stdout has what is before it."""
        path, data = max(self.segments("-Z", "none").items(), key=lambda s: len(s[1]))
        self.braidcap("encrypt", "-r", self.recipient, "--remove", path)
        sealed = path.with_name(path.name + ".age")
        whole = sealed.read_bytes()
        block, n = 65536 + 16, (len(data) + 65535) // 65536
        begin = len(whole) - len(data) - 16 * n
        verify(n >= 4, f"{len(data)} bytes")

        def refused(changed, words):
            sealed.write_bytes(changed)
            said = self.fails("decrypt", "-i", self.key, sealed)
            verify(words in said, said)
            verify(not path.exists(), "a damaged file has its name")

        at = begin + block + 100
        refused(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:], "block 1 is damaged")
        done = self.braidcap("decrypt", "-i", self.key, "-w", "-", sealed, check=False, text=False)
        verify(done.returncode == 1 and done.stdout == data[:65536], f"{done.returncode}, {len(done.stdout)} bytes")
        first, second = (whole[begin + i * block:begin + (i + 1) * block] for i in (0, 1))
        refused(whole[:begin] + second + first + whole[begin + 2 * block:], "block 1 stands where block 0 belongs")
        refused(whole[:begin + 2 * block], "cut off behind block 1")
        refused(whole[:-1], "cut off")
        refused(whole[:50], "header is cut off")
        refused(whole[:30] + bytes([whole[30] ^ 1]) + whole[31:], "")

    @func_test
    def a_chain_of_custody_stays_whole(self):
        """It is of the bytes in clear: with the key `verify --chain` compares them, without it says that it did not."""
        secret, public = self.folder / "sign.pem", self.folder / "public.pem"
        tool("openssl", "genpkey", "-algorithm", "ed25519", "-out", secret)
        tool("openssl", "pkey", "-in", secret, "-pubout", "-out", public)
        secret.chmod(0o600)
        segments = self.segments("--sign", secret)
        self.braidcap("encrypt", "-r", self.recipient, "--remove", self.out)
        said = self.braidcap("verify", "--chain", public, "--identity", self.key, self.out).stdout
        verify(f"{len(segments)} segments as they were" in said and " 0 faults" in said, said)
        done = self.braidcap("verify", "--chain", public, self.out, check=False)
        verify(done.returncode == 1 and done.stderr.count("is encrypted") == len(segments), done.stderr)

    @func_test
    def an_index_beside_goes_with_its_file(self):
        """It would tell in clear what is encrypted. Segments that are too young stay."""
        path = next(iter(self.segments("--format", "pcap")))
        self.braidcap("index", path)
        index = path.with_name(path.name + ".bcidx")
        verify(index.exists(), "no index")
        self.braidcap("encrypt", "-r", self.recipient, "--remove", "--after", "1h", self.out)
        verify(path.exists() and index.exists(), "a young segment was encrypted")
        self.braidcap("encrypt", "-r", self.recipient, "--remove", path)
        verify(not index.exists() and not path.exists(), "the index is there")

    @func_test
    def what_cannot_be_done_is_refused(self):
        """No recipient, a bad one, a secret as recipient, a key that others may read, a name that is taken."""
        path = next(iter(self.segments()))
        secret = self.key.read_text().splitlines()[-1]
        verify("-r" in self.fails("encrypt", path, rc=2), "no word of -r")
        self.fails("encrypt", "-r", mistyped(self.recipient), path, rc=2)
        self.fails("encrypt", "-r", secret, path, rc=2)
        self.fails("decrypt", f"{path}.age", rc=2)
        self.fails("keygen", "-w", self.key)
        verify("standard output" in self.fails("keygen", "-w", "-", rc=2), "a key went there, or into a file of that name")
        self.braidcap("encrypt", "-r", self.recipient, path)
        verify("there already" in self.fails("encrypt", "-r", self.recipient, path), "it was replaced")
        verify(f"{path}: it is there already" in self.fails("decrypt", "-i", self.key, f"{path}.age"), "it was replaced")
        verify("a folder" in self.fails("decrypt", "-i", self.key, self.out), "no word of the folder")
        self.key.chmod(0o640)
        verify("chmod 600" in self.fails("decrypt", "-i", self.key, "-w", self.folder / "x", f"{path}.age", rc=2), "it was read")
        verify(sorted(p.name for p in self.out.iterdir() if p.name.startswith(".")) == [], "a temporary file is left")
