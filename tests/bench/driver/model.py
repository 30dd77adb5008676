# SPDX-License-Identifier: BSD-3-Clause
"""The figures of this machine that `braidcap plan --rate` computes with (lib/topology/bc_figures.h)."""

import json
import os
from pathlib import Path

from .machine import cpu_model
from .traffic import wire_bytes

SIZES = ("64", "512", "1500")
# FCS, preamble and the gap between frames.
FRAME = 24


def link_rate(gigabits, sizes):
    """Packets per second of a full link."""
    return gigabits * 1e9 / ((wire_bytes(sizes) + FRAME) * 8)


def host_path():
    """Where plan looks for them."""
    if os.geteuid() == 0:
        return Path("/var/lib/braidcap/figures.json")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "braidcap" / "figures.json"


def figures(results):
    """Out of one run of the section 'written'; None where it has not measured all of them."""
    found = results.get("written", {})
    packets = []
    for size in SIZES:
        values = [found.get(f"{key}_{size}{what}") for key, what in (("none", "_pps"), ("lz4", "_pps"), ("lz4", "_ratio"))]
        if None in values:
            return None
        packets.append({"bytes": int(size), "none_pps": values[0], "lz4_pps": values[1], "lz4_ratio": values[2]})
    out = {"version": 1, "date": found["date"], "machine": cpu_model(), "packets": packets}
    if found.get("disk_bytes_per_s"):
        out["disk_bytes_per_s"] = found["disk_bytes_per_s"]
    return out


def write(what, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(what, indent=1) + "\n")
