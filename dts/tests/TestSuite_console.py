# SPDX-License-Identifier: BSD-3-Clause
"""`braidcap console`: who is let in, what a client can take up, the API and the metrics."""

import json
import shutil
import socket
import ssl
import time
from pathlib import Path

import pytest

from framework.console import Console, write_users
from framework.process import free_port, tool, wait_until
from framework.test_suite import TestSuite, func_test, verify

ROOT = Path(__file__).parents[2]
VIEWER, ANALYST, OPERATOR = "vera-0123456789abcdef", "anna-0123456789abcdef", "olaf-0123456789abcdef"
# Names that would do harm in a page, in a label, or in a path.
HOSTILE = 'x"><img src=x onerror=document.title=1>\\n{}'


class TestConsole(TestSuite):
    def set_up_test_case(self):
        self.out = self.make_folder()

    def console(self, *args, **options):
        return self.stack.enter_context(Console(self.folder, args, **options))

    def capture_null(self, *args, out=None):
        return self.start("-i", "null:rate=2000", "-w", out or self.out, *args)

    def users(self):
        return write_users(self.folder / "users", f"vera viewer token {VIEWER}", f"anna analyst token {ANALYST}",
                           f"olaf operator token {OPERATOR}  # at night")

    def refused(self, *args, words=(), rc=2):
        done = self.braidcap("console", *args, check=False, timeout=60)
        verify(done.returncode == rc and len(done.stderr.splitlines()) == 1, f"{args}: {done.returncode}: {done.stderr}")
        for word in words:
            verify(word in done.stderr, f"{word!r} is not in {done.stderr!r}")

    # ---- the metrics ----

    @func_test
    def metrics_are_well_formed(self):
        """promtool finds nothing to say, whatever an output is called."""
        if not shutil.which("promtool"):
            pytest.skip("needs the program promtool")
        out = self.make_folder(HOSTILE)
        self.capture_null(out=out)
        console = self.console(self.out)
        name = b'\\"><img src=x onerror=document.title=1>\\\\n{}'
        text = wait_until(lambda: b"braidcap_store_bytes{}" in (t := console.ask("/metrics")[2]) and name in t and t, "the store, and the output, escaped")
        done = tool("promtool", "check", "metrics", input=text.decode())
        verify(not done.stdout.strip() and not done.stderr.strip(), done.stdout + done.stderr)

    @func_test
    def metrics_of_uploads(self):
        """Of an output whose store is away: what waits, and since when; promtool finds nothing to say."""
        begun = time.time()
        self.start("-i", "null:rate=2000", "-w", self.out, "-G", "0.3", "--upload", "s3://bucket/x/", "--s3-endpoint", "http://127.0.0.1:9",
                   "--drain-timeout", "0.1", env={"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "hush"})
        console = self.console()

        def found():
            now = {name: next(iter(of.values())) for name, of in console.metrics().items() if "upload" in name and of}
            return now if now.get("braidcap_output_upload_store_down") and now["braidcap_output_upload_waiting_segments"] else None
        now = wait_until(found, "the outage")
        verify(now["braidcap_output_uploaded_segments_total"] == 0 and now["braidcap_output_upload_failed_segments"] == 0, now)
        verify(now["braidcap_output_uploaded_indexes_total"] == 0 == now["braidcap_output_uploaded_index_bytes_total"], now)
        verify(now["braidcap_output_upload_waiting_bytes"] > 0, now)
        verify(begun - 1 < now["braidcap_output_upload_oldest_waiting_timestamp_seconds"] < time.time() + 1, now)
        if shutil.which("promtool"):
            done = tool("promtool", "check", "metrics", input=console.ask("/metrics")[2].decode())
            verify(not done.stdout.strip() and not done.stderr.strip(), done.stdout + done.stderr)

    @func_test
    def metrics_of_retention_and_readers(self):
        """How far back a folder reaches, and who reads by --pcap-over-ip; promtool finds nothing to say."""
        begun, port = time.time(), free_port()
        run = self.capture_null("-G", "0.3", "--keep-number", "2", "--flush-ms", "50", "--pcap-over-ip", port)
        console = self.console()
        of = f'capture="{run.prefix}"'
        wait_until(lambda: run.ask("/braidcap/outputs")[0]["retention"]["removed"], "a removal")
        with socket.create_connection(("127.0.0.1", port)):
            found = wait_until(lambda: (m := console.metrics()).get("braidcap_pcap_over_ip_clients", {}).get(of) and m, "the reader")
        oldest = next(iter(found["braidcap_output_oldest_packet_timestamp_seconds"].values()))
        verify(begun < oldest < time.time(), f"{begun}, {oldest}")
        verify(found["braidcap_pcap_over_ip_connections_total"] == {of: 1}, found["braidcap_pcap_over_ip_connections_total"])
        if shutil.which("promtool"):
            done = tool("promtool", "check", "metrics", input=console.ask("/metrics")[2].decode())
            verify(not done.stdout.strip() and not done.stderr.strip(), done.stdout + done.stderr)

    @func_test
    def metrics_are_the_ledgers(self):
        """What they count lies between what the ledger said before and after."""
        run = self.capture_null()
        run.wait_received(100)
        verify(run.ask("/braidcap/pause")["status"] == "ok", "pause")
        console = self.console()
        wait_until(lambda: run.ask("/braidcap/ledger")["sources"][0]["dropped"].get("paused"), "paused packets")
        before = run.ask("/braidcap/ledger")["sources"][0]
        labels = f'capture="{run.prefix}",source="null:rate=2000",interface="null0",queue="0",n="0"'
        # One that does not answer within a second is left out.
        found = wait_until(lambda: labels in (m := console.metrics()).get("braidcap_source_received_packets_total", ()) and m, "the capture")
        after = run.ask("/braidcap/ledger")["sources"][0]
        received = found["braidcap_source_received_packets_total"][labels]
        verify(before["received"] <= received <= after["received"], f"{before} {received} {after}")
        paused = found["braidcap_source_lost_packets_total"][labels + ',reason="paused"']
        verify(before["dropped"]["paused"] <= paused <= after["dropped"]["paused"], f"{before} {paused} {after}")
        verify(found["braidcap_source_lost_packets_total"][labels + ',reason="link_full"'] == 0, "a loss that may come is not there")
        verify(found["braidcap_capture_paused"] == {f'capture="{run.prefix}"': 1}, found["braidcap_capture_paused"])
        verify(found["braidcap_capture_unaccounted_packets"] == {f'capture="{run.prefix}"': 0}, "unaccounted")

    @func_test
    def a_path_that_is_not_there_is_told(self):
        """In one line; it may come later."""
        console = self.console(self.out, self.folder / "none")
        verify(console.stderr.count("nothing of it is shown") == 1 and f"{self.folder / 'none'}: No such file" in console.stderr, console.stderr)

    @func_test
    def a_capture_that_is_gone_is_down(self):
        """One that was named is listed with 0 while it does not answer."""
        console = self.console("--prefix", "gone")
        verify(console.metrics()["braidcap_capture_up"] == {'capture="gone"': 0}, "up")
        verify(console.get("/api/now")["captures"] == [{"prefix": "gone"}], "now")

    # ---- who is let in ----

    @func_test
    def only_by_our_name(self):
        """A page whose name was made to mean our address is not served; addresses and --host are."""
        console = self.console("--host", "capture.example")
        for host, status in (("evil.example", 421), ("127.0.0.1.evil.example:80", 421), ("", 421), ("localhost.", 421), ("localhost", 200),
                             ("127.0.0.1:1", 200), ("[::1]:7", 200), ("CAPTURE.example", 200)):
            verify(console.ask("/api/now", headers={"Host": host})[0] == status, host)

    @func_test
    def other_sites_get_nothing(self):
        """What another site's page makes a browser ask is refused; a link to the page is followed."""
        console = self.console("--role", "operator")
        for site in ("cross-site", "same-site"):
            verify(console.ask("/api/now", headers={"Sec-Fetch-Site": site})[0] == 403, site)
            verify(console.ask("/", headers={"Sec-Fetch-Site": site})[0] == 200, site)
        _, headers, _ = console.ask("/api/now", headers={"Origin": "http://evil.example"})
        verify(not [h for h in headers if h.lower().startswith("access-control")], headers)

    @func_test
    def tokens_and_roles(self):
        """Nobody without a token, wrong ones never, and each role what it may."""
        console = self.console("--users", self.users())
        for options in ({}, {"token": "wrong-0123456789abcdef"}, {"token": VIEWER[:-1]}, {"token": VIEWER + "x"}, {"token": ""},
                        {"token": VIEWER, "user": "olaf"}, {"token": "x" * 5000}, {"headers": {"Authorization": "Basic !!!"}},
                        {"headers": {"Authorization": "Digest x"}}):
            status, headers, _ = console.ask("/api/now", **options)
            verify(status == 401 and "WWW-Authenticate" in headers, f"{options}: {status}")
        for token, user, role in ((VIEWER, "vera", "viewer"), (ANALYST, None, "analyst"), (OPERATOR, "olaf", "operator")):
            me = console.get("/api/me", token=token, user=user)
            verify(me["role"] == role and (not user or me["user"] == user), me)
        wait_until(lambda: "wrong token" in console.stderr, "a line")
        verify("wrong-0" not in console.stderr, console.stderr)

    @func_test
    def anybody_may_look_if_told_so(self):
        """--role beside --users, for Prometheus; a wrong token is refused all the same."""
        console = self.console("--users", self.users(), "--role", "viewer")
        verify(console.ask("/metrics")[0] == 200, "without a token")
        verify(console.ask("/metrics", token="wrong-0123456789abcdef")[0] == 401, "wrong token")

    @func_test
    def bad_users(self):
        """Files that are refused, in words without their tokens."""
        for lines, word in (([f"vera viewer {VIEWER}"], "line 1"), (["vera viewer token short"], "16"), ([f"vera king token {VIEWER}"], "king"),
                            ([f"v<b> viewer token {VIEWER}"], "line 1"), ([], "no user"),
                            ([f"vera viewer token {VIEWER}"] * 2, "twice"), (["#", "vera viewer certificate x"], "line 2")):
            self.refused("--users", write_users(self.folder / "bad", *lines), words=[word], rc=2)
        path = self.users()
        path.chmod(0o640)
        self.refused("--users", path, words=["chmod 600"])
        self.refused("--users", self.folder / "none", words=["No such file"])

    @func_test
    def not_beyond_this_host(self):
        """Other addresses only with TLS and users."""
        port = free_port()
        self.refused("-l", f"0.0.0.0:{port}", words=["TLS"])
        self.refused("-l", str(port), "--users", self.users(), words=["TLS"])
        tool(ROOT / "scripts" / "test-ca", self.folder / "ca", "localhost")
        pair = ("--tls-cert", self.folder / "ca/localhost.crt", "--tls-key", self.folder / "ca/localhost.key")
        self.refused("-l", f"0.0.0.0:{port}", *pair, words=["--users"])
        self.refused("-l", f"0.0.0.0:{port}", *pair, "--users", self.users(), "--role", "viewer", words=["--role"])
        self.refused("--tls-key", self.folder / "ca/localhost.key", words=["--tls-cert"])
        self.refused("--tls-cert", self.folder / "ca/localhost.crt", "--tls-key", self.folder / "ca/ca.key", "-l",
                     f"127.0.0.1:{port}", words=["pair"])

    def context(self, name=None):
        c = ssl.create_default_context(cafile=self.folder / "ca/ca.crt")
        c.check_hostname = False
        if name:
            c.load_cert_chain(self.folder / f"ca/{name}.crt", self.folder / f"ca/{name}.key")
        return c

    def sign(self, name, common_name, purpose):
        """A certificate of our CA for one purpose."""
        extensions = self.folder / "extensions"
        extensions.write_text(f"basicConstraints = critical,CA:false\nextendedKeyUsage = {purpose}\n")
        stem = self.folder / "ca" / name
        tool("openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={common_name}", "-keyout",
             f"{stem}.key", "-out", f"{stem}.csr")
        tool("openssl", "x509", "-req", "-in", f"{stem}.csr", "-CA", self.folder / "ca/ca.crt", "-CAkey", self.folder / "ca/ca.key",
             "-set_serial", "77", "-days", "1", "-extfile", extensions, "-out", f"{stem}.crt")

    @func_test
    def certificates(self):
        """A client certificate of our CA names its user; another's, or none, is nobody."""
        tool(ROOT / "scripts" / "test-ca", self.folder / "ca", "localhost", "olaf", "nadja")
        users = write_users(self.folder / "users", "olaf operator certificate", f"vera viewer token {VIEWER}")
        console = self.console("--tls-cert", self.folder / "ca/localhost.crt", "--tls-key", self.folder / "ca/localhost.key", "--tls-ca",
                               self.folder / "ca/ca.crt", "--users", users, listen=f"0.0.0.0:{free_port()}", tls=self.context("olaf"))
        console.port = int(console.listen.rpartition(":")[2])
        verify(console.get("/api/me") == {**console.get("/api/me"), "user": "olaf", "role": "operator"}, "olaf")
        console.tls = self.context("nadja")
        verify(console.ask("/api/me")[0] == 401, "nadja")
        console.tls = self.context()
        verify(console.ask("/api/me")[0] == 401, "none")
        verify(console.get("/api/me", token=VIEWER)["user"] == "vera", "a token beside TLS")
        tool("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=olaf", "-keyout", self.folder / "ca/forged.key", "-out",
             self.folder / "ca/forged.crt")
        console.tls = self.context("forged")
        verify(console.ask("/api/me")[0] == 401, "a certificate of another CA")
        self.sign("server", "olaf", "serverAuth")
        console.tls = self.context("server")
        verify(console.ask("/api/me")[0] == 401, "a server's certificate of the same name")

    @func_test
    def unix_socket(self):
        """Only its owner gets at it, and is operator; a dead console's socket is replaced."""
        path = self.folder / "s"
        first = self.console(listen=f"unix:{path}")
        verify(path.stat().st_mode & 0o777 == 0o600, oct(path.stat().st_mode))
        self.refused("-l", f"unix:{path}", words=["in use"], rc=1)
        first.process.kill()
        first.process.wait()
        second = self.console(listen=f"unix:{path}")
        done = tool("curl", "-s", "--unix-socket", path, "http://x/api/me")
        verify(json.loads(done.stdout)["role"] == "operator", done.stdout)
        second.stop()
        verify(not path.exists(), "the socket is left behind")

    # ---- what is asked ----

    @func_test
    def paths_lead_nowhere(self):
        """There is nothing but what is in the table."""
        console = self.console(self.out)
        for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//etc/passwd", "/console.js/../../x", "/api", "/api/",
                     "/./console.js", "/index.html", "/page/console.js", "/" + "a" * 4000, "/\\..\\x"):
            with console.raw() as s:
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
                answer = b""
                while data := s.recv(65536):
                    answer += data
            verify(answer.split()[1] in (b"404", b"400"), f"{path}: {answer[:200]}")

    @func_test
    def nonsense_is_refused(self):
        """Methods, heads and bodies that are none, or too large; it still serves."""
        console = self.console("--role", "operator")
        for request, status in ((b"DELETE /api/now HTTP/1.1\r\nHost: localhost\r\n\r\n", b"405"),
                                (b"POST /api/now HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n", b"405"),
                                (b"GET /api/now HTTP/1.1\r\n\r\n", b"400"),
                                (b"GET /api/now HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 40000 + b"\r\n\r\n", b"431"),
                                (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", None),
                                (b"GET /api/now HTTP/9.9\r\nHost: localhost\r\n\r\n", b"505")):
            with console.raw() as s:
                s.sendall(request)
                answer = s.recv(65536)
            verify(status is None or answer.split()[1] == status, f"{request[:60]}: {answer[:200]}")
        console.get("/api/now")

    @func_test
    def headers_keep_the_page_apart(self):
        """The policy allows what comes from here, and no frame."""
        console = self.console()
        status, headers, body = console.ask("/")
        policy = headers["Content-Security-Policy"]
        verify(status == 200 and "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy, policy)
        verify(b"style=" not in body and b"<script>" not in body, "something stands in the page that the policy forbids")
        etag = headers["ETag"]
        verify(console.ask("/", headers={"If-None-Match": etag})[0] == 304, "it is sent again")

    # ---- what a client can take up ----

    @func_test
    def slow_requests_are_broken_off(self):
        """200 clients that send a byte now and then hold nobody up, and are gone after a while."""
        console = self.console()
        slow = [console.raw() for _ in range(200)]
        try:
            for s in slow:
                s.sendall(b"GET /api/now HTTP/1.1\r\nHost: loc")
            verify(console.ask("/api/now")[0] == 200, "others are not served")
            begin = time.monotonic()
            left = set(slow)
            while left and time.monotonic() - begin < 60:
                for s in list(left):
                    try:
                        s.send(b"x")
                    except OSError:
                        left.remove(s)
                time.sleep(0.3)
            verify(not left, f"{len(left)} are still there")
        finally:
            for s in slow:
                s.close()
        verify(console.ask("/api/now")[0] == 200, "it does not serve any more")

    @func_test
    def two_hundred_watch(self):
        """200 clients get events at once, and the capture is asked once for all; more are refused in words."""
        run = self.capture_null()
        console = self.console()
        watchers = []
        try:
            for _ in range(200):
                s = console.raw()
                watchers.append(s)
                s.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for s in watchers:
                got = b""
                while got.count(b"data: {") < 2:
                    data = s.recv(65536)
                    verify(data, f"a watcher was sent away: {got[:300]}")
                    got += data
            verify(console.ask("/metrics")[0] == 200, "others are not served")
            verify(run.ask("/braidcap/info")["state"] == "running", "the capture does not answer others")
            answers = []
            for _ in range(25):
                s = console.raw()
                watchers.append(s)
                s.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                answers.append(s.recv(12))
            verify(answers == [b"HTTP/1.1 200"] * 24 + [b"HTTP/1.1 503"], answers)
        finally:
            for s in watchers:
                s.close()
        console.stop()

    @func_test
    def ends_in_good_order(self):
        """SIGTERM ends it while clients watch and wait."""
        self.capture_null()
        console = self.console(self.out)
        with console.raw() as watcher, console.raw() as idle:
            watcher.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            watcher.recv(100)
            idle.sendall(b"GET ")
            console.stop()

    @func_test
    def usage(self):
        """What is typed wrong gets one line."""
        self.refused("--no-such-option", words=["--no-such-option"])
        self.refused("-l", "nonsense", words=["--listen"])
        self.refused("-l", "unix:", words=["unix:"])
        self.refused("--role", "king", words=["--role", "king"])
        help_text = self.braidcap("console", "--help").stdout
        verify("--users" in help_text, help_text)
