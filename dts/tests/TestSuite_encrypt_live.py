# SPDX-License-Identifier: BSD-3-Clause
"""Segments that are encrypted while they are captured: age reads them, nothing is on the disk in clear, a crash takes no more than it may."""

import json
import shutil
import struct
import tempfile
from pathlib import Path

import pytest

from framework import host
from framework.checks import assert_balance, assert_ordered, losses, verify_segments
from framework.packets import T0_NS, frames, numbers, timed, write_pcap
from framework.peer import Node
from framework.process import free_port, tool, wait_until
from framework.secrets import mistyped
from framework.test_suite import TestSuite, func_test, verify
from framework.volatile_disk import VolatileDisk

CODECS = ("lz4", "zstd", "none")
BLOCK, TAG = 65536, 16      # of age


def whole_blocks(pcapng):
    """The length of the blocks that are there to their ends."""
    at = 0
    while at + 8 <= len(pcapng) and at + struct.unpack_from("<I", pcapng, at + 4)[0] <= len(pcapng):
        at += struct.unpack_from("<I", pcapng, at + 4)[0]
    return at


class TestEncryptLive(TestSuite):
    def set_up_test_case(self):
        self.out = self.make_folder()
        self.key, self.recipient = self.make_key("key")
        self.identity = ("--identity", self.key)

    def make_key(self, name):
        path = self.folder / f"{name}.txt"
        return path, self.braidcap("keygen", "-w", path).stdout.strip()

    def fails(self, *args, rc=2):
        done = self.braidcap(*args, check=False)
        verify(done.returncode == rc, f"exit status {done.returncode}: {done.stdout} {done.stderr}")
        verify(len(done.stderr.splitlines()) == 1, f"not one line: {done.stderr}")
        return done.stderr

    def encrypted(self, folder):
        """What is published; all of it is encrypted."""
        found = sorted(p for p in folder.iterdir() if not p.name.startswith((".", "tmp-")))
        verify(all(p.suffix == ".age" for p in found), f"not encrypted: {found}")
        return found

    def in_clear(self, paths, program=None):
        """The same decrypted, in another folder."""
        clear = Path(self.stack.enter_context(tempfile.TemporaryDirectory(dir=self.folder)))
        for path in paths:
            if program == "age":
                tool("age", "-d", "-i", self.key, "-o", clear / path.stem, path)
            else:
                self.braidcap("decrypt", "-i", self.key, "-w", clear / path.stem, path)
        return sorted(clear.iterdir())

    @func_test
    def age_reads_what_was_captured(self):
        """With every compression, rotated: the packets are all there, for Wireshark too; either of two recipients reads them."""
        if not shutil.which("age"):
            pytest.skip("age is not installed")
        _, second = self.make_key("second")
        for codec in CODECS:
            out = self.make_folder(codec)
            run = self.capture("-i", "null:size=1000,count=2400", "-w", out, "-S", "0.5", "-Z", codec, "--encrypt", second, "--encrypt", self.recipient)
            paths = self.encrypted(out)
            verify(len(paths) >= 3, f"{codec}: {paths}")
            verify(len(verify_segments(self.in_clear(paths, "age"))) == 2400, f"{codec}: packets are missing")
            verify(len(verify_segments(self.in_clear(paths))) == 2400, f"{codec}: packets are missing")
            told = {Path(s["path"]).name: s["bytes"] for s in run.report["outputs"][0]["segments"]}
            verify(told == {p.name: p.stat().st_size for p in paths}, f"{codec}: other sizes than the report's: {told}")
            seen = run.report["outputs"][0]["encrypted"]
            verify(seen["recipients"] == 2 and 0 < seen["padding"] < sum(told.values()), f"{codec}: {seen}")

    @func_test
    def it_is_as_without_encryption(self):
        """Decrypted it is what the same capture writes in clear, but for padding: found by its index, verified, and as many packets."""
        clear = self.make_folder("clear")
        source = ("-i", "null:size=1000,count=1200", "--index", "flows")
        self.capture(*source, "-w", clear)
        self.capture(*source, "-w", self.out, "--encrypt", self.recipient)
        plan = json.loads(self.braidcap("find", *self.identity, "--explain", "--json", "host 192.0.2.99", self.out).stdout)
        verify(plan["not_the_flows"] == 1 and plan["to_read"] == 0, f"its index was not used: {plan}")
        flows = [[json.loads(line)["packets"] for line in self.braidcap("flows", *i, "--format", "json", "", d).stdout.splitlines()]
                 for i, d in (((), clear), (self.identity, self.out))]
        verify(flows[0] == flows[1] == [1200], f"{flows}")
        verify(": complete, 1200 packets" in self.braidcap("verify", *self.identity, self.out).stdout, "not complete")

    @func_test
    def nothing_is_on_the_disk_in_clear(self):
        """Neither the packets nor the interface's name, in no file of the folder, also when it was killed."""
        trace, words = self.folder / "secret-trace.pcap", b"words that nobody may read"
        write_pcap(trace, timed([f + words for f in frames(0, 3000)]))
        run = self.start("-i", trace, "-i", "null:rate=1000", "-w", self.out, "-Z", "none", "-S", "0.1", "--flush-ms", "50",
                         "--encrypt", self.recipient)
        wait_until(lambda: len(self.encrypted(self.out)) >= 2, "two segments")
        run.wait_written(3000)
        run.kill()
        for path in self.out.iterdir():
            data = path.read_bytes()
            verify(words not in data and b"secret-trace" not in data, f"{path} has it in clear")
        verify(any(words in p.read_bytes() for p in self.in_clear(self.encrypted(self.out))), "the words were not captured")

    @func_test
    def what_was_flushed_survives_kill_9(self):
        """A leftover has all that counted as written; with the key it is made whole, for the same recipients. Without it, a line says so."""
        other, second = self.make_key("other")
        for codec in CODECS:
            out = self.make_folder(codec)
            run = self.start("-i", "null:rate=20000,size=500", "-w", out, "-Z", codec, "--flush-ms", "50", "--encrypt", self.recipient,
                             "--encrypt", second)
            run.wait_written(5000)
            written = run.ask("/braidcap/ledger")["balance"]["written"]
            run.kill()
            before = {p: p.read_bytes() for p in out.iterdir() if p.stat().st_size}
            done = self.braidcap("recover", out, check=False)
            verify(done.returncode == 1 and len(done.stderr.splitlines()) == 1 and "--identity" in done.stderr, done.stderr)
            verify({p: p.read_bytes() for p in out.iterdir()} == before, "without the key something changed")
            left = max(before, key=lambda p: len(before[p]))
            found = self.braidcap("find", *self.identity, "", left, "-w", self.folder / f"{codec}.pcapng", check=False)
            verify("found in 1 segment" in found.stderr, found.stderr)
            self.braidcap("recover", "--identity", other, out)
            verify([p for p in out.iterdir() if p.name.startswith("tmp-")] == [], "a leftover is there")
            got = verify_segments(self.in_clear(self.encrypted(out)))
            verify(len(got) >= written, f"{codec}: {len(got)} of {written}")
            verify(len(verify_segments([self.folder / f"{codec}.pcapng"])) >= written, f"{codec}: not found")

    @func_test
    def what_is_torn_off_is_counted(self):
        """A leftover that ends within a block loses what is there of it, and of the packet before; one that ends with a block no more than that."""
        run = self.start("-i", "null:rate=20000,size=500", "-w", self.out, "-Z", "none", "--encrypt", self.recipient)
        run.wait_written(1000)
        run.kill()
        left = next(p for p in self.out.iterdir() if p.stat().st_size)
        data = left.read_bytes()
        begin = data.index(b"\n", data.index(b"\n--- ") + 1) + 1 + 16
        for torn in (0, 100):
            left.write_bytes(data[:begin + BLOCK + TAG + torn])
            said = json.loads(self.braidcap("recover", "-n", "--json", *self.identity, self.out).stdout)
            file = next(f for f in said["files"] if f["path"] == str(left))
            clear = self.braidcap("decrypt", "-i", self.key, "-w", "-", left, check=False, text=False).stdout
            verify(file["lost_bytes"] == BLOCK - whole_blocks(clear) + torn, file)

    def left_by_a_power_cut(self, disk, out):
        """What recovery makes of the files as they would be if the power were cut now: the numbers of each stream's packets."""
        with tempfile.TemporaryDirectory(dir=self.folder) as name:
            left = disk.after_power_cut(out, Path(name))
            for path in left.iterdir():
                if path.stat().st_size:
                    tool("age", "-d", "-i", self.key, "-o", "/dev/null", path)
            self.braidcap("recover", *self.identity, left)
            found = self.encrypted(left)
            got = verify_segments(self.in_clear(found)) if found else []
        assert_ordered(got)
        return numbers(got)

    @func_test
    def at_most_the_flush_interval_is_gone(self):
        """What the disk has after a power cut is a file that age opens, and has all up to the last flush: in order, and once."""
        if not shutil.which("age"):
            pytest.skip("age is not installed")
        disk = VolatileDisk(self.folder)
        run = self.start("-i", self.vhost(0), "-i", self.vhost(1), "-w", self.out, "--flush-ms", "300", "--encrypt", self.recipient,
                         beside_generator=True, env=disk.env)
        self.send(frames(0, 30000), 0)
        run.wait_received(30000)
        wait_until(lambda: len(self.left_by_a_power_cut(disk, self.out).get(0, ())) == 30000, "the first 30000 are on disk")
        self.send(frames(1, 30000), 1)
        run.kill()
        verify(self.encrypted(self.out) == [], "an unfinished segment has a final name")
        seen = self.left_by_a_power_cut(disk, self.out)
        verify(seen.get(0) == list(range(30000)), f"{len(seen.get(0, ()))} of the first 30000")
        last = seen.get(1, [])
        verify(last == list(range(len(last))), "the last interval has gaps")

    @func_test
    def a_full_disk_costs_no_segment(self):
        """Three times what fits: the ledger closes, the loss has its name, and what is published is whole."""
        host.require_root("mount")
        out = self.stack.enter_context(host.tmpfs(self.make_folder("small"), 16))
        run = self.capture("-i", "null:count=50000,size=1000", "-w", out, "--memory", "8", "-S", "1", "-Z", "none", "--encrypt", self.recipient,
                           rc=None)
        report = run.report
        assert_balance(report)
        verify(losses(report).get("disk_full", 0) > 0, losses(report))
        got = verify_segments(self.in_clear(self.encrypted(out)))
        verify(len(got) == report["balance"]["written"] > 5000, f"{len(got)} packets, {report['balance']}")

    @func_test
    def a_full_disk_leaves_room_for_the_end(self):
        """Also for a large chunk that was encrypted before it found no room: what was written before it is published."""
        host.require_root("mount")
        for chunk in (256, 4096):
            out = self.stack.enter_context(host.tmpfs(self.make_folder(f"chunk-{chunk}"), 13))
            run = self.capture("-i", "null:count=20000,size=2000", "-w", out, "--memory", "32", "--chunk", chunk, "-Z", "none",
                               "--encrypt", self.recipient, rc=None)
            verify(not list(out.glob("tmp-*")), f"{chunk} KiB: not published: {run.stderr}")
            got, report = verify_segments(self.in_clear(self.encrypted(out))), run.report
            assert_balance(report)
            verify(len(got) == report["balance"]["written"] > 4000, f"{chunk} KiB: {len(got)} packets, {report['balance']}")

    @func_test
    def a_file_says_who_is_to_read_it(self):
        """In YAML, for each output; recipients in a file; the one file has .age in its name."""
        recipients = self.folder / "recipients"
        recipients.write_text(f"# who\n{self.recipient}\n")
        config = self.folder / "capture.yaml"
        config.write_text(f"""sources: ["null:count=1000"]
outputs:
  - dest: {self.folder}/a.pcapng.lz4.age
    encrypt: {self.recipient}
  - dest: {self.folder}/b.pcapng.zst.age
    encrypt_file: {recipients}
  - dest: {self.folder}/c.pcapng
""")
        self.capture("-C", config)
        got = verify_segments(self.in_clear([self.folder / "a.pcapng.lz4.age", self.folder / "b.pcapng.zst.age"]), ordered=False)
        verify(len(got) == 2000 and len(verify_segments([self.folder / "c.pcapng"])) == 1000, f"{len(got)} packets")
        out = self.braidcap("capture", "-q", "-i", "null:count=1000", "-w", "-", "--encrypt", self.recipient, text=False).stdout
        (self.folder / "d.pcapng.age").write_bytes(out)
        verify(len(verify_segments(self.in_clear([self.folder / "d.pcapng.age"]))) == 1000, "not in the stream")

    @func_test
    def a_chain_of_custody_is_of_the_encrypted_bytes(self):
        """No key is needed to compare them; what was changed or added is named."""
        secret, public = self.folder / "sign.pem", self.folder / "public.pem"
        tool("openssl", "genpkey", "-algorithm", "ed25519", "-out", secret)
        tool("openssl", "pkey", "-in", secret, "-pubout", "-out", public)
        secret.chmod(0o600)
        self.capture("-i", "null:size=1000,count=1200", "-w", self.out, "-S", "0.5", "--encrypt", self.recipient, "--sign", secret)
        paths = self.encrypted(self.out)
        for key in ((), self.identity):
            said = self.braidcap("verify", "--chain", public, *key, self.out).stdout
            verify(f"{len(paths)} segments as they were" in said and " 0 faults" in said, said)
        data = bytearray(paths[0].read_bytes())
        data[-1] ^= 1
        paths[0].write_bytes(data)
        done = self.braidcap("verify", "--chain", public, self.out, check=False)
        verify(done.returncode == 1 and "is not what was recorded" in done.stderr, done.stderr)

    @func_test
    def a_collector_encrypts(self):
        """Each client's segments, and those that are acknowledged."""
        port = free_port()
        log = self.collect("-l", f"127.0.0.1:{port}", "-w", self.out, "--allow", "node=127.0.0.1", "--encrypt", self.recipient, "--flush-ms", "200")
        self.capture("-i", "null:count=2000", "-w", f"osmo://127.0.0.1:{port}")
        log.stop()
        verify(len(verify_segments(self.in_clear(self.encrypted(self.out)))) == 2000, "packets are missing")

    @func_test
    def a_killed_collector_loses_nothing(self):
        """It cannot look into what it left behind: what was not acknowledged comes again, and is there once when that is recovered."""
        port = free_port()
        args = ("-l", f"127.0.0.1:{port}", "--allow", "node=127.0.1.1", "-w", f"{self.out}/", "--encrypt", self.recipient, "--flush-ms", "200")

        def node(first):
            return self.stack.enter_context(Node(port, b"node number one.", 1, first, source="127.0.1.1"))

        def send(to, until):
            to.packets(timed(frames(0, until - to.next, first=to.next), T0_NS + to.next * 1000))
            to.next = until

        run = self.collect(*args)
        first = node(0)
        send(first, 1000)
        first.wait_acked(1000)
        send(first, 1500)
        run.wait_received(1500)
        run.kill()
        first.close()
        run = self.collect(*args)
        wait_until(lambda: "encrypted" in run.stderr, "that it cannot look into what is left")
        again = node(1000)
        send(again, 2000)
        verify(again.finish() == 2000, f"acknowledged {again.acked}")
        run.stop()
        self.braidcap("recover", *self.identity, self.out)
        verify(self.stored() == list(range(2000)), "packets are missing, or there twice")

    def stored(self):
        """The numbers that the segments have."""
        return sorted(numbers(verify_segments(self.in_clear(self.encrypted(self.out)), ordered=False))[0])

    @func_test
    def what_comes_again_is_left_out_of_what_is_recovered(self):
        """Also when it crashed twice. A dry run says how much; as long as it has not come again all is kept."""
        port = free_port()
        args = ("-l", f"127.0.0.1:{port}", "--allow", "node=127.0.1.1", "-w", f"{self.out}/", "-Z", "none", "--encrypt", self.recipient,
                "--flush-ms", "60000")
        made = timed(frames(0, 2000, sizes=(1514,)))

        def send(count):
            run = self.collect(*args)
            node = self.stack.enter_context(Node(port, b"node number one.", 1, window=1 << 30, source="127.0.1.1"))
            node.packets(made[:count])
            return run, node

        def recover(*more):
            return json.loads(self.braidcap("recover", "--json", *more, *self.identity, self.out).stdout)["files"]

        for count, left in ((1000, 1), (1500, 2)):
            run, node = send(count)
            wait_until(lambda n=left: sum(p.stat().st_size > 10**6 for p in self.out.glob("tmp-*")) == n, "blocks are on the disk")
            run.kill()
            node.close()
        told = recover("-n")
        verify(all(f["outcome"] in ("recovered", "empty") for f in told) and sum(f["repeated"] for f in told) == 0, f"{told}")
        run, node = send(2000)
        verify(node.finish() == 2000, f"acknowledged {node.acked}")
        run.stop()
        told = recover("-n")
        verify(sum(f["repeated"] for f in told) > 1000, f"{told}")
        recover()
        verify(self.stored() == list(range(2000)), "packets are missing, or there twice")

    @func_test
    def what_cannot_be_done_is_refused(self):
        """Before a packet comes, in a line that says what to do."""
        secret = self.key.read_text().splitlines()[-1]
        to = ("--encrypt", self.recipient)
        null = ("capture", "-i", "null:count=1", "-w", self.out)
        for bad in (mistyped(self.recipient), "age1", "", secret, "/etc/passwd"):
            said = self.fails(*null, "--encrypt", bad)
            verify("--encrypt" in said and secret not in said, said)
        self.fails(*null, "--encrypt-file", self.folder / "none")
        for args, words in ((("--format", "pcap"), "pcapng"), (("-Z", "gzip"), "zstd"), (("--io", "direct"), "--io direct"),
                            (("--pipeout", "cat"), "--pipeout"), (("--file-ext", ".x"), "--file-ext"), (("--recompress", "zstd"), "--recompress")):
            verify(words in self.fails(*null, *to, *args), f"{args}: no word of {words}")
        verify(".age" in self.fails("capture", "-i", "null:count=1", "-w", self.folder / "x.pcapng", *to), "no word of the name")
        verify("--encrypt" in self.fails("capture", "-i", "null:count=1", "-w", self.folder / "x.pcapng.age"), "no word of --encrypt")
        verify("remote peer" in self.fails("capture", "-i", "null:count=1", "-w", "osmo://127.0.0.1:1", *to), "a peer gets it encrypted")
