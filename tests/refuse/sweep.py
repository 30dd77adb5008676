# SPDX-License-Identifier: BSD-3-Clause
"""Small captures that are refused one call each."""
import contextlib
import dataclasses
import itertools
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess

from framework.braidcap import program
from framework.checks import published, published_of
from framework.packets import frames, timed, write_pcap
from framework.peer import Node
from framework.process import end, environment, free_port, tool, wait_until

KINDS = ("memory", "threads", "system")
PACKETS = 600           # of each of two inputs
PATIENCE_S = 60
IDENTITY = b"node of a sweep."
CONNECTIONS = 6         # two would do
MERGE = ("-i", "{in}/a.pcap", "-i", "{in}/b.pcap")

# What is captured and how.
SCENARIOS = {
    "merge": (*MERGE, "-w", "{out}/", "-Z", "lz4", "--index", "flows", "--rotate-packets", "300"),
    "chain": (*MERGE, "-w", "{out}/", "-Z", "none", "--index", "time", "--rotate-packets", "300", "--sign", "{in}/key.pem"),
    "direct": (*MERGE, "-w", "{out}/", "-Z", "zstd", "--io", "direct", "--rotate-packets", "500"),
    "keep": (*MERGE, "-w", "{out}/", "-Z", "gzip", "--rotate-packets", "300", "--keep-number", "2", "--on-segment", "true", "--completed",
             "{out}/done"),
    "null": ("-i", "null:payload=text,count=1200", "-w", "{out}/", "--rotate-packets", "400", "--flush-ms", "1"),
}

# A node sends to a collector, of whose processes one is refused calls.
COLLECT = ("-l", "127.0.0.1:{port}", "--allow", "node=127.0.1.1", "-w", "{out}/", "--flush-ms", "20", "--completed", "{out}/done",
           "--sign", "{in}/key.pem", "--idle-exit", "5")
COLLECTORS = {"collect": "braidcap", "keeper": "bc-keeper", "tender": "bc-tender", "keyring": "bc-keyring", "reader": "bc-reader"}
ALL = (*SCENARIOS, *COLLECTORS)


@dataclasses.dataclass
class Result:
    """Of one run. lost: packets are missing, and it says so."""
    status: int
    lost: bool
    faults: list


def make_inputs(folder):
    for name, stream in (("a", 1), ("b", 2)):
        write_pcap(folder / f"{name}.pcap", timed(frames(stream, PACKETS, sizes=(64, 400, 1400)), step_ns=1000 + stream))
    tool("openssl", "genpkey", "-algorithm", "ed25519", "-out", folder / "key.pem")
    (folder / "key.pem").chmod(0o600)


def build(folder):
    library = folder / "refuse.so"
    tool("cc", "-O1", "-shared", "-fPIC", "-o", library, pathlib.Path(__file__).with_name("refuse.c"), "-ldl")
    return library


def lines(stderr):
    """What it says, without numbers, which differ from run to run."""
    return {re.sub("[0-9]+", "N", line) for line in stderr.splitlines() if line.startswith("braidcap: ")}


@dataclasses.dataclass
class Done:
    returncode: int
    stderr: str
    acked: int      # None: there is no node


class Sender:
    """A node with 2 * PACKETS packets, half of them for each of two connections, or what is left if one fails."""

    def __init__(self):
        self._packets, self.acked = timed(frames(3, 2 * PACKETS, sizes=(64, 400, 1400))), 0

    def _connect(self, port, process):
        """None: the collector has ended."""
        def connected():
            with contextlib.suppress(ConnectionRefusedError):
                return process.poll() is not None or Node(port, IDENTITY, source="127.0.1.1", timeout=PATIENCE_S)
        node = wait_until(connected, "a collector that listens or ends", PATIENCE_S)
        return None if node is True else node

    def _once(self, port, process):
        node = self._connect(port, process)
        if node:
            with node:
                goal = min(node.next + PACKETS, 2 * PACKETS)
                node.packets(self._packets[node.next:goal])
                self.acked = max(self.acked, node.acked)
                self.acked = max(self.acked, node.finish())

    def send(self, port, process):
        """Until all is acknowledged, or the collector has ended or failed so often."""
        for _ in range(CONNECTIONS):
            if self.acked == 2 * PACKETS or process.poll() is not None:
                return
            try:
                self._once(port, process)
            except TimeoutError:
                raise
            except (OSError, struct.error, TypeError):
                pass    # the collector may close a connection anywhere, also within an answer


