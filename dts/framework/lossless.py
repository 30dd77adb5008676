# SPDX-License-Identifier: BSD-3-Clause
"""What must hold for every device with two queues that can wait while its reader is busy."""

from .checks import assert_lossless, assert_streams, verify_segments, published
from .packets import frames, timed, write_pcap
from .test_suite import func_test, verify


class LosslessCases:
    """
    Test cases for a suite that has devices(): the source for braidcap and the virtual device for the generator, both of
    two queues.
    """

    def exchange(self, data, *args):
        """Send data[q] through queue q into a folder of segments; the packets found there and the report."""
        source, device = self.devices()
        out = self.make_folder()
        run = self.start("-i", source, "-w", out, *args, beside_generator=True)
        traces = [write_pcap(self.folder / f"q{q}.pcap", timed(d)) for q, d in enumerate(data)]
        total = sum(len(d) for d in data)
        generator = self.replay(traces, device, total)
        run.wait_received(total)
        report = run.stop()
        generator.quit()
        assert_lossless(report, total)
        return verify_segments(published(out)), report

    @func_test
    def every_packet_once_and_in_order(self):
        """100000 packets over two queues are written, each once, each queue in its order."""
        packets, report = self.exchange([frames(q, 50000) for q in range(2)])
        assert_streams(packets, {0: 50000, 1: 50000})
        per_queue = {s["queue"]: s["received"] for s in report["sources"]}
        verify(per_queue == {0: 50000, 1: 50000}, f"by queue: {per_queue}")

    @func_test
    def content_is_intact(self):
        """Packets of all sizes come out byte by byte as they went in."""
        data = [frames(q, 3000, sizes=range(60, 1515, 7), noise=True) for q in range(2)]
        packets, _ = self.exchange(data)
        seen = [p.data for p in packets]
        verify(all(p.wire == len(p.data) for p in packets), "a packet was cut")
        for stream in data:
            mine = set(stream)
            verify([d for d in seen if d in mine] == stream, "content differs")

    @func_test
    def stamps_are_those_of_the_capture(self):
        """Each stamp lies between the start and the end that the report states."""
        packets, report = self.exchange([frames(q, 1000) for q in range(2)])
        verify(all(report["started_ns"] <= p.ts_ns <= report["stopped_ns"] for p in packets), "a stamp is elsewhere")
        verify({s["stamp"] for s in report["sources"]} == {"software"}, "this device stamps nothing itself")
