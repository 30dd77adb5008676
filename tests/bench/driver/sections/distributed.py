# SPDX-License-Identifier: BSD-3-Clause
"""From a node to a collector on loopback, against one TCP stream of the same bytes."""

import json
import signal
import subprocess

from ..machine import have
from ..programs import GEN_CPU, TOOL_CPU, Braidcap, Program, pin, unique
from ..stats import Skip, Table, cell, ratio
from .files import make_inputs

TITLE = "A node and a collector"
TRAFFIC = ("64", "mix")
PORT = 47601


class Collector(Program):
    """braidcap collect, which writes into a folder."""

    def __init__(self, ctx, folder):
        self.prefix = unique("bench")
        self.report_path = ctx.folder / f"{self.prefix}.json"
        super().__init__(ctx, [ctx.braidcap, "collect", "-l", f"127.0.0.1:{PORT}", "--allow", "node=127.0.0.1", "-w", f"{folder}/",
                               "-Z", "none", "--no-huge", "--prefix", self.prefix, "--report", self.report_path],
                         cpus=(TOOL_CPU,))


def transfer(ctx, inputs, packets, folder):
    """Packets per second from the start of the node's capture to its end, when the collector's socket has taken everything."""
    folder.mkdir()
    with Collector(ctx, folder) as collector:
        collector.wait_output("collecting")
        args = [a for p in inputs for a in ("-i", f"file:{p}")]
        with Braidcap(ctx, [*args, "-w", f"osmo://127.0.0.1:{PORT}", "--drain-timeout", "60"], cpus=(GEN_CPU,),
                      lcores=str(GEN_CPU), huge=False) as node:
            node.process.wait(300)
            sent = node.report()
        collector.stop(signal.SIGTERM)
        stored = json.loads(collector.report_path.read_text())["balance"]["written"]
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    if stored != packets:
        ctx.problem(f"the collector stored {stored} of {packets} packets: {node.output[-300:]}")
    return packets * 1e9 / (sent["stopped_ns"] - sent["started_ns"])


def one_stream(ctx, n_bytes):
    """Bytes per second of iperf3."""
    with Program(ctx, ["iperf3", "-s", "-1", "--forceflush", "-p", PORT], cpus=(TOOL_CPU,)) as server:
        server.wait_output("Server listening")
        argv = ["iperf3", "-c", "127.0.0.1", "-p", str(PORT), "-n", str(n_bytes), "-J"]
        ctx.saw(argv)
        done = subprocess.run(argv, stdout=subprocess.PIPE, check=True, preexec_fn=pin((GEN_CPU,)))
        server.process.wait(30)
    return json.loads(done.stdout)["end"]["sum_received"]["bits_per_second"] / 8


def run(ctx, report):
    if not have("iperf3"):
        raise Skip("iperf3 is not installed")
    folder = ctx.tmpfs / unique("node")
    folder.mkdir()
    t = Table("One node, one unencrypted connection; the node reads files, the collector writes to tmpfs, uncompressed",
              ["packets", "packets/s", "bytes/s", "iperf3, bytes/s", "/ iperf3"])
    for sizes in TRAFFIC[1:] if ctx.quick else TRAFFIC:
        inputs, packets = make_inputs(ctx, folder, sizes, 20 if ctx.quick else 100)
        n_bytes = sum(p.stat().st_size for p in inputs)
        rates, streams = [], []
        for _ in range(ctx.runs(3)):
            rates.append(transfer(ctx, inputs, packets, folder / "out"))
            streams.append(one_stream(ctx, n_bytes))
        bytes_rates = [r * n_bytes / packets for r in rates]
        t.add(f"{sizes}{' B' if sizes.isdigit() else ''}", cell(rates), cell(bytes_rates), cell(streams), ratio(bytes_rates, streams))
        for path in inputs:
            path.unlink()
    folder.rmdir()
    report.table(t)
    report.note("The node runs on one CPU and the collector on the other, like the two ends of iperf3. Bytes are those of the files; "
                "on the wire each packet's message adds 4.")
