# SPDX-License-Identifier: BSD-3-Clause
"""The program under test: started, waited for, ended, and asked what it did."""

import fcntl
import json
import os
import resource
import shutil
import signal
import subprocess
import termios
from pathlib import Path

from .process import PROGRAM_CPU, end, environment, tool, unique, wait_until
from .telemetry import Telemetry

SANITIZED = bool(os.environ.get("BRAIDCAP_ASAN"))


def program():
    """BRAIDCAP_ASAN names a sanitized build, which goes first; BRAIDCAP any other than that of build/."""
    default = Path(__file__).parents[2] / "build" / "app" / "braidcap" / "braidcap"
    path = os.environ.get("BRAIDCAP_ASAN") or os.environ.get("BRAIDCAP") or str(default)
    assert os.access(path, os.X_OK), f"no program {path}: build it, or name it in BRAIDCAP"
    return path


def sanitizers():
    """What a sanitized build is told. DPDK leaves memory behind of its own, so that leaks are for the unit tests."""
    return {"ASAN_OPTIONS": "detect_leaks=0:exitcode=99", "UBSAN_OPTIONS": "halt_on_error=1"} if SANITIZED else {}


# Of no system call of ours is this to be said, in any suite.
REFUSED = "the sandbox refused"

# By default it leaves the CPUs to all others, and then gets none for minutes where they are busy.
FIND = ("find", "--priority", "normal")


def braidcap(*args, folder, check=True, env=None, **options):
    """Run a short-lived subcommand (ctl, recover, a refused capture) to its end. env is what it has in its environment beside ours."""
    return tool(program(), *args, check=check, env={**environment(folder), **sanitizers(), **(env or {})}, **options)


class Running:
    """A process whose stderr goes to a file: both are the heir's to make. It ends with the context."""

    process = None
    stderr_path = None

    def __enter__(self):
        return self

    def __exit__(self, failure, *_):
        end(self.process)
        if self.process.stdout:
            self.process.stdout.close()
        # pytest shows this where a test case fails.
        print(f"--- stderr of {self.process.args}, which ended with {self.process.returncode}:\n{self.stderr[-4000:]}")
        assert failure or REFUSED not in self.stderr, self.stderr[-4000:]

    @property
    def stderr(self):
        return self.stderr_path.read_text(errors="replace")


class Braidcap(Running):
    """
    One `braidcap capture`, or another command that runs for long, without hugepages and with a prefix and a report of its
    own. beside_generator keeps it to one CPU while testpmd has the other. user is a name to run as, rights are the
    capabilities that it then has ("net_raw"). netns is a network namespace to run in. stdout is as for Popen. terminal is the descriptor of
    one, to be the controlling terminal; it has none otherwise. limit is the size that its files may have.
    env is what it has in its environment beside ours. stdin is as for Popen. etc is a folder that it has as /etc.
    """

    def __init__(self, folder, args, beside_generator=False, stdout=None, user=None, rights=None, netns=None, command="capture",
                 terminal=None, limit=None, env=None, stdin=subprocess.DEVNULL, etc=None):
        self._ready = {"capture": "capturing", "collect": "collecting"}[command]
        self.prefix = unique("bc")
        self.folder = folder
        self.report_path = folder / f"{self.prefix}.json"
        self.stderr_path = folder / f"{self.prefix}.stderr"
        executable = program()
        if user:
            # The user need not be able to look into the folder of the build.
            executable = shutil.copy(executable, folder / "braidcap")
        argv = [executable, command, *[str(a) for a in args], "--no-huge", "--prefix", self.prefix, "--report",
                str(self.report_path)]
        if user:
            given = "".join(f",+{name}" for name in rights or ())
            sets = [f"--{kind}=-all{given}" for kind in (["inh-caps", "ambient-caps", "bounding-set"] if rights else ["inh-caps"])]
            argv = ["setpriv", f"--reuid={user}", "--clear-groups", *sets, *argv]
        if netns:
            argv = ["ip", "netns", "exec", netns, *argv]
        if etc:
            argv = ["unshare", "-m", "sh", "-c", 'mount --bind "$0" /etc && exec "$@"', etc, *argv]

        def prepare():
            if beside_generator:
                os.sched_setaffinity(0, {PROGRAM_CPU})
            if terminal is not None:
                fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
            if limit:
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

        with open(self.stderr_path, "wb") as stderr:
            self.process = subprocess.Popen(argv, stdin=stdin, stderr=stderr, preexec_fn=prepare, start_new_session=True,
                                            stdout=subprocess.DEVNULL if stdout is None else stdout,
                                            env={**environment(folder), **sanitizers(), **(env or {})})

    @property
    def report(self):
        return json.loads(self.report_path.read_text())

    def telemetry(self):
        return Telemetry(self.folder, self.prefix)

    def ask(self, command):
        """One telemetry command over a connection of its own."""
        with self.telemetry() as t:
            return t.command(command)

    def wait_capturing(self, timeout=60):
        def capturing():
            assert self.process.poll() is None, f"braidcap ended with {self.process.returncode}:\n{self.stderr[-3000:]}"
            return self._ready in self.stderr
        wait_until(capturing, f"the line that says '{self._ready}'", timeout)

    def wait_received(self, count, timeout=60):
        """Until the ledger has that many packets."""
        wait_until(lambda: self.ask("/braidcap/info")["balance"]["received"] >= count, f"{count} packets received",
                   timeout)

    def wait_written(self, count, timeout=60):
        wait_until(lambda: self.ask("/braidcap/info")["balance"]["written"] >= count, f"{count} packets written",
                   timeout)

    def pause(self):
        """It takes nothing more when this returns: each CPU has looked at its orders since."""
        def rounds():
            return [lcore["rounds"] for lcore in self.ask("/braidcap/lcores")]
        assert self.ask("/braidcap/pause")["status"] == "ok"
        for _ in range(2):
            before = rounds()
            wait_until(lambda before=before: all(b > a for a, b in zip(before, rounds())), "the pause")

    def signal(self, number):
        self.process.send_signal(number)

    def finish(self, rc=0, timeout=60):
        """Wait for the end, which must have the exit status rc; None: any."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"braidcap has not ended within {timeout} s") from None
        assert "Sanitizer" not in self.stderr and "runtime error" not in self.stderr, self.stderr[-8000:]
        assert rc is None or self.process.returncode == rc, f"exit status {self.process.returncode}, not {rc}:\n" \
            f"{self.stderr[-3000:]}"

    def stop(self, rc=0, timeout=60):
        """Ctrl-C, and the drain; the report."""
        self.signal(signal.SIGINT)
        self.finish(rc, timeout)
        return self.report

    def kill(self):
        self.signal(signal.SIGKILL)
        self.process.wait()
