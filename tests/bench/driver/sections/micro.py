# SPDX-License-Identifier: BSD-3-Clause
"""What the programs bench_* of the build print: one line of JSON for each case."""

import json
import os
import subprocess

from ..programs import TOP
from ..stats import Skip, Table, number, spread

TITLE = "Microbenchmarks"
# The exit status that says so.
SKIPPED = 77


def programs(build):
    return sorted(p for p in (build / "tests" / "bench").rglob("bench_*") if p.is_file() and os.access(p, os.X_OK))


def commands(ctx):
    """By name."""
    found = {p.name: [str(p)] for p in programs(ctx.build)}
    instructions = TOP / "tests" / "bench" / "instructions"
    if instructions.exists() and not ctx.quick:
        found["instructions"] = [str(instructions), str(ctx.braidcap)]
    return found


def lines(ctx, name, argv):
    """The cases that it prints."""
    ctx.saw(argv)
    try:
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=5 if ctx.quick else 120, check=False,
                              env={**os.environ, "RUNTIME_DIRECTORY": str(ctx.folder)})
        out = done.stdout
    except subprocess.TimeoutExpired as late:
        done, out = None, late.stdout or b""
        ctx.report.skip(f"the rest of {name}", f"it takes longer than {late.timeout:.0f} s")
    errors = done.stderr.decode(errors="replace").strip() if done else ""
    if done and done.returncode == SKIPPED:
        ctx.report.skip(name, errors.removeprefix("SKIP: "))
    elif done and done.returncode:
        ctx.problem(f"{name} ended with {done.returncode}: {errors[-300:]}")
    # What was cut off by the time limit may end within a line.
    for line in out.decode(errors="replace").split("\n")[:-1]:
        if line.startswith("{"):
            yield json.loads(line)


def says_nothing(case):
    """Functions without a name, and how far what cannot be compressed is."""
    return "0x" in case["case"] or (case["case"].startswith("random") and case["case"].endswith("compression"))


def run(ctx, report):
    found = commands(ctx)
    if not found:
        raise Skip("the build has no program bench_*")
    for name, argv in found.items():
        ctx.say(name)
        tables = {}
        try:
            for case in lines(ctx, name, argv):
                t = tables.setdefault(case["bench"], Table(case["bench"], ["case", "value", "unit", "spread"]))
                if says_nothing(case):
                    continue
                runs = case.get("runs") or [case["value"]]
                runs = runs if isinstance(runs, list) else [case["value"]]
                t.add(case["case"], number(case["value"]), case["unit"], f"±{spread(runs):.0f} %")
                report.keep(f"micro {case['bench']} {case['case']}", case["value"])
        except (ValueError, KeyError) as why:
            ctx.problem(f"{name}: {why!r}")
        for t in tables.values():
            report.table(t)
