# SPDX-License-Identifier: BSD-3-Clause
"""What a crash left of a capture's folder, compared with what is promised."""
import dataclasses
import hashlib
import json
import shutil
import struct
import subprocess
import tempfile
from pathlib import Path

from framework.checks import PUBLISHED, published, verify_segments
from framework.process import tool
from framework.reader import read

NUMBER_AT = 42  # in a packet of null:payload=text
IF_DROP = 5     # an option of a pcapng statistics block
UNFINISHED = "tmp-"
NO_RECORD = "has no record"
NO_PACKET = "no packet can be recovered"


@dataclasses.dataclass
class Left:
    """segments: how many were published; last_ns: the time of the last packet, after recovery; faults: a line each."""
    segments: int = 0
    last_ns: int = 0
    faults: list = dataclasses.field(default_factory=list)


def _sums(paths):
    return {path.name: hashlib.sha256(path.read_bytes()).digest() for path in paths}


def _segments(folder):
    """The published ones, in clear or encrypted."""
    return published(folder) + sorted(path for path in folder.glob("*.age") if PUBLISHED.match(path.stem))


def _with(identity):
    return ("--identity", identity) if identity else ()


def _check_published(left, braidcap, folder, promised, identity):
    """Each is there, and whole, before anything was mended."""
    paths = _segments(folder)
    left.segments = len(paths)
    left.faults += [f"{name} was published, and is gone" for name in sorted(set(promised) - {path.name for path in paths})]
    if paths:
        done = braidcap("verify", "--json", *_with(identity), *paths, check=False)
        bad = [file["path"] for file in json.loads(done.stdout)["files"] if not file["complete"]]
        left.faults += [f"{path} is published, and not whole" for path in bad]
        if done.returncode and not bad:
            left.faults.append(f"verify: exit status {done.returncode}: {done.stderr}")


def _check_recovery(left, braidcap, folder, identity):
    """It leaves over only what has no packet in it, and published segments as they were."""
    before = _sums(_segments(folder))
    done = braidcap("recover", "--json", *_with(identity), folder, check=False)
    empty = set()
    for file in json.loads(done.stdout)["files"]:
        if NO_PACKET in file.get("why", "") and file["outcome"] == "failed":
            empty.add(file["path"])
        elif file["outcome"] not in ("recovered", "empty"):
            left.faults.append(f"recover: {file}")
    after = _sums(_segments(folder))
    left.faults += [f"recover changed {name}" for name, digest in before.items() if after.get(name) != digest]
    left.faults += [f"{path.name} was not recovered" for path in folder.iterdir()
                    if path.name.startswith(UNFINISHED) and str(path) not in empty]


def _missed(paths):
    """Packets that the source itself had no time for, as the statistics in the files have it."""
    return max((struct.unpack("<Q", options[IF_DROP])[0] for path in paths for _, options in read(path).statistics if IF_DROP in options),
               default=0)


def _check_numbers(left, packets, paths):
    """Each once, in order, from 0 on; as many as the source missed are missing."""
    expected = missing = 0
    for packet in packets:
        number, = struct.unpack_from("<Q", packet.data, NUMBER_AT)
        missing += number - expected
        if number < expected or (number > expected and missing > _missed(paths)):
            left.faults.append(f"packet {number} where {expected} should be, of {len(packets)}")
            return
        expected = number + 1


def _check_packets(left, folder):
    """As other programs read them."""
    paths = published(folder)
    if not paths:
        return
    try:
        packets = verify_segments(paths)
    except (AssertionError, subprocess.SubprocessError) as why:
        left.faults.append(f"after recovery: {why}")
        return
    _check_numbers(left, packets, paths)
    left.last_ns = packets[-1].ts_ns if packets else 0


def _check_encrypted(left, braidcap, folder, identity):
    """What is in them, decrypted by age itself where it is installed; nothing is there in clear."""
    left.faults += [f"{path.name} is in clear" for path in published(folder)]
    with tempfile.TemporaryDirectory() as name:
        for path in _segments(folder):
            clear = Path(name) / path.stem
            try:
                if shutil.which("age"):
                    tool("age", "-d", "-i", identity, "-o", clear, path)
                else:
                    braidcap("decrypt", "-i", identity, "-w", clear, path)
            except AssertionError as why:
                left.faults.append(f"after recovery: {why}")
        _check_packets(left, Path(name))


def check(braidcap, folder, promised, identity=None):
    """
    Checks, and recovers. braidcap(ARGS, check=) runs the program; promised are the names that had been published before the
    crash; identity is the file of the key, if they are encrypted.
    """
    left = Left()
    _check_published(left, braidcap, folder, promised, identity)
    _check_recovery(left, braidcap, folder, identity)
    if identity:
        _check_encrypted(left, braidcap, folder, identity)
    else:
        _check_packets(left, folder)
    return left


def check_chain(left, braidcap, folder, key, public):
    """The chain knows of no change, and the next capture goes on with it: what has no record gets one."""
    if (folder / ".chain").exists():
        done = braidcap("verify", "--json", "--chain", public, folder, check=False)
        found = [fault for one in json.loads(done.stdout)["folders"] for fault in one["faults"]]
        left.faults += [f"chain: {fault}" for fault in found if fault["fault"] != NO_RECORD]
    braidcap("capture", "-i", "null:payload=text,size=100,count=10", "-w", f"{folder}/", "--sign", key, "--no-huge", "--prefix",
             f"{folder.name}-next", "--quiet")
    done = braidcap("verify", "--chain", public, folder, check=False)
    left.faults += [f"chain: {line}" for line in done.stderr.splitlines()] if done.returncode else []
    left.faults += [f"{path.name}: the chain was thrown away" for path in folder.glob(".chain.damaged*")]
