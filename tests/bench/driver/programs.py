# SPDX-License-Identifier: BSD-3-Clause
"""The programs that take part: started, asked, ended."""

import json
import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

TOP = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(TOP / "dts"))

from framework.process import end, environment, unique, wait_until  # noqa: E402
from framework.telemetry import Telemetry  # noqa: E402

# The tool under test has the first CPU to itself, the generator the last.
CPUS = sorted(os.sched_getaffinity(0))
TOOL_CPU = CPUS[0]
GEN_CPU = CPUS[-1]
# Debian's testpmd is linked with this driver and its dumpcap is not, so that their tables of mempool drivers differ and
# dumpcap gets no packet; loaded first in both, they agree.
DUMPCAP_PRELOAD = "librte_mempool_dpaa.so.23"


def pin(cpus):
    """What a new process does before it becomes its program."""
    return lambda: os.sched_setaffinity(0, set(cpus))


def cpu_ns(pid):
    """What the threads that the process has now have used, by the scheduler's account."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            total += int((task / "schedstat").read_text().split()[0])
        except OSError:
            pass
    return total


class Program:
    """A process of ours with its output in files, ended at the latest by close()."""

    def __init__(self, ctx, argv, cpus=None, env=None, stdin=subprocess.DEVNULL, stdout=None):
        self.ctx = ctx
        self.argv = [str(a) for a in argv]
        self.log = ctx.folder / f"{unique('log')}"
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(self.argv, stdin=stdin, stdout=stdout or log, stderr=log,
                                            env={**environment(ctx.folder), **(env or {})},
                                            preexec_fn=pin(cpus) if cpus else None)
        ctx.saw(self.argv)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def output(self):
        return self.log.read_text(errors="replace")

    def alive(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.argv[0]} ended with {self.process.returncode}: {self.output[-600:]}")
        return True

    def wait_output(self, text, timeout=30):
        wait_until(lambda: self.alive() and text in self.output, f"{text!r} of {self.argv[0]}", timeout)

    def stop(self, number=signal.SIGINT, timeout=60):
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(timeout)
        return self.process.returncode

    def wait_end(self, timeout):
        """Returns as it ends: with a limit, Popen.wait() looks only every 50 ms."""
        fd = os.pidfd_open(self.process.pid)
        try:
            if not select.select([fd], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.argv, timeout)
        finally:
            os.close(fd)
        return self.process.wait()

    def cpu(self):
        return cpu_ns(self.process.pid) / 1e9

    def close(self):
        end(self.process)
        for stream in (self.process.stdin, self.process.stdout):
            if stream:
                stream.close()


class Braidcap(Program):
    """A capture; by default all of it on the tool's CPU."""

    def __init__(self, ctx, args, cpus=(TOOL_CPU,), lcores=str(TOOL_CPU), huge=True, **options):
        self.prefix = unique("bench")
        self.report_path = ctx.folder / f"{self.prefix}.json"
        argv = [ctx.braidcap, "capture", *args, "--quiet", "--prefix", self.prefix, "--report", self.report_path]
        if lcores:
            argv += ["--lcores", lcores]
        if not (ctx.huge and huge):
            argv.append("--no-huge")
        super().__init__(ctx, argv, cpus=cpus, **options)
        self._telemetry = None

    def wait_capturing(self):
        self.wait_output("capturing")

    def ask(self, command):
        if not self._telemetry:
            self._telemetry = Telemetry(self.ctx.folder, self.prefix)
        return self._telemetry.command(command)

    def balance(self):
        return self.ask("/braidcap/ledger")["balance"]

    def report(self):
        return json.loads(self.report_path.read_text())

    def close(self):
        if self._telemetry:
            self._telemetry.__exit__()
            self._telemetry = None
        super().close()


