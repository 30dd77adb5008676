# SPDX-License-Identifier: BSD-3-Clause
"""Capture from vhost-user: two queues, exact."""

from framework.checks import assert_lossless, assert_streams, published, verify_segments
from framework.lossless import LosslessCases
from framework.packets import frames
from framework.reader import read
from framework.test_suite import TestSuite, func_test, verify


class TestVhost(LosslessCases, TestSuite):
    def devices(self):
        return self.vhost(options="queues=2,full=wait"), f"net_virtio_user0,path={self.folder}/v0,queues=2"

    @func_test
    def queue_option_names_the_queue(self):
        """With --queue-option each packet says which queue it came through."""
        packets, _ = self.exchange([frames(q, 1000) for q in range(2)], "--queue-option")
        options = dict(read(published(self.folder / "out")[0]).epb_options)
        said = [int.from_bytes(options[i][6], "little") for i in range(len(packets))]
        verify(said == [p.data[11] for p in packets], "a packet names another queue")

    @func_test
    def two_ports(self):
        """Two ports are captured into one output."""
        out = self.make_folder()
        run = self.start("-i", self.vhost(0), "-i", self.vhost(1), "-w", out, beside_generator=True)
        for index in range(2):
            self.send(frames(index, 5000), index)
        run.wait_received(10000)
        assert_lossless(run.stop(), 10000)
        assert_streams(verify_segments(published(out)), {0: 5000, 1: 5000})
