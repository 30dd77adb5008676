# SPDX-License-Identifier: BSD-3-Clause
"""What the programs bench_* of the build print: one line of JSON for each case."""

import json
import os
import subprocess

from ..stats import Skip, Table, number, spread

TITLE = "Parts of the program, each alone"


def programs(build):
    return sorted(p for p in (build / "tests" / "bench").rglob("bench_*") if p.is_file() and os.access(p, os.X_OK))


def lines(ctx, program):
    """The cases of one program; a word --quick is for it to obey or not."""
    argv = [str(program)] + (["--quick"] if ctx.quick else [])
    ctx.saw(argv)
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=300, check=False,
                          env={**os.environ, "RUNTIME_DIRECTORY": str(ctx.folder)})
    if done.returncode:
        ctx.problem(f"{program.name} ended with {done.returncode}: {done.stderr[-300:]}")
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def run(ctx, report):
    found = programs(ctx.build)
    if not found:
        raise Skip("the build has no program bench_*")
    for program in found:
        ctx.say(program.name)
        tables = {}
        try:
            for case in lines(ctx, program):
                t = tables.setdefault(case["bench"], Table(case["bench"], ["case", "value", "unit", "spread"]))
                runs = case.get("runs") or [case["value"]]
                runs = runs if isinstance(runs, list) else [case["value"]]
                t.add(case["case"], number(case["value"]), case["unit"], f"±{spread(runs):.0f} %")
                report.keep(f"micro {case['bench']} {case['case']}", case["value"])
        except (subprocess.TimeoutExpired, ValueError, KeyError) as why:
            ctx.problem(f"{program.name}: {why!r}")
        for t in tables.values():
            report.table(t)
