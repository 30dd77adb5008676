# SPDX-License-Identifier: BSD-3-Clause
"""A capture with settings drawn by chance, and a crash at a moment drawn by chance."""
import dataclasses
import functools
import pathlib
import random
import re
import shutil
import time

from disk import mounted
from framework.braidcap import Braidcap, braidcap
from framework.process import tool
from left import check, check_chain

CUTS = 4             # of a capture whose disk's power is cut
LATE_MS = 3000       # beyond the flush interval, more than a busy machine explains


@dataclasses.dataclass(frozen=True)
class Settings:
    codec: str
    io: str
    flush_ms: int
    rotation: tuple
    index: str
    sign: bool
    size: int
    rate: int

    @staticmethod
    def draw():
        codec = random.choice(["none", "lz4", "zstd", "gzip"])
        ways = ["direct", "buffered", *(["encrypted"] if codec != "gzip" else [])]
        return Settings(codec, random.choice(ways), random.choice([100, 300, 1000]),
                        random.choice([("-G", "0.3"), ("-G", "1"), ("-S", "1"), ("-G", "60")]),
                        random.choice(["none", "time", "flows"]) if codec in ("none", "lz4") else "none",
                        random.random() < 0.5, random.choice([100, 500, 1500]), random.choice([500, 2000]))

    @property
    def encrypted(self):
        return self.io == "encrypted"

    def arguments(self, out, key, recipient):
        # Slow enough for the source to miss none: numbers then have no gaps.
        return ["-i", f"null:payload=text,size={self.size},rate={self.rate}", "-w", f"{out}/", "-Z", self.codec,
                *(["--encrypt", recipient] if self.encrypted else ["--io", self.io]), "--flush-ms", self.flush_ms, *self.rotation, "--index", self.index, "--memory", "32", "--quiet", "-v",
                *(["--sign", key] if self.sign else [])]


@dataclasses.dataclass
class Result:
    """Of one crash. loss_ms: the time between the last packet that is there and the crash."""
    segments: int
    loss_ms: float
    faults: list


def make_keys(folder):
    """A key and its public half."""
    key, public = folder / "key.pem", folder / "public.pem"
    tool("openssl", "genpkey", "-algorithm", "ed25519", "-out", key)
    tool("openssl", "pkey", "-in", key, "-pubout", "-out", public)
    key.chmod(0o600)
    return key, public


def _reported(run):
    """The names that the capture says are published."""
    return {pathlib.Path(path).name for path in re.findall(r"uri=(.*?), packets=", run.stderr)}


class Trials:
    """Crashes, one after the other, in a folder that keeps what a fault left."""

    def __init__(self, folder):
        self._folder = folder
        self._keys = make_keys(folder)
        self._braidcap = functools.partial(braidcap, folder=folder)
        self._identity = folder / "identity"
        self._recipient = self._braidcap("keygen", "-w", self._identity).stdout.strip()
        self._count = 0

    def _capture(self, settings, where):
        self._count += 1
        out = where / f"{self._count}"
        out.mkdir()
        return out, Braidcap(self._folder, settings.arguments(out, self._keys[0], self._recipient))

    def _judge(self, settings, out, promised, began_ns, crash_ns):
        left = check(self._braidcap, out, promised, self._identity if settings.encrypted else None)
        if settings.sign and not left.faults:
            check_chain(left, self._braidcap, out, *self._keys)
        loss_ms = max(0, crash_ns - (left.last_ns or began_ns)) / 1e6
        if loss_ms > settings.flush_ms + LATE_MS:
            left.faults.append(f"{loss_ms:.0f} ms are gone")
        return Result(left.segments, loss_ms, left.faults)

    def kill(self, settings):
        """kill -9, once."""
        out, run = self._capture(settings, self._folder)
        with run:
            run.wait_capturing()
            began_ns = time.time_ns()
            time.sleep(random.uniform(0, 4))
            promised, crash_ns = {path.name for path in out.iterdir() if not path.name.startswith(("tmp-", "."))}, time.time_ns()
            run.kill()
        result = self._judge(settings, out, promised, began_ns, crash_ns)
        if not result.faults:
            shutil.rmtree(out)
        return [result]

    def _cut(self, run, disk):
        """An image of the disk, what had been promised before, and the time."""
        time.sleep(random.uniform(0.2, 1.5))
        image, promised, now_ns = self._folder / f"{time.time_ns()}.image", _reported(run), time.time_ns()
        disk.cut(image, random.choice([0, 30, 70, 100]))
        return image, promised, now_ns

    def power(self, settings, disk):
        """Some power cuts of one capture, which does not notice."""
        out, run = self._capture(settings, disk.files)
        disk.flush()
        with run:
            run.wait_capturing()
            began_ns = time.time_ns()
            cuts = [self._cut(run, disk) for _ in range(CUTS)]
            run.stop()
        shutil.rmtree(out)
        return [self._after_cut(settings, out.name, began_ns, *cut) for cut in cuts]

    def _after_cut(self, settings, name, began_ns, image, promised, crash_ns):
        kept = image.with_suffix(".before")
        tool("cp", "--sparse=always", image, kept)
        with mounted(image, self._folder / "after") as files:
            result = self._judge(settings, files / name, promised, began_ns, crash_ns)
        image.unlink()
        if not result.faults:
            kept.unlink()
        return result
