# SPDX-License-Identifier: BSD-3-Clause
"""
Published segments on object storage, against a real gateway: the same bytes as here, none lost over outages, kills and refusals,
nothing overwritten, nothing removed here that is not there.
"""

import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager

from framework.braidcap import program, sanitizers
from framework.checks import published
from framework.packets import frames, numbers, timed, write_pcap
from framework.peer import Peer
from framework.process import end, free_port, wait_until
from framework.reader import packets
from framework.s3 import other_ca, store
from framework.s3proxy import Cut, Proxy, Refuse, Stall
from framework.test_suite import TestSuite, func_test, verify

PART = 8 << 20
# By hand: as long as one likes.
OUTAGE_SECONDS = float(os.environ.get("OUTAGE_SECONDS", "4"))


def name(n):
    return f"20261129-{n // 60 % 24:02d}{n % 60:02d}00-{n:08d}.pcapng.lz4"


class TestUpload(TestSuite):
    def set_up_test_case(self):
        self.store = store()
        self.admin = self.store.admin
        self.bucket = self.admin.bucket()
        self.out = self.make_folder()

    def segments(self, *sizes, first=0):
        """Files with segments' names; their bytes are nobody's business here."""
        for n, size in enumerate(sizes, first):
            (self.out / name(n)).write_bytes(os.urandom(size))

    def environment(self, **options):
        mine = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return {**mine, **sanitizers(), "HOME": str(self.folder), **self.store.environment(**options)}

    def argv(self, *options):
        return [program(), "upload", "-U", "--node", "node1", *options, str(self.out), f"s3://{self.bucket}/caps/"]

    def upload(self, *options, rc=0, timeout=120, **which):
        done = subprocess.run(self.argv(*options), env=self.environment(**which), capture_output=True, text=True, timeout=timeout,
                              check=False)
        verify(done.returncode == rc, f"{done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def start_upload(self, *options, **which):
        process = subprocess.Popen(self.argv(*options), env=self.environment(**which), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   text=True)
        self.stack.callback(end, process)
        return process

    def begun(self):
        """Is a multipart upload noted in the folder?"""
        log = self.out / ".uploads"
        return log.exists() and any(line[:1] == ">" for line in log.read_text().splitlines())

    def compare(self, prefix="caps/node1/", folder=None):
        """What is there is what is here, byte for byte, and nothing is half there."""
        here = {p.name: p for p in (folder or self.out).iterdir() if not p.name.startswith(".")}
        there = {key.rsplit("/", 1)[1]: key for key in self.admin.objects(self.bucket, prefix)}
        verify(set(here) == set(there), f"here {sorted(here)}\nthere {sorted(there)}")
        for file, key in there.items():
            verify(self.admin.get(self.bucket, key) == here[file].read_bytes(), f"{key} has other bytes")
        verify(self.admin.uploads(self.bucket) == [], "a multipart upload was left behind")

    @func_test
    def test_small_and_large_segments(self):
        self.segments(0, 1, 1000, PART, PART + 1, 3 * PART + 12345)
        done = self.upload("--verbose")
        verify("6 uploaded" in done.stdout, done.stdout)
        self.compare()
        verify(f"caps/node1/2026/11/29/00/{name(1)}" in self.admin.objects(self.bucket), self.admin.objects(self.bucket))

    @func_test
    def test_what_is_there_is_not_sent_again(self):
        self.segments(1000, PART + 5)
        with Proxy(self.store.port) as proxy:
            self.upload(endpoint=proxy.endpoint)
            sent = proxy.count("PUT")
            again = self.upload(endpoint=proxy.endpoint)
            verify(proxy.count("PUT") == sent, proxy.requests)
            verify("nothing is left to upload" in again.stdout, again.stdout)
            # Without the folder's own record the store is asked.
            (self.out / ".uploads").unlink()
            done = self.upload("--verbose", endpoint=proxy.endpoint)
            verify(done.stdout.count("is uploaded already") == 2, done.stdout)
            verify(proxy.count("POST", "uploadId") == 1, proxy.requests)
        self.compare()

    @func_test
    def test_another_object_is_not_overwritten(self):
        self.segments(1000, 1000, PART + 7)
        keys = [f"caps/node1/2026/11/29/00/{name(n)}" for n in range(3)]
        self.admin.put(self.bucket, keys[0], b"other")
        self.admin.put(self.bucket, keys[2], b"other")
        done = self.upload(rc=1)
        verify("2 refused" in done.stdout and "not overwritten" in done.stderr, done)
        verify(self.admin.get(self.bucket, keys[0]) == b"other" and self.admin.get(self.bucket, keys[2]) == b"other", "overwritten")
        verify(self.admin.get(self.bucket, keys[1]) == (self.out / name(1)).read_bytes(), "not uploaded")
        verify(self.admin.uploads(self.bucket) == [], "a multipart upload was left behind")

    @func_test
    def test_killed_in_mid_upload_goes_on(self):
        self.segments(6 * PART + 99)
        stuck = {"partNumber=6"}
        with Proxy(self.store.port, lambda method, path, n: Stall(120) if any(part in path for part in stuck) else None) as proxy:
            process = self.start_upload("--rate", "16", endpoint=proxy.endpoint)
            wait_until(lambda: proxy.count("PUT", "partNumber") >= 4, "parts", 60)
            wait_until(lambda: "ETag" in self.parts(), "a part that is there", 60)
            process.kill()
            process.wait()
            stuck.clear()
            verify(len(self.admin.uploads(self.bucket)) == 1, "no upload was begun")
            before = proxy.count("PUT", "partNumber")
            self.upload("--verbose", endpoint=proxy.endpoint)
            verify(proxy.count("PUT", "partNumber") - before < 7, "all parts were sent again")
            verify(proxy.count("POST", "uploads") == 1, "another upload was begun")
        self.compare()

    def parts(self):
        """The list of parts of the one upload that is under way, as the store tells it."""
        log = (self.out / ".uploads").read_text().splitlines()
        begun = [line.split()[4] for line in log if line.startswith(">")]
        key = f"caps/node1/2026/11/29/00/{name(0)}"
        return self.admin.request("GET", self.bucket, key, query={"uploadId": begun[-1]})[1].decode() if begun else ""

    @func_test
    def test_stopped_in_mid_upload_goes_on(self):
        self.segments(6 * PART)
        process = self.start_upload("--rate", "1")
        wait_until(self.begun, "an upload", 60)
        process.send_signal(signal.SIGTERM)
        verify(process.wait(60) == 1, "it did not end with 1")
        self.upload()
        self.compare()

    @func_test
    def test_frozen_and_thawed(self):
        self.segments(4 * PART)
        process = self.start_upload("--rate", "16")
        wait_until(self.begun, "an upload", 60)
        process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        process.send_signal(signal.SIGCONT)
        verify(process.wait(120) == 0, process.stderr.read())
        self.compare()

    @func_test
    def test_the_gateway_is_killed_and_comes_back(self):
        self.segments(*[PART // 2] * 4, 5 * PART)
        process = self.start_upload("--rate", "16")
        wait_until(self.begun, "an upload", 60)
        self.store.kill_gateway()
        time.sleep(3)
        self.store.start_gateway()
        status, told = process.wait(180), process.stderr.read()
        verify(status == 0, told)
        # Cut off, then refused: each kind of trouble is told once, whatever segments meet it.
        verify(told.count("segments wait") <= 4, told)
        self.compare()

    @func_test
    def test_refusals_that_pass(self):
        self.segments(*[2000] * 20, 3 * PART)
        faults = {0: Refuse(503, "SlowDown"), 2: Refuse(500, "InternalError"), 4: Cut(after=1000), 6: Refuse(429, "", {"Retry-After": "1"})}
        with Proxy(self.store.port, lambda method, path, n: faults.get(n % 8)) as proxy:
            self.upload(endpoint=proxy.endpoint, timeout=240)
        self.compare()

    @func_test
    def test_an_outage_before_the_end_costs_no_part(self):
        """All parts are there, and the store does not say whether an object is: none of them is sent again."""
        self.segments(2 * PART + 5)
        parts, refused = set(), []

        def fault(method, path, _):
            if "partNumber" in path:
                parts.add(path)
            if method == "HEAD" and len(parts) == 3 and len(refused) < 6:
                refused.append(path)
                return Refuse(503, "SlowDown")
            return None

        with Proxy(self.store.port, fault) as proxy:
            self.upload(endpoint=proxy.endpoint)
            verify(len(refused) == 6 and proxy.count("PUT", "partNumber") == 3, proxy.requests)
        self.compare()

    @func_test
    def test_answers_that_are_cut_off(self):
        """The store has done it, and we do not know: it is found to be there, not sent twice under another name, not refused."""
        self.segments(*[2000] * 4, 2 * PART)
        seen = set()

        def first_of_each(method, path, _):
            if method in ("PUT", "POST") and (method, path) not in seen:
                seen.add((method, path))
                return Cut(answer=True)
            return None

        with Proxy(self.store.port, first_of_each) as proxy:
            self.upload(endpoint=proxy.endpoint, timeout=240)
        objects = self.admin.objects(self.bucket)
        verify(len(objects) == 5, objects)
        verify(self.admin.uploads(self.bucket) == [], "a multipart upload was left behind")

    @func_test
    def test_a_store_that_says_nothing_does_not_hold_the_end_up(self):
        self.segments(2000)
        with Proxy(self.store.port, lambda *_: Stall(60)) as proxy:
            process = self.start_upload(endpoint=proxy.endpoint)
            wait_until(lambda: proxy.requests, "a request")
            process.send_signal(signal.SIGTERM)
            verify(process.wait(50) == 1, "it did not end with 1")

    @func_test
    def test_a_changed_body_is_refused_by_the_store(self):
        """What is changed on the way is not what was signed."""
        self.segments(5000)
        with Proxy(self.store.port) as proxy:
            forward = proxy.forward
            proxy.forward = lambda h, body, fault: forward(h, body[:-1] + b"?" if h.command == "PUT" else body, fault)
            self.upload("--wait", "0", endpoint=proxy.endpoint, rc=1)
        verify(self.admin.objects(self.bucket) == {}, self.admin.objects(self.bucket))
        self.upload()
        self.compare()

    @func_test
    def test_wrong_keys_and_wrong_ca_are_told_in_one_line(self):
        self.segments(100)
        user = self.store.user()
        cases = [
            ({"AWS_SECRET_ACCESS_KEY": "hush"}, "the secret key is wrong"),
            ({"AWS_ACCESS_KEY_ID": "nobody"}, "does not know this access key"),
            ({"AWS_ACCESS_KEY_ID": user.key, "AWS_SECRET_ACCESS_KEY": user.secret}, "no right"),
            ({"AWS_ENDPOINT_URL": self.store.tls, "AWS_CA_BUNDLE": str(other_ca(self.folder))}, "certificate"),
            ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "onnect"),
        ]
        for change, words in cases:
            done = subprocess.run(self.argv("--wait", "0"), env={**self.environment(), **change}, capture_output=True, text=True, timeout=120,
                                  check=False)
            verify(done.returncode == 1 and words in done.stderr and len(done.stderr.splitlines()) == 1, done)
            verify("hush" not in done.stdout + done.stderr, "a secret is told")
        for fault, words in [(Refuse(400, "ExpiredToken"), "expired"), (Refuse(403, "RequestTimeTooSkewed"), "clock"),
                             (Refuse(301, "PermanentRedirect", {"x-amz-bucket-region": "eu-west-1"}), "--s3-region eu-west-1")]:
            with Proxy(self.store.port, lambda *_, f=fault: f) as proxy:
                done = self.upload("--wait", "0", endpoint=proxy.endpoint, rc=1)
            verify(words in done.stderr and len(done.stderr.splitlines()) == 1, done)
        self.bucket = "no-such-bucket"
        verify("no such bucket" in self.upload("--wait", "0", rc=1).stderr, "not told")

    @func_test
    def test_a_wrong_region_is_told_in_one_line(self):
        """As AWS answers: with the right region in its words, after HEAD in a header. One line says what to give."""
        wrong = Refuse(400, "AuthorizationHeaderMalformed", {"x-amz-bucket-region": "eu-west-1"}, "<Region>eu-west-1</Region>")
        with Proxy(self.store.port, lambda *_: wrong) as proxy:
            for size in (100, PART + 1):
                self.segments(size)
                done = self.upload("--wait", "0", "--s3-region", "eu-west-9", endpoint=proxy.endpoint, rc=1)
                verify("--s3-region eu-west-1" in done.stderr and len(done.stderr.splitlines()) == 1, done)
            found = self.braidcap("find", "", f"s3://{self.bucket}/", "-w", self.folder / "none.pcap", "--s3-region", "eu-west-9", check=False,
                                  env=self.environment(endpoint=proxy.endpoint))
            verify(found.returncode == 1 and "--s3-region eu-west-1" in found.stderr and len(found.stderr.splitlines()) == 1, found)
        # Ceph's gateway takes any region that is signed for, and cannot say so itself.
        verify("1 uploaded" in self.upload("--s3-region", "eu-west-9").stdout, "refused")

    @func_test
    def test_what_nobody_knows_of_is_gone_on_with_or_aborted(self):
        """Multipart uploads of the very key, whose answers were lost: one is gone on with, the others do not stay, nor do other keys' go."""
        self.segments(2 * PART + 5)
        key = f"caps/node1/2026/11/29/00/{name(0)}"
        for _ in range(3):
            begun = self.admin.request("POST", self.bucket, key, query={"uploads": ""})[1].decode()
        self.admin.request("POST", self.bucket, f"{key}.other", query={"uploads": ""})
        upload = begun.split("<UploadId>")[1].split("</UploadId>")[0]
        self.admin.request("PUT", self.bucket, key, query={"uploadId": upload, "partNumber": "1"}, body=(self.out / name(0)).read_bytes()[:PART])
        with Proxy(self.store.port) as proxy:
            self.upload(endpoint=proxy.endpoint)
            verify(proxy.count("POST", "uploads=") == 0, proxy.requests)
        verify(self.admin.uploads(self.bucket) == [f"{key}.other"], self.admin.uploads(self.bucket))
        verify(self.admin.get(self.bucket, key) == (self.out / name(0)).read_bytes(), "other bytes")

    @func_test
    def test_hostile_answers(self):
        """Endless headers and bodies, redirects, what is no HTTP: one line each, in bounded memory, and nothing counts as uploaded."""
        ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
        answers = [b"\0" * 100, b"HTTP/1.1 200 OK\r\n" + b"X-a: " + b"y" * 2000000, ok + b"X: y\r\n" * 2000000, ok + b"ETag: \"x\"\r\n\r\n",
                   b"HTTP/1.1 500 No\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 5000000,
                   b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + b"x" * 5000000,
                   b"HTTP/1.1 307 Go\r\nLocation: " + self.store.endpoint.encode() + b"/\r\nContent-Length: 0\r\n\r\n",
                   b"HTTP/1.1 403 No\r\nContent-Length: 30\r\n\r\n<!DOCTYPE a><Error></Error>   "]
        self.segments(1000)
        for answer in answers:
            with self.liar(answer) as endpoint:
                done = self.upload("--wait", "0", endpoint=endpoint, rc=1)
            verify(done.stderr and "0 uploaded" in done.stdout, (answer[:60], done))
            (self.out / ".uploads").unlink()

    @contextmanager
    def liar(self, answer):
        """A server that says the same to everybody."""
        server = socket.create_server(("127.0.0.1", 0))

        def talk(line):
            with line:
                line.settimeout(10)
                try:
                    line.recv(65536)
                    line.sendall(answer)
                    while line.recv(65536):
                        pass
                except OSError:
                    pass

        def serve():
            while True:
                try:
                    line = server.accept()[0]
                except OSError:
                    return
                threading.Thread(target=talk, args=(line,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            server.close()

    @func_test
    def test_over_tls(self):
        self.segments(1000, PART + 1)
        self.upload(endpoint=self.store.tls)
        self.compare()

    @func_test
    def test_a_writer_that_may_not_read_or_delete(self):
        self.segments(1000, PART + 1)
        writer = self.store.user()
        self.admin.allow(self.bucket, writer, "s3:PutObject")
        self.upload(user=writer)
        objects = self.admin.objects(self.bucket)
        verify(sorted(objects.values()) == [1000, PART + 1], objects)

    @func_test
    def test_under_object_lock(self):
        self.bucket = self.admin.bucket(lock=True)
        self.segments(1000, PART + 1)
        self.upload()
        self.compare()

    @func_test
    def test_a_key_that_is_taken_away_and_renewed_in_its_file(self):
        self.segments(*[1000] * 5)
        user = self.store.user()
        self.bucket = user.bucket()
        file = self.folder / "keys"

        def write():
            new = self.folder / "keys.new"
            new.write_text(f"[default]\naws_access_key_id = {user.key}\naws_secret_access_key = {user.secret}\n")
            new.rename(file)

        write()
        self.store.remove_key(user)
        environment = {k: v for k, v in self.environment().items() if "KEY" not in k}
        process = subprocess.Popen(self.argv("--s3-credentials", str(file)), env=environment, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True)
        self.stack.callback(end, process)
        time.sleep(2)
        verify(process.poll() is None, "it has given up")
        self.store.new_key(user)
        write()
        verify(process.wait(120) == 0, process.stderr.read())
        verify(len(user.objects(self.bucket)) == 5, "not all are there")

    @func_test
    def test_what_is_uploaded_can_be_removed_here(self):
        self.segments(1000, 1000)
        # Retention asks a file itself whether it is braidcap's.
        trace = write_pcap(self.folder / "t.pcap", timed([bytes(60)] * 1000))
        for file in self.out.iterdir():
            file.unlink()
        self.capture("-i", trace, "-w", f"{self.out}/", "-S", "0.02", "-U")
        everything = {p.name for p in self.out.iterdir()}
        self.braidcap("expire", "--keep-uploaded", "1s", self.out)
        verify({p.name for p in self.out.iterdir()} == everything, "removed without having been uploaded")
        self.upload()
        time.sleep(1.1)
        self.braidcap("expire", "--keep-uploaded", "1s", self.out)
        verify([p.name for p in self.out.iterdir()] == [".uploads"], list(self.out.iterdir()))
        verify(len(self.admin.objects(self.bucket)) == len(everything), "not all are there")

    @func_test
    def test_an_index_beside_a_segment_goes_with_it(self):
        """Brought there behind its segment, made anew it replaces the one that is there, and a segment waits here for its index."""
        trace = write_pcap(self.folder / "t.pcap", timed([bytes(60)] * 1000))
        self.capture("-i", trace, "-w", f"{self.out}/", "-S", "0.02", "-U", "-Z", "gzip")
        count = len(list(self.out.iterdir()))
        self.upload()
        self.braidcap("index", "--time", self.out)
        time.sleep(1.1)
        self.braidcap("expire", "--keep-uploaded", "1s", self.out)
        verify(len(list(self.out.glob("*.gz"))) == count, "removed though their indexes were not uploaded")
        verify(f"and {count} indexes" in self.upload().stdout, "indexes were not uploaded")
        keys = [k for k in self.admin.objects(self.bucket) if k.endswith(".bcidx")]
        before = {k: self.admin.get(self.bucket, k) for k in keys}
        self.braidcap("index", "--anew", self.out)
        self.upload()
        verify(len(keys) == count and all(self.admin.get(self.bucket, k) != before[k] for k in keys), "not those that were made anew")
        # One that is not its segment's is never brought there, and keeps nothing here.
        stale = min(self.out.glob("*.bcidx"))
        stale.write_bytes(max(self.out.glob("*.bcidx")).read_bytes())
        verify("of another file" in self.upload().stderr, "a stale index is not told of")
        time.sleep(1.1)
        self.braidcap("expire", "--keep-uploaded", "1s", self.out)
        verify([p.name for p in self.out.iterdir()] == [".uploads"], list(self.out.iterdir()))

    def make_key(self):
        key = self.folder / "key.txt"
        return key, self.braidcap("keygen", "-w", key).stdout.strip()

    @func_test
    def test_encrypted_segments_are_objects_like_others(self):
        """Of a capture that encrypts: the same bytes, no catalogue, removed here, and read there by whoever has the key."""
        key, recipient = self.make_key()
        place, env = f"s3://{self.bucket}/caps/", self.environment()
        run = self.capture("-i", "null:size=1000,count=2400", "-w", f"{self.out}/", "-S", "0.5", "-U", "--index", "flows", "--encrypt", recipient,
                           "--upload", place, "--upload-node", "node1", env=env)
        told = run.report["outputs"][0]["upload"]
        verify(told["waiting"] == 0 and told["uploaded"] == len(run.report["outputs"][0]["segments"]) > 2, told)
        self.compare(prefix="caps/")
        count = len(list(self.out.glob("*.age")))
        time.sleep(1.1)
        self.braidcap("expire", "--keep-uploaded", "1s", self.out)
        verify([p.name for p in self.out.iterdir()] == [".uploads"], list(self.out.iterdir()))
        found = self.folder / "found.pcapng"
        self.braidcap("find", "--identity", key, "", place, "-w", found, env=env)
        verify(len(packets(found)) == 2400, "other packets")
        refused = self.braidcap("find", "", place, "-w", self.folder / "none.pcapng", env=env, check=False)
        verify(refused.returncode == 1 and refused.stderr.count("it is encrypted") == count, refused.stderr)
        done = self.braidcap("upload", "--catalogue", place, env=env)
        verify("encrypted" not in done.stderr and not [k for k in self.admin.objects(self.bucket) if k.endswith(".catalogue")], done)

    @func_test
    def test_what_is_there_in_clear_is_not_sent_encrypted_too(self):
        """Encrypted after it was uploaded, or while it waits: it is there once. What was encrypted before goes up."""
        _, recipient = self.make_key()
        self.segments(1000, 2000, 3000)
        self.upload()
        self.braidcap("encrypt", "-r", recipient, "--remove", *(self.out / name(n) for n in range(3)))
        self.segments(1000, 1000, first=3)
        self.braidcap("encrypt", "-r", recipient, self.out / name(3))
        self.braidcap("encrypt", "-r", recipient, "--remove", self.out / name(4))
        for _ in range(2):
            self.upload()
        there = sorted(key.rsplit("/", 1)[1] for key in self.admin.objects(self.bucket))
        verify(there == [*(name(n) for n in range(4)), f"{name(4)}.age"], there)

    @func_test
    def test_what_was_begun_for_a_file_that_is_gone_is_aborted(self):
        self.segments(6 * PART)
        process = self.start_upload("--rate", "1")
        wait_until(self.begun, "an upload", 60)
        process.kill()
        process.wait()
        (self.out / name(0)).unlink()
        self.segments(10, first=1)
        self.upload()
        wait_until(lambda: self.admin.uploads(self.bucket) == [], "the upload aborted")

    @func_test
    def test_small_segments_go_side_by_side(self):
        """As many as there are connections, and no more; a large one takes its parts' share."""
        self.segments(*[1000] * 20, 6 * PART)
        busy, changed, enough = [0, 0], threading.Condition(), []
        with Proxy(self.store.port) as proxy:
            forward = proxy.forward

            def count(h, body, fault):
                with changed:
                    busy[0] += h.command == "PUT"
                    busy[1] = max(busy)
                    changed.notify_all()
                    if h.command == "PUT" and not enough:
                        # None is answered before five are side by side.
                        changed.wait_for(lambda: enough or busy[1] > 4, 60)
                        enough.append(True)
                # So that there is something to be side by side with.
                time.sleep(0.1)
                try:
                    forward(h, body, fault)
                finally:
                    with changed:
                        busy[0] -= h.command == "PUT"
            proxy.forward = count
            self.upload("--connections", "6", endpoint=proxy.endpoint)
        verify(4 < busy[1] <= 6, busy)
        self.compare()

    @func_test
    def test_a_rate_is_kept(self):
        self.segments(2 * PART)
        begun = time.monotonic()
        self.upload("--rate", "4")
        took = time.monotonic() - begun
        verify(took > 2 * PART / 4e6 * 0.9, f"{took} s")
        self.compare()

    @func_test
    def test_capture_uploads_what_it_publishes(self):
        trace = write_pcap(self.folder / "t.pcap", timed([bytes([n % 251]) * 800 for n in range(5000)]))
        run = self.capture("-i", trace, "-w", f"{self.out}/", "-S", "0.3", "-U", "--upload", f"s3://{self.bucket}/caps/", "--upload-node",
                           "node1", env=self.environment())
        told = run.report["outputs"][0]["upload"]
        verify(told["waiting"] == 0 and told["uploaded"] == len(run.report["outputs"][0]["segments"]) > 5, told)
        self.compare()
        verify(run.report["balance"]["written"] == 5000, run.report["balance"])
        verify("secret" not in run.stderr, "a secret is told")

    def outage(self, begin, finish, told_down=False):
        """A capture runs through it: no packet is lost, all segments arrive, each once, with all packets in their order."""
        out, sent = self.make_folder("outage"), 0
        run = self.start("-i", self.vhost(), "-w", f"{out}/", "-G", "0.3", "-U", "--upload", f"s3://{self.bucket}/outage/", "--upload-node",
                         "node1", "--drain-timeout", "60", env=self.environment())

        def send():
            nonlocal sent
            self.send(frames(1, 1000, sizes=(64, 700), first=sent)).quit()
            sent += 1000

        def told():
            return run.ask("/braidcap/outputs")[0]["upload"]

        send()
        wait_until(lambda: told()["uploaded"], "a segment uploaded")
        begin()
        over = time.monotonic() + OUTAGE_SECONDS
        while time.monotonic() < over:
            send()
        during = wait_until(lambda: (t := told())["waiting"] > 2 and t["oldest_waiting_ns"] > 0 and (t["down"] or not told_down) and t,
                            "segments waiting")
        finish()
        send()
        wait_until(lambda: not told()["down"] and told()["uploaded"] > during["uploaded"] + during["waiting"], "what waited is there", 120)
        run.process.send_signal(signal.SIGINT)
        run.finish(timeout=120)
        end_of = run.report["outputs"][0]["upload"]
        verify(end_of["waiting"] == end_of["failed"] == end_of["missed"] == 0, end_of)
        balance = run.report["balance"]
        verify(balance["received"] == balance["written"] == sent and balance["dropped"] == 0, balance)
        self.compare("outage/", out)
        verify(end_of["uploaded"] == len(published(out)), f"{end_of}, {len(published(out))} segments")
        verify(numbers(p for path in published(out) for p in packets(path)) == {1: list(range(sent))}, "packets twice, lost, or in another order")

    @func_test
    def test_an_outage_costs_a_capture_nothing_but_space(self):
        """Connections are refused."""
        self.outage(self.store.kill_gateway, self.store.start_gateway, told_down=True)

    @func_test
    def test_a_store_that_freezes_costs_a_capture_nothing(self):
        """Connections are accepted, and nothing comes."""
        self.stack.callback(self.store.thaw_gateway)
        self.outage(self.store.freeze_gateway, self.store.thaw_gateway)

    @func_test
    def test_a_capture_ends_though_the_store_is_down(self):
        trace = write_pcap(self.folder / "t.pcap", timed([bytes(800)] * 500))
        run = self.capture("-i", trace, "-w", f"{self.out}/", "-U", "--upload", f"s3://{self.bucket}/caps/", "--upload-node", "node1",
                           "--s3-endpoint", "http://127.0.0.1:9", "--drain-timeout", "1", env=self.environment())
        verify(run.report["outputs"][0]["upload"]["waiting"] == 1, run.report["outputs"][0])
        self.upload()
        self.compare()

    @func_test
    def test_a_capture_removes_what_is_uploaded(self):
        trace = write_pcap(self.folder / "t.pcap", timed([bytes(800)] * 2000))
        run = self.capture("-i", trace, "-w", f"{self.out}/", "-S", "0.3", "-U", "--upload", f"s3://{self.bucket}/caps/", "--keep-uploaded",
                           "0.001s", env=self.environment())
        verify([p.name for p in self.out.iterdir()] == [".uploads"], list(self.out.iterdir()))
        verify(len(self.admin.objects(self.bucket)) == len(run.report["outputs"][0]["segments"]), "not all are there")
        verify(run.report["outputs"][0]["retention"]["not_uploaded"] == 0, run.report["outputs"][0])

    @func_test
    def test_a_collector_uploads_each_client_under_its_name(self):
        port = free_port()
        for names in ("osmo", "braidcap"):
            out = self.make_folder(names)
            run = self.collect("-l", f"127.0.0.1:{port}", "--allow", "bts1=127.0.1.1", "--allow", "bts2=127.0.1.2", "-w", f"{out}/", "--names",
                               names, "-U", "--upload", f"s3://{self.bucket}/{names}/", env=self.environment())
            for n, client in enumerate(("bts1", "bts2"), 1):
                with Peer(port, source=f"127.0.1.{n}") as peer:
                    peer.hello()
                    peer.packets(timed([bytes([n] * 100)] * 100))
            run.wait_written(200)
            run.stop()
            for client in ("bts1", "bts2"):
                keys = self.admin.objects(self.bucket, f"{names}/{client}/")
                verify(len(keys) == 1, self.admin.objects(self.bucket))
            verify(sum(o["upload"]["waiting"] for o in run.report["outputs"]) == 0, run.report["outputs"])

    @func_test
    def test_settings_from_a_file(self):
        trace = write_pcap(self.folder / "t.pcap", timed([bytes(800)] * 100))
        keys = self.folder / "keys"
        keys.write_text(f"[lab]\naws_access_key_id = {self.admin.key}\naws_secret_access_key = {self.admin.secret}\n")
        config = self.folder / "c.yaml"
        config.write_text(f"""\
s3_endpoint: {self.store.tls}
s3_ca: {self.store.ca}
s3_region: us-east-1
s3_credentials: {keys}
s3_profile: lab
upload_node: lab-1
upload_rate_mb: 100
sources: ["{trace}"]
outputs:
  - dest: {self.out}/
    utc: yes
    upload: s3://{self.bucket}/
    keep_uploaded: 7d
""")
        environment = {k: "" for k in os.environ if k.startswith("AWS_")}
        self.capture("-C", config, env={**environment, "HOME": str(self.folder)})
        self.compare("lab-1/")

    @func_test
    def test_what_makes_no_sense_is_refused(self):
        for args, words in [
            (["-w", self.folder / "x.pcapng", "--upload", "s3://bucket/"], "folder"),
            (["-w", f"{self.out}/", "--upload", "http://bucket/"], "s3://"),
            (["-w", f"{self.out}/", "--upload", "s3://b/"], "bucket"),
            (["-w", f"{self.out}/", "--keep-uploaded", "1d"], "--upload"),
            (["-w", f"{self.out}/", "--s3-region", "x"], "--upload"),
            (["-w", f"{self.out}/", "--upload", "s3://bucket/", "--recompress", "zstd"], "--recompress"),
            (["-w", f"{self.out}/", "--upload", "s3://bucket/", "--upload-node", "a/b"], "--upload-node"),
        ]:
            done = self.braidcap("capture", "-i", "null:", *args, check=False)
            verify(done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1, done)
        done = self.braidcap("upload", self.out, check=False)
        verify(done.returncode == 2 and "s3://BUCKET" in done.stderr, done)
        (self.folder / "shared").write_text("[default]\n")
        for args, words in [
            (["--s3-endpoint", "nonsense"], "nonsense"), (["--s3-endpoint", "http://192.0.2.1"], "--s3-plain"),
            (["--s3-credentials", self.folder / "none"], "No such file"), (["--s3-credentials", self.folder / "shared"], "aws_access_key_id"),
        ]:
            for what in (["--catalogue"], [self.out]):
                done = self.braidcap("upload", *args, *what, "s3://bucket/", check=False)
                verify(done.returncode == 2 and words in done.stderr and len(done.stderr.splitlines()) == 1, done)
        done = self.braidcap("upload", self.folder / "none", "s3://bucket/", check=False, env=self.environment())
        verify(done.returncode == 2 and "No such file" in done.stderr and len(done.stderr.splitlines()) == 1, done)

    @func_test
    def test_two_do_not_upload_from_one_folder(self):
        self.segments(4 * PART)
        self.start_upload("--rate", "2")
        wait_until(lambda: self.admin.uploads(self.bucket), "an upload", 60)
        verify("another braidcap" in self.upload(rc=1).stderr, "not told")
