# SPDX-License-Identifier: BSD-3-Clause
"""The index beside what can go wrong: kill -9 at any moment, a search on the disk that is written."""

import json
import os
import re
import subprocess
import time
from pathlib import Path

from framework.braidcap import FIND, program, sanitizers
from framework.checks import assert_lossless, assert_same, published, temporary, verify_segments
from framework.host import Sender, require_root, veth
from framework.packets import frames, numbers, timed, write_pcap
from framework.process import end, environment, wait_until
from framework.reader import packets
from framework.test_suite import TestSuite, func_test, verify

# It is killed when so many segments are published, in the midst of the next one.
MOMENTS = (1, 2, 4)


class TestIndex(TestSuite):
    def find(self, expression, where, *more):
        """What is found, packets and outcome, with an index and without it."""
        found = []
        for args in ((), ("--no-index",)):
            out = self.folder / "found.pcap"
            out.unlink(missing_ok=True)
            done = self.braidcap(*FIND, expression, where, "-w", out, "--json", *more, *args)
            found.append((packets(out), json.loads(done.stdout)))
        assert_same(found[0][0], found[1][0])
        return found[0]

    def killed_after(self, segments, codec):
        out = self.make_folder(f"{codec}{segments}")
        trace = self.folder / "trace.pcap"
        if not trace.exists():
            data = [f for n in range(16) for s in (1, 2, 3) for f in frames(s, 500, sizes=(64, 900), first=500 * n)]
            write_pcap(trace, timed(data), nanoseconds=True)
        inputs = [a for _ in range(8) for a in ("-i", trace)]
        run = self.start(*inputs, "-w", out, "-S", "2", "-Z", codec, "--index", "flows", capturing=False)
        wait_until(lambda: len(published(out)) >= segments, f"{segments} segments")
        run.kill()
        return out

    def check_killed(self, out):
        whole = published(out)
        if whole:
            verify_segments(whole)
        _, outcome = self.find("src host 10.0.0.2 or udp src port 1003", out)
        verify((outcome["damaged"], outcome["damaged_indexes"]) == (0, 0), f"{out.name}: {outcome}")
        return len(whole)

    @func_test
    def a_search_after_kill_9(self):
        """Each published segment has an index or none, never a wrong one; what is recovered is found, too."""
        segments = 0
        for codec in ("lz4", "none"):
            for moment in MOMENTS:
                out = self.killed_after(moment, codec)
                segments += self.check_killed(out)
                self.braidcap("recover", out)
                verify(temporary(out) == [], f"not recovered: {temporary(out)}")
                # Under load blocks are left out of an index; that is none to make anew, unless it is asked for.
                self.braidcap("index", "--anew", out)
                segments += self.check_killed(out)
                _, outcome = self.find("host 10.0.0.77", out)
                verify(outcome["not_the_flows"] == outcome["segments"], f"{outcome}")
        verify(segments > 10, "too few segments to tell")

    @func_test
    def a_capture_beside_a_search(self):
        """The search is idle in CPU and I/O, and the capture on the same disk loses nothing; each finds what is published."""
        require_root("ip", "ionice")
        near, far = self.stack.enter_context(veth())
        store, count = self.make_folder("store"), 20000
        run = self.start("-i", f"pcap:{far}", "-w", store, "-G", "0.5", "--index", "flows")
        sender = self.stack.enter_context(Sender(near))
        data = frames(1, count, sizes=(64, 900))
        for at in range(0, count, 500):
            sender.send(data[at:at + 500])
            # Not too often: being idle it gets little where all CPUs are busy.
            if at % 5000:
                time.sleep(0.02)
                continue
            wait_until(lambda: published(store), "a segment")
            out = self.folder / "found.pcapng"
            search = subprocess.Popen([program(), "find", "", str(store), "-w", str(out)], stderr=subprocess.PIPE,
                                      env={**environment(self.folder), **sanitizers()})
            self.stack.callback(end, search)
            verify(search.wait(timeout=300) == 0, f"{search.stderr.read()}")
            seen = numbers(packets(out)).get(1, [])
            verify(seen == list(range(len(seen))), "what is found is not what was sent first")
            out.unlink()
        run.wait_received(count)
        assert_lossless(run.stop(), count)
        found, _ = self.find("", store)
        verify(numbers(found)[1] == list(range(count)), "not all is found")

    @func_test
    def it_gives_way(self):
        """The lowest priority of CPU and I/O, unless told otherwise."""
        require_root("ionice")
        trace = write_pcap(self.folder / "trace.pcap", timed(frames(1, 200000, sizes=(900,))))
        for args, nice, io in (((), 19, "idle"), (("--priority", "normal"), os.nice(0), "")):
            run = subprocess.Popen([program(), "find", "", str(trace), "-w", "-", *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                   env={**environment(self.folder), **sanitizers()})
            self.stack.callback(end, run)
            # It has begun to write, and waits for us.
            run.stdout.read(1)
            for task in Path(f"/proc/{run.pid}/task").iterdir():
                said = subprocess.run(["ionice", "-p", task.name], stdout=subprocess.PIPE, text=True, check=True).stdout
                verify(io in said and ("idle" in said) == (io == "idle"), f"{args}, {task.name}: {said}")
                stat = re.sub(r".*\) ", "", (task / "stat").read_text()).split()
                verify(int(stat[16]) == nice, f"{args}, {task.name}: nice {stat[16]}")
            run.stdout.close()
            run.wait(timeout=60)