class Generator(Program):
    """traffic_gen behind one virtual device."""

    def __init__(self, ctx, vdev, room=2048, mbufs=8191, cpu=GEN_CPU):
        argv = [ctx.tools / "traffic_gen", "--lcores", f"0@{cpu}", f"--file-prefix={unique('gen')}", "--no-pci",
                "--iova-mode=va", "--no-telemetry", "--log-level=3"]
        # One region of shared memory is all that vhost-user needs to be told of.
        if ctx.huge:
            argv += ["--in-memory", "--single-file-segments"]
        else:
            argv += ["--no-huge", "-m", str(64 + mbufs * (room + 2500) // (1 << 20))]
        argv += ["--vdev", vdev, "--", str(room), str(mbufs)]
        super().__init__(ctx, argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._buffer = b""
        self._answer(30)

    def _answer(self, timeout):
        until = time.monotonic() + timeout
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self.process.stdout], [], [], max(0, until - time.monotonic()))
            data = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not data:
                raise RuntimeError(f"no answer of the generator: {self.output[-600:]}")
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        if not line.startswith(b"{"):
            return self._answer(timeout)
        answer = json.loads(line)
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def begin(self, **job):
        self.process.stdin.write((" ".join(f"{k}={v}" for k, v in job.items()) + "\n").encode())
        self.process.stdin.flush()

    def end(self, timeout=120):
        return self._answer(timeout)

    def send(self, **job):
        self.begin(**job)
        return self.end()


class TestpmdSink(Program):
    """testpmd that receives from vhost-user, and does nothing with it."""

    def __init__(self, ctx, socket, pdump=False):
        self.prefix = unique("pmd")
        argv = ["dpdk-testpmd", "--lcores", f"0@{TOOL_CPU},1@{TOOL_CPU}", f"--file-prefix={self.prefix}", "--no-pci",
                "--iova-mode=va", "--no-telemetry"]
        argv += ["--huge-dir", str(ctx.huge)] if ctx.huge else ["--no-huge", "-m", "192"]
        argv += ["--vdev", f"net_vhost0,iface={socket}", "--", "--nb-cores=1", "--forward-mode=rxonly",
                 "--total-num-mbufs=16384", f"--rxd={RING}", "--no-flush-rx"]
        super().__init__(ctx, argv, stdin=subprocess.PIPE, env={"LD_PRELOAD": DUMPCAP_PRELOAD} if pdump else None)
        wait_until(lambda: self.alive() and os.path.exists(socket), "testpmd's socket")


class DpdkDumpcap(Program):
    """The capture tool of DPDK beside a TestpmdSink."""

    def __init__(self, ctx, primary, path):
        super().__init__(ctx, ["dpdk-dumpcap", "-q", "-i", "0", "-w", path, f"--file-prefix={primary.prefix}"],
                         cpus=(TOOL_CPU,), env={"LD_PRELOAD": DUMPCAP_PRELOAD})
        wait_until(lambda: self.alive() and os.path.exists(path) and os.path.getsize(path) > 0, "dumpcap's file")
        # The file is there a moment before the packets are.
        time.sleep(0.3)

    def counts(self):
        """After stop(): packets written, and packets lost. What it says it received has the lost ones in it."""
        found = re.search(r"received/dropped on interface '[^']*': (\d+)/(\d+)", self.output)
        if not found:
            raise RuntimeError(f"dpdk-dumpcap said: {self.output[-400:]}")
        received, dropped = int(found.group(1)), int(found.group(2))
        return received - dropped, dropped


class Dpdkcap(Program):
    """
    dpdkcap of a build of one's own, which receives and writes with an lcore each. They spin, so that they must not share a CPU:
    the writer has the tool's CPU, the one that receives the CPU beside it, which with two CPUs is the generator's.
    """

    def __init__(self, ctx, program, socket, folder, compress):
        self.folder = folder
        receiver = CPUS[1 % len(CPUS)]
        argv = [program, "--lcores", f"0@{receiver},1@{TOOL_CPU},2@{receiver}", f"--file-prefix={unique('cap')}", "--no-pci",
                "--iova-mode=va", "--no-telemetry", "--huge-dir", ctx.huge, "--vdev", f"net_vhost0,iface={socket}", "--",
                "-p", "0x1", "-o", folder / "dpdkcap_%COREID"]
        argv += [] if compress else ["--no-compression"]
        super().__init__(ctx, argv)
        wait_until(lambda: self.alive() and os.path.exists(socket), "dpdkcap's socket")

    def packets(self):
        """After stop(): how many its files have, compressed by LZO or not."""
        total = 0
        for path in self.folder.glob("dpdkcap_*"):
            unpack = f"lzop -dc < {path}" if path.suffix == ".lzo" else f"cat {path}"
            done = subprocess.run(["sh", "-c", f"{unpack} | capinfos -T -c -r -M -"], stdout=subprocess.PIPE, text=True,
                                  check=False)
            total += int(done.stdout.split()[-1]) if done.stdout.split() else 0
            path.unlink()
        return total


# Descriptors of every virtqueue.
RING = 1024


def virtio(socket):
    return f"net_virtio_user0,path={socket},queue_size={RING}"


def vhost(socket, *options):
    return ",".join((f"dpdk:net_vhost0,iface={socket}", *options))
