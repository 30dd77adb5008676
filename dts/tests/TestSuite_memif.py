# SPDX-License-Identifier: BSD-3-Clause
"""Capture from memif: two queues, exact."""

from framework.lossless import LosslessCases
from framework.test_suite import TestSuite


class TestMemif(LosslessCases, TestSuite):
    def devices(self):
        link = f"id=0,socket-abstract=no,socket={self.folder}/m,bsize=2048,rsize=10"
        return f"dpdk:net_memif0,role=server,{link},queues=2,full=wait", f"net_memif0,role=client,{link}"
