# SPDX-License-Identifier: BSD-3-Clause
"""Small captures that are refused one call each."""
import dataclasses
import itertools
import json
import os
import pathlib
import shutil
import subprocess

from framework.braidcap import program
from framework.checks import published
from framework.packets import frames, timed, write_pcap
from framework.process import environment, tool

KINDS = ("memory", "threads", "system")
PACKETS = 600           # of each of two inputs
PATIENCE_S = 60
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


class Sweep:
    """One scenario, in a folder that can be shared with others."""

    def __init__(self, name, folder):
        self._arguments, self._folder, self._name, self._count = SCENARIOS[name], folder, name, itertools.count()
        self._inputs, self._library = folder / "in", folder / "refuse.so"
        if not self._inputs.exists():
            self._inputs.mkdir()
            make_inputs(self._inputs)
            build(folder)

    def _start(self, kind, number):
        """A run in a folder of its own, which is returned, and what became of it."""
        at = self._folder / f"{self._name}-{next(self._count)}"
        (at / "out" / "done").mkdir(parents=True)
        words = [word.format(**{"in": self._inputs, "out": at / "out"}) for word in self._arguments]
        env = {**environment(at), "LD_PRELOAD": self._library, "REFUSE": f"{kind} {number}", "REFUSE_SAYS": at / "says"}
        done = subprocess.run([program(), "capture", *words, "--no-huge", "--memory", "16", "--mbufs", "4096", "--quiet", "--prefix",
                               f"refuse{os.getpid()}-{at.name}", "--report", at / "report.json"], env=env, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", timeout=PATIENCE_S, check=False)
        return at, done

    def calls(self, kind):
        """How many there are."""
        at, done = self._start(kind, 0)
        assert done.returncode == 0, done.stderr
        words = (at / "says").read_text().split()
        shutil.rmtree(at)
        return int(words[words.index("calls") + 1], 16)

    def run(self, kind, number):
        try:
            at, done = self._start(kind, number)
        except subprocess.TimeoutExpired:
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
        if done.returncode and not done.stderr.startswith("braidcap: "):
            faults.append(f"it does not say why it ended with {done.returncode}: {done.stderr[-500:]}")
        segments = [path for folder in (at / "out", at / "out" / "done") for path in published(folder)]
        if segments:
            verified = subprocess.run([program(), "verify", "--json", *segments], capture_output=True, text=True, check=False)
            faults += [f"{file['path']} is published, and not whole" for file in json.loads(verified.stdout)["files"] if not file["complete"]]
        lost, wrong = self._account(at / "report.json", done.returncode)
        return lost, faults + wrong

    def _account(self, path, status):
        """Are packets missing? And what is wrong with the account."""
        if not path.exists():
            return False, ["there is no report"] if status == 0 else []
        report = json.loads(path.read_text())
        balance = report["balance"]
        faults = []
        if balance["unaccounted"]:
            faults.append(f"unaccounted: {balance}")
        if status == 0 and (balance["received"] != 2 * PACKETS or balance["dropped"]):
            faults.append(f"exit status 0, and {balance}")
        return balance["dropped"] > 0, faults
