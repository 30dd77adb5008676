# SPDX-License-Identifier: BSD-3-Clause
"""The disk: bytes per second against dd and fio, and whether an fsync holds up the data path."""

import json
import os
import subprocess
import threading
import time

from ..machine import have
from ..programs import RING, Braidcap, Generator, vhost, virtio
from ..stats import Table, cell, median, ratio
from ..traffic import dense_bytes
from .written import clear, connect

TITLE = "Disk"
BLOCKS = ("256k", "1M")
SIZE = 1472
# At this rate the ring is full after as many milliseconds as it takes to lose the first packet.
STALL_RATE = 1_000_000


def bytes_of(block):
    return int(block[:-1]) * (1 << 10 if block[-1] == "k" else 1 << 20)


def dd(ctx, block, total, path):
    argv = ["dd", "if=/dev/zero", f"of={path}", f"bs={block}", f"count={total // bytes_of(block)}", "oflag=direct", "conv=fsync"]
    ctx.saw(argv)
    begin = time.monotonic()
    subprocess.run(argv, stderr=subprocess.DEVNULL, check=True)
    seconds = time.monotonic() - begin
    os.unlink(path)
    return total / seconds


def fio(ctx, block, total, path, engine):
    argv = ["fio", "--name=bench", f"--filename={path}", "--rw=write", f"--bs={block}", f"--size={total}", "--direct=1",
            f"--ioengine={engine}", "--iodepth=4", "--end_fsync=1", "--fallocate=none", "--output-format=json"]
    ctx.saw(argv)
    done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    os.unlink(path)
    if done.returncode:
        raise RuntimeError(f"fio --ioengine={engine} ended with {done.returncode}")
    job = json.loads(done.stdout[done.stdout.index("{"):])["jobs"][0]
    return job["write"]["io_bytes"] / (job["job_runtime"] / 1e3)


def io_ways(ctx):
    """The ways of writing that this braidcap can be told to take, beside its own choice."""
    told = subprocess.run([ctx.braidcap, "capture", "--help"], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [None, "direct", "buffered"] if "--io " in told else [None]


def braidcap(ctx, block, total, folder, how):
    """From its first packet to its end, publication and fsync included."""
    count = total // int(dense_bytes(str(SIZE)))
    args = ["-i", f"null:,size={SIZE},count={count}", "-w", f"{folder}/", "-Z", "none", "--chunk", bytes_of(block) // 1024]
    args += ["--io", how] if how else []
    with Braidcap(ctx, args, cpus=None, lcores=None) as run:
        run.wait_capturing()
        begin = time.monotonic()
        run.wait_end(120)
        seconds = time.monotonic() - begin
        done = run.report()["outputs"][0]["file_bytes"]
        if run.process.returncode:
            ctx.problem(f"braidcap ended with {run.process.returncode}: {run.output[-300:]}")
    clear(folder)
    return done / seconds


def throughput(ctx, report):
    total = (256 if ctx.quick else 1024) << 20
    folder = ctx.disk / "segments"
    folder.mkdir()
    blocks = BLOCKS[:1] if ctx.quick else BLOCKS
    found, io = {}, io_ways(ctx)
    for _ in range(ctx.runs(3)):
        for block in blocks:
            ways = {"braidcap" + (f" --io {how}" if how else ""): lambda b=block, h=how: braidcap(ctx, b, total, folder, h)
                    for how in io}
            ways |= {"dd oflag=direct": lambda b=block: dd(ctx, b, total, ctx.disk / "dd")}
            if have("fio"):
                for engine in ("psync", "io_uring"):
                    ways[f"fio {engine}, direct"] = lambda b=block, e=engine: fio(ctx, b, total, ctx.disk / "fio", e)
            for name, way in ways.items():
                try:
                    found.setdefault((name, block), []).append(way())
                except (RuntimeError, subprocess.CalledProcessError) as why:
                    ctx.problem(f"{name}, {block}: {why}")
    if not have("fio"):
        report.skip("fio", "not installed")
    names = list(dict.fromkeys(n for n, _ in found))
    t = Table(f"{total >> 20} MiB of {SIZE}-byte packets, uncompressed, including fsync",
              ["writer", *(f"{b} blocks" for b in blocks), *(f"braidcap / this, {b}" for b in blocks)])
    for name in names:
        t.add(name, *(cell(found.get((name, b), [])) + "B/s" for b in blocks),
              *(ratio(found.get(("braidcap", b), []), found.get((name, b), [])) for b in blocks))
    report.table(t)
    report.bars("disk", "Written to disk, bytes per second, including fsync", blocks,
                {n: [median(found[(n, b)]) if (n, b) in found else None for b in blocks] for n in names}, "B/s")


def syncer(path, stop, took):
    """Write 1 GB and fsync it, again and again."""
    block = bytes(1 << 20)
    while not stop.is_set():
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for _ in range(1000):
            os.write(fd, block)
            if stop.is_set():
                break
        begin = time.monotonic()
        os.fsync(fd)
        took.append(time.monotonic() - begin)
        os.close(fd)
    os.unlink(path)


def stall(ctx, generator, label, job, table, beside=False):
    stop, took = threading.Event(), []
    thread = threading.Thread(target=syncer, args=(ctx.disk / "fsync", stop, took))
    if beside:
        thread.start()
        time.sleep(ctx.seconds(1))
    try:
        sent = generator.send(retry=1, **job)
    finally:
        stop.set()
        if beside:
            thread.join()
    longest = sent["wait_seconds"] * 1e3
    table.add(label, f"{longest:.2f} ms" if longest >= 0.01 else "never", f"{sent['late_seconds'] / sent['seconds'] * 100:.1f} %",
              f"{max(took) * 1e3:.0f} ms" if took else "-")


def stalls(ctx, report):
    socket, folder = ctx.socket(), ctx.disk / "stall"
    folder.mkdir()
    t = Table(f"64 B at {STALL_RATE // 1000 / 1000:g} Mpps to disk, uncompressed, a new segment every 0.5 s",
              ["concurrent load", f"sender's longest wait for room in the ring of {RING}", "sender behind its schedule", "longest fsync"])
    args = ["-i", vhost(socket, "full=wait"), "-w", f"{folder}/", "-Z", "none", "-G", "0.5"]
    with Braidcap(ctx, args) as capture:
        capture.wait_capturing()
        with Generator(ctx, virtio(socket)) as generator:
            connect(capture, generator)
            job = {"sizes": "64", "rate": STALL_RATE, "seconds": ctx.seconds(4)}
            stall(ctx, generator, "none", job, t)
            stall(ctx, generator, "writing and fsyncing 1 GB", job, t, beside=True)
        capture.stop()
    report.table(t)
    report.note(f"At this rate the ring is full after {RING / STALL_RATE * 1e3:.1f} ms: if the sender never waits, the data path never "
                "stalled for longer. A sender behind its schedule lost its own CPU to other work, and perhaps the capture did too.")


def run(ctx, report):
    throughput(ctx, report)
    stalls(ctx, report)
