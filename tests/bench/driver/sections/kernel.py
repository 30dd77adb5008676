# SPDX-License-Identifier: BSD-3-Clause
"""A kernel interface: CPU time per packet where nothing is lost, and what is kept where there is too little CPU time."""

import re
import subprocess
import time

from ..machine import CpuLimit, have
from ..net import arrived, veth
from ..programs import TOOL_CPU, Braidcap, Generator, Program, unique
from ..stats import Table, cell, median, number, ratio

TITLE = "Kernel interfaces: veth, one core"
SIZES = ("64", "1500")
BUFFER_MIB = 32
# Of a core, and how often it is tried. With the first the sender is the limit for all here; the second tells them apart.
SHARES = ((0.25, 1), (0.02, 3))
# So long that the buffer in the kernel holds but a part of what comes.
OVERLOAD_SECONDS = 3
# Of what was kept in overload: so much is to be kept without loss.
SAFE = 0.8
LOAD = 0.5
# The kernel keeps a block that is not full for as long as tcpdump tells it to: a second.
SETTLE_SECONDS = 1.2


class Peer(Program):
    """Another tool that captures an interface into a file."""

    COMMANDS = {
        "tcpdump": lambda nic, path: ["tcpdump", "-i", nic, "-B", str(BUFFER_MIB * 1024), "-s", "0", "-n", "-w", path],
        "dumpcap": lambda nic, path: ["dumpcap", "-q", "-i", nic, "-B", str(BUFFER_MIB), "-w", path],
        "netsniff-ng": lambda nic, path: ["netsniff-ng", "--in", nic, "--out", path, "--silent", "--no-sock-mem",
                                          "--ring-size", f"{BUFFER_MIB}MiB"],
    }
    READY = {"tcpdump": "listening on", "dumpcap": "File:", "netsniff-ng": "Running!"}

    def __init__(self, ctx, name, nic):
        self.name = name
        self.path = ctx.tmpfs / unique("peer")
        super().__init__(ctx, self.COMMANDS[name](nic, self.path), cpus=[TOOL_CPU])

    def wait_capturing(self):
        self.wait_output(self.READY[self.name])
        time.sleep(0.2)

    def written(self):
        """After the end: what is in the file."""
        done = subprocess.run(["capinfos", "-M", "-c", "-T", "-r", str(self.path)], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True, check=False)
        self.path.unlink(missing_ok=True)
        found = re.search(r"(\d+)\s*$", done.stdout)
        return int(found.group(1)) if found else 0


class Ours(Braidcap):
    """braidcap into a file, not compressed, by its own ring or DPDK's driver."""

    RING = f"pcap:{{}},buffer_mb={BUFFER_MIB}"
    SPECS = {
        "braidcap pcap:": (RING, "pcapng"),
        "braidcap pcap:, pcap format": (RING, "pcap"),
        "braidcap net_af_packet": ("dpdk:net_af_packet0,iface={},framecnt=16384", "pcapng"),
    }

    def __init__(self, ctx, name, nic, *more):
        spec, form = self.SPECS[name]
        self.path = ctx.tmpfs / f"{unique('ours')}.{form}"
        super().__init__(ctx, ["-i", spec.format(nic), "-w", self.path, "--format", form, "-Z", "none", "--no-promisc", *more])

    def wait_capturing(self):
        super().wait_capturing()
        time.sleep(0.2)

    def written(self):
        self.path.unlink(missing_ok=True)
        return self.report()["balance"]["written"]


def tools(ctx):
    names = [*Ours.SPECS, *(n for n in Peer.COMMANDS if have(n))]
    return [n for n in names if n in ("braidcap pcap:", "tcpdump")] if ctx.quick else names


def begin(ctx, name, nic, limited):
    if name not in Ours.SPECS:
        return Peer(ctx, name, nic)
    # What is kept is to be written meanwhile, not from memory afterwards.
    return Ours(ctx, name, nic, *(["--memory", "8"] if limited else []))


