# SPDX-License-Identifier: BSD-3-Clause
"""The command line of mtracecap, flag by flag, under its name."""

import itertools
import os
import pwd
import signal
import stat
import struct
import time
import zlib

from framework import host
from framework.checks import assert_ordered, assert_same, assert_streams, capinfos_counts, mergecap
from framework.mtracecap import NAME, Mtracecap, mtracecap, named, unnamed
from framework.packets import T0_NS, frames, numbers, timed, write_pcap, write_pcapng
from framework.process import signal_until_end, tool, wait_until
from framework.reader import packer, packets, parse, unpacked
from framework.test_suite import TestSuite, func_test, verify

SECOND_NS = 10**9
# 2023-10-29 00:00 UTC and 2023-03-26 00:00 UTC: an hour later the clocks of Berlin change.
AUTUMN_NS = 1_698_537_600 * SECOND_NS
SPRING_NS = 1_679_788_800 * SECOND_NS
BERLIN = {"TZ": "CET-1CEST,M3.5.0,M10.5.0/3"}


# By which program the file is then unpacked.
TYPES = {"none": None, "no": None, "lz4": "lz4", "zstd": "zstd", "gz": "gzip", "gzip": "gzip", "zlib": "gzip",
         "bz": "bzip2", "bzip2": "bzip2", "lzo": "lzop", "xz": "xz", "lzma": "xz"}


