# SPDX-License-Identifier: BSD-3-Clause
"""Bringing segments to object storage, against rclone with the same files and the same gateway."""

import os
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from ..machine import have
from ..stats import Skip, Table, cell, ratio

TITLE = "Uploading to object storage"
SETS = (("large", 6, 64), ("small", 48, 4))  # how many segments of how many MB


def gateway(folder):
    """The one of the suites: Ceph on loopback, in memory."""
    from framework.s3 import PROGRAMS, Ceph
    missing = [p for p in (*PROGRAMS, "rclone") if not have(p)]
    if missing:
        raise Skip(f"needs {', '.join(missing)}")
    return Ceph(folder)


def make(folder, count, megabytes):
    """Segments by their names; no store compresses these bytes."""
    folder.mkdir()
    for n in range(count):
        (folder / f"20261129-00{n:02d}00-{n:08d}.pcapng.lz4").write_bytes(os.urandom(megabytes * 1000000))


def rclone(ctx, store, folder, bucket):
    argv = ["rclone", "--config", "/dev/null", "copy", folder, f":s3:{bucket}", "--s3-provider", "Ceph", "--s3-endpoint", store.endpoint,
            "--s3-access-key-id", store.admin.key, "--s3-region", "us-east-1"]
    ctx.saw(argv)
    return argv, {"RCLONE_S3_SECRET_ACCESS_KEY": store.admin.secret}


def braidcap(ctx, store, folder, bucket):
    argv = [ctx.braidcap, "upload", "-U", "--node", "bench", folder, f"s3://{bucket}/"]
    ctx.saw(argv)
    return argv, store.environment()


def turn(store, folder, command):
    """MB a second and CPU seconds of one upload; the store is empty before and after."""
    bucket = store.admin.bucket()
    argv, env = command(folder, bucket)
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    plain = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    done = subprocess.run([str(a) for a in argv], env={**plain, **env}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{argv[0]} ended with {done.returncode}: {done.stderr[-500:]}")
    seconds, after = time.monotonic() - begin, resource.getrusage(resource.RUSAGE_CHILDREN)
    objects = store.admin.objects(bucket)
    size = sum(p.stat().st_size for p in folder.glob("2*"))
    if sum(objects.values()) != size:
        raise RuntimeError(f"{argv[0]} brought {sum(objects.values())} bytes of {size}")
    for key in objects:
        store.admin.remove(bucket, key)
    (folder / ".uploads").unlink(missing_ok=True)
    return size / 1e6 / seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(ctx, report, store, title, count, megabytes):
    folder = ctx.disk / title
    make(folder, count, megabytes)
    found = {"rclone copy": [], "braidcap upload": []}
    for _ in range(ctx.runs(5)):
        found["rclone copy"].append(turn(store, folder, lambda f, b: rclone(ctx, store, f, b)))
        found["braidcap upload"].append(turn(store, folder, lambda f, b: braidcap(ctx, store, f, b)))
    shutil.rmtree(folder)
    theirs = found["rclone copy"]
    t = Table(f"{count} segments of {megabytes} MB, in turns", ["by", "MB/s", "CPU seconds", "speed / rclone's"])
    for by, runs in found.items():
        t.add(by, cell([r[0] for r in runs]), cell([r[1] for r in runs]), ratio([r[0] for r in runs], [r[0] for r in theirs]))
    report.table(t)


def run(ctx, report):
    with tempfile.TemporaryDirectory(prefix="bench-ceph-") as folder:
        store = gateway(Path(folder))
        try:
            for title, count, megabytes in SETS:
                compare(ctx, report, store, title, count // 3 if ctx.quick else count, megabytes)
        finally:
            store.end()
    report.note("One Ceph gateway on the same machine, in memory, which takes CPU from both; rclone with its defaults. Load average at the "
                f"end: {os.getloadavg()[0]:.1f}.")