def trial(ctx, name, far, generator, limit=None, **job):
    """One run of a tool: the share that was lost, the rate that was kept, and CPU ns per packet written."""
    with begin(ctx, name, far, limit is not None) as tool:
        tool.wait_capturing()
        if limit:
            limit.enter(tool.process.pid)
        before, cpu = arrived(far), tool.cpu()
        sent = generator.send(**job)
        time.sleep(SETTLE_SECONDS)
        came, cpu = arrived(far) - before, tool.cpu() - cpu
        tool.stop()
        written = tool.written()
    if not came:
        raise RuntimeError(f"nothing arrived at {far}")
    return max(0.0, (came - written) / came), written / sent["seconds"], cpu / max(1, written) * 1e9


def equal_load(ctx, report, far, generator, sizes, rate):
    t = Table(f"{sizes} B at {number(rate)} packets/s, half of the sender's maximum", ["tool", "lost", "CPU ns per packet",
                                                                                  "share of a core", "/ tcpdump"])
    found = {}
    for _ in range(ctx.runs(3)):
        for name in tools(ctx):
            found.setdefault(name, []).append(trial(ctx, name, far, generator, sizes=sizes, rate=int(rate),
                                                    seconds=ctx.seconds(1.2)))
    for name, runs in found.items():
        cpu = [r[2] for r in runs]
        t.add(name, f"{max(r[0] for r in runs) * 100:.2g} %", cell(cpu), f"{median(cpu) * rate / 1e7:.0f} %",
              ratio(cpu, [r[2] for r in found.get("tcpdump", [])]))
    report.table(t)
    return {name: median([r[2] for r in runs]) for name, runs in found.items()}


def overload(ctx, report, far, generator, sizes, top, share, times):
    try:
        limit = CpuLimit(unique("bench"), share)
    except OSError as why:
        report.skip(f"the limit of {share} of a core", str(why))
        return
    kept, safe = {}, {}

    def attempt(name, rate):
        return trial(ctx, name, far, generator, limit, sizes=sizes, rate=int(rate), seconds=ctx.seconds(OVERLOAD_SECONDS))

    try:
        for _ in range(ctx.runs(times)):
            for name in tools(ctx):
                ctx.say(f"{share} of a core: {name}, {sizes} B")
                lost, rate, _ = attempt(name, top)
                kept.setdefault(name, []).append((rate, lost))
        for name, runs in kept.items():
            safe[name] = attempt(name, median([rate for rate, _ in runs]) * SAFE)[0]
    finally:
        limit.close()
    t = Table(f"{sizes} B with {share} of a core, {number(top)} packets/s sent for {ctx.seconds(OVERLOAD_SECONDS):g} s: packets kept",
              ["tool", "packets/s", "/ best of the others", f"lost at {SAFE} of it"])
    others = max(([rate for rate, _ in r] for n, r in kept.items() if n in Peer.COMMANDS), key=median, default=[])
    for name, runs in kept.items():
        rates = [rate for rate, _ in runs]
        all_came = not all(lost for _, lost in runs)
        t.add(name, cell(rates) + (" (all received)" if all_came else ""), ratio(rates, others), f"{safe[name] * 100:.2g} %")
    report.table(t)


def run(ctx, report):
    costs = {}
    for name in Peer.COMMANDS:
        if not have(name):
            report.skip(name, "not installed")
    with veth() as (near, far):
        vdev = f"net_af_packet0,iface={near},qdisc_bypass=1,framecnt=1024"
        with Generator(ctx, vdev) as generator:
            for sizes in SIZES[:1] if ctx.quick else SIZES:
                flood = generator.send(sizes=sizes, seconds=0.4)
                top = flood["sent"] / flood["seconds"]
                ctx.say(f"{sizes} B: the sender can {number(top)} packets/s")
                costs[sizes] = equal_load(ctx, report, far, generator, sizes, top * LOAD)
                if sizes == SIZES[0]:
                    for share, times in SHARES:
                        overload(ctx, report, far, generator, sizes, top, share, times)
    report.note(f"Each tool writes to tmpfs, with a kernel buffer of {BUFFER_MIB} MiB (net_af_packet: 16,384 frames of 2 KiB). "
                "CPU time is the tool's own; the kernel's receive path runs on the sender's CPU here.")
    sizes = list(costs)
    names = list(dict.fromkeys(n for c in costs.values() for n in c))
    report.bars("kernel", "CPU time per packet from a kernel interface, no loss", [f"{s} B" for s in sizes],
                {n: [costs[s].get(n) for s in sizes] for n in names}, "ns")
