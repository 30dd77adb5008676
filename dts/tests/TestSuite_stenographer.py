# SPDX-License-Identifier: BSD-3-Clause
"""The same traffic, captured by stenographer beside braidcap, and found again in both."""

import time

from framework.checks import published
from framework.host import Sender, veth
from framework.packets import frames
from framework.process import wait_until
from framework.reader import packets
from framework.stenographer import FILE_AGE_S, Stenographer
from framework.test_suite import TestSuite, func_test, verify

COUNT = 2000
STREAMS = (1, 2, 3)
# Its language has hosts, networks, ports and protocols, joined by and / or.
QUERIES = ("host 10.0.0.2", "port 1003", "net 10.0.0.0/30 and udp", "host 10.0.0.1 or port 1002", "ip proto 17", "host 10.9.9.9")


class TestStenographer(TestSuite):
    def sent(self):
        """Three streams, interleaved."""
        each = [frames(s, COUNT, sizes=(64, 700, 1400), noise=True) for s in STREAMS]
        return [f for together in zip(*each) for f in together]

    @func_test
    def the_same_packets(self):
        """Each query finds the same in both, also the one that stenographer has to ask as another expression."""
        near, far = self.stack.enter_context(veth())
        steno = self.stack.enter_context(Stenographer(self.make_folder("steno"), far))
        store, data = self.make_folder("store"), self.sent()
        run = self.start("-i", f"pcap:{far}", "-w", store, "-G", "1", "--index", "flows")
        sender = self.stack.enter_context(Sender(near))
        for at in range(0, len(data), 100):
            sender.send(data[at:at + 100])
            time.sleep(0.01)
        run.wait_received(len(data))
        run.stop()
        wait_until(lambda: steno.count("ip proto 17") == len(data), "stenographer has all", timeout=60 * FILE_AGE_S)
        for query in QUERIES:
            began = time.monotonic()
            theirs = packets(steno.query(query, self.folder / "theirs.pcap"))
            asked = time.monotonic()
            ours = self.folder / "ours.pcap"
            ours.unlink(missing_ok=True)
            self.braidcap("find", query, store, "-w", ours)
            print(f"{query}: stenographer {asked - began:.3f} s, braidcap {time.monotonic() - asked:.3f} s")
            verify([p.data for p in packets(ours)] == [p.data for p in theirs], f"{query}: {len(packets(ours))} and {len(theirs)} packets")
        kept, index = steno.bytes()
        print(f"stenographer: {kept} bytes of packets, {index} of index; braidcap: {sum(p.stat().st_size for p in published(store))} in all")
