# SPDX-License-Identifier: BSD-3-Clause
"""What faces the network has no rights to the folder that it stores in: another process keeps it. The unit test `keeper` asks that for what it refuses."""

import os
import signal
import socket
import tempfile
from pathlib import Path

from framework.checks import assert_lossless, published, published_of, temporary, verify_segments
from framework.fault import Fault
from framework.host import tmpfs
from framework.names import Etc, NameServer
from framework.packets import frames, timed
from framework.peer import Peer
from framework.process import free_port, tool, wait_until
from framework.s3 import store
from framework.secrets import child_named, has_any, secrets_of
from framework.test_suite import TestSuite, func_test, verify
from framework.tsa import Authority


class TestKeeper(TestSuite):
    def collector(self, *args, **options):
        """A collector of one node; its folder is self.out."""
        self.port, self.out = free_port(), self.folder / "out"
        self.out.mkdir(exist_ok=True)
        return self.collect("-l", f"127.0.0.1:{self.port}", "--allow", "node=127.0.0.1", "-w", f"{self.out}/", *args, **options)

    def packets(self, n, **options):
        peer = self.stack.enter_context(Peer(self.port, **options))
        peer.hello()
        peer.packets(timed(frames(0, n)))
        return peer

    def child(self, run, name):
        """The process id of one of its processes, or None."""
        return child_named(run.process.pid, name)

    def keeper_of(self, run):
        return self.child(run, "bc-keeper")

    def faulty(self, *args, env=()):
        """A collector with the fault."""
        self.fault = self.stack.enter_context(Fault(self.folder))
        options = {**self.fault.options, "env": {**self.fault.options["env"], **dict(env)}}
        return self.collector(*args, **options)

    def gets_nowhere(self, run, segment, folder=None):
        """The fault gets no further in any thread, neither with the segment nor in a folder."""
        content = segment.read_bytes()
        got = self.fault.tries(run, folder or segment.parent, segment, self.keeper_of(run))
        verify(set(got.values()) == {"Permission denied"} and "thread bc-collect" in got, f"{got}")
        verify(segment.read_bytes() == content, "a published segment has changed")

    def publish(self, run, n, folder=None, there=None):
        """500 packets more, in segment number n, of which so many are in the folder: all."""
        self.packets(500).close()
        run.wait_written(500 * n)
        run.ask("/braidcap/rotate")
        return wait_until(lambda: len(found := published_of(folder or self.out, "node")) >= (there or n) and found, f"{n} segments")[-1]

    @func_test
    def a_fault_in_what_faces_the_network_gets_no_further(self):
        """It neither reads, changes nor removes what is published, nor makes anything."""
        run = self.faulty()
        self.gets_nowhere(run, self.publish(run, 1))
        self.packets(500).close()
        run.wait_received(1000)
        assert_lossless(run.stop(), 1000)
        verify(self.stored(published_of(self.out, "node")) == 1000, "packets are missing")

    def stored(self, paths):
        """How many packets are in them, each of which is whole."""
        return sum(len(verify_segments([p])) for p in paths)

    def removed(self, run, least):
        """How many segments, at the least so many, once only one is left."""
        def but_one():
            output = run.ask("/braidcap/ledger")["outputs"][0]
            removed = output["retention"]["removed"]
            return removed >= least and output["published"] - removed == 1 and (removed,)
        return wait_until(but_one, f"{least} segments removed")[0]

    @func_test
    def another_folder_takes_the_place_of_the_output(self):
        """As a disk that is mounted again: segments go there."""
        run = self.collector()
        self.publish(run, 1)
        self.out.rename(self.folder / "moved")
        self.out.mkdir()
        self.publish(run, 2, there=1)
        assert_lossless(run.stop(), 1000)
        verify(self.stored(published_of(self.out, "node")) == 500, "packets are missing")

    @func_test
    def limits_are_kept_by_another_process(self):
        """Only one segment stays; the collector itself has no rights to it, and goes on without the process that removes others."""
        run = self.faulty("--keep-number", "1")
        for n in range(3):
            self.packets(500).close()
            run.wait_written(500 * (n + 1))
            run.ask("/braidcap/rotate")
            segment = wait_until(lambda: not temporary(self.out) and len(p := published_of(self.out, "node")) == 1 and p[0], "one segment")
            # A client that comes again may begin one segment more.
            removed = self.removed(run, n)
        self.gets_nowhere(run, segment)
        os.kill(self.child(run, "bc-tender"), signal.SIGKILL)
        wait_until(lambda: "has ended: nothing is removed any more" in run.stderr, "a line")
        self.packets(500).close()
        run.wait_written(2000)
        report = run.stop()
        assert_lossless(report, 2000)
        verify(report["outputs"][0]["retention"]["removed"] == removed, f"{report['outputs'][0]['retention']}, not {removed}")
        verify(len(published_of(self.out, "node")) == report["outputs"][0]["published"] - removed > 1, "a segment was removed")

    @func_test
    def segments_are_moved_by_another_process(self):
        """To another disk. The collector has no rights there either; without the process that moves them they stay where they are."""
        with tmpfs(self.make_folder("done"), 64) as done:
            run = self.faulty("--completed", done)
            segment = self.publish(run, 1, done)
            self.gets_nowhere(run, segment)
            self.gets_nowhere(run, segment, self.out)
            os.kill(self.child(run, "bc-tender"), signal.SIGKILL)
            wait_until(lambda: "has ended: nothing is moved any more" in run.stderr, "a line")
            self.packets(500).close()
            run.wait_written(1000)
            report = run.stop()
            assert_lossless(report, 1000)
            left = published_of(self.out, "node")
            verify(report["outputs"][0]["hooks"]["moved"] == 1, f"{report['outputs'][0]}")
            verify(report["outputs"][0]["hooks"]["move_failed"] == len(left) >= 1, f"{report['outputs'][0]}")
            verify(f"cannot move {left[0]}" in run.stderr and "it stays where it is" in run.stderr, run.stderr)
            verify(self.stored([segment, *left]) == 1000, "packets are missing")

    @func_test
    def what_finds_no_room_stays(self):
        """The disk of completed segments is full: they are whole where they were, and the end does not wait."""
        with tmpfs(self.make_folder("done"), 1) as done:
            (done / "other").write_bytes(bytes(1040000))
            run = self.collector("--completed", done, "-Z", "none")
            for n in range(1, 3):
                self.publish(run, n)
            report = run.stop()
            assert_lossless(report, 1000)
            left = published_of(self.out, "node")
            verify(report["outputs"][0]["hooks"]["move_failed"] == len(left) >= 2, f"{report['outputs'][0]}")
            verify([p.name for p in done.iterdir()] == ["other"], "a half copy lies there")
        verify(self.stored(left) == 1000, "packets are missing")

    def key(self):
        tool("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.folder / "key.pem")
        tool("openssl", "pkey", "-in", self.folder / "key.pem", "-pubout", "-out", self.folder / "public.pem")
        (self.folder / "key.pem").chmod(0o600)
        return self.folder / "key.pem"

    def custody(self, run):
        return run.ask("/braidcap/ledger")["outputs"][0]["custody"]

    def verify_chain(self, folder):
        self.braidcap("verify", "--chain", self.folder / "public.pem", folder)

    @func_test
    def segments_are_recorded_by_another_process(self):
        """--sign, where --completed moves them. The collector gets at neither chain nor key; without that process nothing is recorded until the next run."""
        key, done = self.key(), self.make_folder("done")
        run = self.faulty("--sign", key, "--completed", done)
        segment = self.publish(run, 1, done)
        wait_until(lambda: self.custody(run)["records"] == 1, "a record")
        self.gets_nowhere(run, segment)
        self.gets_nowhere(run, done / ".chain")
        needles, tender = secrets_of(key), self.child(run, "bc-tender")
        verify(child_named(run.process.pid, "bc-keyring") is None, "the collector can have things signed")
        verify(has_any(child_named(tender, "bc-keyring"), needles), "nobody has the key")
        verify(not has_any(run.process.pid, needles) and not has_any(tender, needles), "who should not have the key does")
        os.kill(tender, signal.SIGKILL)
        wait_until(lambda: "has ended: nothing is moved or recorded any more" in run.stderr, "a line")
        self.packets(500).close()
        run.wait_written(1000)
        verify(run.stop()["outputs"][0]["custody"]["records"] == 1, "not what was heard last")
        run = self.collector("--sign", key)
        run.stop()
        for folder in (self.out, done):
            self.verify_chain(folder)

    @func_test
    def all_is_recorded_before_the_end(self):
        """Those of clients that were added while it runs, too; what is killed before that, its next run records."""
        settings, key = self.folder / "collect.yaml", self.key()
        self.port, self.out = free_port(), self.make_folder("out")

        def allow(*clients):
            settings.write_text(f"listen:\n  - 127.0.0.1:{self.port}\nallow:\n" + "".join(f"  - {c}\n" for c in clients)
                                + f"sign: {key}\nrotate_on_hup: yes\nnames: braidcap\noutputs:\n  - dest: {self.out}/\n")

        allow("first=127.0.1.1")
        run = self.collect("-C", settings)
        allow("first=127.0.1.1", "second=127.0.1.2")
        run.signal(signal.SIGHUP)
        wait_until(lambda: "was read again: 1 client is new" in run.stderr, "a new client")
        for i in (1, 2):
            self.packets(500, source=f"127.0.1.{i}").close()
        run.wait_written(1000)
        for client, output in zip(("first", "second"), run.stop()["outputs"]):
            verify(output["custody"]["records"] == 1 and output["custody"]["waiting"] == 0, f"{output}")
            self.verify_chain(self.out / client)

    @func_test
    def without_the_key_nothing_is_recorded(self):
        """Who keeps it is killed: a line says so, and the next run records what is missing."""
        key = self.key()
        run = self.collector("--sign", key)
        os.kill(child_named(self.child(run, "bc-tender"), "bc-keyring"), signal.SIGKILL)
        wait_until(lambda: "keeps the private keys has ended" in run.stderr and "get no record" in run.stderr, "a line")
        self.publish(run, 1)
        wait_until(lambda: self.custody(run)["waiting"] == 1, "a segment without a record")
        assert_lossless(run.stop(), 500)
        verify("the next capture with --sign makes it" in run.stderr, run.stderr)
        self.collector("--sign", key).stop()
        self.verify_chain(self.out)

    @func_test
    def another_user_signs_and_moves(self):
        """With --user: only root may read the key, and segments are that user's where they stay."""
        if os.geteuid():
            self.skip("needs root, to become another user")
        key, done = self.key(), self.make_folder("done")
        (self.folder / "out").mkdir()
        for path in (self.folder, done, self.folder / "out"):
            path.chmod(0o777)
        run = self.collector("--sign", key, "--completed", done, "--user", "nobody")
        segment = self.publish(run, 1, done)
        report = run.stop()
        verify(segment.owner() == (done / ".chain").owner() == "nobody", f"{segment.owner()}")
        verify(report["outputs"][0]["custody"]["records"] == report["outputs"][0]["hooks"]["moved"] >= 1, f"{report['outputs'][0]}")
        self.verify_chain(done)

    @func_test
    def stamps_are_asked_for_by_another_process(self):
        """--timestamp: the process that asks the authority has the folder and no key, the collector neither."""
        tsa = self.stack.enter_context(Authority(self.folder / "tsa", free_port())).start()
        key = self.key()
        run = self.faulty("--sign", key, "--timestamp", tsa.url)
        segment = self.publish(run, 1)
        self.gets_nowhere(run, segment)
        self.gets_nowhere(run, self.out / ".chain")
        report = run.stop()
        verify(report["outputs"][0]["custody"]["stamped"] == report["outputs"][0]["custody"]["records"] == 1, f"{report['outputs'][0]}")
        self.braidcap("verify", "--chain", self.folder / "public.pem", "--tsa-ca", tsa.ca, self.out)

    def uploads(self, run):
        return run.ask("/braidcap/ledger")["outputs"][0]["upload"]

    @func_test
    def uploads_are_by_another_process(self):
        """The key to the store is not in the collector's memory; a store that is down holds nothing up, and without that process nothing is uploaded."""
        secret = b"dGhlIHNlY3JldCBrZXkgdG8gdGhlIHN0b3Jl"
        run = self.faulty("--upload", "s3://bucket/site/", "--keep-number", "9", "--s3-endpoint", "http://127.0.0.1:9", "--drain-timeout", "1",
                          env={"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": secret.decode()})
        segment = self.publish(run, 1)
        wait_until(lambda: (u := self.uploads(run))["down"] and u["waiting"] >= 1, "an outage")
        self.gets_nowhere(run, segment)
        self.gets_nowhere(run, self.out / ".uploads")
        tender = self.child(run, "bc-tender-net")
        verify(has_any(tender, [secret]), "nobody has the key: the search is blind")
        for pid in (run.process.pid, self.keeper_of(run), self.child(run, "bc-tender")):
            verify(not has_any(pid, [secret]), f"the key is in the memory of {Path(f'/proc/{pid}/comm').read_text()}")
        verify(secret not in Path(f"/proc/{run.process.pid}/environ").read_bytes(), "the collector has the key in its environment")
        os.kill(tender, signal.SIGKILL)
        wait_until(lambda: "has ended: nothing is uploaded any more" in run.stderr, "a line")
        self.packets(500).close()
        run.wait_written(1000)
        report = run.stop()
        assert_lossless(report, 1000)
        verify(report["outputs"][0]["upload"]["waiting"] >= 1, f"not what was heard last: {report['outputs'][0]}")

    @func_test
    def uploads_go_on_when_another_name_server_has_to_be_asked(self):
        """The link /etc/resolv.conf leads to a new file by then, as when a machine gets its network late."""
        etc, server = Etc(self.folder), NameServer()
        etc.name_server("127.255.0.53")
        listener = self.stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        listener.settimeout(60)
        run = self.collector("--upload", "s3://bucket/", "--s3-endpoint", f"http://store.test:{listener.getsockname()[1]}", "--s3-plain",
                             "--drain-timeout", "1", etc=etc.path, env={"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "key"})
        self.publish(run, 1)
        wait_until(lambda: "resolve host" in run.stderr, "a line")
        etc.name_server(server.address)
        listener.accept()[0].close()
        run.stop()

    @func_test
    def all_is_uploaded_before_the_end(self):
        """To a store that works, from where --completed moves it, with a chain of custody; what an earlier run left there, too."""
        s3 = store()
        bucket, key, done = s3.admin.bucket(), self.key(), self.make_folder("done")
        args = ("--upload", f"s3://{bucket}/site/", "--completed", done, "--sign", key, "-U")
        run = self.collector(*args, "--s3-endpoint", "http://127.0.0.1:9", "--drain-timeout", "1", env=s3.environment())
        self.publish(run, 1, done)
        run.stop()
        run = self.collector(*args, env=s3.environment())
        self.packets(500).close()
        run.wait_written(500)
        output = run.stop()["outputs"][0]
        here = [p for p in done.iterdir() if not p.name.startswith(".")]
        verify(output["upload"]["waiting"] == output["upload"]["missed"] == 0 and output["custody"]["waiting"] == 0, f"{output}")
        there = {name.rsplit("/", 1)[1]: s3.admin.get(bucket, name) for name in s3.admin.objects(bucket) if name.startswith("site/node/")}
        verify({p.name: p.read_bytes() for p in here}.items() <= there.items() and len(here) >= 2, f"{here}, {list(there)}")
        self.verify_chain(done)

    @func_test
    def settings_that_are_a_link_are_read_again(self):
        """Also once another file has taken the place of the one that it leads to."""
        place = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="bc-dts-")))
        out, settings = self.make_folder(), self.folder / "collect.yaml"
        settings.symlink_to(place / "settings.yaml")
        self.port = free_port()

        def allow(*clients):
            new = place / "new.yaml"
            new.write_text(f"listen:\n  - 127.0.0.1:{self.port}\nallow:\n" + "".join(f"  - {c}\n" for c in clients)
                           + f"rotate_on_hup: yes\noutputs:\n  - dest: {out}/\n")
            new.replace(place / "settings.yaml")

        allow("first=127.0.1.1")
        run = self.collect("-C", settings)
        allow("first=127.0.1.1", "second=127.0.1.2")
        run.signal(signal.SIGHUP)
        wait_until(lambda: "keeping the current clients" in run.stderr or "was read again" in run.stderr, "a line")
        run.stop()
        verify("was read again: 1 client is new" in run.stderr, run.stderr)

    @func_test
    def all_is_moved_before_the_end(self):
        """Of clients that were added while it runs, too, each into a folder of its own; the report says where."""
        settings, out, done = self.folder / "collect.yaml", self.make_folder(), self.make_folder("done")
        self.port = free_port()

        def allow(*clients):
            settings.write_text(f"listen:\n  - 127.0.0.1:{self.port}\nallow:\n" + "".join(f"  - {c}\n" for c in clients)
                                + f"rotate_on_hup: yes\nnames: braidcap\noutputs:\n  - dest: {out}/\n    completed: {done}\n")

        allow("first=127.0.1.1")
        run = self.collect("-C", settings)
        allow("first=127.0.1.1", "second=127.0.1.2")
        run.signal(signal.SIGHUP)
        wait_until(lambda: "was read again: 1 client is new" in run.stderr, "a new client")
        for i in (1, 2):
            self.packets(500, source=f"127.0.1.{i}").close()
        run.wait_written(1000)
        report = run.stop()
        assert_lossless(report, 1000)
        for client, output in zip(("first", "second"), report["outputs"]):
            (segment,) = published(done / client)
            verify([s["path"] for s in output["segments"]] == [str(segment)] and output["hooks"]["moved"] == 1, f"{output}")
            verify(len(verify_segments([segment])) == 500 and published(out / client) == [], f"{client}: packets are missing")

    @func_test
    def another_process_reads_who_may_send(self):
        """The file is replaced beside the output, where the collector may read nothing. Without the other process all stay who are there."""
        settings, out = self.folder / "collect.yaml", self.make_folder()

        def allow(*clients):
            new = self.folder / "new.yaml"
            new.write_text(f"listen:\n  - 127.0.0.1:{port}\nallow:\n" + "".join(f"  - {c}\n" for c in clients)
                           + f"rotate_on_hup: yes\noutputs:\n  - dest: {out}/\n")
            new.rename(settings)

        port = free_port()
        allow("first=127.0.1.1")
        run = self.collect("-C", settings)
        allow("first=127.0.1.1", "second=127.0.1.2")
        run.signal(signal.SIGHUP)
        wait_until(lambda: "was read again: 1 client is new" in run.stderr, "a new client")
        os.kill(self.child(run, "bc-reader"), signal.SIGKILL)
        run.signal(signal.SIGHUP)
        wait_until(lambda: "the process that reads it has ended: keeping the current clients" in run.stderr, "a refusal")
        run.stop()

    @func_test
    def a_collector_ends_without_its_keeper(self):
        """It is killed: the collector says so and ends with 1; what is written is not lost, and what is not is counted."""
        run = self.collector()
        peer = self.packets(1000)
        run.wait_written(1000)
        os.kill(self.keeper_of(run), signal.SIGKILL)
        run.finish(rc=1)
        peer.close()
        verify("has ended: no segment can be made or named any more" in run.stderr, run.stderr)
        verify("1000 received = 1000 written" in run.stderr, run.stderr)
        (left,) = temporary(self.out)
        self.braidcap("recover", left)
        verify(len(verify_segments(published_of(self.out, "node"))) == 1000, "packets are missing")

    @func_test
    def a_keeper_ends_with_its_collector(self):
        """The collector is killed: nothing stays, and the next one goes on in the same folder."""
        run = self.collector()
        self.packets(1000)
        run.wait_written(1000)
        keeper = Path(f"/proc/{self.keeper_of(run)}")
        # Standard error and its socket, and of the folder its place.
        wait_until(lambda: {p.name for p in (keeper / "fd").iterdir()} == {"0", "1", "2", "3", "4"}, "it has nothing else")
        run.process.kill()
        run.process.wait()
        wait_until(lambda: not keeper.exists() or "State:\tZ" in (keeper / "status").read_text(), "its end")
        (left,) = temporary(self.out)
        self.braidcap("recover", left)
        verify(len(verify_segments(published_of(self.out, "node"))) == 1000, "packets are missing")
        run = self.collector()
        self.packets(1000).close()
        run.wait_written(1000)
        assert_lossless(run.stop(), 1000)
