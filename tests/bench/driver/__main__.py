# SPDX-License-Identifier: BSD-3-Clause
"""Measures braidcap, its peers and the limits of the machine; see scripts/bench."""

import argparse
import importlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

from . import doc, machine, report
from .programs import CPUS, TOP, unique
from .stats import Skip

SECTIONS = ("written", "null", "window", "nodrop", "kernel", "files", "disk", "idle", "time", "pressure", "index", "distributed", "find", "upload", "micro", "model", "doctor")
# A run ends within 20 minutes also on a machine that is slower than thought.
LATE_SECONDS = 13 * 60


class Context:
    """What all sections share."""

    def __init__(self, options, folder, huge, huge_note):
        build = Path(options.build).resolve()
        self.build = build
        self.braidcap = build / "app" / "braidcap" / "braidcap"
        self.tools = build / "tests" / "bench" / "tools"
        self.quick = options.quick
        self.force = options.force
        self.written = self.disturbed = False
        self.date = time.strftime("%Y-%m-%d")
        self.folder = folder
        self.huge = huge
        self.huge_note = huge_note
        self.tmpfs = Path(options.tmpfs) / folder.name
        self.disk = Path(options.disk) / f"{folder.name}-disk"
        self.results = {}
        self.commands = {}
        self.begun = time.monotonic()
        self.report = None

    def runs(self, full):
        """How often to repeat; once only where the time is nearly up."""
        return 1 if self.quick or time.monotonic() - self.begun > LATE_SECONDS else full

    def seconds(self, full):
        return full / 2 if self.quick else full

    def socket(self):
        return str(self.folder / unique("s"))

    def say(self, text):
        print(f"   {time.strftime('%H:%M:%S')} {text}", flush=True)

    def problem(self, text):
        print(f"   FAILED {text}", flush=True)
        self.report.problems.append(text)

    def saw(self, argv):
        """Keep the first command line of each program, without what is only of this machine."""
        line = " ".join(str(a) for a in argv)
        line = line.replace(str(self.build), "build").replace(str(self.tmpfs), "TMPFS").replace(str(self.disk), "DISK")
        line = line.replace(str(self.folder), "TMP").replace(f"{TOP}/", "")
        key = re.sub(r"\d+", "0", " ".join(line.split()[:2]))
        self.commands.setdefault(key, line)


def run_section(ctx, name, docs):
    module = importlib.import_module(f".sections.{name}", __package__)
    print(f"\n== {name}: {module.TITLE}", flush=True)
    ctx.report = found = report.Report(name, module.TITLE, docs, ctx.results, ctx.date)
    ctx.commands = {}
    load, begin, foreign = machine.Load(), time.monotonic(), None
    try:
        module.run(ctx, found)
    except Skip as why:
        found.skip(name, str(why))
    except Exception as why:  # one section's failure must not cost the others
        traceback.print_exc()
        found.problems.append(f"{name} ended early: {why}")
    seconds, foreign = time.monotonic() - begin, load.foreign()
    if not seconds or foreign < machine.QUIET:
        quiet = "no other load"
    else:
        quiet = f"other load used {foreign:.1f} CPUs: the figures are preliminary"
    average = os.getloadavg()[0]
    print(f"   {seconds:.0f} s; {quiet}; load average {average:.1f}", flush=True)
    found.write(list(ctx.commands.values()),
                f"{ctx.date}, {'a quick run' if ctx.quick else 'a full run'} of {seconds:.0f} s; {quiet}; load average "
                f"{average:.1f}. Hugepages: {ctx.huge_note}.", place_of(ctx, docs, foreign))
    return not found.problems


def place_of(ctx, docs, foreign):
    """The folder that the section is written into: figures that others disturbed do not replace those of a quiet run."""
    if foreign < machine.QUIET or ctx.force:
        ctx.written = True
        return docs
    kept = ctx.build / "disturbed"
    doc.begin(kept / "performance.md", SECTIONS)
    print(f"   {docs}/performance.md is left as it is, see {kept}/performance.md; --force writes all the same", flush=True)
    ctx.disturbed = True
    return kept


def measure(options, docs):
    with tempfile.TemporaryDirectory(prefix="bench-") as tmp:
        folder = Path(tmp)
        with machine.hugepages(folder, not options.no_huge) as (huge, note):
            ctx = Context(options, folder, huge, note)
            results = ctx.build / "bench-results.json"
            ctx.results = report.load(results)
            ctx.tmpfs.mkdir()
            ctx.disk.mkdir()
            try:
                lines = machine.describe({"tmpfs": options.tmpfs, "disk": options.disk})
                lines.append(f"the tool under test runs on CPU {CPUS[0]}, the generator on CPU {CPUS[-1]}; "
                             f"hugepages: {note}")
                print("\n".join(lines))
                doc.begin(docs / "performance.md", ["machine", *SECTIONS])
                good = [run_section(ctx, name, docs) for name in options.sections or SECTIONS]
                if ctx.written:
                    doc.replace(docs / "performance.md", "machine",
                                "## The machine\n\n" + "\n".join(f"- {line}" for line in lines))
            finally:
                report.save(results, ctx.results)
                shutil.rmtree(ctx.tmpfs, ignore_errors=True)
                shutil.rmtree(ctx.disk, ignore_errors=True)
    return all(good), ctx.disturbed


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measure braidcap, its peers and the limits of "
                                     "the machine; write docs/performance.md. It asserts nothing about the results.")
    parser.add_argument("sections", nargs="*", metavar="SECTION",
                        help=f"what to measure, all unless named: {' '.join(SECTIONS)}")
    parser.add_argument("--quick", action="store_true", help="under two minutes, to show that all of it works")
    parser.add_argument("--force", action="store_true",
                        help="write figures into the document although something else used the CPUs meanwhile")
    parser.add_argument("--no-huge", action="store_true", help="reserve no hugepages, use none")
    parser.add_argument("--build", default=str(TOP / "build-bench"), help="a release build with -Dbench=true")
    parser.add_argument("--tmpfs", default="/dev/shm", help="a folder in memory (default: /dev/shm)")
    parser.add_argument("--disk", default=str(TOP), help="a folder on the disk to measure (default: this one)")
    parser.add_argument("--docs", default=str(TOP / "docs"), help="where performance.md and plots/ are (default: docs)")
    options = parser.parse_args()
    unknown = set(options.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no such section: {' '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    begin = time.monotonic()
    good, disturbed = measure(options, Path(options.docs))
    what = "all sections ran" if good else "failures are listed above"
    if disturbed:
        what += ", and other load disturbed some, which were not written"
    print(f"\nbench: {time.monotonic() - begin:.0f} s; {what}: {options.docs}/performance.md")
    return 0 if good and not disturbed else 1


sys.exit(main())
