# SPDX-License-Identifier: BSD-3-Clause
"""Merging four capture files, against mergecap, cat and lz4."""

import os
import subprocess
import time

from ..machine import have
from ..programs import Braidcap, unique
from ..stats import Table, cell, median, ratio

TITLE = "Merge of four files"
N = 4
TRAFFIC = ("64", "mix")


def make_inputs(ctx, folder, sizes, megabytes):
    """The paths, and the number of packets in all."""
    paths, packets = [], 0
    for index in range(N):
        path = folder / f"in-{sizes}-{index}.pcapng"
        argv = [ctx.tools / "traffic_file", path, megabytes, sizes, "text", index, N]
        packets += int(subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, check=True).stdout)
        paths.append(path)
    return paths, packets


def timed(ctx, argv, **options):
    argv = [str(a) for a in argv]
    ctx.saw(argv)
    begin = time.monotonic()
    done = subprocess.run(argv, stderr=subprocess.PIPE, check=False, **options)
    seconds = time.monotonic() - begin
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.decode(errors='replace')[-300:]}")
    return seconds


def braidcap(ctx, inputs, codec, out, packets):
    """Seconds of a whole run, including start and exit."""
    args = [a for p in inputs for a in ("-i", f"file:{p}")]
    begin = time.monotonic()
    with Braidcap(ctx, [*args, "-w", out, "-Z", codec], cpus=None, lcores=None) as run:
        run.wait_end(300)
        seconds = time.monotonic() - begin
        written = run.report()["balance"]["written"]
        if run.process.returncode or written != packets:
            ctx.problem(f"braidcap merged {written} of {packets} packets, exit {run.process.returncode}: {run.output[-300:]}")
    return seconds


def limits(ctx, inputs, out):
    """cat, and lz4 in as many processes as there are CPUs, each on its share."""
    with open(out, "wb") as f:
        yield "cat", timed(ctx, ["cat", *inputs], stdout=f)
    per_cpu = [inputs[i::os.cpu_count()] for i in range(min(os.cpu_count(), N))]
    begin = time.monotonic()
    # -m: several files; -BI -B4: independent blocks of 64 KiB.
    running = [subprocess.Popen(["lz4", "-q", "-1", "-BI", "-B4", "-f", "-m", *map(str, paths)]) for paths in per_cpu]
    for process in running:
        process.wait()
    yield "lz4 alone", time.monotonic() - begin
    for path in inputs:
        os.unlink(f"{path}.lz4")


def run(ctx, report):
    traffic = TRAFFIC[1:] if ctx.quick else TRAFFIC
    folder = ctx.tmpfs / unique("merge")
    folder.mkdir()
    t = Table("Packets per second, complete runs on all CPUs, inputs and output in tmpfs",
              ["tool", *(f"{s}{' B' if s.isdigit() else ''}" for s in traffic), *(f"/ mergecap, {s}" for s in traffic)])
    rates = {}
    for sizes in traffic:
        inputs, packets = make_inputs(ctx, folder, sizes, 40 if ctx.quick else 250)
        for turn in range(ctx.runs(3)):
            ctx.say(f"{sizes}: round {turn + 1}")
            tools = {
                "braidcap, uncompressed": lambda: braidcap(ctx, inputs, "none", folder / "out.pcapng", packets),
                "braidcap, LZ4": lambda: braidcap(ctx, inputs, "lz4", folder / "out.pcapng.lz4", packets),
            }
            if have("mergecap"):
                tools["mergecap -F pcapng"] = lambda: timed(ctx, ["mergecap", "-F", "pcapng", "-w", folder / "out", *inputs])
            for name, measure in tools.items():
                rates.setdefault((name, sizes), []).append(packets / measure())
                for path in folder.glob("out*"):
                    path.unlink()
            for name, seconds in limits(ctx, inputs, folder / "out"):
                rates.setdefault((name, sizes), []).append(packets / seconds)
            (folder / "out").unlink()
        for path in inputs:
            path.unlink()
    if not have("mergecap"):
        report.skip("mergecap", "not installed")
    for name in dict.fromkeys(n for n, _ in rates):
        t.add(name, *(cell(rates.get((name, s), [])) for s in traffic),
              *(ratio(rates.get((name, s), []), rates.get(("mergecap -F pcapng", s), [])) for s in traffic))
    report.table(t)
    both = {s: (rates.get(("braidcap, LZ4", s)), rates.get(("lz4 alone", s))) for s in traffic}
    report.note("Share of the rate of lz4 alone on all CPUs that braidcap reaches with LZ4: " +
                ", ".join(f"{s} {median(a) / median(b):.2f}" for s, (a, b) in both.items() if a and b) +
                ". cat is the upper limit for reading and writing. Times include program startup.")
    names = list(dict.fromkeys(n for n, _ in rates))
    report.bars("files", "Merge of four files, packets per second", list(traffic),
                {n: [median(rates[(n, s)]) if (n, s) in rates else None for s in traffic] for n in names}, "packets/s")
