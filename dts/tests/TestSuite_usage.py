# SPDX-License-Identifier: BSD-3-Clause
"""What is refused: with one line that says why, exit status 2, and nothing written."""

import json
import re
from pathlib import Path

from framework import host
from framework.braidcap import program
from framework.checks import assert_lossless, published, verify_segments
from framework.packets import frames, timed, write_pcap
from framework.process import environment, tool
from framework.test_suite import TestSuite, func_test, verify

ROOT = Path(__file__).parents[2]


class TestUsage(TestSuite):
    def set_up_test_case(self):
        self.trace = write_pcap(self.folder / "in.pcap", timed(frames(0, 10)))
        self.out = self.make_folder()

    def refused(self, *args, words=(), rc=(2,), **options):
        """Run a capture that must be refused with these words; nothing may be in the folder."""
        done = self.braidcap("capture", *args, "--no-huge", check=False, **options)
        verify(done.returncode in rc, f"exit status {done.returncode}: {done.stderr}")
        lines = done.stderr.strip().splitlines()
        verify(len(lines) == 1, f"not one line: {done.stderr}")
        for word in words:
            verify(word in lines[0], f"{word!r} is not in {lines[0]!r}")
        verify(list(self.out.iterdir()) == [], "something was written")

    @func_test
    def bad_options(self):
        """Unknown options and impossible values are named."""
        good = ("-i", self.trace, "-w", self.out)
        for args in (("--no-such-option",), ("--snaplen", "0x"), ("--snaplen", "-1"), ("--snaplen", "99999999"),
                     ("--count", "many"), ("--rotate-seconds", "nan"), ("--rotate-size", "-5"), ("--format", "doc"),
                     ("--compress", "rar"), ("--memory", "0"), ("--duration", "1s"), ("--lcores", "a-b")):
            self.refused(*good, *args, words=args[:1])

    @func_test
    def nothing_to_do(self):
        """Without a source or a destination, and with words left over."""
        self.refused("-w", self.out, words=["-i"])
        self.refused("-i", self.trace, words=["-w"])
        self.refused("-i", self.trace, "-w", self.out, "left-over", words=["left-over"])

    @func_test
    def unknown_subcommand(self):
        """`braidcap nonsense` and `braidcap` alone."""
        for args in (("nonsense",), ()):
            done = self.braidcap(*args, check=False)
            verify(done.returncode == 2 and done.stderr, f"{args}: {done.returncode}")

    @func_test
    def sizes_of_a_link(self):
        """`plan --rate` computes from a file of figures; without one, or with what does not fit, it says so in a line."""
        figures = self.folder / "figures.json"
        sizes = [{"bytes": b, "none_pps": 1e7 / b, "lz4_pps": 1e6 / b, "lz4_ratio": 2} for b in (100, 1000)]
        figures.write_text(json.dumps({"version": 1, "date": "2026-01-02", "machine": "here", "packets": sizes}))
        done = self.braidcap("plan", "--rate", "10G", "--packet", "500", "--figures", figures)
        verify("Measured 2026-01-02 on here" in done.stdout and "cores" in done.stdout, done.stdout)
        for args, rc in ((("--rate", "10X"), 2), (("--rate", "1G", "-i", "eth0"), 2), (("--rate", "1G", "-Z", "zstd"), 2),
                         (("--rate", "1G", "--figures", self.folder / "none"), 1)):
            done = self.braidcap("plan", *args, check=False)
            verify(done.returncode == rc and len(done.stderr.splitlines()) == 1, f"{args}: {done.returncode}, {done.stderr}")
        verify("braidcap doctor --rate" in done.stderr, f"not what a package has: {done.stderr}")

    def completed(self, *words):
        """What the shell offers for the last of these words."""
        line = " ".join(f"'{w}'" for w in (program(), *words))
        return tool("bash", "-c", f"source '{ROOT}/scripts/completion/braidcap.bash'; COMP_WORDS=({line}); "
                    f'COMP_CWORD={len(words)}; _braidcap; echo "${{COMPREPLY[@]}}"').stdout.split()

    @func_test
    def completion_offers_the_codecs(self):
        """The shell's completion has them from --help."""
        for words, offered in ((("capture", "-Z", ""), ["lz4", "zstd", "none"]), (("collect", "--compress", "x"), ["xz"])):
            found = self.completed(*words)
            verify([w for w in found if w in offered] == offered and all(w.isalnum() for w in found), f"{found}")

    @func_test
    def paths_as_the_user_knows_them(self):
        """What is missing is called so, and a folder's closing slash is not doubled."""
        self.refused("-i", "missing.pcap", "-w", self.out, words=["no such file"], rc=(1,))
        done = self.braidcap("recover", "missing", check=False)
        verify(done.returncode == 1 and "missing: No such file" in done.stderr, done.stderr)
        folder = self.make_folder("slash")
        self.capture("-i", self.trace, "-w", f"{folder}/")
        done = self.braidcap("verify", f"{folder}/")
        verify(f"{folder}/2" in done.stdout, done.stdout)

    @func_test
    def key_files_by_their_options(self):
        """A file with a key or a certificate that is not there is told with the option that names it."""
        none, peer = self.folder / "none", ("capture", "-i", "null:count=1", "-w", "osmo://127.0.0.1:1,tls")
        tool(ROOT / "scripts" / "test-ca", self.folder / "ca", "localhost")
        cert, public = self.folder / "ca/localhost.crt", self.folder / "public.pem"
        tool("openssl", "genpkey", "-algorithm", "ed25519", "-out", self.folder / "secret.pem")
        tool("openssl", "pkey", "-in", self.folder / "secret.pem", "-pubout", "-out", public)
        for option, args in (("--sign", ("capture", "-i", "null:count=1", "-w", self.out)), ("--sign", ("capture", "--check", "-i", "null:", "-w", self.out)),
                             ("--tls-ca", peer), ("--tls-crl", peer), ("--tls-cert", peer), ("--tls-key", (*peer, "--tls-cert", cert)),
                             ("--chain", ("verify", self.out)), ("--tsa-ca", ("verify", "--chain", public, self.out)),
                             ("--identity", ("verify", self.out)), ("--identity", ("find", "ip", self.out)),
                             ("--identity", ("decrypt", self.trace)), ("--recipients-file", ("encrypt", self.trace)),
                             ("--users", ("console",)), ("--tls-cert", ("console",)), ("--tls-key", ("console", "--tls-cert", cert)),
                             ("--tls-ca", ("console", "--tls-cert", cert, "--tls-key", self.folder / "ca/localhost.key"))):
            done = self.braidcap(args[0], option, none, *args[1:], check=False)
            verify(done.stderr.startswith(f"braidcap: {option}: ") and str(none) in done.stderr, f"{option}: {done.stderr}")

    @func_test
    def bad_source_keys(self):
        """An unknown value of a key of ours is named."""
        self.refused("-i", "dpdk:net_null0,queues=none", "-w", self.out, words=["queues"])
        self.refused("-i", "null:size=big", "-w", self.out, words=["size"])

    @func_test
    def bad_filter(self):
        """A filter is refused in libpcap's words."""
        self.refused("-i", self.trace, "-w", self.out, "-f", "tcp and and", words=["syntax error"])

    @func_test
    def report_that_cannot_be_written(self):
        """It is tried before the capture, with the rights that are left at its end."""
        self.refused("-i", self.trace, "-w", self.out, "--report", "/nonexistent/r.json", words=["--report", "/nonexistent"])
        host.require_root()
        secret = self.make_folder("secret")
        secret.chmod(0o700)
        self.folder.chmod(0o755)
        self.refused("-i", self.trace, "-w", self.out, "--user", "nobody", "--report", secret / "r", words=["--report", "nobody"])

    @func_test
    def fewest_mbufs(self):
        """The least that --mbufs takes is enough for several files."""
        run = self.capture("-i", self.trace, "-i", self.trace, "-w", "null:", "--mbufs", "512")
        assert_lossless(run.report, 20)

    @func_test
    def verify_looks_at_content(self):
        """In a folder, any name of a damaged capture is found; what is none is left out with a word; nothing at all is not well."""
        folder = self.make_folder("mixed")
        verify(self.braidcap("verify", folder, check=False).returncode == 1, "an empty folder is fine")
        (folder / "notes").write_text("no packets here")
        verify(self.braidcap("verify", folder, check=False).returncode == 1, "notes are fine")
        self.capture("-i", self.trace, "-w", f"{folder}/", "--format", "erf", "--file-ext", ".dat")
        done = self.braidcap("verify", folder)
        verify("complete, 10 packets" in done.stdout and "notes: no capture file" in done.stdout, done.stdout)
        (folder / "cut").write_bytes(self.trace.read_bytes()[:-5])
        done = self.braidcap("verify", folder, check=False)
        verify(done.returncode == 1 and "cut: not complete" in done.stderr, done.stderr)

    @func_test
    def report_into_a_device(self):
        """What is no regular file is written into, and not replaced."""
        link = self.folder / "null"
        link.symlink_to("/dev/null")
        self.braidcap("capture", "-i", self.trace, "-w", "null:", "--no-huge", "--report", link)
        verify(link.is_symlink(), "it was replaced")

    @func_test
    def report_into_a_descriptor(self):
        """It goes where standard output goes, behind what is there."""
        path = self.folder / "both"
        path.write_text("before\n")
        tool("sh", "-c", f"exec {program()} capture --no-huge -i {self.trace} -w null: --report /dev/fd/1 >> {path}",
             env=environment(self.folder))
        before, report = path.read_text().split("\n", 1)
        verify(before == "before" and json.loads(report)["balance"]["written"] == 10, path.read_text())

    @func_test
    def closed_descriptors(self):
        """Without standard descriptors nothing else takes their place; stdout is then no destination."""
        run = f"exec 0<&- 1>&- 2>&-; exec {program()} capture --no-huge -i {self.trace} -w"
        tool("sh", "-c", f"{run} {self.out}/", env=environment(self.folder))
        verify_segments(published(self.out))
        for path in published(self.out):
            path.unlink()
        verify(tool("sh", "-c", f"{run} -", env=environment(self.folder), check=False).returncode != 0, "it went nowhere")

    @func_test
    def prefix_in_use_in_another_namespace(self):
        """A prefix is taken wherever the runtime folder is shared; that may pass, so it is no bad usage."""
        run = self.start("-i", self.vhost(), "-w", "null:")
        with host.namespace() as (netns, *_):
            done = tool("ip", "netns", "exec", netns, program(), "capture", "-i", self.trace, "-w", self.out, "--no-huge",
                        "--prefix", run.prefix, env=environment(self.folder), check=False)
        verify(done.returncode == 1 and "--prefix" in done.stderr, f"exit status {done.returncode}: {done.stderr}")
        run.stop()

    @func_test
    def nothing_stays_in_the_runtime_folder(self):
        """A capture that ends in good order leaves nothing there."""
        self.capture("-i", self.trace, "-w", "null:")
        verify(list((self.folder / "dpdk").iterdir()) == [], "something is left")

    @func_test
    def unknown_port(self):
        """A port that does not exist is named."""
        self.refused("-i", "dpdk:0000:ff:1f.7", "-w", self.out, words=["0000:ff:1f.7"], rc=(1, 2))

    @func_test
    def unknown_interface(self):
        """So is an interface, and a file."""
        self.refused("-i", "pcap:nosuchif0", "-w", self.out, words=["nosuchif0"], rc=(1, 2))
        self.refused("-i", "file:/nonexistent.pcap", "-w", self.out, words=["/nonexistent.pcap"], rc=(1, 2))

    @func_test
    def missing_folder(self):
        """A destination whose folder is missing is named, and not made."""
        for dest in (self.folder / "none" / "out.pcapng", f"{self.folder}/none/below/"):
            self.refused("-i", self.trace, "-w", dest, words=[str(self.folder / "none")], rc=(1, 2))
        verify(not (self.folder / "none").exists(), "the folder was made")

    @func_test
    def bad_yaml(self):
        """A mistake in a file is named with its file."""
        config = self.folder / "c.yaml"
        for text in ("sources: [", "sources:\n  - eth0\noutputs:\n  - dest: /tmp\n    formt: pcap\n", "- 1\n"):
            config.write_text(text)
            self.refused("-C", config, words=["c.yaml"])

    @func_test
    def help_is_help(self):
        """--help goes to stdout with exit status 0."""
        done = self.braidcap("capture", "--help")
        verify("--rotate-seconds" in done.stdout, done.stdout)

    @func_test
    def ctl_commands_are_complete(self):
        """Every command that `ctl --help` lists is completed by the shell, and stands in the documents."""
        listed = {name for line in self.braidcap("ctl", "--help").stdout.splitlines() if re.match("  [a-z]", line)
                  for name in re.match("  ([a-z]+(?:, [a-z]+)*)", line)[1].split(", ")}
        verify(len(listed) > 10, f"{listed}")
        completed = set(self.completed("ctl", ""))
        verify(completed == listed, f"completed: {completed}, listed: {listed}")
        manual = (ROOT / "man" / "braidcap.1").read_text().partition(".Sh CONTROL")[2]
        control = (ROOT / "docs" / "control.md").read_text()
        for name in listed:
            verify(re.search(rf"^\.It Cm .*\b{name}\b", manual, re.M), f"{name} is not in the manual page")
            verify(f"`{name}" in control or f"/braidcap/{name}`" in control, f"{name} is not in docs/control.md")

    def nobody(self):
        """Let the user nobody in."""
        host.require_root("setpriv")
        self.folder.chmod(0o777)
        self.out.chmod(0o777)

    @func_test
    def works_without_rights(self):
        """A file into segments, by a user without any rights."""
        self.nobody()
        run = self.capture("-i", self.trace, "-w", self.out, user="nobody")
        assert_lossless(run.report, 10)
        verify_segments(published(self.out))

    @func_test
    def no_right_to_an_interface(self):
        """An interface without the right to it: one line."""
        self.nobody()
        _, far = self.stack.enter_context(host.veth())
        run = self.start("-i", f"pcap:{far}", "-w", self.out, capturing=False, user="nobody")
        run.finish(rc=None)
        verify(run.process.returncode in (1, 2), f"exit status {run.process.returncode}")
        lines = run.stderr.strip().splitlines()
        verify(len(lines) == 1 and far in lines[0], run.stderr)
        verify(published(self.out) == [], "something was written")

    @func_test
    def no_right_to_the_folder(self):
        """A folder that may not be written: one line."""
        self.nobody()
        self.out.chmod(0o755)
        run = self.start("-i", self.trace, "-w", self.out, capturing=False, user="nobody")
        run.finish(rc=None)
        verify(run.process.returncode in (1, 2), f"exit status {run.process.returncode}")
        verify(str(self.out) in run.stderr, run.stderr)
