# SPDX-License-Identifier: BSD-3-Clause
"""Finds that the console queues: what they find, whose they are, what they may take up, and that nothing of them stays behind."""

import json
import os
import urllib.parse

import pytest

from framework.checks import assert_same
from framework.console import Console, deaf_store, write_users
from framework.packets import T0_NS, frames, timed, write_pcap
from framework.process import tool, wait_until
from framework.reader import packets
from framework.test_suite import TestSuite, func_test, verify

COUNT = 3000
TOKENS = {name: f"{name}-0123456789abcdef" for name in ("anna", "albert", "vera", "olaf")}
ROLES = {"anna": "analyst", "albert": "analyst", "vera": "viewer", "olaf": "operator"}


class TestConsoleJobs(TestSuite):
    def set_up_test_case(self):
        self.jobs = self.make_folder("jobs")
        self.audit = self.folder / "audit"

    def stored(self):
        """Two streams in a folder of segments."""
        self.made = sorted(timed(frames(1, COUNT, sizes=(64, 700))) + timed(frames(2, COUNT // 2), T0_NS + 500), key=lambda p: p.ts_ns)
        store = self.make_folder("store")
        a, b = (write_pcap(self.folder / f"{s}.pcap", [p for p in self.made if p.data[29] == s], nanoseconds=True) for s in (1, 2))
        self.capture("-i", a, "-i", b, "-w", store, "-S", "0.2", "--index", "flows")
        return store

    def console(self, *args, **options):
        return self.stack.enter_context(Console(self.folder, ["--audit", self.audit, "--jobs", self.jobs, *args], **options))

    def deaf(self, *args):
        """A console whose finds do not end."""
        env = self.stack.enter_context(deaf_store())
        users = write_users(self.folder / "users", *(f"{n} {ROLES[n]} token {TOKENS[n]}" for n in TOKENS))
        return self.console("--users", users, *args, "s3://bucket/x/", env=env)

    def add(self, console, status=200, who=None, **what):
        return console.post("/api/jobs/add", what, status=status, token=TOKENS.get(who)).get("id")

    def listed(self, console, who=None):
        return console.get("/api/jobs", token=TOKENS.get(who))["jobs"]

    def ended(self, console, job, who=None):
        """The job, once it has."""
        return wait_until(lambda: next((j for j in self.listed(console, who) if j["id"] == job and j["state"] in ("done", "failed")), None), "its end")

    def audited(self, what):
        return [e for line in self.audit.read_text().splitlines() if (e := json.loads(line))["what"] == what]

    def open_files(self, console):
        """The sizes of files that it has open below --jobs."""
        found = []
        for fd in os.scandir(f"/proc/{console.process.pid}/fd"):
            try:
                if os.readlink(fd.path).startswith(str(self.jobs)):
                    found.append(os.stat(fd.path).st_size)
            except FileNotFoundError:
                pass
        return found

    @func_test
    def a_queued_find_is_the_same_find(self):
        """What it keeps is byte for byte what a download of the same expression has, with its length said before."""
        console = self.console("--role", "analyst", self.stored())
        for expression in ("src host 10.0.0.2", "", "arp"):
            done = self.ended(console, self.add(console, expression=expression))
            expected = console.ask(f"/api/find/packets?expression={urllib.parse.quote(expression)}")[2]
            status, headers, body = console.ask(f"/api/jobs/packets?id={done['id']}")
            verify(status == 200 and body == expected and int(headers["Content-Length"]) == len(body) == done["bytes"], f"{expression}: {headers}")
            verify(done["complete"] and done["percent"] == 100 and done["expires_ns"] > done["asked_ns"], done)
        found = self.folder / "found.pcapng"
        found.write_bytes(console.ask(f"/api/jobs/packets?id={self.listed(console)[0]['id']}")[2])
        assert_same(packets(found), [p for p in self.made if p.data[29] == 2])
        wait_until(lambda: len(self.audited("job ended")) == 3, "the audit log")
        verify([e["packets"] for e in self.audited("job ended")] == [COUNT // 2, len(self.made), 0], self.audited("job ended"))
        verify(all(e["complete"] for e in self.audited("job ended") + self.audited("job fetch ended")), "complete")

    @func_test
    def times_and_nonsense(self):
        """A time goes with it; what is no request or no expression is refused; one for other link types fails in libpcap's words."""
        console = self.console("--role", "analyst", self.stored())
        at = T0_NS // 10**9
        job = self.ended(console, self.add(console, **{"expression": "udp", "from": f"@{at}.001", "to": f"@{at}.002"}))
        verify(job["packets"] == len([p for p in self.made if 10**6 <= p.ts_ns - T0_NS < 2 * 10**6]), job)
        for what in ({"last": "-5"}, {"from": "never"}, {"expression": "x" * 5000}, {"expression": "no such word"}):
            self.add(console, status=400, **what)
        verify([j["id"] for j in self.listed(console)] == [job["id"]], "it was queued all the same")
        failed = self.ended(console, self.add(console, expression="type mgt"))
        verify(failed["state"] == "failed" and "type mgt" in failed["why"], failed)
        console.get(f"/api/jobs/packets?id={failed['id']}", status=409)
        for job in ("", "0" * 32, "../../etc/passwd", "x" * 5000):
            console.get(f"/api/jobs/packets?id={job}", status=404)
            console.post("/api/jobs/remove", {"id": job}, status=404)
        console.post("/api/jobs/remove", {"id": 7}, status=400)

    @func_test
    def only_whose_it_is(self):
        """A job is its user's and the operators': others neither see, fetch nor remove it; a viewer has none."""
        console = self.deaf()
        job = self.add(console, who="anna")
        for path in ("/api/jobs", f"/api/jobs/packets?id={job}"):
            console.get(path, status=403, token=TOKENS["vera"])
            console.get(path, status=401)
        verify(self.listed(console, "albert") == [], "another sees it")
        console.get(f"/api/jobs/packets?id={job}", status=404, token=TOKENS["albert"])
        console.post("/api/jobs/remove", {"id": job}, status=404, token=TOKENS["albert"])
        verify([j["id"] for j in self.listed(console, "anna")] == [job] == [j["id"] for j in self.listed(console, "olaf")], "who may see it")
        console.post("/api/jobs/remove", {"id": job}, status=403, token=TOKENS["anna"], headers={"Content-Type": "application/json"})
        console.post("/api/jobs/remove", {"id": job}, token=TOKENS["olaf"])
        verify(self.listed(console, "anna") == [], "it is still there")
        ended = wait_until(lambda: self.audited("job ended"), "the audit log")[0]
        verify(ended["user"] == "anna" and ended["id"] == job and not ended["complete"], ended)
        verify([e["user"] for e in self.audited("job queued")] == ["anna"], self.audited("job queued"))

    @func_test
    def so_many_and_no_more(self):
        """Of a user one runs and three wait; two users' run side by side; a fifth is refused. One that is cancelled makes room at once."""
        console = self.deaf()
        mine = [self.add(console, who="anna") for _ in range(4)]
        self.add(console, who="anna", status=503)
        theirs = [self.add(console, who="albert") for _ in range(4)]

        def states(who):
            return [j["state"] for j in self.listed(console, who)]
        for who in ("anna", "albert"):
            wait_until(lambda: states(who) == ["running", "queued", "queued", "queued"], who)
        theirs += [self.add(console, who="olaf") for _ in range(4)]
        verify(states("olaf").count("running") == 2 and len(states("olaf")) == len(mine + theirs), states("olaf"))
        console.post("/api/jobs/remove", {"id": mine[0]}, token=TOKENS["anna"])
        wait_until(lambda: states("anna") == ["running", "queued", "queued"], "the next one's turn")
        mine.append(self.add(console, who="anna"))
        verify(len(self.audited("job refused")) == 1, self.audited("job refused"))
        console.stop()

    @func_test
    def its_size_is_bounded(self):
        """A find of more than --job-size ends there, with a file that is valid, and says that it is not all."""
        console = self.console("--role", "analyst", "--job-size", "0.1M", self.stored())
        job = self.ended(console, self.add(console))
        verify(job["limited"] and not job["complete"] and 100_000 <= job["bytes"] < 100_000 + 1000, job)
        found = self.folder / "found.pcapng"
        found.write_bytes(console.ask(f"/api/jobs/packets?id={job['id']}")[2])
        assert_same(packets(found), self.made[:job["packets"]])

    @func_test
    def it_leaves_room(self):
        """A find takes no more than a quarter of what is free where it is kept."""
        if os.geteuid():
            pytest.skip("needs root, to mount a small file system")
        tool("mount", "-t", "tmpfs", "-o", "size=1m", "none", self.jobs)
        self.stack.callback(tool, "umount", "-l", self.jobs)
        console = self.console("--role", "analyst", self.stored())
        job = self.ended(console, self.add(console))
        verify(job["limited"] and 260_000 <= job["bytes"] < 270_000, job)

    @func_test
    def it_is_forgotten(self):
        """After --job-keep it is gone, and so are its bytes; the audit log says so."""
        console = self.console("--role", "analyst", "--job-keep", "2s", self.stored())
        # It may be gone before anybody has looked.
        job = self.add(console)
        wait_until(lambda: not self.listed(console), "the end of its time")
        console.get(f"/api/jobs/packets?id={job}", status=404)
        for what in ("job ended", "job expired"):
            wait_until(lambda what=what: [e["id"] for e in self.audited(what)] == [job], "the audit log")
        verify(self.audited("job ended")[0]["complete"] and not self.open_files(console), self.open_files(console))

    @func_test
    def nothing_stays_behind(self):
        """No file of a job has a name; after kill -9 as after SIGTERM there is nothing, and a new console knows of no job."""
        store = self.stored()
        console = self.console("--role", "analyst", store)
        job = self.ended(console, self.add(console))
        verify(self.open_files(console) == [job["bytes"]] and not list(self.jobs.iterdir()), list(self.jobs.iterdir()))
        console.process.kill()
        console.process.wait()
        verify(not list(self.jobs.iterdir()), "files are left")
        again = self.console("--role", "analyst", store)
        verify(self.listed(again) == [], "a job is left")
        again.stop()

    @func_test
    def a_download_outlives_its_job(self):
        """What is being fetched is fetched to its end, though the job is removed meanwhile."""
        trace = write_pcap(self.folder / "much.pcap", timed(frames(3, 30000, sizes=(1400,), noise=True), T0_NS), nanoseconds=True)
        store = self.make_folder("store")
        self.capture("-i", trace, "-w", store)
        console = self.console("--role", "analyst", store)
        job = self.ended(console, self.add(console))
        c = console.connection()
        c.request("GET", f"/api/jobs/packets?id={job['id']}")
        reply = c.getresponse()
        body = reply.read(1000)
        console.post("/api/jobs/remove", {"id": job["id"]})
        body += reply.read()
        c.close()
        verify(len(body) == job["bytes"], f"{len(body)} of {job['bytes']}")
        wait_until(lambda: not self.open_files(console), "the file's end")

    @func_test
    def a_name_that_is_no_argument_is_refused(self):
        """A misspelt one, or a number for a text, would otherwise ask for every packet."""
        console = self.console("--role", "analyst", self.stored())
        for wrong in ({"expresion": "udp"}, {"expression": "udp", "last": 5}):
            self.add(console, status=400, **wrong)
        verify(self.listed(console) == [], "it was queued all the same")

    @func_test
    def without_an_audit_log_nothing_is_queued(self):
        """Where its line cannot be written, nothing is queued."""
        self.audit = self.folder / "none" / "audit"
        console = self.console("--role", "analyst", self.stored())
        self.add(console, status=500)
        verify(self.listed(console) == [], "it was queued all the same")

    @func_test
    def usage(self):
        """Without --jobs there are none; what is typed wrong gets one line."""
        console = self.stack.enter_context(Console(self.folder, ["--role", "analyst", self.jobs]))
        verify(not console.get("/api/me")["jobs"], "jobs")
        console.get("/api/jobs", status=404)
        self.add(console, status=404)
        for args, words, rc in ((("--jobs", self.folder / "none", self.jobs), "--jobs", 2), (("--job-size", "x"), "--job-size", 2),
                                (("--job-size", "0"), "--job-size", 2), (("--job-keep", "-1"), "--job-keep", 2)):
            done = self.braidcap("console", *args, check=False, timeout=60)
            verify(done.returncode == rc and len(done.stderr.splitlines()) == 1 and words in done.stderr, f"{args}: {done.returncode}: {done.stderr}")
