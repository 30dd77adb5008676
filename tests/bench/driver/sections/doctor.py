# SPDX-License-Identifier: BSD-3-Clause
"""What 'braidcap doctor' says of this machine, and what a longer capture then does."""

import json
import subprocess

from ..programs import Braidcap, environment
from ..stats import Table, median, number, ratio
from .written import clear

TITLE = "What doctor says, and what a capture does"
SIZES = ("64", "800", "1500")
CODECS = ("none", "lz4")
# FCS, preamble and the gap between frames, as in the model.
FRAME = 24


def ask(ctx, size, folder):
    """What doctor says: packets per second by codec, the most and what is safe."""
    argv = [str(ctx.braidcap), "doctor", "--json", "--packet", size, "-w", str(folder)]
    ctx.saw(argv)
    done = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=False, env=environment(ctx.folder))
    measured = json.loads(done.stdout)["measured"]
    if not measured:
        raise RuntimeError(f"doctor measured nothing: {done.stdout[-600:]}")
    wire = (int(size) + FRAME) * 8
    return {c: (measured[c]["limit_bits_per_s"] / wire, measured[c]["safe_bits_per_s"] / wire) for c in CODECS}


def capture(ctx, size, codec, folder, rate=None):
    """A capture into the folder on the CPUs of the default plan: packets written per second, and the share that was lost."""
    source = f"null:payload=text,size={size}" + (f",rate={int(rate)}" if rate else "")
    args = ["-i", source, "-w", f"{folder}/", "-Z", codec, "-d", ctx.seconds(4), "-S", "1000", "--no-accelerate"]
    with Braidcap(ctx, args, cpus=None, lcores=None) as run:
        run.wait_end(120)
        report = run.report()
    clear(folder)
    balance = report["balance"]
    seconds = (report["stopped_ns"] - report["started_ns"]) / 1e9
    return balance["written"] / seconds, balance["dropped"] / max(balance["received"], 1)


def run(ctx, report):
    sizes = SIZES[1:2] if ctx.quick else SIZES
    folder = ctx.disk / "doctor"
    folder.mkdir()
    said, did, lost = {}, {}, {}
    for turn in range(ctx.runs(3)):
        ctx.say(f"round {turn + 1}")
        for size in sizes:
            for codec, (limit, safe) in ask(ctx, size, folder).items():
                said.setdefault((size, codec), []).append(limit)
                did.setdefault((size, codec), []).append(capture(ctx, size, codec, folder)[0])
                if safe:
                    lost.setdefault((size, codec), []).append(capture(ctx, size, codec, folder, safe)[1])
    t = Table("Packets per second into a folder on the disk, all CPUs", ["packets, codec", "doctor's limit",
              "a capture that is never slowed down", "/ doctor's", "lost at the rate that is called safe"])
    for key, limits in said.items():
        t.add(f"{key[0]} B, {key[1]}", number(median(limits)), number(median(did[key])), ratio(did[key], limits),
              f"{median(lost[key]) * 100:.2g} %" if key in lost else "none was called safe")
    report.table(t)
    report.note("Aim: a capture within 15 % of what was said, and nothing lost at the safe rate. Both use the null source with text.")
