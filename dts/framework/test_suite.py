# SPDX-License-Identifier: BSD-3-Clause
"""TestSuite and func_test: the form of a suite, and what each test case may start and has cleaned up behind it."""

import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from .braidcap import Braidcap, braidcap
from .packets import timed, write_pcap
from .testpmd import Testpmd


def func_test(method):
    """Mark a method of a suite as a functional test case."""
    method.__test__ = True
    return method


def verify(condition, message):
    """Fail the test case with message unless condition holds."""
    assert condition, message


class TestSuite:
    """
    Base of every suite. A test case gets a folder of its own; whatever it starts through the methods here is ended,
    and whatever it creates is removed, when it ends, however it ends.
    """

    __test__ = False

    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        cls.__test__ = True

    def set_up_test_case(self):
        """For a suite to say what each of its cases needs."""

    def setup_method(self):
        self.stack = ExitStack()
        try:
            # A short path: the sockets below it must fit in 108 bytes.
            self.folder = Path(tempfile.mkdtemp(prefix="bc-"))
            self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.set_up_test_case()
        except BaseException:
            self.stack.close()
            raise

    def teardown_method(self):
        self.stack.close()

    def make_folder(self, name="out"):
        path = self.folder / name
        path.mkdir()
        return path

    def start(self, *args, capturing=True, **options):
        """Start `braidcap capture ARGS`; it captures when this returns, unless capturing is False."""
        run = self.stack.enter_context(Braidcap(self.folder, args, **options))
        if capturing:
            run.wait_capturing()
        return run

    def collect(self, *args, **options):
        """Start `braidcap collect ARGS`; it listens when this returns."""
        return self.start(*args, command="collect", **options)

    def capture(self, *args, rc=0, timeout=60, **options):
        """Run `braidcap capture ARGS` to its end, which must have the exit status rc."""
        run = self.start(*args, capturing=False, **options)
        run.finish(rc=rc, timeout=timeout)
        return run

    def braidcap(self, *args, **options):
        """Run another subcommand, or a capture that is refused, to its end; its status and what it printed."""
        return braidcap(*args, folder=self.folder, **options)

    def testpmd(self, vdevs, **options):
        """Start testpmd on these virtual devices; it is at its prompt when this returns."""
        return self.stack.enter_context(Testpmd(self.folder, vdevs, **options))

    def vhost(self, index=0, options="full=wait"):
        """The source that braidcap makes of the vhost-user socket number index."""
        return f"dpdk:net_vhost{index},iface={self.folder}/v{index},{options}"

    def send(self, frames, index=0):
        """Send frames into the socket number index. Before the next use of the same one the testpmd must quit()."""
        trace = write_pcap(self.folder / f"send{index}.pcap", timed(frames))
        return self.replay([trace], f"net_virtio_user0,path={self.folder}/v{index}", len(frames))

    def replayer(self, traces, device, retry=True):
        """A testpmd ready to send trace n through queue n of device. retry: send all, or what fits."""
        rx = ",".join(f"rx_pcap={t}" for t in traces)
        pmd = self.testpmd([f"net_pcap0,{rx}", device], queues=len(traces), mode="io", mbufs=16384)
        if retry:
            pmd.command("set fwd io retry")
            pmd.command("set burst tx delay 1 retry 1000000")
        return pmd

    def replay(self, traces, device, expect):
        """
        Send the traces whole; they hold expect packets. The testpmd stays: a memif loses what its peer has not yet
        taken when it goes.
        """
        pmd = self.replayer(traces, device)
        pmd.command("start")
        pmd.wait_sent(1, expect)
        return pmd
