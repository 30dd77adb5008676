# SPDX-License-Identifier: BSD-3-Clause
"""The alert rules and the dashboard, in a real Prometheus that scrapes a real console."""

import json
import re
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from framework.console import Console
from framework.process import end, free_port, tool, wait_until
from framework.test_suite import TestSuite, func_test, verify

CONFIG = Path(__file__).parents[2] / "config"
RULES = CONFIG / "prometheus" / "braidcap.rules.yaml"


class Prometheus:
    """One that scrapes the console at target every second, with our rules."""

    def __init__(self, folder, target):
        self.port = free_port()
        config = folder / "prometheus.yml"
        config.write_text(f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: ['{RULES}']\n"
                          f"scrape_configs: [{{job_name: braidcap, static_configs: [{{targets: ['{target}']}}]}}]\n")
        self._log = open(folder / "prometheus.log", "wb")
        self._process = subprocess.Popen(["prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'tsdb'}",
                                          f"--web.listen-address=127.0.0.1:{self.port}"], stdin=subprocess.DEVNULL, stdout=self._log,
                                         stderr=self._log, start_new_session=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        end(self._process)
        self._log.close()

    def ask(self, path, **parameters):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=60) as reply:
                return json.loads(reply.read())
        except urllib.error.HTTPError as e:
            text = e.read().decode()
            return json.loads(text) if text.startswith("{") else {"status": text}
        except OSError as e:
            return {"status": str(e)}

    def query(self, expression):
        answer = self.ask("query", query=expression)
        verify(answer["status"] == "success", f"{expression}: {answer}")
        return answer["data"]["result"]


class TestPrometheus(TestSuite):
    def set_up_test_case(self):
        for name in ("prometheus", "promtool"):
            if not shutil.which(name):
                pytest.skip(f"needs the program {name}")
        self.out = self.make_folder()

    def watched(self):
        """A capture, and a Prometheus that has seen it for a while."""
        run = self.start("-i", "null:rate=2000", "-w", self.out, "-G", "1")
        console = self.stack.enter_context(Console(self.folder, [self.out]))
        prometheus = self.stack.enter_context(Prometheus(self.folder, console.listen))
        wait_until(lambda: prometheus.ask("query", query="braidcap_capture_up").get("data", {}).get("result"), "a scrape", 120)
        wait_until(lambda: prometheus.query("rate(braidcap_source_received_packets_total[10s]) > 0 and on() "
                                            "braidcap_store_oldest_packet_timestamp_seconds"), "two scrapes, and a segment", 120)
        return run, prometheus

    @func_test
    def rules_are_valid(self):
        """promtool knows all of them."""
        tool("promtool", "check", "rules", RULES)

    @func_test
    def alerts_are_evaluated(self):
        """Prometheus evaluates each without an error; none is raised without a reason, and a pause raises one."""
        run, prometheus = self.watched()

        def rules():
            found = [r for g in prometheus.ask("rules").get("data", {}).get("groups", ()) for r in g["rules"]]
            return found if found and all(r["health"] == "ok" for r in found) else None
        found = wait_until(rules, "the rules are evaluated")
        verify(len(found) >= 12, found)
        raised = {r["name"] for r in found if r["state"] != "inactive"} - {"BraidcapDiskAlmostFull", "BraidcapDiskFullSoon"}
        verify(not raised, raised)
        for rule in found:
            prometheus.query(rule["query"])
        verify(run.ask("/braidcap/pause")["status"] == "ok", "pause")
        wait_until(lambda: [r for r in rules() or () if r["name"] == "BraidcapPaused" and r["state"] == "pending"], "the alert")

    @func_test
    def a_lost_capture_is_told(self):
        """One that was named and is killed is down for Prometheus."""
        run = self.start("-i", "null:rate=2000", "-w", self.out)
        console = self.stack.enter_context(Console(self.folder, ["--prefix", run.prefix]))
        prometheus = self.stack.enter_context(Prometheus(self.folder, console.listen))
        wait_until(lambda: prometheus.ask("query", query="braidcap_capture_up == 1").get("data", {}).get("result"), "a scrape", 120)
        run.kill()
        wait_until(lambda: prometheus.query("braidcap_capture_up == 0"), "it is down")

    @func_test
    def every_panel_has_data(self):
        """Each expression of the dashboard gives something for a running capture."""
        _, prometheus = self.watched()
        dashboard = json.loads((CONFIG / "grafana" / "braidcap.json").read_text())
        expressions = [t["expr"] for p in dashboard["panels"] for t in p["targets"]]
        verify(len(expressions) > 15, expressions)
        for expression in expressions:
            whole = expression.replace("$__rate_interval", "10s").replace("$capture", ".*")
            verify("$" not in whole, whole)
            wait_until(lambda whole=whole: prometheus.query(whole), f"an answer to {whole}")

    @func_test
    def metrics_in_files_exist(self):
        """What rules and dashboard name is what docs/console.md lists, and what the console serves."""
        text = (RULES.read_text() + (CONFIG / "grafana" / "braidcap.json").read_text())
        documented = set(re.findall(r"`(braidcap_[a-z_]+)", (CONFIG.parent / "docs" / "console.md").read_text()))
        used = set(re.findall(r"\bbraidcap_[a-z_]+", text))
        verify(used <= documented, used - documented)
        console = self.stack.enter_context(Console(self.folder))
        served = set(re.findall(r"^# TYPE (\S+)", console.ask("/metrics")[2].decode(), re.M))
        verify(served == documented, f"only served: {served - documented}; only documented: {documented - served}")
