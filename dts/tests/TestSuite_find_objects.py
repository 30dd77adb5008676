# SPDX-License-Identifier: BSD-3-Clause
"""`find`, `flows` and `verify` on a real object store: what they give of local copies, in few requests, whatever goes wrong."""

import json
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone

from framework.braidcap import FIND, program, sanitizers
from framework.catalogue import put_together, take_apart
from framework.checks import assert_same, published
from framework.packets import T0_NS, frames, timed, write_pcap
from framework.process import end, environment, wait_until
from framework.reader import packets, read
from framework.s3 import other_ca, store
from framework.s3proxy import Cut, Proxy, Refuse, Stall
from framework.test_suite import TestSuite, func_test, verify

COUNT = 2000
HOUR_NS = 3600 * 10**9


def hour(ns):
    return datetime.fromtimestamp(ns // 10**9, timezone.utc).strftime("%Y/%m/%d/%H")


class TestFindObjects(TestSuite):
    def set_up_test_case(self):
        """Two nodes with segments of the same times, under local paths that are the keys of their copies."""
        self.store = store()
        self.admin = self.store.admin
        self.bucket = self.admin.bucket()
        self.local = self.make_folder("store")
        self.place = f"s3://{self.bucket}/"
        for stream, node in ((1, "north"), (2, "south")):
            self.add(node, stream, T0_NS + stream)
        self.cache = self.folder / "cache"

    def add(self, node, stream, begin_ns, count=COUNT, rotate="0.2"):
        """Segments of a stream, put to the store."""
        folder = self.local / node / hour(begin_ns)
        folder.mkdir(parents=True, exist_ok=True)
        trace = write_pcap(self.folder / "trace.pcap", timed(frames(stream, count, sizes=(64, 700), noise=True), begin_ns), nanoseconds=True)
        self.capture("-i", trace, "-w", folder, "-S", rotate, "-U", "--index", "flows")
        verify(len(published(folder)) > 1 or count < COUNT, "too few segments")
        for path in published(folder):
            self.admin.put(self.bucket, str(path.relative_to(self.local)), path.read_bytes())

    def run_it(self, *args, rc=0, user=None, endpoint=None, env=None):
        done = self.braidcap(*args, check=False, env={"XDG_CACHE_HOME": str(self.cache), **self.store.environment(user, endpoint), **(env or {})})
        verify(rc is None or done.returncode == rc, f"exit status {done.returncode}: {done.stderr[-2000:]}")
        return done

    def find(self, expression, *args, **options):
        """The bytes of what is found, and the outcome."""
        found = self.folder / "found.pcapng"
        found.unlink(missing_ok=True)
        done = self.run_it(*FIND, expression, *args, "-w", found, "--json", **options)
        self.said = done.stderr
        return found.read_bytes(), json.loads(done.stdout)

    def expect(self, expression, *args):
        return self.find(expression, self.local, *args)[0]

    @func_test
    def same_packets_as_from_files(self):
        """Byte for byte, for several expressions, both nodes in one order; a prefix without its slash and one object are names, too."""
        for expression in ("", "src host 10.0.0.2", "udp src port 1001 and greater 100", "arp"):
            for more in ((), ("--no-index",), ("--threads", "0"), ("--cache", "none")):
                got, outcome = self.find(expression, self.place, *more)
                verify(got == self.expect(expression), f"{expression} {more}: other packets")
                verify(outcome["damaged"] == 0 and outcome["store_requests"] > 0, f"{outcome}")
        verify(self.find("", f"{self.place}north")[0] == self.find("", self.local / "north")[0], "other packets of a prefix")
        segment = published(self.local / "north" / hour(T0_NS))[0]
        verify(self.find("", f"{self.place}{segment.relative_to(self.local)}")[0] == self.find("", segment)[0], "other packets of an object")
        both = self.find("", self.place, f"{self.place}north/")[0]
        verify(both == self.expect(""), "an object that is named twice is read twice")

    @func_test
    def flows_and_verify(self):
        """They say of objects what they say of files."""
        flows = [self.run_it("flows", "", where, "--by", "host", "--format", "json").stdout for where in (self.place, self.local)]
        verify(flows[0] == flows[1] and "10.0.0.2" in flows[0], f"{flows}")
        extent = [json.loads(self.run_it("flows", "--extent", where, "--format", "json").stdout) for where in (self.place, self.local)]
        verify(extent[0] == extent[1], f"{extent}")
        per = self.run_it("flows", "", self.place, "--per-segment", "--format", "json").stdout.splitlines()
        verify(all(json.loads(line)["segment"].startswith(self.place) for line in per), f"{per[:2]}")
        whole = self.run_it("verify", self.place).stdout
        verify(whole.count(": complete, ") == len(list(self.local.rglob("*.lz4"))), whole)
        self.admin.put(self.bucket, "south/cut.pcapng.lz4", published(self.local / "south" / hour(T0_NS))[0].read_bytes()[:-100])
        self.admin.put(self.bucket, "south/notes.txt", b"no capture")
        cut = self.run_it("verify", self.place, rc=1)
        verify("cut.pcapng.lz4: not complete" in cut.stderr and "notes.txt: no capture" in cut.stdout, f"{cut}")

    @func_test
    def few_bytes(self):
        """What has no such flow is ruled out by its end; a second search takes ends from the cache, and believes none that was changed."""
        expected = self.expect("src host 10.0.0.2")
        size = sum(p.stat().st_size for p in self.local.rglob("*.lz4"))
        for round_ in ("first", "second", "tampered"):
            got, outcome = self.find("src host 10.0.0.2", self.place)
            verify(got == expected, f"{round_}: other packets")
            verify(outcome["not_the_flows"] > 0 and outcome["read_whole"] == 0, f"{outcome}")
            if round_ == "first":
                first = outcome
                verify(first["store_bytes"] < 0.8 * size, f"{first} of {size}")
            if round_ == "second":
                verify(outcome["store_requests"] < first["store_requests"], f"{outcome}, {first}")
                second = outcome
                cached = {path: path.read_bytes() for path in self.cache.rglob("?" * 32)}
                for path, data in cached.items():
                    path.write_bytes(data[:len(data) // 2] + bytes((data[len(data) // 2] ^ 1,)) + data[len(data) // 2 + 1:])
            if round_ == "tampered":
                # Not as many as at first: how many ranges are asked for at once depends on how fast the store is.
                verify(outcome["store_requests"] > second["store_requests"], f"{outcome}, {second}")
                verify(cached and all(path.read_bytes() == data for path, data in cached.items()), "an end was not asked for again")

    @func_test
    def hours_that_matter(self):
        """Objects of other hours are neither listed nor read; one that began long before, and is the last before, is."""
        for days in (-40, -3, 5):
            self.add("north", 3, T0_NS + days * 24 * HOUR_NS, count=100)
        self.add("south", 4, T0_NS - 2 * HOUR_NS, count=100)
        at = ("--from", str(T0_NS // 10**9), "--to", str(T0_NS // 10**9 + 3600))
        with Proxy(self.store.port) as proxy:
            got, outcome = self.find("", self.place, *at, "--cache", "none", endpoint=proxy.endpoint)
            asked = {path.split("/north/")[1][:13] for _, path in proxy.requests if "/north/20" in path}
        verify(got == self.expect("", *at), "other packets")
        verify(hour(T0_NS) in asked and hour(T0_NS - 72 * HOUR_NS) in asked, f"{asked}")
        verify(not {hour(T0_NS + 120 * HOUR_NS), hour(T0_NS - 960 * HOUR_NS)} & asked, f"{asked}")
        verify(outcome["not_the_time"] >= 2, f"{outcome}")
        for more in (("--from", str(T0_NS // 10**9)), ("--to", str(T0_NS // 10**9)), ("--last", "1h")):
            verify(self.find("", self.place, *more)[0] == self.expect("", *more), f"{more}: other packets")

    @func_test
    def who_may_do_what(self):
        """A reader that may not write finds all; who may not read, and what is not there, is told in one line."""
        reader, writer, lister = self.store.user(), self.store.user(), self.store.user()
        statements = [{"Effect": "Allow", "Principal": {"AWS": [f"arn:aws:iam:::user/{u.name}"]}, "Action": actions,
                       "Resource": [f"arn:aws:s3:::{self.bucket}", f"arn:aws:s3:::{self.bucket}/*"]}
                      for u, actions in ((reader, ["s3:GetObject", "s3:ListBucket"]), (writer, ["s3:PutObject"]), (lister, ["s3:ListBucket"]))]
        self.admin.request("PUT", self.bucket, query={"policy": ""}, body=json.dumps({"Version": "2012-10-17", "Statement": statements}).encode())
        verify(self.find("", self.place, user=reader)[0] == self.expect(""), "other packets")
        other = str(other_ca(self.folder))
        for options, where, words in (
                ({"user": writer}, self.place, "access denied"),
                ({"user": lister}, self.place, "access denied"),
                ({"env": {"AWS_SECRET_ACCESS_KEY": "wrong"}}, self.place, "secret key is wrong"),
                ({"env": {"AWS_ACCESS_KEY_ID": "nobody"}}, self.place, "does not know this access key"),
                ({"env": {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "HOME": str(self.folder)}}, self.place, "no credentials"),
                ({}, "s3://nosuchbucket/", "no such bucket"),
                ({}, f"{self.place}nowhere/", "no objects"),
                ({"endpoint": self.store.tls, "env": {"AWS_CA_BUNDLE": other}}, self.place, "certificate"),
                ({"endpoint": "http://127.0.0.1:1"}, self.place, "onnect")):
            done = self.run_it("find", "", where, "-w", self.folder / "none.pcap", rc=1, **options)
            lines = done.stderr.splitlines()
            verify(words in lines[0] and ("user" in options or len(lines) == 1), f"{options}: {lines}")
            (self.folder / "none.pcap").unlink(missing_ok=True)
        keys = self.folder / "credentials"
        keys.write_text(f"[site]\naws_access_key_id = {reader.key}\naws_secret_access_key = {reader.secret}\n")
        keys.chmod(0o600)
        options = ("--s3-endpoint", self.store.tls, "--s3-ca", self.store.ca, "--s3-credentials", keys, "--s3-profile", "site")
        none = dict.fromkeys(self.store.environment(), "")
        verify(self.find("", self.place, *options, env=none)[0] == self.expect(""), "other packets over TLS")
        verify("10.0.0.2" in self.run_it("flows", "", self.place, "--by", "host", *options, env=none).stdout, "no flows over TLS")
        verify("complete" in self.run_it("verify", self.place, *options, env=none).stdout, "nothing verified over TLS")
        verify("s3" in self.run_it("find", "", "s3://", "-w", self.folder / "none.pcap", rc=2).stderr, "no word on a wrong name")

    @func_test
    def a_store_that_fails(self):
        """503s, cut connections and slowness are waited out; the packets are the same."""
        expected = self.expect("")

        def faulty(method, path, n):
            # No request is given up because it is refused again and again.
            if proxy.again > 2:
                return None
            if n % 3 == 0:
                return Refuse(503, "SlowDown")
            return Cut(answer=True) if n % 7 == 0 else None

        def slow(*_):
            time.sleep(0.1)

        for fault in (faulty, slow):
            with Proxy(self.store.port, fault) as proxy:
                got, outcome = self.find("", self.place, "--cache", "none", endpoint=proxy.endpoint)
            verify(got == expected and outcome["damaged"] == 0, f"{outcome}: {self.said}")

    @func_test
    def a_source_of_a_capture(self):
        """`capture -i s3://...` takes the packets that the object has, from a store that fails, too."""
        path = published(self.local / "north" / hour(T0_NS))[0]
        name = f"{self.place}{path.relative_to(self.local)}"
        with Proxy(self.store.port, lambda *_: time.sleep(0.2) if proxy.again else Refuse(503, "SlowDown")) as proxy:
            for source, out in ((path, "local.pcap"), (name, "object.pcap")):
                self.capture("-i", source, "-w", self.folder / out, env=self.store.environment(endpoint=proxy.endpoint))
        verify((self.folder / "local.pcap").read_bytes() == (self.folder / "object.pcap").read_bytes(), "other packets")
        for source, words in ((f"{self.place}nowhere/", "no objects"), (f"{self.place}nowhere", "no such object")):
            done = self.braidcap("capture", "-i", source, "-w", self.folder / "none.pcap", "--no-huge", check=False, env=self.store.environment())
            verify(done.returncode != 0 and words in done.stderr and len(done.stderr.splitlines()) == 1, f"{done}")

    @func_test
    def a_prefix_as_source(self):
        """All segments below it, each node's in their order, the nodes in one order of time; the store as options, and in YAML."""
        self.add("north", 3, T0_NS + HOUR_NS, count=500)
        self.find("", self.local)
        expected = packets(self.folder / "found.pcapng")
        keys = self.folder / "credentials"
        keys.write_text(f"[site]\naws_access_key_id = {self.admin.key}\naws_secret_access_key = {self.admin.secret}\n")
        keys.chmod(0o600)
        none = dict.fromkeys(self.store.environment(), "")
        options = ("--s3-endpoint", self.store.tls, "--s3-ca", self.store.ca, "--s3-credentials", keys, "--s3-profile", "site")
        run = self.capture("-i", self.place, "-w", self.folder / "options.pcapng", *options, env=none)
        assert_same(packets(self.folder / "options.pcapng"), expected)
        verify([s["name"] for s in run.report["sources"]] == [f"{self.place}north/", f"{self.place}south/"], run.report["sources"])
        verify(len(read(self.folder / "options.pcapng").interfaces) == 2, "an interface for each segment")
        config = self.folder / "c.yaml"
        config.write_text(f"s3_endpoint: {self.store.tls}\ns3_ca: {self.store.ca}\ns3_credentials: {keys}\ns3_profile: site\n"
                          f"sources: ['{self.place}north/']\noutputs: [{{dest: {self.folder}/yaml.pcapng}}]\n")
        self.capture("-C", config, env=none)
        self.find("", self.local / "north")
        assert_same(packets(self.folder / "yaml.pcapng"), packets(self.folder / "found.pcapng"))

    @func_test
    def a_prefix_with_damage_as_source(self):
        """What is before the damage is taken, and so are the segments behind it; it is said, with the exit status 1."""
        paths = published(self.local / "north" / hour(T0_NS))
        data = paths[1].read_bytes()
        self.admin.put(self.bucket, str(paths[1].relative_to(self.local)), data[:len(data) // 2])
        self.admin.put(self.bucket, "north/notes.txt", b"no capture")
        run = self.capture("-i", f"{self.place}north/", "-w", self.folder / "out.pcapng", env=self.store.environment(), rc=1)
        got, whole = len(packets(self.folder / "out.pcapng")), sum(len(packets(p)) for p in paths)
        verify(whole - len(packets(paths[1])) <= got < whole, f"{got} of {whole}")
        verify(paths[1].name in run.stderr and "left out" in run.stderr, run.stderr)

    @func_test
    def a_store_that_is_gone(self):
        """What cannot be read is said, with the exit status 1; what can be read is found."""
        lost = str(published(self.local / "south" / hour(T0_NS))[1].relative_to(self.local))
        with Proxy(self.store.port, lambda method, path, n: Refuse(403, "AccessDenied") if lost in path else None) as proxy:
            got, outcome = self.find("", self.place, endpoint=proxy.endpoint, rc=1)
        verify(lost in self.said and "access denied" in self.said and outcome["damaged"] == 1, self.said)
        verify(len(packets(self.folder / "found.pcapng")) > COUNT, f"{outcome}")

    @func_test
    def stopped_while_it_waits(self):
        """Ctrl-C does not wait for a store that says nothing."""
        for of in (".lz4", "list-type"):
            with Proxy(self.store.port, lambda method, path, n, of=of: Stall(120) if of in path else None) as proxy:
                run = subprocess.Popen([program(), *FIND, "", self.place, "-w", str(self.folder / "found.pcapng"), "--cache", "none"],
                                       stderr=subprocess.PIPE, text=True,
                                       env={**environment(self.folder), **sanitizers(), **self.store.environment(endpoint=proxy.endpoint)})
                self.stack.callback(end, run)
                wait_until(lambda of=of: proxy.count("GET", of), "the first request for an object, or for a list")
                run.send_signal(signal.SIGINT)
                said = run.stderr.read()
                verify(run.wait(timeout=60) == 0 and "stopped" in said, f"{of}: {run.returncode}: {said}")
                (self.folder / "found.pcapng").unlink()

    @func_test
    def damage_on_the_store(self):
        """It means what it means in a file: what can be found is found, and it is said. An index that is damaged costs no packet."""
        expected = self.expect("src host 10.0.0.1")
        key = str(published(self.local / "north" / hour(T0_NS))[0].relative_to(self.local))
        data = (self.local / key).read_bytes()
        for back in (30, 100, 400, 600, len(data) // 2, len(data) - 100):
            broken = bytearray(data)
            broken[-back] ^= 0xFF
            (self.local / key).write_bytes(broken)
            self.admin.put(self.bucket, key, bytes(broken))
            local = self.find("src host 10.0.0.1", self.local, rc=None)
            got, outcome = self.find("src host 10.0.0.1", self.place, rc=None)
            verify(got == local[0] and outcome["damaged"] == local[1]["damaged"], f"byte -{back}: {outcome}, {local[1]}")
            verify(back > 600 or got == expected, f"byte -{back}: other packets: {self.said}")
            verify(outcome["damaged_indexes"] + outcome["read_whole"] + outcome["damaged"] > 0 and key in self.said, f"byte -{back}: {outcome}")

    @func_test
    def replaced_while_it_is_read(self):
        """The bytes of two objects are never mixed: it is said, with the exit status 1."""
        key = str(published(self.local / "north" / hour(T0_NS))[0].relative_to(self.local))
        other = published(self.local / "south" / hour(T0_NS))[0].read_bytes()
        seen = []

        def replace(method, path, n):
            if key in path:
                seen.append(path)
                if len(seen) == 2:
                    self.admin.put(self.bucket, key, other)

        with Proxy(self.store.port, replace) as proxy:
            self.find("", self.place, "--cache", "none", endpoint=proxy.endpoint, rc=1)
        verify("changed" in self.said and key in self.said, self.said)

    @func_test
    def the_catalogue_of_an_hour(self):
        """What `upload` writes beside an hour's segments spares a search their ends; where it is stale or damaged nothing is missed."""
        bucket = self.admin.bucket()
        place, folder, there = f"s3://{bucket}/", self.local / "north" / hour(T0_NS), f"north/{hour(T0_NS)}/"
        segments = published(folder)
        half = self.make_folder("half")
        for path in segments[:len(segments) // 2]:
            (half / path.name).write_bytes(path.read_bytes())
        for source in (half, folder):
            self.run_it("upload", "-U", "--node", "north", source, place)
        catalogue = f"{there}.catalogue"
        verify(catalogue in self.admin.objects(bucket, hidden=True), self.admin.objects(bucket, hidden=True))

        def search(expression="src host 10.0.0.3"):
            """Which objects are asked for, but the first, whose interfaces are read where nothing is found."""
            with Proxy(self.store.port) as proxy:
                got, outcome = self.find(expression, place, "--cache", "none", endpoint=proxy.endpoint)
                asked = {path.split("/")[-1] for _, path in proxy.requests if ".lz4" in path}
            verify(got == self.find(expression, folder)[0] and outcome["damaged"] == 0, f"{expression}: {outcome}: {self.said}")
            return asked - {segments[0].name}
        verify(not search(), "ends are read that the catalogue has")
        for expression in ("", "src host 10.0.0.1 and greater 100"):
            search(expression)
        good = self.admin.get(bucket, catalogue)
        replaced = published(self.local / "south" / hour(T0_NS))[1].read_bytes()
        self.admin.put(bucket, there + segments[1].name, replaced)
        was = segments[1].read_bytes()
        segments[1].write_bytes(replaced)
        verify(search() == {segments[1].name}, "an end that is another's is believed, or others are read")
        segments[1].write_bytes(was)
        self.admin.put(bucket, there + segments[1].name, was)
        self.admin.put(bucket, catalogue, good[:-9] + bytes([good[-9] ^ 1]) + good[-8:])
        verify(len(search()) == len(segments) - 1, "a damaged catalogue is believed")

    def with_indexes_beside(self):
        """A bucket with segments of zstd and their indexes, the local folder of these, and the prefix of their keys."""
        folder = self.make_folder("beside")
        self.capture("-i", self.folder / "trace.pcap", "-w", folder, "-S", "0.2", "-U", "-Z", "zstd")
        self.braidcap("index", folder)
        bucket = self.admin.bucket()
        self.run_it("upload", "-U", "--node", "south", folder, f"s3://{bucket}/")
        return bucket, folder, f"south/{hour(T0_NS)}/"

    def search_beside(self, bucket, folder, expression="src host 10.0.0.3"):
        """The outcome, and which objects are asked for, but the first, whose interfaces are read where nothing is found."""
        with Proxy(self.store.port) as proxy:
            got, outcome = self.find(expression, f"s3://{bucket}/", "--cache", "none", endpoint=proxy.endpoint)
            asked = {path.split("/")[-1] for _, path in proxy.requests if ".zst" in path}
        said = self.said
        verify(got == self.find(expression, folder, "--no-index")[0] and outcome["damaged"] == 0, f"{expression}: {outcome}: {said}")
        return outcome, asked - {min(p.name for p in folder.glob("*.zst"))}, said

    @func_test
    def indexes_beside_segments(self):
        """They are uploaded, too, and used by find and flows, from the catalogue without any other request; verify passes over them."""
        bucket, folder, there = self.with_indexes_beside()
        place, count = f"s3://{bucket}/", len(list(folder.glob("*.zst")))
        verify(count > 2 and len(list(folder.glob("*.bcidx"))) == count, f"{list(folder.iterdir())}")
        outcome, asked, _ = self.search_beside(bucket, folder)
        verify(outcome["not_the_flows"] == count == outcome["segments"] and not asked, f"{outcome}, {asked}")
        for expression in ("", "src host 10.0.0.2 and greater 100"):
            self.search_beside(bucket, folder, expression)
        self.admin.remove(bucket, there + ".catalogue")
        outcome, asked, _ = self.search_beside(bucket, folder)
        verify(outcome["not_the_flows"] == count and asked and all(n.endswith(".bcidx") for n in asked), f"{outcome}, {asked}")
        flows = [self.run_it("flows", "", where, "--by", "host", "--format", "json").stdout for where in (place, folder)]
        verify(flows[0] == flows[1] and "10.0.0.2" in flows[0], f"{flows}")
        one = f"{there}{max(p.name for p in folder.glob('*.zst'))}"
        verify(self.find("src host 10.0.0.3", place + one)[1]["not_the_flows"] == 1, "an index beside a named object is not used")
        whole = self.run_it("verify", place).stdout
        verify(whole.count(": complete, ") == count and "bcidx" not in whole, whole)
        run = self.capture("-i", f"{place}south/", "-w", self.folder / "all.pcapng", env=self.store.environment())
        verify(run.report["balance"]["received"] == COUNT, run.report["balance"])

    @func_test
    def an_index_beside_another_object(self):
        """It is told, and the segment is read; the catalogue's entry of an index is not believed of one that was replaced."""
        bucket, folder, there = self.with_indexes_beside()
        first, second, *_ = sorted(folder.glob("*.zst"))
        other = first.read_bytes()
        second.write_bytes(other)
        self.admin.put(bucket, there + second.name, other)
        outcome, asked, said = self.search_beside(bucket, folder, "src host 10.0.0.2")
        verify(outcome["damaged_indexes"] == 1 and second.name in asked and "of another object" in said, f"{outcome}, {asked}, {said}")
        self.admin.put(bucket, f"{there}{first.name}.bcidx", self.admin.get(bucket, f"{there}{second.name}.bcidx"))
        outcome, asked, said = self.search_beside(bucket, folder, "src host 10.0.0.2")
        verify(outcome["damaged_indexes"] == 2 and said.count("of another object") == 2, f"{outcome}, {said}")

    @func_test
    def a_catalogue_that_lies(self):
        """With right checksums, and of objects that are as it says: no packet is missed, none is told as damaged; what is right is used."""
        folder, there = self.local / "north" / hour(T0_NS), f"north/{hour(T0_NS)}/"
        self.run_it("upload", "-U", "--node", "north", folder, self.place)
        good = take_apart(self.admin.get(self.bucket, there + ".catalogue"))
        names, etags, sizes, ends = ([e[i] for e in good] for i in range(4))
        verify(len(good) > 2 and len({len(e) for e in ends} | set(sizes)) > 2, f"{[(len(e), s) for e, s in zip(ends, sizes)]}")
        zeros = [e[:-400] + bytes(300) + e[-100:] for e in ends]
        lies = {
            "the ends of others": zip(names, etags, sizes, ends[1:] + ends[:1]),
            "no ends": zip(names, etags, sizes, [bytes(len(e)) for e in ends]),
            "ends that are cut": zip(names, etags, sizes, [e[:-1] for e in ends]),
            "only footers": zip(names, etags, sizes, [e[-168:] for e in ends]),
            "damaged directories": zip(names, etags, sizes, zeros),
            "damaged filters": zip(names, etags, sizes, [bytes([e[0] ^ 1]) + e[1:60] + bytes(20) + e[80:] for e in ends]),
            "objects of 2^63": zip(names, etags, [2**63] * len(good), ends),
            "objects that are shorter than their ends": zip(names, etags, [1] * len(good), ends),
            "names twice": [e for e in good for _ in range(2)],
            "names with dots": zip(["../" + n for n in names], etags, sizes, ends),
            "stale ETags": zip(names, etags[1:] + etags[:1], sizes, ends),
            "nothing": [],
        }
        expected = {e: self.find(e, folder)[0] for e in ("src host 10.0.0.1 and greater 100", "src host 10.0.0.3")}
        for what, entries in lies.items():
            self.admin.put(self.bucket, there + ".catalogue", put_together(list(entries)))
            for expression, packets_of in expected.items():
                got, outcome = self.find(expression, f"{self.place}north/", "--cache", "none")
                verify(got == packets_of and outcome["damaged"] == 0, f"{what}, {expression}: {outcome}: {self.said}")

    @func_test
    def a_catalogue_from_the_store(self):
        """`upload --catalogue` makes it of the objects alone, with indexes inside and beside; what is right is left, what is not made anew."""
        bucket, folder, there = self.with_indexes_beside()
        place, catalogues = f"s3://{bucket}/", [there + ".catalogue", f"north/{hour(T0_NS)}/.catalogue"]
        for path in published(self.local / "north" / hour(T0_NS)):
            self.admin.put(bucket, str(path.relative_to(self.local)), path.read_bytes())
        uploaded = self.admin.get(bucket, catalogues[0])
        self.admin.remove(bucket, catalogues[0])
        verify("2 catalogues tell of" in self.run_it("upload", "--catalogue", place).stdout, "not two catalogues")
        made = [self.admin.get(bucket, c) for c in catalogues]
        verify(take_apart(made[0]) == take_apart(uploaded), "another catalogue than that of the upload")
        for node, where in (("south", folder), ("north", self.local / "north" / hour(T0_NS))):
            first = f"/{min(p.name for p in where.iterdir() if '.bcidx' not in p.name and p.name[0] != '.')}"
            with Proxy(self.store.port) as proxy:
                got, _ = self.find("src host 10.0.0.3", f"{place}{node}/", "--cache", "none", endpoint=proxy.endpoint)
                asked = [path for _, path in proxy.requests if ".pcapng" in path and not path.endswith(first)]
            verify(not asked and got == self.find("src host 10.0.0.3", where)[0], f"{node}: {asked}")
        with Proxy(self.store.port) as proxy:
            self.run_it("upload", "--catalogue", place, endpoint=proxy.endpoint)
            verify(proxy.count("PUT") == 0, proxy.requests)
        self.admin.put(bucket, catalogues[0], put_together([[n, e, s, bytes(len(t))] for n, e, s, t in take_apart(made[0])[:-1]]))
        reader = self.store.user()
        self.admin.allow(bucket, reader, "s3:GetObject", "s3:ListBucket")
        refused = self.run_it("upload", "--catalogue", place, user=reader, rc=1)
        verify("access denied" in refused.stderr and "1 could not be written" in refused.stdout, refused)
        self.run_it("upload", "--catalogue", place)
        verify([self.admin.get(bucket, c) for c in catalogues] == made, "a catalogue that lies stays")

    @func_test
    def ten_thousand_objects(self):
        """All are found; of those that have no such flow only the ends are read."""
        body = published(self.local / "north" / hour(T0_NS))[-1].read_bytes()
        trace = write_pcap(self.folder / "one.pcap", timed(frames(7, 1), T0_NS + HOUR_NS), nanoseconds=True)
        small = self.make_folder("small")
        self.capture("-i", trace, "-w", small, "--index", "flows")
        (one,) = published(small)
        with ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda i: self.admin.put(self.bucket, f"many/{i:05}.pcapng.lz4", one.read_bytes()), range(10000)))
        self.admin.put(self.bucket, "many/last.pcapng.lz4", body)
        got, outcome = self.find("src host 10.0.0.1", f"{self.place}many/")
        local = self.find("src host 10.0.0.1", published(self.local / "north" / hour(T0_NS))[-1])
        count = len(packets(self.folder / "found.pcapng"))
        verify(outcome["segments"] == 10001 and outcome["not_the_flows"] == 10000 and outcome["packets"] == count > 0, f"{outcome}")
        verify(local[1]["packets"] == count, f"{outcome}")
        verify(self.find("", f"{self.place}many/")[1]["packets"] == 10000 + count, "not all packets")
