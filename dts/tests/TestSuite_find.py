# SPDX-License-Identifier: BSD-3-Clause
"""`braidcap find`: stored packets found again, as tcpdump would find them."""

import json
import re
import shutil
import signal
import subprocess

from framework.braidcap import FIND, program, sanitizers
from framework.checks import assert_same, published, verify_segments
from framework.packets import T0_NS, frames, timed, write_pcap, write_pcapng
from framework.process import end, environment, tool
from framework.reader import packets, parse
from framework.test_suite import TestSuite, func_test, verify
from framework.tls import requests, uris

COUNT = 3000


class TestFind(TestSuite):
    def set_up_test_case(self):
        """Two streams in one folder of segments, each 1 ms long, the second one's in the first half only."""
        self.made = sorted(timed(frames(1, COUNT, sizes=(64, 700))) + timed(frames(2, COUNT // 2), T0_NS + 500), key=lambda p: p.ts_ns)
        self.store = self.make_folder("store")
        a, b = (write_pcap(self.folder / f"{s}.pcap", [p for p in self.made if p.data[29] == s], nanoseconds=True) for s in (1, 2))
        self.capture("-i", a, "-i", b, "-w", self.store, "-S", "0.2", "--index", "flows")
        verify(len(published(self.store)) > 4, "too few segments")

    def of_stream(self, stream):
        return [p for p in self.made if p.data[29] == stream]

    def find(self, *args, rc=0, **options):
        done = self.braidcap(*FIND, *args, check=False, text=False, **options)
        verify(done.returncode == rc, f"exit status {done.returncode}: {done.stderr[-1000:]}")
        return done

    @func_test
    def what_tcpdump_gives(self):
        """For several expressions, packet for packet, whatever the files are: folders, other codecs and formats."""
        write_pcapng(self.store / "later.pcapng", timed(frames(3, 10), T0_NS + 10**9))
        (self.store / "deep").mkdir()
        tool("gzip", "-k", write_pcap(self.store / "deep" / "other.pcap", timed(frames(4, 10), T0_NS + 2 * 10**9), nanoseconds=True))
        (self.store / "deep" / "other.pcap").unlink()
        (self.store / "notes.txt").write_text("no capture\n")
        whole = self.folder / "whole.pcap"
        whole.write_bytes(self.find("", self.store, "--format", "pcap").stdout)
        verify(len(packets(whole)) == len(self.made) + 20, "not all packets")
        assert_same(packets(whole)[:len(self.made)], self.made)
        for expression in ("src host 10.0.0.2", "udp src port 1001 and greater 100", "src host 10.0.0.4 or src host 10.0.0.3", "arp", "not udp"):
            expected = self.folder / "expected.pcap"
            with open(expected, "wb") as out:
                subprocess.run(["tcpdump", "-r", whole, "--time-stamp-precision=nano", "-w", "-", expression], stdout=out,
                               stderr=subprocess.DEVNULL, check=True)
            for more in ((), ("--no-index",), ("--threads", "0")):
                found = self.folder / "found.pcap"
                found.unlink(missing_ok=True)
                self.find(expression, self.store, "-w", found, *more)
                assert_same(packets(found), packets(expected))

    @func_test
    def times(self):
        """--from takes the packet of that time, --to does not."""
        at = [f"{(T0_NS + ns) // 10**9}.{(T0_NS + ns) % 10**9:09}" for ns in (100_000, 200_000)]
        done = self.find("", self.store, "--from", at[0], "--to", at[1])
        assert_same(parse(done.stdout).packets, [p for p in self.made if T0_NS + 100_000 <= p.ts_ns < T0_NS + 200_000])
        done = self.find("", self.store, "--from", "2023-11-14T22:13:20Z", "--limit-packets", "5")
        assert_same(parse(done.stdout).packets, self.made[:5])
        verify(parse(self.find("", self.store, "--last", "1h").stdout).packets == [], "they are old")

    @func_test
    def into_a_folder_with_an_outcome(self):
        """Segments are rotated and whole, and the outcome names them."""
        out = self.make_folder()
        done = self.find("src host 10.0.0.1", self.store, "-w", out, "-S", "0.5", "--json")
        outcome = json.loads(done.stdout)
        paths = published(out)
        verify([f["path"] for f in outcome["files"]] == [str(p) for p in paths] and len(paths) > 1, f"{outcome}")
        assert_same(verify_segments(paths), self.of_stream(1))
        verify((outcome["packets"], outcome["ended"], outcome["damaged"]) == (COUNT, "end", 0), f"{outcome}")

    @func_test
    def what_would_be_read(self):
        """--explain says it, and writes nothing."""
        plan = json.loads(self.find("src host 10.0.0.2", self.store, "--explain", "--json").stdout)
        verify(plan["read_whole"] + plan["read_blocks"] + plan["not_the_flows"] == len(published(self.store)), f"{plan}")
        verify(0 < plan["to_read"] <= plan["bytes"], f"{plan}")
        verify(b"to be read" in self.find("src host 10.0.0.2", self.store, "--explain").stdout, "no words")

    @func_test
    def flows_of_the_indexes(self):
        """Hosts add up to their packets, and the extent is that of the segments."""
        extent = json.loads(self.braidcap("flows", "--extent", self.store, "--format", "json").stdout)
        verify((extent["segments"], extent["oldest_ns"]) == (len(published(self.store)), T0_NS), f"{extent}")
        done = self.braidcap("flows", "udp", self.store, "--by", "host", "--format", "json")
        hosts = {f["a"]: f["packets"] for f in map(json.loads, done.stdout.splitlines())}
        verify(hosts == {"10.0.0.1": COUNT, "10.0.0.2": COUNT // 2, "10.1.0.1": COUNT + COUNT // 2}, f"{hosts}")
        verify(not done.stderr, done.stderr)

    @func_test
    def an_extent_has_no_expression(self):
        """Where another listing of flows has one, the answer says so, instead of looking for a file without a name."""
        done = self.braidcap("flows", "--extent", "", self.store, check=False)
        verify(done.returncode == 2 and "takes no expression" in done.stderr, done.stderr)

    @func_test
    def an_index_saves_reading(self):
        """Segments without the host are not read, and the same packets are found."""
        late = self.find("src host 10.0.0.2", self.store, "-w", self.folder / "found.pcap", "--json")
        outcome = json.loads(late.stdout)
        assert_same(packets(self.folder / "found.pcap"), self.of_stream(2))
        verify(outcome["not_the_flows"] > 0 and outcome["read_whole"] == 0, f"{outcome}")
        verify(outcome["read_packets"] < len(self.made), f"{outcome}")

    @func_test
    def an_index_beside_any_file(self):
        """Of pcap, pcapng of others, ERF, in several compressions: what tcpdump finds, and no more is read than must be."""
        made = timed(frames(1, COUNT, sizes=(64, 700))) + timed(frames(2, COUNT, sizes=(64, 700)), T0_NS + 10**9)
        store = self.make_folder("foreign")
        whole = write_pcap(store / "a.pcap", made, nanoseconds=True)
        ng = write_pcapng(store / "b.pcapng", made)
        self.capture("-i", whole, "-w", store / "c.erf")
        for command in (("gzip", "-k", whole), ("zstd", "-q", ng), ("lz4", "-q", "-B4", "-BX", whole, store / "d.pcap.lz4"),
                        ("lz4", "-q", "-BD", "-B4", ng, store / "e.pcapng.lz4")):
            tool(*command)
        files = sorted(store.iterdir())
        before = {f: f.read_bytes() for f in files}
        said = self.braidcap("index", store).stdout
        verify(said.count("beside it") == len(files) == 7, said)
        verify(all(f.read_bytes() == before[f] for f in files), "a file was changed")
        verify(self.braidcap("index", store).stdout.count("has an index") == len(files), "they are made again")
        for expression in ("src host 10.0.0.2 and less 100", "src host 10.0.0.9", ""):
            expected = self.folder / "expected.pcap"
            with open(expected, "wb") as out:
                subprocess.run(["tcpdump", "-r", whole, "--time-stamp-precision=nano", "-w", "-", expression], stdout=out,
                               stderr=subprocess.DEVNULL, check=True)
            for path in files:
                found = self.folder / "found.pcap"
                found.unlink(missing_ok=True)
                outcome = json.loads(self.find(expression, path, "-w", found, "--json").stdout)
                assert_same(packets(found), packets(expected))
                verify((outcome["read_whole"], outcome["damaged_indexes"]) == (0, 0), f"{path}: {outcome}")
                verify(not expression or outcome["read_packets"] < 1.5 * COUNT, f"{path}: {outcome}")
        done = self.braidcap("flows", "src host 10.0.0.2", store, "--by", "host", "--format", "json")
        verify({"10.0.0.2", "10.1.0.1"} == {json.loads(line)["a"] for line in done.stdout.splitlines()} and not done.stderr, f"{done}")
        # Another file of that name.
        shutil.copyfile(store / "a.pcap.gz", store / "b.pcapng.zst")
        done = self.find("", store / "b.pcapng.zst", "--json")
        verify(b"'braidcap index' makes it anew" in done.stderr and len(parse(done.stdout).packets) == len(made), f"{done.stderr}")

    @func_test
    def what_was_found_can_be_decrypted(self):
        """Of captured segments and of a file that got its index later: the secrets come with the packets."""
        before = timed(frames(3, 2000, sizes=(700,)))
        asked = requests(self.folder, 1, "/one", T0_NS + 10**9) + requests(self.folder, 2, "/two", T0_NS + 2 * 10**9)
        plain = write_pcapng(self.folder / "plain.pcapng", before + asked)
        foreign, store = self.folder / "with.pcapng", self.make_folder("tls")
        tool("editcap", "--inject-secrets", f"tls,{self.folder / 'keys'}", plain, foreign)
        self.capture("-i", foreign, "-w", store, "-S", "0.5", "--index", "flows")
        self.braidcap("index", foreign)
        for where in (store, foreign):
            for more in ((), ("--no-index",)):
                found = self.folder / "found.pcapng.lz4"
                outcome = json.loads(self.find("tcp port 40002", where, "-w", found, "--json", *more).stdout)
                verify(uris(found) == ["/two"], f"{where}: {uris(found)}")
                verify(outcome["damaged_indexes"] == 0, f"{outcome}")
                verify(more or outcome["read_packets"] < len(before) / 2, f"{where}: {outcome}")
                found.unlink()

    @func_test
    def damage_is_told(self):
        """What is before it is found, and the exit status is 1."""
        cut = shutil.copyfile(published(self.store)[0], self.folder / "cut.pcapng.lz4")
        with open(cut, "r+b") as f:
            f.truncate(cut.stat().st_size // 2)
        done = self.find("", cut, rc=1)
        found = parse(done.stdout).packets
        assert_same(found, self.made[:len(found)])
        verify(found and b"cut.pcapng.lz4" in done.stderr, f"{done.stderr}")

    @func_test
    def what_found_no_room_is_told(self):
        """Where a file cannot be written, status 1, why, and how many of the packets found are in none."""
        out = self.folder / "found.pcapng"
        for i in range(8):
            shutil.copytree(self.store, self.store / f"{i}")
        for kib in (64, 1500):
            done = tool("bash", "-c", f'ulimit -f {kib}; exec "$@"', "bash", program(), *FIND, "", self.store, "-w", out, check=False)
            verify(done.returncode == 1 and not out.exists(), f"exit status {done.returncode}: {done.stderr}")
            verify("File too large" in done.stderr and "No data" not in done.stderr, done.stderr)
            verify(done.stderr.count("not published") == 1, done.stderr)
            found, lost = (re.search(f"^([0-9]+){words}", done.stderr, re.M) for words in (" packets ", " of these packets are in no published file"))
            verify(found and lost and found[1] == lost[1], done.stderr)

    @func_test
    def bad_usage(self):
        """It is refused in one line before anything is written."""
        out = self.folder / "out.pcapng"
        for args, word in ((("foo bar", self.store), "syntax error"), (("ip", self.folder / "none"), "none"), (("ip",), "path"),
                           (("ip", self.store, "--from", "soon"), "--from"), (("ip", self.store, "--to", "1h", "--last", "1h"), "--last"),
                           (("ip", self.store, "--format", "erf"), "pcapng")):
            done = self.find(*args, "-w", out, rc=2)
            lines = done.stderr.decode().splitlines()
            verify(len(lines) == 1 and word in lines[0] and not out.exists(), f"{args}: {lines}")

    @func_test
    def a_reader_goes_away(self):
        """`find | head` ends without a word of complaint."""
        run = subprocess.Popen([program(), *FIND, "", str(self.store), "-w", "-"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env={**environment(self.folder), **sanitizers()})
        self.stack.callback(end, run)
        run.stdout.read(1000)
        run.stdout.close()
        said = run.stderr.read()
        verify(run.wait(timeout=60) == 0 and b"cannot" not in said, f"{run.returncode}: {said}")

    @func_test
    def stopped_by_a_signal(self):
        """What was found until then is a whole file."""
        many = [shutil.copyfile(published(self.store)[0], self.store / f"20231114-221320-{n:08}.pcapng.lz4") for n in range(100, 400)]
        verify(len(many) == 300, "copies")
        out = self.folder / "found.pcapng"
        run = subprocess.Popen([program(), *FIND, "", str(self.store), "-w", str(out), "--json"], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, env={**environment(self.folder), **sanitizers()})
        self.stack.callback(end, run)
        run.send_signal(signal.SIGINT)
        outcome, said = run.communicate(timeout=60)
        # It may have come before the program was ready for it.
        if run.returncode == 0:
            verify(len(packets(out)) == json.loads(outcome)["packets"], f"{outcome} {said}")
