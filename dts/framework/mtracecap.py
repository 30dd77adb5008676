# SPDX-License-Identifier: BSD-3-Clause
"""The program under its other name, as mtracecap's users start it. What it did: stderr and the files say it."""

import os
import re
import signal
import subprocess

from .braidcap import program, sanitizers
from .process import end, environment, tool, unique, wait_until
from .telemetry import Telemetry

# FOLDER/YYYYMMDD-HHMMSS-SEQ8EXT
NAME = re.compile(r"^(\d{8}-\d{6})-(\d{8})(\D.*)?$")
BALANCE = re.compile(r"^(\d+) received = (\d+) written \+ (\d+) filtered \+ (\d+) dropped", re.M)
# The lines of mtracecap itself.
FILE = re.compile(r"^INFO : uri=(\S+), packets=(\d+), disorders=(\d+)$", re.M)
INPUT = re.compile(r"^INFO :     input=(\d+): packets=(\d+), drops=(\d+)$", re.M)
TOTAL = re.compile(r"^INFO : TOTAL: packets=(\d+), disorders=(\d+)$", re.M)
CLOSING = re.compile(r"^INFO : closing input (\d+), total packets: (\d+), drops: (\d+)$", re.M)


def executable(folder):
    """The program by the name mtracecap."""
    link = folder / "mtracecap"
    if not link.exists():
        link.symlink_to(os.path.abspath(program()))
    return link


def variables(folder, extra=None):
    return {**environment(folder), **sanitizers(), **(extra or {})}


def mtracecap(*args, folder, check=True, env=None, **options):
    """Run it to its end."""
    return tool(executable(folder), *args, check=check, env=variables(folder, env), **options)


def named(folder):
    """The files that have their final names, in their order: by SEQ."""
    return sorted((p for p in folder.iterdir() if NAME.match(p.name)), key=lambda p: NAME.match(p.name).group(2))


def unnamed(folder):
    return [p for p in folder.iterdir() if not NAME.match(p.name)]


class Mtracecap:
    """One run, with -v."""

    def __init__(self, folder, args, env=None, stdout=None):
        self.folder = folder
        self.stderr_path = folder / f"{unique('mt')}.stderr"
        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen([executable(folder), "-v", *[str(a) for a in args]],
                                            stdin=subprocess.DEVNULL, stderr=stderr, start_new_session=True, env=variables(folder, env),
                                            stdout=subprocess.DEVNULL if stdout is None else stdout)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self.process)
        print(f"--- stderr of {self.process.args}, which ended with {self.process.returncode}:\n{self.stderr[-4000:]}")

    @property
    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def wait_said(self, words, timeout=60):
        def said():
            assert self.process.poll() is None or words in self.stderr, f"it ended:\n{self.stderr[-3000:]}"
            return words in self.stderr
        wait_until(said, f"the words {words!r}", timeout)

    def wait_received(self, count):
        """Until the ledger of the one run in this folder has that many packets."""
        def received():
            with Telemetry(self.folder, "braidcap") as t:
                return t.command("/braidcap/info")["balance"]["received"] >= count
        wait_until(received, f"{count} packets received")

    def signal(self, number):
        self.process.send_signal(number)

    def finish(self, rc=0, timeout=60):
        self.process.wait(timeout)
        assert "Sanitizer" not in self.stderr and "runtime error" not in self.stderr, self.stderr[-8000:]
        assert rc is None or self.process.returncode == rc, f"exit status {self.process.returncode}:\n" \
            f"{self.stderr[-3000:]}"

    def stop(self, rc=0, timeout=60):
        self.signal(signal.SIGTERM)
        self.finish(rc, timeout)

    @property
    def balance(self):
        """received, written, filtered, dropped."""
        return tuple(int(n) for n in BALANCE.search(self.stderr).groups())

    @property
    def files(self):
        return [(m.group(1), *(int(n) for n in m.groups()[1:])) for m in FILE.finditer(self.stderr)]

    @property
    def inputs(self):
        """Number, packets, drops."""
        return [tuple(int(n) for n in m.groups()) for m in INPUT.finditer(self.stderr)]

    @property
    def closing(self):
        """Number, packets, drops."""
        return [tuple(int(n) for n in m.groups()) for m in CLOSING.finditer(self.stderr)]

    @property
    def total(self):
        return tuple(int(n) for n in TOTAL.search(self.stderr).groups())
