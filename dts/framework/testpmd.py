# SPDX-License-Identifier: BSD-3-Clause
"""testpmd as traffic generator and as sink: an interactive session over a pseudo terminal."""

import os
import pty
import re
import subprocess
import threading

from .process import GENERATOR_CPU, end, environment, unique, wait_until

PROMPT = "testpmd> "


class Testpmd:
    """Without hugepages or rights. mode is a forwarding mode; queues holds for every port."""

    __test__ = False

    def __init__(self, folder, vdevs, queues=1, mode="io", mbufs=8192, cpu=GENERATOR_CPU, extra=()):
        self.prefix = unique("tp")
        self._text = ""
        self._lock = threading.Lock()
        argv = ["dpdk-testpmd", "--lcores", f"0@{cpu},1@{cpu}", f"--file-prefix={self.prefix}", "--no-pci", "--no-huge",
                "-m", "192"]
        for vdev in vdevs:
            argv += ["--vdev", vdev]
        # Without --no-flush-rx `start` would eat the beginning of a trace.
        argv += ["--", "-i", f"--rxq={queues}", f"--txq={queues}", "--nb-cores=1", f"--total-num-mbufs={mbufs}",
                 "--port-topology=paired", f"--forward-mode={mode}", "--no-flush-rx", *extra]
        self._master, slave = pty.openpty()
        try:
            self.process = subprocess.Popen(argv, stdin=slave, stdout=slave, stderr=slave, env=environment(folder),
                                            start_new_session=True)
        except BaseException:
            os.close(self._master)
            raise
        finally:
            os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self._wait_prompt(0)
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _read(self):
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:
                return
            if not data:
                return
            with self._lock:
                self._text += data.decode(errors="replace").replace("\r", "")

    def _wait_prompt(self, begin):
        def prompt():
            if self.process.poll() is not None:
                raise AssertionError(f"testpmd ended:\n{self._text[-3000:]}")
            # What a port reports by itself may stand behind it.
            return PROMPT in self._text[begin:]
        wait_until(prompt, f"testpmd's prompt after {self._text[begin:][-500:]!r}", 60)

    def command(self, line):
        """Type the line; what testpmd prints until its next prompt."""
        begin = len(self._text)
        os.write(self._master, line.encode() + b"\n")
        # The echo of the line ends with the line itself, never with the prompt.
        wait_until(lambda: "\n" in self._text[begin:], f"the echo of {line!r}")
        self._wait_prompt(begin)
        return self._text[begin:].partition("\n")[2].partition(PROMPT)[0]

    def stats(self, port):
        """The port's counters as a dict: RX-packets, RX-missed, TX-packets, ..."""
        return {k: int(v) for k, v in re.findall(r"([RT]X-\w+):\s*(\d+)", self.command(f"show port stats {port}"))}

    def wait_sent(self, port, count, timeout=60):
        wait_until(lambda: self.stats(port).get("TX-packets", 0) >= count, f"{count} packets sent by testpmd", timeout)

    def wait_received(self, port, count, timeout=60):
        wait_until(lambda: self.stats(port).get("RX-packets", 0) >= count, f"{count} packets taken by testpmd", timeout)

    def quit(self):
        """Leave in good order, so that the peers see their devices closed."""
        os.write(self._master, b"quit\n")
        self.process.wait(60)

    def close(self):
        end(self.process)
        self._reader.join(5)
        os.close(self._master)
