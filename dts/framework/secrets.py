# SPDX-License-Identifier: BSD-3-Clause
"""Keys as the tests need them: mistyped ones, and whether a private one is in the memory of a process."""

import os
import re
from pathlib import Path

from framework.process import of_threads, tool

CHUNK = 1 << 24


def mistyped(recipient):
    """Another last letter, whatever it was."""
    return recipient[:-1] + ("p" if recipient.endswith("q") else "q")


def secrets_of(key):
    """What makes a key in PEM private, as its bytes may lie in memory: in both orders."""
    text = tool("openssl", "pkey", "-in", key, "-noout", "-text").stdout
    found = []
    for name in ("priv", "prime1", "prime2", "privateExponent"):
        match = re.search(rf"^{name}:\n((?:    .*\n)+)", text, re.M)
        if match:
            number = bytes.fromhex(re.sub(r"[\s:]", "", match[1])).lstrip(b"\0")
            found += [number, number[::-1]]
    assert found, text
    return found


def has_any(pid, needles):
    """Does the memory of a process hold one of these, or anything that PEM of it would have?"""
    longest = max(map(len, needles))
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            start, end = (int(x, 16) for x in span.split("-"))
            if rights[0] != "r" or "[v" in line:
                continue
            for at in range(start, end, CHUNK):
                try:
                    data = os.pread(memory.fileno(), min(CHUNK + longest, end - at), at)
                except OSError:
                    continue
                if any(n in data for n in needles):
                    return True
    return False


def child_named(pid, name):
    """The process that this one has started and called so, or None."""
    for child in " ".join(of_threads(pid, "children")).split():
        if f"{name}\n" in of_threads(child, "comm"):
            return int(child)
    return None