class Sweep:
    """One scenario, in a folder that can be shared with others."""

    def __init__(self, name, folder):
        self._process, self._folder, self._name, self._count = COLLECTORS.get(name), folder, name, itertools.count()
        self._usual = set()
        self._arguments = COLLECT if self._process else SCENARIOS[name]
        self._inputs, self._library = folder / "in", folder / "refuse.so"
        if not self._inputs.exists():
            self._inputs.mkdir()
            make_inputs(self._inputs)
            build(folder)

    def _start(self, kind, number):
        """A run in a folder of its own, which is returned, and what became of it."""
        at = self._folder / f"{self._name}-{next(self._count)}"
        (at / "out" / "done").mkdir(parents=True)
        port = free_port() if self._process else 0
        words = [word.format(**{"in": self._inputs, "out": at / "out", "port": port}) for word in self._arguments]
        env = {**environment(at), "LD_PRELOAD": self._library, "REFUSE": f"{kind} {number} {self._process or ''}",
               "REFUSE_SAYS": at / "says"}
        argv = [program(), "collect" if self._process else "capture", *words, "--no-huge", "--memory", "16", "--mbufs", "4096", "--quiet",
                "--prefix", f"refuse{os.getpid()}-{at.name}", "--report", at / "report.json"]
        with open(at / "stderr", "w+", encoding="utf-8", errors="replace") as stderr:
            process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr)
            try:
                acked = self._collect(port, process) if self._process else None
                process.wait(PATIENCE_S)
            finally:
                end(process)
            stderr.seek(0)
            return at, Done(process.returncode, stderr.read(), acked)

    def _collect(self, port, process):
        sender = Sender()
        sender.send(port, process)
        process.terminate()
        return sender.acked

    def calls(self, kind):
        """How many there are."""
        at, done = self._start(kind, 0)
        assert done.returncode == 0, done.stderr
        self._usual = lines(done.stderr)
        words = (at / "says").read_text().split()
        shutil.rmtree(at)
        return int(words[words.index("calls") + 1], 16)

    def run(self, kind, number):
        try:
            at, done = self._start(kind, number)
        except (subprocess.TimeoutExpired, TimeoutError):
            return Result(-1, False, [f"{kind} {number}: it hangs"])
        said = (at / "says").read_text().split() if (at / "says").exists() else []
        where = f"{kind} {number}, {' '.join(said[:2])}"
        lost, faults = self._judge(at, done)
        if not faults:
            shutil.rmtree(at)
        return Result(done.returncode, lost, [f"{where}: {fault} ({at})" for fault in faults])

    def _judge(self, at, done):
        faults = []
        if done.returncode not in (0, 1, 2):
            return False, [f"exit status {done.returncode}: {done.stderr[-500:]}"]
        if done.returncode and not lines(done.stderr) - self._usual:
            faults.append(f"it does not say why it ended with {done.returncode}: {done.stderr[-500:]}")
        segments = [path for folder in (at / "out", at / "out" / "done") for path in (*published(folder), *published_of(folder, "node"))]
        if segments:
            verified = subprocess.run([program(), "verify", "--json", *segments], capture_output=True, text=True, check=False)
            faults += [f"{file['path']} is published, and not whole" for file in json.loads(verified.stdout)["files"] if not file["complete"]]
        lost, wrong = self._account(at / "report.json", done)
        return lost, faults + wrong

    def _account(self, path, done):
        """Are packets missing? And what is wrong with the account."""
        if not path.exists():
            return False, ["there is no report"] if done.returncode == 0 else []
        report = json.loads(path.read_text())
        balance = report["balance"]
        faults = []
        if balance["unaccounted"]:
            faults.append(f"unaccounted: {balance}")
        if done.acked is not None and done.acked > balance["written"]:
            faults.append(f"{done.acked} packets were acknowledged: {balance}")
        # A collector may have taken some twice: what it acknowledged counts.
        got = balance["received"] if done.acked is None else done.acked
        if done.returncode == 0 and (got != 2 * PACKETS or balance["dropped"]):
            faults.append(f"exit status 0, {got} packets, and {balance}")
        return balance["dropped"] > 0, faults
