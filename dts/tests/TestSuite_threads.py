# SPDX-License-Identifier: BSD-3-Clause
"""What runs at the same time: the case that scripts/test also runs under ThreadSanitizer."""

import threading

from framework.checks import capinfos_counts, published
from framework.test_suite import TestSuite, func_test, verify

VIEWS = ("info", "sources", "outputs", "lcores", "ledger", "clock", "segments")
ACTIONS = ("rotate", "filter,greater 14", "pause", "resume", "filter,less 9000")
ROUNDS = 10


class TestThreads(TestSuite):
    @func_test
    def clients_ask_and_act_while_packets_flow(self):
        """Three connections ask for every view and rotate, pause and filter; no packet is unaccounted for."""
        out, answers = self.make_folder(), []
        run = self.start("-i", "null:size=2000,queues=2", "-w", out, "-w", "null:")

        def ask(commands):
            with run.telemetry() as t:
                for _ in range(ROUNDS):
                    answers.extend(t.command(f"/braidcap/{c}") for c in commands)

        clients = [threading.Thread(target=ask, args=(c,)) for c in (VIEWS, VIEWS[::-1], ACTIONS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        verify(len(answers) == ROUNDS * (2 * len(VIEWS) + len(ACTIONS)) and all(answers), answers)
        report = run.stop()
        verify(report["balance"]["unaccounted"] == 0, report["balance"])
        verify(sum(capinfos_counts(published(out))) == report["outputs"][0]["written"], report["outputs"])
