# SPDX-License-Identifier: BSD-3-Clause
"""What the machine needs for the parts of a capture, each alone (tools/traffic_parts.c)."""

import json
import subprocess

from .programs import TOOL_CPU, pin


class Parts:
    """Runs by case; each measure() adds one more of each that is asked for."""

    def __init__(self, ctx):
        self.ctx = ctx
        self.runs = {}

    def _run(self, *args, key=""):
        argv = [str(a) for a in (self.ctx.tools / "traffic_parts", *args)]
        self.ctx.saw(argv)
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
                              preexec_fn=pin([TOOL_CPU]))
        if done.returncode:
            self.ctx.problem(f"{' '.join(args[:1])} alone: {done.stderr.strip()}")
        for line in done.stdout.splitlines():
            found = json.loads(line)
            self.runs.setdefault(key + found["case"], []).extend(found["runs"])

    def packets(self, kind, sizes, payload="text"):
        """copy or compress, packets per second of CPU time."""
        self._run(kind, sizes, payload, "1")

    def write(self, name, folder, mib):
        """Both ways of writing to a folder."""
        self._run("write", folder / "part", mib, "1", key=f"{name} ")
        if name != "tmpfs":
            self._run("write", folder / "part", mib, "1", "direct", key=f"{name} ")

    def get(self, case):
        return self.runs.get(case, [])
