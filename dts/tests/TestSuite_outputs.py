# SPDX-License-Identifier: BSD-3-Clause
"""Several outputs of one capture."""

from framework.checks import assert_closed, assert_streams, published, verify_segments
from framework.packets import frames, timed, write_pcap
from framework.reader import packets
from framework.test_suite import TestSuite, func_test, verify

TWO = """
sources:
  - file:{trace}
outputs:
  - dest: {headers}
    snaplen: 96
  - dest: {host}
    filter: src host 10.0.0.3
    compress: none
"""


class TestOutputs(TestSuite):
    def two(self):
        """1500 packets of three hosts: the headers of all, and the whole packets of one."""
        data = [f for trio in zip(*(frames(s, 500, sizes=(60, 96, 97, 1000)) for s in (1, 2, 3))) for f in trio]
        names = {"trace": write_pcap(self.folder / "in.pcap", timed(data)), "headers": self.make_folder("headers"),
                 "host": self.folder / "host.pcapng"}
        config = self.folder / "two.yaml"
        config.write_text(TWO.format(**names))
        return data, names, config

    @func_test
    def headers_of_all_and_whole_packets_of_one(self):
        """Each output has its own filter, length and compression."""
        data, names, config = self.two()
        self.capture("-C", config)
        headers = verify_segments(published(names["headers"]))
        verify([p.data for p in headers] == [d[:96] for d in data], "headers differ")
        verify([p.wire for p in headers] == [len(d) for d in data], "lengths differ")
        whole = packets(names["host"])
        verify([p.data for p in whole] == [d for d in data if d[11] == 3], "whole packets differ")
        assert_streams(whole, {3: 500})

    @func_test
    def each_balance_closes(self):
        """The report has a balance for each output."""
        _, _, config = self.two()
        report = self.capture("-C", config).report
        balances = [o["balance"] for o in report["outputs"]]
        for balance in balances:
            assert_closed(balance)
        verify([(b["received"], b["written"], b["filtered"]) for b in balances] == [(1500, 1500, 0), (1500, 500, 1000)],
               f"{balances}")

    @func_test
    def command_line_goes_over_the_file(self):
        """-s on the command line holds for every output of the file."""
        data, names, config = self.two()
        self.capture("-C", config, "-s", "70")
        headers = verify_segments(published(names["headers"]))
        verify([p.data for p in headers] == [d[:70] for d in data], "headers differ")
        verify({len(p.data) for p in packets(names["host"])} == {60, 70}, "the second output differs")
