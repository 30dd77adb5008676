# SPDX-License-Identifier: BSD-3-Clause
"""Flows of segments in ClickHouse, as docs/analytics.md has it."""

import json
import re
import struct
from pathlib import Path

from framework.clickhouse import ClickHouse
from framework.packets import T0_NS, frames, timed, write_pcap
from framework.test_suite import TestSuite, func_test, verify

PAGE = Path(__file__).parents[2] / "docs" / "analytics.md"
COUNT = 500


class TestAnalytics(TestSuite):
    def set_up_test_case(self):
        """Two nodes with a stream each, and a third stream on both."""
        self.server = self.stack.enter_context(ClickHouse(self.make_folder("clickhouse")))
        (table,) = re.findall(r"```sql table\n(.*?)```", PAGE.read_text(), re.S)
        self.server.query(table)
        for node, streams in (("north", (1, 3)), ("south", (2, 3))):
            folder = self.folder / "store" / node / "2026" / "11" / "29" / "06"
            folder.mkdir(parents=True)
            made = sorted((p for s in streams for p in timed(frames(s, COUNT), T0_NS + s)), key=lambda p: p.ts_ns)
            trace = write_pcap(self.folder / f"{node}.pcap", made, nanoseconds=True)
            self.capture("-i", trace, "-w", folder, "-S", "0.05", "--index", "flows")

    def flows(self, *args):
        return self.braidcap("flows", "", self.folder / "store", "--per-segment", *args).stdout

    def load(self):
        self.server.query("INSERT INTO flows FORMAT JSONEachRow", self.flows("--format", "json").encode())

    @func_test
    def what_is_loaded(self):
        """All packets of all segments, each with its node; what is loaded twice counts once."""
        for _ in range(2):
            self.load()
            verify(self.server.query("SELECT node, sum(packets) FROM flows FINAL GROUP BY node ORDER BY node") ==
                   [["north", str(2 * COUNT)], ["south", str(2 * COUNT)]], "not all packets")
        segments = self.server.query("SELECT DISTINCT segment FROM flows")
        verify({s for s, in segments} == {str(p) for p in (self.folder / "store").rglob("*.lz4")}, f"{segments}")

    def insert(self, *args, rc=0, env=None):
        done = self.braidcap("flows", "", self.folder / "store", "--clickhouse", f"http://127.0.0.1:{self.server.port}", *args, check=False,
                             env=env)
        verify(rc is None or done.returncode == rc, f"exit status {done.returncode}: {done.stdout}{done.stderr}")
        return done

    @func_test
    def what_flows_inserts_itself(self):
        """With --clickhouse the rows are those of JSON, in the page's table, which it makes if asked; once more, they count once."""
        self.load()
        for _ in range(2):
            done = self.insert("--clickhouse-table", "default.mine", "--clickhouse-create")
            verify(" segments are in default.mine" in done.stdout, done)
        verify(self.server.query("DESCRIBE TABLE mine") == self.server.query("DESCRIBE TABLE flows"), "another table")
        columns = "segment, proto, a, a_port, b, b_port, packets, bytes, first_ns, last_ns, tcp_flags, node"
        mine, theirs = (self.server.query(f"SELECT {columns} FROM {t} FINAL ORDER BY {columns}") for t in ("mine", "flows"))
        verify(mine == theirs and mine, f"{mine[:2]}, {theirs[:2]}")

    @func_test
    def many_flows_of_a_segment(self):
        """They go there in batches, so that neither end holds all of them at once."""
        def frame(n):
            ip = struct.pack(">BBHIBBH4s4s", 0x45, 0, 28, 0, 64, 17, 0, struct.pack(">I", 0x0B000000 + n), bytes((10, 200, 0, 1)))
            return bytes(12) + b"\x08\x00" + ip + struct.pack(">HHHH", 1024, 53, 8, 0)

        count, folder = 45000, self.make_folder("many")
        trace = write_pcap(self.folder / "many.pcap", timed(frame(n) for n in range(count)), nanoseconds=True)
        self.capture("-i", trace, "-w", folder, "-U", "--index", "flows")

        def batches():
            return int(self.server.query("SELECT sum(value) FROM system.events WHERE event = 'InsertQuery'")[0][0])
        before = batches()
        self.braidcap("flows", "", folder, "--clickhouse", f"http://127.0.0.1:{self.server.port}", "--clickhouse-table", "many", "--clickhouse-create")
        verify(batches() - before == 2, f"{batches() - before} batches of about 8 MiB")
        verify(self.server.query("SELECT count(), sum(packets) FROM many FINAL") == [[str(count), str(count)]], "not all flows")

    @func_test
    def what_clickhouse_refuses(self):
        """One line each, which says what to do; a password is in none."""
        env = {"CLICKHOUSE_USER": "default", "CLICKHOUSE_PASSWORD": "hush"}
        for args, more, rc, words in (
                (("--clickhouse-table", "none"), {}, 1, "--clickhouse-create"),
                ((), env, 1, "CLICKHOUSE_PASSWORD"),
                (("--clickhouse", "http://127.0.0.1:1"), {}, 1, "onnect"),
                (("--clickhouse", "https://user:secret@127.0.0.1"), {}, 1, "it is https://HOST"),
                (("--clickhouse", "http://192.0.2.1"), {}, 1, "--clickhouse-plain"),
                (("--clickhouse-table", "a; DROP TABLE b"), {}, 1, "--clickhouse-table"),
                (("--by", "host"), {}, 2, "--by")):
            done = self.insert(*args, rc=None if rc == 1 else rc, env=more)
            verify(done.returncode in (1, 2) and words in done.stderr and len(done.stderr.splitlines()) == 1 and not done.stdout, done)
            verify("hush" not in done.stderr and "secret" not in done.stderr, "a secret is told")

    @func_test
    def the_five_queries(self):
        """Each one of the page gives what was made."""
        self.load()
        talkers, services, where, scans, new = (self.server.query(q) for q in re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.S))
        verify(talkers[0][:2] == ["10.1.0.1", str(4 * COUNT)], f"{talkers}")
        verify({h: n for h, n, _ in talkers[1:]} == {"10.0.0.1": str(COUNT), "10.0.0.2": str(COUNT), "10.0.0.3": str(2 * COUNT)}, f"{talkers}")
        verify(services and all(s[1] == "udp" for s in services), f"{services}")
        verify({w[0] for w in where} == {"north"} and sum(int(w[2]) for w in where) == COUNT, f"{where}")
        verify(all(len(s) == 3 for s in scans), f"{scans}")
        verify({n[0] for n in new} == {"10.1.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.3"}, f"{new}")

    @func_test
    def what_programs_read(self):
        """Paths with quotes are quoted, in JSON and in CSV; as a table there is no room for them."""
        odd = self.folder / "store" / 'o"d\\d'
        (self.folder / "store" / "north").rename(odd)
        rows = [json.loads(line) for line in self.flows("--format", "json").splitlines()]
        verify(any(r["segment"].startswith(f"{odd}/") for r in rows), f"{rows[:3]}")
        lines = self.flows("--format", "csv").splitlines()
        verify(lines[0].endswith(",segment") and len(lines) == 1 + len(rows), f"{lines[:3]}")
        verify(any('"' + str(odd).replace('"', '""') + "/" in line for line in lines), f"{lines[:3]}")
        refused = self.braidcap("flows", "", self.folder / "store", "--per-segment", check=False)
        verify(refused.returncode == 2 and "--per-segment" in refused.stderr and not refused.stdout, f"{refused}")
