# SPDX-License-Identifier: BSD-3-Clause
"""Private keys: kept in a process apart, which signs with them, whatever kind they are of."""

import os
import re
import signal
import ssl
from pathlib import Path

from framework.checks import assert_lossless, published_of, verify_segments
from framework.console import Console
from framework.osmopcap import Receiver
from framework.packets import T0_NS, frames, numbers, timed, write_pcap
from framework.peer import Peer
from framework.process import free_port, tool, wait_until
from framework.secrets import child_named, has_any, secrets_of
from framework.test_suite import TestSuite, func_test, verify

TEST_CA = Path(__file__).parents[2] / "scripts" / "test-ca"
KINDS = {"ec": (), "rsa": ("--rsa",), "ed25519": ("--ed25519",)}
VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def ten(first):
    return timed(frames(0, 10, first=first), T0_NS + first * 10**6)


class TestKeys(TestSuite):
    def authority(self):
        """Certificates of every kind: for this host, and for client0."""
        ca = self.folder / "ca"
        for kind, option in KINDS.items():
            tool(TEST_CA, ca, *option, f"{kind}=localhost", f"client-{kind}=client0")
        return ca

    def collector(self, ca, kind, *more, own=True):
        self.port, self.out = free_port(), self.make_folder(f"out-{kind}")
        if not own:
            self.out.chmod(0o777)
        return self.collect("-l", f"127.0.0.1:{self.port}", "--allow", "client0=127.0.1.1", "-w", f"{self.out}/", "--tls",
                            "--tls-cert", ca / f"{kind}.crt", "--tls-key", ca / f"{kind}.key", *more)

    def peer(self, ca, version=None, cert=None):
        context = ssl.create_default_context(cafile=ca / "ca.crt")
        if version:
            context.maximum_version = version
        if cert:
            context.load_cert_chain(ca / f"{cert}.crt", ca / f"{cert}.key")
        peer = self.stack.enter_context(Peer(self.port, source="127.0.1.1", tls=context, server_name="localhost"))
        peer.hello()
        return peer

    def stored(self):
        return verify_segments(published_of(self.out, "client0"))

    @func_test
    def collectors_with_every_kind_of_key(self):
        """RSA, P-256 and Ed25519, TLS 1.2 and 1.3, clients with a certificate of each kind."""
        ca = self.authority()
        for kind in KINDS:
            run = self.collector(ca, kind, "--tls-ca", ca / "ca.crt")
            sent = 0
            for version in VERSIONS:
                for cert in KINDS:
                    with self.peer(ca, version, f"client-{cert}") as peer:
                        verify(peer.socket.version() == f"TLSv1.{version - 0x301}", peer.socket.version())
                        peer.packets(ten(sent))
                        sent += 10
                        run.wait_received(sent)
            run.wait_written(sent)
            assert_lossless(run.stop(), sent)
            verify(numbers(self.stored()) == {0: list(range(sent))}, f"{kind}: packets are missing")

    @func_test
    def captures_with_every_kind_of_key(self):
        """A node whose collector wants a certificate: of each kind, TLS 1.2 and 1.3."""
        ca = self.authority()
        trace = write_pcap(self.folder / "in.pcap", timed(frames(0, 100)), nanoseconds=True)
        for kind in KINDS:
            for version in VERSIONS:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(ca / "ec.crt", ca / "ec.key")
                context.load_verify_locations(ca / "ca.crt")
                context.verify_mode = ssl.CERT_REQUIRED
                context.maximum_version = version
                receiver = self.stack.enter_context(Receiver(tls=context))
                run = self.capture("-i", trace, "-w", f"osmo://localhost:{receiver.port},tls", "--tls-ca", ca / "ca.crt",
                                   "--tls-cert", ca / f"client-{kind}.crt", "--tls-key", ca / f"client-{kind}.key")
                receiver.wait_closed()
                verify(run.report["balance"]["written"] == 100, (kind, version, run.report["balance"]))

    @func_test
    def no_key_is_in_the_memory_of_who_parses(self):
        """Looked for after handshakes and a SIGHUP: the collector does not have it, its keyring does. Once it stands beside its certificate."""
        if os.geteuid():
            self.skip("needs root, to read the keyring's memory")
        ca = self.authority()
        for kind in KINDS:
            needles = secrets_of(ca / f"{kind}.key")
            if kind == "rsa":
                both = ca / "both.pem"
                both.write_bytes((ca / "rsa.key").read_bytes() + (ca / "rsa.crt").read_bytes())
                run = self.collector(ca, kind, "--tls-cert", both, "--tls-key", both)
            else:
                run = self.collector(ca, kind)
            for n, version in enumerate(VERSIONS, 1):
                with self.peer(ca, version) as peer:
                    peer.packets(ten(0))
                    run.wait_received(10 * n)
            run.signal(signal.SIGHUP)
            wait_until(lambda: "certificates were read again" in run.stderr, "a line that says so")
            with self.peer(ca) as peer:
                peer.packets(ten(0))
            run.wait_written(30)
            keyring = child_named(run.process.pid, "bc-keyring")
            verify(keyring, "there is no process that keeps the key")
            verify(has_any(keyring, needles), f"{kind}: not even the keyring has the key: the search is blind")
            verify(not has_any(run.process.pid, needles), f"{kind}: the collector has the key in its memory")
            run.stop()

    @func_test
    def a_key_that_only_root_may_read(self):
        """With --user the collector cannot read it, the keyring reads it again at SIGHUP, and the user cannot look into it."""
        if os.geteuid():
            self.skip("needs root, to become another user")
        ca = self.authority()
        self.folder.chmod(0o777)
        for path in ca.glob("*.key"):
            path.chmod(0o600)
        run = self.collector(ca, "ec", "--user", "nobody", own=False)
        with self.peer(ca) as peer:
            peer.packets(ten(0))
            run.wait_received(10)
        tool(TEST_CA, ca, "ec=localhost")
        (ca / "ec.key").chmod(0o600)
        run.signal(signal.SIGHUP)
        wait_until(lambda: "certificates were read again" in run.stderr, "a line that says so")
        with self.peer(ca) as peer:
            peer.packets(ten(10))
            run.wait_received(20)
        keyring = child_named(run.process.pid, "bc-keyring")
        as_nobody = ("setpriv", "--reuid", "nobody", "--clear-groups")
        for path in (ca / "ec.key", f"/proc/{keyring}/mem", f"/proc/{keyring}/environ"):
            verify(tool(*as_nobody, "head", "-c1", path, check=False).returncode, f"{path} can be read by the user")
        status = Path(f"/proc/{keyring}/status").read_text()
        verify("CapEff:\t0000000000000004\n" in status and "Seccomp:\t2\n" in status, status)
        run.wait_written(20)
        run.stop()

    @func_test
    def a_keyring_has_all_the_stack_that_it_may_need(self):
        """What it has is locked, and with more than RLIMIT_MEMLOCK of that a stack cannot grow any more: the process would die of it."""
        run = self.collector(self.authority(), "ec")
        status = Path(f"/proc/{child_named(run.process.pid, 'bc-keyring')}/status").read_text()
        verify(int(re.search(r"VmStk:\s+(\d+) kB", status)[1]) >= 1024, status)
        run.stop()

    @func_test
    def a_keyring_that_is_killed(self):
        """What is connected goes on, and nothing is lost; new connections fail, and lines say why."""
        ca = self.authority()
        run = self.collector(ca, "ec")
        with self.peer(ca) as peer:
            peer.packets(ten(0))
            run.wait_received(10)
            os.kill(child_named(run.process.pid, "bc-keyring"), signal.SIGKILL)
            wait_until(lambda: "the process that keeps the private keys has ended" in run.stderr, "a line that says so")
            try:
                verify(self.peer(ca).closed(), "a handshake without the key")
            except (OSError, ssl.SSLError):
                pass
            wait_until(lambda: run.stderr.count("the process that keeps the private keys has ended") > 1, "why the handshake failed")
            run.signal(signal.SIGHUP)
            wait_until(lambda: "keeping the current certificates" in run.stderr, "what SIGHUP came to")
            peer.packets(ten(10))
            run.wait_received(20)
        run.wait_written(20)
        assert_lossless(run.stop(), 20)
        verify(numbers(self.stored()) == {0: list(range(20))}, "packets are missing")

    def custody_key(self):
        key, public = self.folder / "custody.pem", self.folder / "custody.pub.pem"
        tool("openssl", "genpkey", "-algorithm", "ed25519", "-out", key)
        tool("openssl", "pkey", "-in", key, "-pubout", "-out", public)
        key.chmod(0o600)
        return key, public

    @func_test
    def the_key_of_a_chain_is_kept_as_well(self):
        """Custody's key is the keyring's; without it segments are published and wait for their records."""
        if os.geteuid():
            self.skip("needs root, to read the keyring's memory")
        key, public = self.custody_key()
        out = self.make_folder()
        run = self.start("-i", "null:size=100,rate=10000", "-w", out, "-G", "0.2", "-Z", "none", "--sign", key)

        def custody():
            return run.ask("/braidcap/outputs")[0]["custody"]

        wait_until(lambda: custody()["records"] > 2, "records")
        keyring, needles = child_named(run.process.pid, "bc-keyring"), secrets_of(key)
        verify(has_any(keyring, needles), "not even the keyring has the key: the search is blind")
        verify(not has_any(run.process.pid, needles), "the capture has the key in its memory")
        os.kill(keyring, signal.SIGKILL)
        wait_until(lambda: "segments get no record in the chain of custody" in run.stderr, "a line that says so")
        wait_until(lambda: custody()["waiting"] > 2, "segments without a record")
        run.stop()
        verify(self.braidcap("verify", "--chain", public, out, check=False).returncode == 1, "all have a record")
        self.capture("-i", "null:size=100,count=10", "-w", out, "-Z", "none", "--sign", key)
        self.braidcap("verify", "--chain", public, out)

    @func_test
    def consoles_with_every_kind_of_key(self):
        """TLS 1.2 and 1.3 by GnuTLS: it answers, has no key in its memory, and says so when its keyring is killed."""
        ca = self.authority()
        for kind in KINDS:
            context = ssl.create_default_context(cafile=ca / "ca.crt")
            context.check_hostname = False
            pair = ("--tls-cert", ca / f"{kind}.crt", "--tls-key", ca / f"{kind}.key")
            with Console(self.folder, pair, tls=context) as console:
                for version in VERSIONS:
                    context.maximum_version = version
                    verify(console.get("/api/me")["role"] == "viewer", f"{kind}, {version}")
                keyring, needles = child_named(console.process.pid, "bc-keyring"), secrets_of(ca / f"{kind}.key")
                if os.geteuid() == 0:
                    verify(has_any(keyring, needles), f"{kind}: not even the keyring has the key: the search is blind")
                    verify(not has_any(console.process.pid, needles), f"{kind}: the console has the key in its memory")
                os.kill(keyring, signal.SIGKILL)
                wait_until(lambda: "the process that keeps the private keys has ended" in console.stderr, "a line that says so")
                try:
                    console.get("/api/me")
                    raise AssertionError("a handshake without the key")
                except (OSError, ssl.SSLError):
                    pass
