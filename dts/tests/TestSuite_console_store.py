# SPDX-License-Identifier: BSD-3-Clause
"""What the console's API does with stored segments, and with captures that run: finds, flows, times, holds, actions."""

import json
import os
import select
import subprocess
import time

from framework.checks import assert_same, published
from framework.console import Console, deaf_store, write_users
from framework.packets import T0_NS, frames, timed, write_pcap
from framework.process import tool, wait_until
from framework.reader import packets
from framework.s3 import store
from framework.s3proxy import Proxy, Refuse
from framework.test_suite import TestSuite, func_test, verify

COUNT = 3000
TOKENS = {role: f"{role}-0123456789abcdef" for role in ("viewer", "analyst", "operator")}


class TestConsoleStore(TestSuite):
    def set_up_test_case(self):
        """Two streams in one folder of segments, 3 ms long."""
        self.made = sorted(timed(frames(1, COUNT, sizes=(64, 700))) + timed(frames(2, COUNT // 2), T0_NS + 500), key=lambda p: p.ts_ns)
        self.store = self.make_folder("store")
        a, b = (write_pcap(self.folder / f"{s}.pcap", [p for p in self.made if p.data[29] == s], nanoseconds=True) for s in (1, 2))
        self.capture("-i", a, "-i", b, "-w", self.store, "-S", "0.2", "--index", "flows")
        self.audit = self.folder / "audit"

    def console(self, *args, **options):
        return self.stack.enter_context(Console(self.folder, ["--audit", self.audit, *args], **options))

    def with_users(self, *args):
        return self.console("--users", write_users(self.folder / "users", *(f"{r}1 {r} token {t}" for r, t in TOKENS.items())), *args)

    def audited(self):
        return [json.loads(line) for line in self.audit.read_text().splitlines()] if self.audit.exists() else []

    def segments(self, console, **options):
        """Once the store has been looked through."""
        wait_until(lambda: console.get("/api/segments", **options)["known"], "the store")
        return console.get("/api/segments", **options)["segments"]

    # ---- find ----

    @func_test
    def a_find_is_tcpdumps(self):
        """The download has what tcpdump gives of the same packets, byte for byte and in order."""
        whole = write_pcap(self.folder / "whole.pcap", self.made, nanoseconds=True)
        console = self.console("--role", "analyst", self.store)
        for expression in ("src host 10.0.0.2", "udp src port 1001 and greater 100", "arp", "not udp", ""):
            expected, found = self.folder / "expected.pcap", self.folder / "found.pcapng"
            with open(expected, "wb") as out:
                subprocess.run(["tcpdump", "-r", whole, "--time-stamp-precision=nano", "-w", "-", expression], stdout=out,
                               stderr=subprocess.DEVNULL, check=True)
            done = tool("curl", "-sSf", "-G", "--data-urlencode", f"expression={expression}", f"{console.url}api/find/packets", "-o", found)
            verify(not done.stderr, done.stderr)
            assert_same(packets(found), packets(expected))
        ends = [e for e in self.audited() if e["what"] == "find ended"]
        verify([e["packets"] for e in ends] == [COUNT // 2, COUNT // 2, 0, 0, len(self.made)] and all(e["complete"] for e in ends), ends)

    @func_test
    def segments_on_object_storage(self):
        """They are listed, found, added up and plotted as files are; while the store is down they stay listed."""
        s3 = store()
        bucket = s3.admin.bucket()
        for path in published(self.store):
            s3.admin.put(bucket, f"node/{path.name}", path.read_bytes())
        keys = self.folder / "keys"
        keys.write_text(f"[site]\naws_access_key_id = {s3.admin.key}\naws_secret_access_key = {s3.admin.secret}\n")
        keys.chmod(0o600)
        down = []
        with Proxy(s3.port, lambda *_: Refuse(403, "AccessDenied") if down else None) as proxy:
            there = self.console("--role", "operator", "--s3-endpoint", proxy.endpoint, "--s3-credentials", keys, "--s3-profile", "site",
                                 f"s3://{bucket}/")
            here = self.console("--role", "operator", self.store)
            mine, theirs = self.segments(here), self.segments(there)
            verify([s["path"] for s in theirs] == [f"s3://{bucket}/node/{s['path'].rsplit('/', 1)[1]}" for s in mine], theirs)
            verify([(s["packets"], s["last_ns"], s["local"]) for s in theirs] == [(s["packets"], s["last_ns"], False) for s in mine], theirs)
            for ask in ("flows?by=host", "find/estimate?expression=host%2010.0.0.2", "find/packets?expression=src%20host%2010.0.0.2", "timeline?bins=50"):
                got, expected = (c.ask(f"/api/{ask}")[2] for c in (there, here))
                verify(got == expected and len(got) > 20, f"{ask}: {got[:300]} {expected[:300]}")
            for what in ("verify", "hold"):
                there.post(f"/api/segments/{what}", {"path": theirs[0]["path"], "hold": True}, status=404)
            down.append(True)
            there.get("/api/segments")
            wait_until(lambda: self.segments(there) and "its segments stay listed" in there.stderr, "the outage is told", 60)
            verify(self.segments(there) == theirs and "access denied" in there.get("/api/find/estimate", status=500)["error"], there.stderr)

    @func_test
    def a_find_is_bounded(self):
        """By times and by a limit; the estimate reads less than all where the index rules out."""
        console = self.console("--role", "analyst", self.store)
        whole = console.get("/api/find/estimate")
        part = console.get("/api/find/estimate?expression=host%2010.0.0.9")
        verify(whole["to_read"] >= part["to_read"] and part["flows_wanted"] == 0 and whole["flows"] > 0, f"{whole} {part}")
        at = T0_NS // 10**9
        late = console.get(f"/api/find/estimate?from=%40{at + 1}")
        verify(late["to_read"] == 0, late)
        found = self.folder / "found.pcapng"
        found.write_bytes(console.ask("/api/find/packets?limit_packets=7")[2])
        assert_same(packets(found), self.made[:7])
        found.write_bytes(console.ask(f"/api/find/packets?from=%40{at}.001&to=%40{at}.002")[2])
        assert_same(packets(found), [p for p in self.made if 10**6 <= p.ts_ns - T0_NS < 2 * 10**6])

    @func_test
    def nonsense_is_refused(self):
        """Expressions that are none, times that are none, limits that are none: in one line, and as a refusal."""
        console = self.console("--role", "operator", self.store)
        for query in ("expression=no%20such%20word", "from=yesterday-ish", "last=-5", "from=12:00&last=1h", "expression=" + "x" * 5000):
            for path in ("/api/find/packets", "/api/find/estimate", "/api/flows", "/api/timeline"):
                if path != "/api/timeline" or "expression" not in query:
                    verify(console.get(f"{path}?{query}", status=400)["error"], f"{path} {query}")
        for path in ("/api/find/packets?limit_packets=0", "/api/find/packets?limit_bytes=x", "/api/flows?by=moon", "/api/flows?top=0",
                     "/api/timeline?bins=0", "/api/timeline?bins=1001", "/api/segments?limit=0", "/api/segments?before_ns=x"):
            console.get(path, status=400)
        nowhere = self.console("--role", "operator")
        for path in ("/api/find/packets", "/api/find/estimate", "/api/flows", "/api/timeline", "/api/segments"):
            nowhere.get(path, status=404)

    @func_test
    def flows_are_the_indexes(self):
        """Who talked most, by host, and how much."""
        console = self.console("--role", "analyst", self.store)
        found = console.get("/api/flows?by=host&sort=packets&top=3")
        verify([(f["a"], f["packets"]) for f in found["flows"]] == [("10.1.0.1", len(self.made)), ("10.0.0.1", COUNT), ("10.0.0.2", COUNT // 2)],
               found)
        verify(found["without"] == 0 and console.get("/api/flows?expression=host%2010.0.0.9")["flows"] == [], found)

    @func_test
    def downloads_that_stand_still_end(self):
        """So many searches run at once; clients that take nothing lose theirs, and others get their turn."""
        trace = write_pcap(self.folder / "much.pcap", timed(frames(3, 30000, sizes=(1400,), noise=True), T0_NS + 10**9), nanoseconds=True)
        self.capture("-i", trace, "-w", self.store)
        console = self.console("--role", "analyst", self.store)
        stuck = [console.raw() for _ in range(4)]
        try:
            for s in stuck:
                s.setsockopt(1, 8, 4096)  # SO_RCVBUF
                s.sendall(b"GET /api/find/packets HTTP/1.1\r\nHost: localhost\r\n\r\n")
                verify(s.recv(15) == b"HTTP/1.1 200 OK", "no answer")
            verify("4 searches" in console.get("/api/find/estimate", status=503)["error"], "a fifth")
            verify(console.ask("/metrics")[0] == 200, "what is no search waits")
            wait_until(lambda: console.ask("/api/find/estimate")[0] == 200, "they are broken off", 60)
        finally:
            for s in stuck:
                s.close()
        wait_until(lambda: len([e for e in self.audited() if e["what"] == "find ended"]) == 4, "the audit log")
        verify(not any(e["complete"] for e in self.audited() if e["what"] == "find ended"), self.audited())
        console.stop()

    def begun(self):
        return len([e for e in self.audited() if e["what"] in ("find", "estimate", "flows")])

    def begin(self, console, path="find/estimate"):
        """The connection of a search that goes on, once there is a place for it."""
        before = self.begun()

        def tried():
            s = self.stack.enter_context(console.raw())
            s.sendall(f"GET /api/{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            wait_until(lambda: self.begun() > before or select.select([s], [], [], 0)[0], "a beginning, or an answer")
            if self.begun() > before:
                return s
            verify(s.recv(65536).startswith(b"HTTP/1.1 503"), "an answer from a store that gives none")
            return None

        return wait_until(tried, "a place")

    @func_test
    def who_goes_away_ends_the_search(self):
        """Searches that nobody waits for any more end, whatever they look for, and others get their places."""
        console = self.console("--role", "analyst", "s3://bucket/x/", env=self.stack.enter_context(deaf_store()))
        asked = [self.begin(console, path) for path in ("find/packets", "find/packets", "find/estimate", "flows")]
        verify("4 searches" in console.get("/api/find/estimate", status=503)["error"], "a fifth")
        for s in asked:
            s.close()
        wait_until(lambda: len([e for e in self.audited() if e["what"] == "find ended" and not e["complete"]]) == 2, "the audit log")
        for _ in asked:
            self.begin(console)
        console.stop()

    @func_test
    def any_bytes_are_answered(self):
        """What is no UTF-8 is refused in words as well."""
        console = self.console("--role", "analyst", self.store)
        verify("\\xff" in console.get("/api/find/estimate?from=%FF", status=400)["error"], "from")
        console.get("/api/find/estimate?expression=host%20%C3%28", status=400)
        verify(self.audited()[-1]["expression"] == "host \\xc3(", self.audited())

    # ---- segments and times ----

    @func_test
    def segments_are_listed(self):
        """The newest first, page by page, with what their indexes say."""
        console = self.console(self.store)
        listed = self.segments(console)
        names = [s["path"].rpartition("/")[2] for s in listed]
        verify(names == [p.name for p in reversed(published(self.store))], names)
        verify(sum(s["packets"] for s in listed) == len(self.made) and all(s["indexed"] and not s["held"] for s in listed), listed)
        first = console.get("/api/segments?limit=2")
        rest = console.get(f"/api/segments?before_ns={first['segments'][-1]['first_ns_text']}")
        verify(first["segments"] + rest["segments"] == listed and first["all"] == len(listed), f"{first} {rest}")

    @func_test
    def segments_of_one_time_are_on_one_page(self):
        """Of outputs that have the same packets none is left out between two pages."""
        for name in ("a", "b", "c"):
            self.capture("-i", self.folder / "1.pcap", "-w", self.make_folder(f"store/{name}"), "-S", "0.2", "--index", "flows")
        console = self.console(self.store)
        wanted = sorted(s["path"] for s in self.segments(console))
        found, before = [], ""
        while page := console.get(f"/api/segments?limit=2{before}")["segments"]:
            found += [s["path"] for s in page]
            before = f"&before_ns={page[-1]['first_ns_text']}"
        verify(sorted(found) == wanted and len(wanted) > 8, f"{len(found)} of {len(wanted)}")

    @func_test
    def verify_reads_them(self):
        """A whole one is whole, a damaged one is told with the reason, and no other file is touched."""
        console = self.console("--role", "analyst", self.store)
        listed = self.segments(console)
        whole = console.post("/api/segments/verify", {"path": listed[0]["path"]})
        verify(whole["whole"] and whole["packets"] == listed[0]["packets"], whole)
        victim = published(self.store)[0]
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 0xFF
        victim.write_bytes(data)
        bad = console.post("/api/segments/verify", {"path": str(victim)})
        verify(not bad["whole"] and bad["why"], bad)
        for path in ("/etc/passwd", f"{self.store}/../users", f"{self.store}/./{victim.name}", "", None, 7, [], str(self.store)):
            console.post("/api/segments/verify", {"path": path}, status=404)

    @func_test
    def a_held_segment_stays(self):
        """Retention leaves it alone until it is released; a mark is made for segments only."""
        console = self.console("--role", "operator", self.store)
        listed = self.segments(console)
        oldest = listed[-1]["path"]
        for age, segment in enumerate(listed):
            os.utime(segment["path"], (time.time() - age, time.time() - age))
        verify(console.post("/api/segments/hold", {"path": oldest, "hold": True})["held"], "hold")
        verify(self.segments(console)[-1]["held"], "it is not shown")
        told = self.braidcap("expire", "--keep-number", "1", "-v", self.store)
        verify([p.name for p in published(self.store)] == [oldest.rpartition("/")[2], listed[0]["path"].rpartition("/")[2]], told.stderr)
        verify("it is held" in told.stderr + told.stdout, told.stdout + told.stderr)
        verify(not console.post("/api/segments/hold", {"path": oldest, "hold": False})["held"], "release")
        self.braidcap("expire", "--keep-number", "1", self.store)
        verify(len(published(self.store)) == 1, "it was not released")
        console.post("/api/segments/hold", {"path": "/etc/passwd", "hold": True}, status=404)
        for hold in ("yes", 1, None):
            console.post("/api/segments/hold", {"path": oldest, "hold": hold}, status=400)

    @func_test
    def the_timeline_adds_up(self):
        """All packets are in it, where they were, however fine it is drawn."""
        console = self.console(self.store)
        self.segments(console)
        for bins in (1, 3, 30, 300):
            line = console.get(f"/api/timeline?bins={bins}")
            verify(len(line["packets"]) == bins and line["unindexed"] == 0, line)
            verify(abs(sum(line["packets"]) - len(self.made)) <= 1, f"{bins}: {sum(line['packets'])}")
        at = T0_NS // 10**9
        half = console.get(f"/api/timeline?bins=10&from=%40{at}.0&to=%40{at}.0015")
        expected = len([p for p in self.made if p.ts_ns - T0_NS < 1500000])
        verify(abs(sum(half["packets"]) - expected) < expected / 5, f"{half} instead of {expected}")

    # ---- roles, and what only operators do ----

    @func_test
    def roles_are_kept(self):
        """A viewer finds nothing, an analyst acts on nothing; what was done is in the audit log, under names."""
        console = self.with_users(self.store)
        path = self.segments(console, token=TOKENS["viewer"])[0]["path"]
        for query in ("/api/find/packets", "/api/find/estimate", "/api/flows"):
            console.get(query, status=403, token=TOKENS["viewer"])
            verify(console.ask(query, token=TOKENS["analyst"])[0] == 200, query)
        verify(console.ask("/api/timeline", token=TOKENS["viewer"])[0] == 200, "timeline")
        console.post("/api/segments/verify", {"path": path}, status=403, token=TOKENS["viewer"])
        for where, what in (("/api/segments/hold", {"path": path, "hold": True}), ("/api/action", {"capture": "x", "action": "stop"})):
            for role in ("viewer", "analyst"):
                console.post(where, what, status=403, token=TOKENS[role])
            console.post(where, what, status=401)
        console.post("/api/segments/hold", {"path": path, "hold": True}, token=TOKENS["operator"])
        done = [(e["what"], e["user"], e["role"]) for e in self.audited()]
        verify(("find", "analyst1", "analyst") in done and ("hold", "operator1", "operator") in done, done)
        verify(not [d for d in done if d[1] == "viewer1"], done)
        verify(all(e["time"].endswith("Z") and e["from"].startswith("127.0.0.1:") for e in self.audited()), self.audited())
        verify(self.audit.stat().st_mode & 0o777 == 0o600, "others may read the audit log")

    @func_test
    def other_sites_cannot_act(self):
        """A POST without our header, as a form, or from another site's page is refused; so are bodies that are no object."""
        console = self.console("--role", "operator", self.store)
        path = self.segments(console)[0]["path"]
        what = {"path": path, "hold": True}
        ours = {"Content-Type": "application/json", "X-Braidcap": "1"}
        for headers in ({"Content-Type": "application/json"}, {"X-Braidcap": "1"}, {**ours, "Content-Type": "text/plain"},
                        {**ours, "Content-Type": "application/x-www-form-urlencoded"}, {**ours, "Sec-Fetch-Site": "cross-site"}):
            console.post("/api/segments/hold", what, status=403, headers=headers)
        for body, status in (("", 400), ("[]", 400), ("{", 400), ('{"path":1,"path":2}', 400), ("[" * 4000, 400), ("x" * 9000, 413),
                             ('{"a":"' + "x" * 100000 + '"}', 413)):
            console.get("/api/segments/hold", status=status, method="POST", body=body, headers=ours)
        verify(not self.segments(console)[0]["held"], "it was held all the same")

    @func_test
    def without_an_audit_log_nothing_is_done(self):
        """Where its line cannot be written, neither a find nor an action happens."""
        self.audit = self.folder / "none" / "audit"
        console = self.console("--role", "operator", self.store)
        path = self.segments(console)[0]["path"]
        verify(console.ask("/api/find/packets")[0] == 500, "a find")
        console.post("/api/segments/hold", {"path": path, "hold": True}, status=500)
        verify(not self.segments(console)[0]["held"], "it was held all the same")

    @func_test
    def actions_act(self):
        """Rotate, pause, resume, a filter, stop: the capture does them, refuses what is bad, and it is all in the audit log."""
        out = self.make_folder()
        run = self.start("-i", "null:rate=2000", "-w", out)
        console = self.console("--role", "operator")

        def act(action, status=200, **more):
            return console.post("/api/action", {"capture": run.prefix, "action": action, **more}, status=status)

        run.wait_written(10)
        act("rotate")
        wait_until(lambda: published(out), "a segment")
        act("pause")
        verify(run.ask("/braidcap/info")["state"] == "paused", "pause")
        act("resume")
        verify(run.ask("/braidcap/info")["state"] == "running", "resume")
        verify(act("filter", output=0, expression="ip")["filter"] == "ip", "filter")
        refused = act("filter", output=0, expression="no such word", status=409)
        verify("no such word" in refused["error"] or "syntax" in refused["error"], refused)
        verify(run.ask("/braidcap/filter")[0]["filter"] == "ip", "a bad filter did something")
        act("filter", output=0, expression="x" * 2000, status=400)
        act("filter", output=0, status=400)
        for output in ({}, {"output": "0"}, {"output": None}, {"output": 0.0}):
            act("filter", status=400, expression="udp", **output)
        act("reboot", status=400)
        act(None, status=400)
        for capture in ("none", "../x", "", None, 7):
            console.post("/api/action", {"capture": capture, "action": "stop"}, status=404)
        act("stop")
        run.finish()
        done = [(e.get("action"), e.get("outcome")) for e in self.audited()]
        for pair in (("rotate", "done"), ("pause", "done"), ("filter", "refused"), ("stop", "done")):
            verify(pair in done, done)

    @func_test
    def finding_leaves_the_capture_alone(self):
        """While a capture writes into the store, finds give what is published, and nothing is lost."""
        run = self.start("-i", "null:rate=2000,full=wait", "-w", self.store, "-G", "1")
        console = self.console("--role", "analyst", self.store)
        end = time.monotonic() + 5
        while time.monotonic() < end:
            verify(console.ask("/api/find/packets?expression=src%20host%2010.0.0.2")[0] == 200, "find")
            verify(console.ask("/api/timeline")[0] == 200, "timeline")
        report = run.stop()
        verify(report["balance"]["dropped"] == 0 and report["balance"]["unaccounted"] == 0, report["balance"])
