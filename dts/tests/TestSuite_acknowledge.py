# SPDX-License-Identifier: BSD-3-Clause
"""Acknowledged delivery: what a node was told to be on disk is there, and each packet is there once."""

import os
import signal

from framework.checks import assert_lossless, published_of, verify_segments
from framework.packets import T0_NS, frames, numbers, timed
from framework.peer import Node, free_port
from framework.process import wait_until
from framework.test_suite import TestSuite, func_test, verify

IDENTITY = b"node number one."


class TestAcknowledge(TestSuite):
    def centre(self, *args, out=None):
        self.port = free_port()
        self.out = out or self.make_folder()
        return self.collect("-l", f"127.0.0.1:{self.port}", "--allow", "node=127.0.1.1", "--flush-ms", "100", "-w", f"{self.out}/",
                            *args)

    def node(self, first=0, epoch=1, identity=IDENTITY, **options):
        return self.stack.enter_context(Node(self.port, identity, epoch, first, source="127.0.1.1", **options))

    def send(self, node, count):
        """The next packets of the node; the content of each is its number."""
        node.packets(timed(frames(0, count, first=node.next), T0_NS + node.next * 1000))
        node.next += count

    def stored(self, client="node"):
        return numbers(verify_segments(published_of(self.out, client)))

    @func_test
    def what_is_on_disk_is_acknowledged(self):
        """Acknowledgements come while a node sends, and at the end the last one, then the end of the connection."""
        run = self.centre()
        node = self.node()
        self.send(node, 1000)
        node.wait_acked(1000)
        self.send(node, 500)
        verify(node.finish() == 1500, f"acknowledged {node.acked}")
        assert_lossless(run.stop(), 1500)
        verify(self.stored() == {0: list(range(1500))}, "packets are missing")

    @func_test
    def what_comes_again_is_taken_once(self):
        """A node that was not told of everything sends some packets again."""
        run = self.centre()
        node = self.node()
        self.send(node, 1000)
        node.close()
        again = self.node()
        again.next = again.acked
        self.send(again, 1200 - again.next)
        verify(again.finish() == 1200, f"acknowledged {again.acked}")
        assert_lossless(run.stop(), 1200)
        verify(self.stored() == {0: list(range(1200))}, "packets are missing, or there twice")
