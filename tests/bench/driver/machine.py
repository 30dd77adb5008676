# SPDX-License-Identifier: BSD-3-Clause
"""The machine: what it is, and what is borrowed from it for the time of the measurements."""

import os
import platform
import re
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

HUGE_MIB = 1600
HUGE_KIB = 2048


def first_line(*argv):
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=20,
                              check=False)
    except OSError:
        return "not there"
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return lines[0].strip() if lines else "says nothing"


def package(name):
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", name], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True, check=False)
    return done.stdout.strip() or "not installed"


def cpu_model():
    found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return found.group(1) if found else platform.machine()


def caches():
    base = Path("/sys/devices/system/cpu/cpu0/cache")
    out = []
    for index in sorted(base.glob("index*")):
        kind = (index / "type").read_text().strip()
        if kind != "Instruction":
            out.append(f"L{(index / 'level').read_text().strip()} {(index / 'size').read_text().strip()}")
    return ", ".join(out) or "caches unknown"


def memory_mib():
    found = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text())
    return int(found.group(1)) // 1024


def filesystem(path):
    done = subprocess.run(["findmnt", "-n", "-o", "FSTYPE,SOURCE", "-T", str(path)], stdout=subprocess.PIPE, text=True,
                          check=False)
    # The last of those that are mounted there is what one sees.
    return " on ".join(done.stdout.strip().rpartition("\n")[2].split()) or "unknown"


def describe(places):
    """Lines of text: the machine, and the versions of what is measured."""
    lines = [
        f"{cpu_model()}, {os.cpu_count()} CPUs, {caches()} (of CPU 0); {memory_mib()} MiB of memory",
        f"Linux {platform.release()}, {first_line('sh', '-c', '. /etc/os-release; echo $PRETTY_NAME')}",
        "load at the start: " + " ".join(f"{v:.2f}" for v in os.getloadavg()),
    ]
    lines += [f"{name}: {filesystem(path)}" for name, path in places.items()]
    versions = [
        ("DPDK", package("dpdk-dev")), ("libpcap", package("libpcap0.8")), ("lz4", package("liblz4-1")),
        ("zstd", package("libzstd1")), ("tcpdump", package("tcpdump")), ("wireshark", package("wireshark-common")),
        ("netsniff-ng", package("netsniff-ng")), ("fio", package("fio")),
    ]
    lines.append("; ".join(f"{n} {v}" for n, v in versions))
    return lines


# CPUs' worth of other load from which on figures are doubtful.
QUIET = 0.1


class Load:
    """How much of the CPUs others used, between two looks: what makes figures doubtful."""

    def __init__(self):
        self._total, self._idle, self._steal = self._read()
        self._own = self._children()

    @staticmethod
    def _read():
        v = [int(x) for x in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        return sum(v[:8]), v[3] + v[4], v[7]

    @staticmethod
    def _children():
        t = os.times()
        return t.user + t.system + t.children_user + t.children_system

    def foreign(self):
        """In CPUs, since the object was made. Only what our own ended processes used is ours."""
        total, idle, _ = self._read()
        ticks = total - self._total
        if not ticks:
            return 0.0
        seconds = ticks / os.sysconf("SC_CLK_TCK") / os.cpu_count()
        busy = (ticks - (idle - self._idle)) / os.sysconf("SC_CLK_TCK")
        return max(0.0, (busy - (self._children() - self._own)) / seconds)


def _huge_free_mib():
    text = Path("/proc/meminfo").read_text()
    return int(re.search(r"HugePages_Free:\s*(\d+)", text).group(1)) * \
        int(re.search(r"Hugepagesize:\s*(\d+)", text).group(1)) // 1024


@contextmanager
def hugepages(folder, wanted=True):
    """
    The folder of a hugetlbfs with HUGE_MIB free, or None and why not. What was reserved is given back at the end.
    """
    knob = Path(f"/sys/kernel/mm/hugepages/hugepages-{HUGE_KIB}kB/nr_hugepages")
    if not wanted:
        yield None, "not wanted (--no-huge)"
        return
    if os.geteuid() != 0 or not knob.exists():
        yield None, "reserving hugepages needs root"
        return
    before = int(knob.read_text())
    mount = folder / "huge"
    mount.mkdir()
    mounted = False
    try:
        missing = HUGE_MIB - _huge_free_mib()
        if missing > 0:
            knob.write_text(str(before + missing * 1024 // HUGE_KIB + 1))
        mounted = subprocess.run(["mount", "-t", "hugetlbfs", "none", str(mount)], stderr=subprocess.DEVNULL,
                                 check=False).returncode == 0
        free = _huge_free_mib()
        if mounted and free >= HUGE_MIB // 2:
            yield mount, f"{free} MiB of {HUGE_KIB} KiB pages"
        else:
            yield None, f"{free} MiB of hugepages could be had" if mounted else "no hugetlbfs can be mounted"
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(mount)], check=False)
        if int(knob.read_text()) != before:
            knob.write_text(str(before))


class CpuLimit:
    """A share of one CPU for the processes that enter(); by cgroups of version 1 or 2."""

    def __init__(self, name, share):
        self.share = share
        v1 = Path("/sys/fs/cgroup/cpu")
        v2 = Path("/sys/fs/cgroup")
        period = 100000
        if os.geteuid() != 0:
            raise OSError("a limit needs root")
        if (v1 / "cpu.cfs_quota_us").exists():
            self.folder = v1 / name
            self.folder.mkdir()
            (self.folder / "cpu.cfs_period_us").write_text(str(period))
            (self.folder / "cpu.cfs_quota_us").write_text(str(int(period * share)))
        elif (v2 / "cgroup.controllers").exists() and "cpu" in (v2 / "cgroup.controllers").read_text().split():
            if "cpu" not in (v2 / "cgroup.subtree_control").read_text().split():
                (v2 / "cgroup.subtree_control").write_text("+cpu")
            self.folder = v2 / name
            self.folder.mkdir()
            (self.folder / "cpu.max").write_text(f"{int(period * share)} {period}")
        else:
            raise OSError("no cgroup with a cpu controller")

    def enter(self, pid):
        (self.folder / "cgroup.procs").write_text(str(pid))

    def close(self):
        for _ in range(50):
            try:
                self.folder.rmdir()
                return
            except OSError:
                time.sleep(0.1)


def have(*programs):
    """Whether they are all there; sbin is looked through, too."""
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    return all(shutil.which(p, path=path) for p in programs)