def erf_record(packet, kept=None):
    """An Ethernet record, written down by hand."""
    seconds, ns = divmod(packet.ts_ns, SECOND_NS)
    data = b"\0\0" + packet.data[:kept]
    if kept is None:
        data += struct.pack("<I", zlib.crc32(packet.data))
    data += bytes(-len(data) % 8)
    stamp = seconds << 32 | -(-(ns << 32) // SECOND_NS)
    return struct.pack("<QBB", stamp, 2, 4) + struct.pack(">HHH", 16 + len(data), 0, packet.wire + 4) + data


class MtracecapSuite(TestSuite):
    """What the suites of mtracecap share."""

    def set_up_test_case(self):
        self.out = self.make_folder()

    def trace(self, count=1000, stream=0, begin_ns=T0_NS, step_ns=10**7, size=200):
        made = timed(frames(stream, count, sizes=(size,)), begin_ns, step_ns)
        return made, write_pcap(self.folder / f"in{stream}.pcap", made)

    def start(self, *args, capturing=True, **options):
        run = self.stack.enter_context(Mtracecap(self.folder, args, **options))
        if capturing:
            run.wait_said("capturing")
        return run

    def capture(self, *args, rc=0, **options):
        run = self.start(*args, capturing=False, **options)
        run.finish(rc)
        return run

    def found(self, folder=None):
        """All packets of the files that have their final names, which must be whole and in order."""
        files = named(folder or self.out)
        verify(files, "there is no file")
        each = [packets(p) for p in files]
        verify(capinfos_counts(files) == [len(p) for p in each], "Wireshark counts otherwise")
        every = [p for file in each for p in file]
        assert_ordered(every)
        return every

    def refused(self, *args, words=()):
        """Bad usage: one line, status 2, nothing written."""
        done = mtracecap(*args, folder=self.folder, check=False)
        verify(done.returncode == 2, f"{args}: exit status {done.returncode}: {done.stderr}")
        verify(len(done.stderr.strip().splitlines()) == 1, f"not one line: {done.stderr}")
        verify(done.stderr.startswith("mtracecap: "), done.stderr)
        for word in words:
            verify(word in done.stderr, f"{word!r} is not in {done.stderr!r}")
        verify(list(self.out.iterdir()) == [], "something was written")

    def veth(self):
        host.require_root("ip")
        return self.stack.enter_context(host.veth())


class TestMtracecap(MtracecapSuite):
    @func_test
    def help_and_uris(self):
        """-h and -H, by either name of each, go to stdout."""
        for flags, word in ((("-h", "--help"), "--pipeout"), (("-H", "--libtrace-help"), "pcapint:")):
            texts = {mtracecap(flag, folder=self.folder).stdout for flag in flags}
            verify(len(texts) == 1 and word in texts.pop(), f"{flags}")

    @func_test
    def one_file_in_microseconds(self):
        """outputuri and several traceuris: one pcap in order, 64 bytes of each packet, and not a word."""
        made = [self.trace(stream=s, begin_ns=T0_NS + s * 1000) for s in range(3)]
        done = mtracecap(f"pcapfile:{self.out}/x", f"pcapfile:{made[0][1]}", f"pcap:{made[1][1]}", made[2][1],
                         folder=self.folder)
        verify(done.stdout == "" and done.stderr == "", done.stderr)
        expected = mergecap([path for _, path in made], self.folder / "expected.pcapng")
        got = packets(self.out / "x")
        assert_same(got, [p._replace(data=p.data[:64]) for p in expected])
        verify((self.out / "x").read_bytes()[:4] == b"\xd4\xc3\xb2\xa1", "not a pcap with microseconds")

    @func_test
    def pcapng_has_nanoseconds(self):
        """pcapng: keeps the nanoseconds of a pcapng:."""
        made = timed(frames(0, 100), T0_NS + 7, 1001)
        source = write_pcapng(self.folder / "in.pcapng", made)
        self.capture("-s", "0", f"pcapng:{self.out}/x", f"pcapng:{source}")
        assert_same(packets(self.out / "x"), made)

    @func_test
    def stdout(self):
        """`-`, pcapfile:- and pcapng:- are stdout."""
        made, source = self.trace(100)
        for uri in ("-", "pcapfile:-", "pcapng:-"):
            done = mtracecap(uri, f"pcapfile:{source}", folder=self.folder, text=False)
            assert_same(parse(done.stdout).packets, [p._replace(data=p.data[:64]) for p in made])

    @func_test
    def stdin(self):
        """pcapfile:- is stdin."""
        made, source = self.trace(100)
        with open(source, "rb") as stdin:
            mtracecap("-s", "0", f"pcapfile:{self.out}/x", "pcapfile:-", folder=self.folder, stdin=stdin)
        assert_same(packets(self.out / "x"), made)

    @func_test
    def snaplen(self):
        """-s 0 is all of a packet, -s N its beginning; its length on the wire is kept."""
        made, source = self.trace(100)
        for flags, kept in ((("-s", "0"), 200), (("-s", "100"), 100), (("--snaplen", "100"), 100), ((), 64)):
            path = self.out / "x"
            self.capture(*flags, f"pcapfile:{path}", f"pcapfile:{source}")
            got = packets(path)
            verify({len(p.data) for p in got} == {kept} and {p.wire for p in got} == {200}, f"{flags}")
            path.unlink()

    @func_test
    def bpf(self):
        """-F drops what does not match, and counts it."""
        sources = [self.trace(stream=s)[1] for s in range(2)]
        for flag in ("-F", "--filter"):
            run = self.capture(flag, "src host 10.0.0.1", f"pcapfile:{self.out}/x", *sources)
            verify(run.balance == (2000, 1000, 1000, 0), run.balance)
            assert_streams(packets(self.out / "x"), {1: 1000})
            (self.out / "x").unlink()

    @func_test
    def rotation_by_time(self):
        """-G and -B: files named by their first packets, with a number of eight digits and no extension, of their owner alone."""
        made, source = self.trace()
        for flag in ("-G", "--rotate-seconds"):
            run = self.capture(flag, "2", "-s", "0", "-B", f"pcapfile:{self.out}", f"pcapfile:{source}")
            verify(run.balance == (1000, 1000, 0, 0), run.balance)
            assert_same(self.found(), made)
            names = [p.name for p in named(self.out)]
            verify([NAME.match(n).group(2) for n in names] == [f"{i:08}" for i in range(5)], names)
            verify(all(NAME.match(n).group(3) is None for n in names) and not unnamed(self.out), names)
            verify({stat.S_IMODE(p.stat().st_mode) for p in self.out.iterdir()} == {0o600}, "the permissions differ")
            for p in self.out.iterdir():
                p.unlink()

    @func_test
    def rotation_by_size(self):
        """-S counts in units of 1,048,576 bytes."""
        made, source = self.trace(count=5000, size=1000)
        self.capture("-S", "1", "-s", "0", "--baseuri", f"pcapfile:{self.out}", f"pcapfile:{source}")
        assert_same(self.found(), made)
        sizes = [p.stat().st_size for p in named(self.out)]
        verify(len(sizes) == 5 and all(1 << 19 < s <= 1 << 20 for s in sizes[:-1]), sizes)
        verify(all(s > 1040000 for s in sizes[:-1]), sizes)

    @func_test
    def names_in_autumn(self):
        """Through the hour that comes twice: local time repeats, the numbers do not, nothing is overwritten."""
        made, source = self.trace(count=180, begin_ns=AUTUMN_NS, step_ns=60 * SECOND_NS)
        self.capture("-G", "1800", "-s", "0", "-B", f"pcapfile:{self.out}", f"pcapfile:{source}", env=BERLIN)
        assert_same(self.found(), made)
        stamps = [p.name[9:15] for p in named(self.out)]
        verify(stamps == ["020000", "023000", "020000", "023000", "030000", "033000"], stamps)

    @func_test
    def names_in_spring(self):
        """Over the hour that is left out."""
        made, source = self.trace(count=180, begin_ns=SPRING_NS, step_ns=60 * SECOND_NS)
        self.capture("-G", "1800", "-s", "0", "-B", f"pcapfile:{self.out}", f"pcapfile:{source}", env=BERLIN)
        assert_same(self.found(), made)
        stamps = [p.name[9:15] for p in named(self.out)]
        verify(stamps == ["010000", "013000", "030000", "033000", "040000", "043000"], stamps)

    @func_test
    def names_in_utc(self):
        """-U."""
        for flag in ("-U", "--use-utc"):
            _, source = self.trace(count=180, begin_ns=AUTUMN_NS, step_ns=60 * SECOND_NS)
            self.capture(flag, "-G", "3600", "-B", f"pcapfile:{self.out}", f"pcapfile:{source}", env=BERLIN)
            stamps = [p.name[:15] for p in named(self.out)]
            verify(stamps == ["20231029-000000", "20231029-010000", "20231029-020000"], stamps)
            for p in self.out.iterdir():
                p.unlink()

    @func_test
    def a_clock_set_back_overwrites_nothing(self):
        """The same times once more into the same folder: the files that are there stay."""
        made, source = self.trace()
        for _ in range(2):
            self.capture("-s", "0", "-G", "5", "-B", f"pcapfile:{self.out}", f"pcapfile:{source}")
            for p in named(self.out):
                p.chmod(0o400)
        files = named(self.out)
        verify(len(files) == 4, [p.name for p in files])
        verify(sorted(len(packets(p)) for p in files) == [500] * 4, "a file was written over")

    @func_test
    def extension(self):
        """--file-ext, which may be anything that a name can have."""
        made, source = self.trace()
        for ext in (".erf.gz", "_x", ".pcap"):
            self.capture(f"--file-ext={ext}", "-s", "0", "-B", f"pcapfile:{self.out}", f"pcapfile:{source}")
            files = list(self.out.iterdir())
            verify(len(files) == 1 and files[0].name.endswith(f"-00000000{ext}"), f"{files}")
            assert_same(parse(files[0].read_bytes()).packets, made)
            files[0].unlink()

    @func_test
    def statistics(self):
        """-v: the lines of mtracecap for each file, each input in it, and in all."""
        sources = [self.trace(stream=s, count=1000 - 500 * s)[1] for s in range(2)]
        run = self.capture("-G", "5", "-B", f"pcapfile:{self.out}", *[f"pcapfile:{s}" for s in sources])
        verify([(os.path.basename(u), *n) for u, *n in run.files] ==
               [(p.name, len(packets(p)), 0) for p in named(self.out)], f"{run.files}")
        verify(run.inputs == [(0, 500, 0), (1, 500, 0), (0, 500, 0), (1, 0, 0)], f"{run.inputs}")
        verify(run.total == (1500, 0), run.total)
        verify(run.closing == [(0, 1000, 0), (1, 500, 0)], f"{run.closing}")

    @func_test
    def compression(self):
        """-Z by every name: what comes out is what the name says, and has in it what went in."""
        made, source = self.trace(300)
        path = self.out / "x"
        levels = itertools.cycle(((), ("-z", "1"), ("--compress-level", "9")))
        for (kind, program), level in zip(TYPES.items(), levels):
            if program == "lzop" and not self.has_lzo():
                continue
            self.capture("-Z", kind, *level, "-s", "0", f"pcapfile:{path}", f"pcapfile:{source}")
            verify(packer(path) == program, f"{kind} is packed by {packer(path)}")
            assert_same(parse(unpacked(path)).packets, made)
            path.unlink()

    def has_lzo(self):
        return "liblzo2" in self.braidcap("--version").stdout

    @func_test
    def no_compression_at_level_0(self):
        """-z 0 is no compression, whatever the type, and needs no word."""
        made, source = self.trace(300)
        for flags in ((), ("-Z", "gz"), ("-Z", "zstd"), ("-Z", "none")):
            done = mtracecap(*flags, "-z", "0", "-s", "0", f"pcapfile:{self.out}/x", f"pcapfile:{source}",
                             folder=self.folder)
            verify(done.stderr == "", done.stderr)
            assert_same(parse((self.out / "x").read_bytes()).packets, made)
            (self.out / "x").unlink()

    @func_test
    def a_level_without_a_type(self):
        """-z alone means gzip, with a word on stderr."""
        made, source = self.trace(300)
        done = mtracecap("-z", "9", "-s", "0", f"pcapfile:{self.out}/x", f"pcapfile:{source}", folder=self.folder)
        verify(packer(self.out / "x") == "gzip" and "gzip" in done.stderr, done.stderr)
        assert_same(parse(unpacked(self.out / "x")).packets, made)

    @func_test
    def rotated_and_compressed(self):
        """-B with -Z: each file is whole by itself, and has no extension, as ever."""
        made, source = self.trace()
        self.capture("-s", "0", "-G", "2", "-Z", "gz", "-z", "1", "-B", f"pcapfile:{self.out}", f"pcapfile:{source}")
        verify([packer(p) for p in named(self.out)] == ["gzip"] * 5, f"{named(self.out)}")
        assert_same(self.found(), made)

    @func_test
    def erf_to_the_byte(self):
        """erf: is what its description says: whole packets with their check sequence, cut ones to a record's end."""
        made, source = self.trace(300)
        for snaplen, records in (("0", map(erf_record, made)), ("64", (erf_record(p, 62) for p in made))):
            path = self.folder / f"{snaplen}.erf"
            self.capture("-s", snaplen, f"erf:{path}", f"pcapfile:{source}")
            verify(path.read_bytes() == b"".join(records), f"another ERF with -s {snaplen}")

    @func_test
    def erf(self):
        """erf: is read again, whatever its name, and packed; tshark reads it, too."""
        made, source = self.trace(300)
        for n, (name, flags) in enumerate((("x.erf", ()), ("y", ()), ("z", ("-Z", "xz")))):
            path = self.folder / name
            self.capture(*flags, "-s", "0", f"erf:{path}", f"pcapfile:{source}")
            self.capture("-s", "0", f"pcapfile:{self.out}/{n}", f"erf:{path}")
            assert_same(packets(self.out / str(n)), made)
        sizes = tool("tshark", "-r", self.folder / "x.erf", "-T", "fields", "-e", "frame.len").stdout.split()
        verify(len(sizes) == 300, f"tshark sees {len(sizes)} packets")

    @func_test
    def bad_usage(self):
        """What is missing or impossible is named by mtracecap's own words."""
        _, source = self.trace(10)
        good = ("-B", f"pcapfile:{self.out}", f"pcapfile:{source}")
        self.refused(words=["outputuri"])
        self.refused(f"pcapfile:{self.out}/x", words=["traceuri"])
        self.refused("-B", f"pcapfile:{self.out}", words=["traceuri"])
        self.refused(f"{self.out}/x", f"pcapfile:{source}", words=["pcapfile:", "pcapng:", "erf:"])
        for args in (("--snaplen", "x"), ("--rotate-sizemb", "x"), ("--rotate-seconds", "-1"), ("--maxwait_ms", "x"),
                     ("--compress-level", "10"), ("--compress-type", "rar"), ("--relinquish-privileges", "")):
            self.refused(*args, *good, words=args[:1])
        self.refused("--no-such-flag", *good, words=["--no-such-flag"])
        self.refused("-F", "tcp and and", *good, words=["syntax error"])
        self.refused("--relinquish-privileges", "no-such-user", *good, words=["no-such-user"])
        self.refused("-G", "1", f"pcapfile:{self.out}/x", f"pcapfile:{source}", words=["--rotate-seconds"])
        self.refused("--pipeout", "cat", "-", f"pcapfile:{source}", words=["--pipeout"])

    @func_test
    def uris_that_cannot_be_served(self):
        """A sentence says what to use instead."""
        for uri, word in (("dag:/dev/dag0", "dpdk:"), ("bpf:em0", "int:"), ("rt:host", "pcapfile:-"),
                          ("legacyatm:x", "traceconvert"), ("nonsense:x", "int:")):
            self.refused(f"pcapfile:{self.out}/x", uri, words=[uri, word])
        self.refused("int:eth0", "pcapfile:x", words=["pcapfile:"])

    @func_test
    def in_their_natural_form(self):
        """What is mtracecap's alone is there in `braidcap capture`, too, by options and in YAML."""
        made, source = self.trace()
        go, seq = self.folder / "go", self.folder / "seq"
        go.touch()
        self.braidcap("capture", "-i", source, "-w", f"{self.out}/", "-G", "5", "--format", "pcap", "--seqfile", seq,
                      "--file-ext", ".pcap.gz", "--watchfile", go, "--pipeout", "gzip -1")
        config = self.folder / "c.yaml"
        config.write_text(f"sources: ['{source}']\noutputs:\n  - dest: {self.out}/\n    rotate_seconds: 5\n"
                          f"    format: pcap\n    seqfile: {seq}\n    file_ext: .pcap.gz\n    watchfile: {go}\n"
                          "    pipeout: gzip -1\n")
        self.braidcap("capture", "-C", config)
        files = named(self.out)
        verify([p.name[16:] for p in files] == [f"0000000{n}.pcap.gz" for n in range(4)], f"{files}")
        verify([packer(p) for p in files] == ["gzip"] * 4, "the command did not run")
        assert_same([p for f in files[2:] for p in packets(f)], made)

    @func_test
    def by_its_subcommand(self):
        """`braidcap mtracecap` is the same."""
        made, source = self.trace(10)
        self.braidcap("mtracecap", f"pcapfile:{self.out}/x", f"pcapfile:{source}")
        verify(len(packets(self.out / "x")) == len(made), "packets are missing")


class TestMtracecapSequence(MtracecapSuite):
    def count_on(self, source, *args, **options):
        return self.capture("-N", self.folder / "seq", "-G", "5", "-B", f"pcapfile:{self.out}", f"pcapfile:{source}",
                            *args, **options)

    def seqs(self):
        return [int(NAME.match(p.name).group(2)) for p in named(self.out)]

    @func_test
    def goes_on(self):
        """The next run goes on behind the last one; the file is made with sane permissions."""
        _, source = self.trace()
        for run in range(3):
            self.count_on(source)
            verify(self.seqs() == list(range(2 * run + 2)), f"{self.seqs()}")
        seq = self.folder / "seq"
        verify(seq.read_text() == "5\n", seq.read_text())
        verify(stat.S_IMODE(seq.stat().st_mode) & 0o133 == 0, oct(seq.stat().st_mode))

    @func_test
    def wraps(self):
        """Behind 99999999 comes 0."""
        _, source = self.trace()
        (self.folder / "seq").write_text("99999998\n")
        self.count_on(source)
        verify(self.seqs() == [0, 99999999], f"{self.seqs()}")
        verify(int((self.folder / "seq").read_text()) == 0, "the file differs")

    @func_test
    def corrupt(self):
        """What is no number is refused, named and kept."""
        _, source = self.trace(10)
        seq = self.folder / "seq"
        for text in ("x\n", "12", "1\n2\n", "123456789\n", "\0" * 9):
            seq.write_text(text)
            self.refused_seq(source, "corrupt")
            verify(seq.read_text() == text, "it was changed")

    def refused_seq(self, source, word):
        done = mtracecap("-N", self.folder / "seq", "-B", f"pcapfile:{self.out}", f"pcapfile:{source}",
                         folder=self.folder, check=False)
        verify(done.returncode in (1, 2) and word in done.stderr and "seq" in done.stderr, done.stderr)
        verify(list(self.out.iterdir()) == [], "something was written")

    @func_test
    def survives_a_crash(self):
        """After kill -9 no number comes twice."""
        near, far = self.veth()
        args = ("-N", self.folder / "seq", "-G", "0.2", "-B", f"pcapfile:{self.out}", f"int:{far}")
        for run in range(3):
            live = self.start(*args)
            before = len(named(self.out))
            with host.Sender(near) as sender:
                sender.send(frames(run, 10))
            wait_until(lambda n=before: len(named(self.out)) >= n + 3, "three files")
            live.signal(signal.SIGKILL)
            live.process.wait()
        published, leftover = self.seqs(), [int(p.name.split("-")[2]) for p in unnamed(self.out) if p.stat().st_size]
        verify(len(set(published + leftover)) == len(published + leftover), f"{published} {leftover}")

    @func_test
    def two_runs_cannot_share_it(self):
        """A second run with the same file is refused."""
        _, far = self.veth()
        _, source = self.trace(10)
        other = self.make_folder("other")
        self.start("-N", self.folder / "seq", "-B", f"pcapfile:{other}", f"int:{far}")
        self.refused_seq(source, "another")


class TestMtracecapLive(MtracecapSuite):
    def set_up_test_case(self):
        super().set_up_test_case()
        self.near, self.far = self.veth()

    def send(self, data):
        with host.Sender(self.near) as sender:
            sender.send(data)

    @func_test
    def every_word_for_an_interface(self):
        """int:, ring:, pcapint: and the bare name."""
        for n, uri in enumerate(("int:{}", "ring:{}", "pcapint:{}", "{}")):
            run = self.start("-s", "0", f"pcapfile:{self.out}/{n}", uri.format(self.far))
            self.send(frames(0, 100))
            run.wait_received(100)
            run.stop()
            verify(run.balance == (100, 100, 0, 0), run.balance)
            assert_streams(packets(self.out / str(n)), {0: 100})

    @func_test
    def dpdk(self):
        """dpdk: with a virtual device."""
        run = self.start(f"pcapfile:{self.out}/x", f"dpdk:net_af_packet0,iface={self.far}")
        self.send(frames(0, 100))
        run.wait_received(100)
        run.stop()
        assert_streams(packets(self.out / "x"), {0: 100})

    @func_test
    def sighup_ends_it(self):
        """Also where there is no terminal; all is written."""
        run = self.start("-s", "0", "-B", f"pcapfile:{self.out}", f"int:{self.far}")
        self.send(frames(0, 100))
        run.wait_received(100)
        run.signal(signal.SIGHUP)
        run.finish()
        assert_streams(self.found(), {0: 100})

    @func_test
    def names_of_live_files(self):
        """The first packet's time, not the moment at which the file was begun."""
        run = self.start("-s", "0", "-U", "-B", f"pcapfile:{self.out}", f"int:{self.far}")
        time.sleep(1.1)
        self.send(frames(0, 1))
        run.wait_received(1)
        run.stop()
        first = time.gmtime(self.found()[0].ts_ns // SECOND_NS)
        verify(named(self.out)[0].name.startswith(time.strftime("%Y%m%d-%H%M%S-", first)), f"{named(self.out)}")

    @func_test
    def silence_rotates_too(self):
        """-G without packets: valid, empty captures."""
        run = self.start("-G", "0.5", "-B", f"pcapfile:{self.out}", f"int:{self.far}")
        wait_until(lambda: len(named(self.out)) >= 3, "three files")
        run.stop()
        verify(set(capinfos_counts(named(self.out))) == {0}, "packets out of nothing")

    @func_test
    def unfinished_files_have_another_name(self):
        """tmp-PID-... in the same folder, until a signal."""
        run = self.start("-B", f"pcapfile:{self.out}", f"int:{self.far}")
        self.send(frames(0, 100))
        wait_until(lambda: any(p.stat().st_size for p in self.out.iterdir()), "something is written")
        verify(named(self.out) == [] and all(p.name.startswith(f"tmp-{run.process.pid}-") for p in self.out.iterdir()),
               f"{list(self.out.iterdir())}")
        run.stop()
        verify(len(named(self.out)) == 1 and unnamed(self.out) == [], f"{list(self.out.iterdir())}")

    @func_test
    def files_and_interfaces_mixed(self):
        """With an interface among them, the end of the files is not the end."""
        made, source = self.trace(100)
        run = self.start("-s", "0", f"pcapng:{self.out}/x", f"pcapfile:{source}", f"int:{self.far}")
        run.wait_received(100)
        time.sleep(0.3)
        verify(run.process.poll() is None, "it ended with the file")
        self.send(frames(1, 100))
        run.wait_received(200)
        run.stop()
        assert_streams(packets(self.out / "x"), {0: 100, 1: 100})

    @func_test
    def a_hundred_rotations_under_load(self):
        """No packet is lost, doubled or out of order."""
        run = self.start("-s", "0", "-S", "0.25", "-B", f"pcapfile:{self.out}", f"int:{self.far},buffer_mb=256")
        count = 40000
        self.send(frames(0, count, sizes=(1000,), noise=True))
        run.wait_received(count)
        run.stop()
        verify(run.balance == (count, count, 0, 0), run.balance)
        verify(len(named(self.out)) > 100, f"{len(named(self.out))} files")
        assert_streams(self.found(), {0: count})

    @func_test
    def a_flood_beside_silence_and_a_trickle(self):
        """One interface is flooded, one is dark, one trickles: nothing is lost, and all is in order, with old flags."""
        silent, trickle = self.veth(), self.veth()
        run = self.start("-w", "10000", f"pcapng:{self.out}/x", f"int:{self.far},buffer_mb=256", f"int:{silent[1]}",
                         f"int:{trickle[1]}")
        flood = 100000
        data = frames(0, flood)
        drops = frames(1, 100)
        with host.Sender(self.near) as a, host.Sender(trickle[0]) as b:
            for n, frame in enumerate(drops):
                a.send(data[n * flood // 100:(n + 1) * flood // 100])
                b.send([frame])
        run.wait_received(flood + 100)
        run.stop()
        verify(run.balance == (flood + 100, flood + 100, 0, 0), run.balance)
        got = packets(self.out / "x")
        assert_ordered(got)
        assert_streams(got, {0: flood, 1: 100})
        verify([n for _, n, _ in run.inputs] == [flood, 0, 100], f"{run.inputs}")
        verify(run.total == (flood + 100, 0), run.total)

    @func_test
    def the_watchfile_appears_late(self):
        """Until it exists nothing is begun; what came meanwhile is all there."""
        go = self.folder / "go"
        for flag in ("-W", "--watchfile"):
            run = self.start("-s", "0", flag, go, "-B", f"pcapfile:{self.out}", f"int:{self.far}")
            self.send(frames(0, 5000))
            run.wait_said(f"waits for {go}")
            time.sleep(0.3)
            verify(not any(p.stat().st_size for p in self.out.iterdir()), "something was written")
            go.touch()
            wait_until(lambda: any(p.stat().st_size for p in self.out.iterdir()), "something is written")
            run.wait_received(5000)
            run.stop()
            verify(run.balance == (5000, 5000, 0, 0), run.balance)
            assert_streams(self.found(), {0: 5000})
            go.unlink()
            for p in self.out.iterdir():
                p.unlink()

    @func_test
    def each_segment_waits_for_the_watchfile(self):
        """It goes away after the first segment: the second one waits."""
        go = self.folder / "go"
        go.touch()
        run = self.start("-s", "0", "-G", "0.5", "-W", go, "-B", f"pcapfile:{self.out}", f"int:{self.far}")
        self.send(frames(0, 100))
        wait_until(lambda: named(self.out), "the first file")
        go.unlink()
        run.wait_said("waits for")
        count = len(named(self.out))
        self.send(frames(0, 100, first=100))
        time.sleep(1.2)
        verify(all(n < 100 for p in named(self.out) for n in numbers(packets(p)).get(0, ())), "a segment did not wait")
        go.touch()
        wait_until(lambda: len(named(self.out)) >= count + 3, "the next files")
        run.stop()
        assert_streams(self.found(), {0: 200})

    @func_test
    def a_signal_ends_the_wait_for_the_watchfile(self):
        """SIGTERM while it is missing: what the buffers hold is written."""
        run = self.start("-s", "0", "-W", self.folder / "never", "-B", f"pcapfile:{self.out}", f"int:{self.far}")
        self.send(frames(0, 5000))
        run.wait_said("waits for")
        run.stop()
        verify(run.balance == (5000, 5000, 0, 0), run.balance)
        assert_streams(self.found(), {0: 5000})

    @func_test
    def what_does_not_fit_behind_the_watchfile_is_counted(self):
        """More than the kernel's buffer and the program's own hold: received = written + a loss with a name."""
        args = ("-s", "0", "-W", self.folder / "never", "-B", f"pcapfile:{self.out}", f"int:{self.far},buffer_mb=1")
        run = self.start(*args)
        sent = 0
        # Buffers of 256 MiB.
        while sent < 260000:
            self.send(frames(0, 5000, sizes=(1500,), first=sent))
            sent += 5000
        run.wait_received(sent)
        run.stop()
        received, written, filtered, dropped = run.balance
        verify(received == sent == written + dropped and filtered == 0, run.balance)
        verify(dropped and "kernel_drop" in run.stderr, run.balance)
        seen = numbers(self.found())[0]
        verify(seen == sorted(set(seen)) and len(seen) == written, "the file differs from the ledger")

    @func_test
    def privileges_are_dropped(self):
        """No id, group or capability of root is left, the files are the user's, and no device can be opened again."""
        user = pwd.getpwnam("nobody")
        os.chmod(self.folder, 0o755)
        os.chown(self.out, user.pw_uid, user.pw_gid)
        probe = self.folder / "probe.py"
        probe.write_text("import os, socket, sys\n"
                         "for what in (lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW), lambda: os.setuid(0),\n"
                         "             lambda: os.setgid(0)):\n"
                         "    try:\n"
                         "        what()\n"
                         "        print('COULD', file=sys.stderr)\n"
                         "    except PermissionError:\n"
                         "        print('could not', file=sys.stderr)\n")
        run = self.start("--relinquish-privileges=nobody", "--seqfile", self.out / "seq", "--pipeout",
                         f"cat; /usr/bin/python3 {probe}", "-B", f"pcapfile:{self.out}", f"int:{self.far}")
        status = dict(line.split(":", 1) for line in open(f"/proc/{run.process.pid}/status", encoding="utf-8"))
        verify(set(status["Uid"].split()) == {str(user.pw_uid)}, status["Uid"])
        verify(set(status["Gid"].split()) == {str(user.pw_gid)}, status["Gid"])
        verify("0" not in status["Groups"].split(), status["Groups"])
        for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            verify(int(status[name], 16) == 0, f"{name}: {status[name]}")
        verify(status["NoNewPrivs"].strip() == "1", "a program with more rights could be run")
        self.send(frames(0, 100))
        run.wait_received(100)
        run.stop()
        verify(run.stderr.count("could not") == 3 and "COULD" not in run.stderr, run.stderr)
        verify({p.stat().st_uid for p in self.out.iterdir()} == {user.pw_uid}, "files belong to somebody else")
        assert_streams(self.found(), {0: 100})


class TestMtracecapPipe(MtracecapSuite):
    def through(self, command, *args, rc=0, source=None, **options):
        made, path = (None, source) if source else self.trace()
        run = self.capture("-s", "0", "--pipeout", command, "-B", f"pcapfile:{self.out}", *args, f"pcapfile:{path}",
                           rc=rc, **options)
        return made, run

    @func_test
    def gzip(self):
        """Each file goes through gzip."""
        made, run = self.through("gzip -9", "-G", "2", "--file-ext", ".pcap.gz")
        verify(run.balance == (1000, 1000, 0, 0), run.balance)
        verify(len(named(self.out)) == 5, "not five files")
        for p in named(self.out):
            tool("gzip", "-t", p)
        assert_same(self.found(), made)

    @func_test
    def the_shell_runs_it(self):
        """Quotes, pipes and redirections work; the command's errors go to stderr."""
        made, run = self.through("echo \"it's  me\" >&2; cat | (cat | cat)")
        verify("it's  me\n" in run.stderr, run.stderr)
        assert_same(self.found(), made)

    @func_test
    def one_file_goes_through_it_too(self):
        """outputuri, not only baseuri."""
        made, source = self.trace()
        self.capture("-s", "0", "--pipeout=xz", f"pcapfile:{self.out}/x.xz", f"pcapfile:{source}")
        assert_same(parse(tool("xz", "-dc", self.out / "x.xz", text=False).stdout).packets, made)

    @func_test
    def a_command_that_fails(self):
        """Nothing is published; it is said and counted, and what the command put out is kept."""
        for command, words in (("cat; exit 3", "status 3"), ("cat; kill -9 $$", "signal 9"),
                               ("no-such-command", "status 127")):
            _, run = self.through(command, rc=1)
            verify(words in run.stderr and "pipe_error 1000" in run.stderr, run.stderr)
            verify(run.balance == (1000, 0, 0, 1000), run.balance)
            verify(named(self.out) == [], "it was published")
            verify(len(unnamed(self.out)) == ("cat" in command), f"{list(self.out.iterdir())}")
            for p in self.out.iterdir():
                p.unlink()

    @func_test
    def a_command_that_fails_once(self):
        """The other segments are published; the ledger has what was lost with the one."""
        once = self.folder / "once"
        made, run = self.through(f"cat; mkdir {once} 2>/dev/null && exit 1; true", "-G", "2", rc=1)
        received, written, _, dropped = run.balance
        verify((received, written, dropped) == (1000, 800, 200), run.balance)
        verify(len(named(self.out)) == 4 and len(unnamed(self.out)) == 1, f"{list(self.out.iterdir())}")
        begin = T0_NS + 2 * SECOND_NS * int(unnamed(self.out)[0].name[-8:])
        assert_same(self.found(), [p for p in made if not begin <= p.ts_ns < begin + 2 * SECOND_NS])

    @func_test
    def a_command_that_dies_in_the_middle(self):
        """Of a live capture: another one takes over, what the first one swallowed is counted, nothing comes twice."""
        near, far = self.veth()
        once = self.folder / "once"
        command = f"if mkdir {once} 2>/dev/null; then head -c 100000 >/dev/null; exit 1; fi; exec cat"
        run = self.start("-s", "0", "--pipeout", command, "-B", f"pcapfile:{self.out}", f"int:{far}")
        sent = 0
        with host.Sender(near) as sender:
            def send():
                nonlocal sent
                sender.send(frames(0, 500, sizes=(1000,), first=sent))
                sent += 500
                # The kernel's buffer is never full, so that nothing is lost but by the command.
                run.wait_received(sent)
                return "ended with status 1" in run.stderr
            wait_until(send, "the command's end")
            send()
        run.stop(rc=1)
        received, written, _, dropped = run.balance
        verify(received == sent == written + dropped and written >= 500 and dropped >= 100, run.balance)
        seen = numbers(self.found())[0]
        verify(seen == list(range(dropped, sent)), "what is there is not what came after the loss")

    @func_test
    def a_command_that_stalls(self):
        """The buffers take what comes meanwhile; nothing is lost."""
        near, far = self.veth()
        go = self.folder / "go"
        run = self.start("-s", "0", "--pipeout", f"while ! test -e {go}; do sleep 0.1; done; exec cat", "-B",
                         f"pcapfile:{self.out}", f"int:{far},buffer_mb=256")
        with host.Sender(near) as sender:
            sender.send(frames(0, 20000, sizes=(1000,)))
        run.wait_received(20000)
        verify(named(self.out) == [], "it did not stall")
        go.touch()
        run.stop()
        verify(run.balance == (20000, 20000, 0, 0), run.balance)
        assert_streams(self.found(), {0: 20000})

    @func_test
    def a_command_that_never_ends(self):
        """The first signal waits for it, the second one ends it, with all that it had started."""
        near, far = self.veth()
        pid = self.folder / "pid"
        run = self.start("--pipeout", f"sleep 1000 & echo $! > {pid}; wait", "-B", f"pcapfile:{self.out}", f"int:{far}")
        with host.Sender(near) as sender:
            sender.send(frames(0, 100))
        wait_until(lambda: pid.exists() and pid.read_text().strip(), "the command runs")
        run.signal(signal.SIGTERM)
        run.wait_said("stopping: ")
        verify(run.process.poll() is None, "it did not wait")
        signal_until_end(run.process, signal.SIGTERM)
        run.finish(rc=1)
        received, written, _, dropped = run.balance
        verify((received, written, dropped) == (100, 0, 100), run.balance)
        wait_until(lambda: not os.path.exists(f"/proc/{pid.read_text().strip()}"), "the command's child is gone")
