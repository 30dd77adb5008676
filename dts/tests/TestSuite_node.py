# SPDX-License-Identifier: BSD-3-Clause
"""`-w osmo://` and `-w ipip://`: to remote peers."""

import signal
import socket
import ssl
import struct
import time
from pathlib import Path

from framework import host
from framework.braidcap import SANITIZED
from framework.checks import assert_closed, assert_ordered, assert_same, losses, published, verify_segments
from framework.osmopcap import Receiver
from framework.packets import Packet, frames, timed, write_pcap, write_pcapng
from framework.preload import preload
from framework.process import free_port, of_threads, tool, unique, wait_until
from framework.test_suite import TestSuite, func_test, verify

COUNT = 20000
TEST_CA = Path(__file__).parents[2] / "scripts" / "test-ca"


def assert_accounts(report, written):
    """The ledger of each output closes; written is what each of them delivered."""
    received = report["balance"]["received"]
    at_door = sum(sum(s["dropped"].values()) for s in report["sources"])
    for output, want in zip(report["outputs"], written):
        lost = sum(output["dropped"].values())
        verify(output["written"] == want, (output, want))
        verify(received == output["written"] + lost + at_door, (received, output, report["sources"]))
    verify(report["balance"]["unaccounted"] == 0, report["balance"])


class TestNode(TestSuite):
    def receiver(self, **options):
        return self.stack.enter_context(Receiver(**options))

    def trace(self, count=COUNT, **options):
        self.made = timed(frames(0, count, sizes=(60, 300, 1514), **options))
        return write_pcap(self.folder / "in.pcap", self.made, nanoseconds=True)

    def ca(self, *args):
        tool(TEST_CA, self.folder / "ca", *args)
        return self.folder / "ca"

    def tls_receiver(self, name, client_ca=True):
        """A receiver that shows the certificate NAME and asks for one of the test's authority."""
        ca = self.folder / "ca"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(ca / f"{name}.crt", ca / f"{name}.key")
        if client_ca:
            context.load_verify_locations(ca / "ca.crt")
            context.verify_mode = ssl.CERT_REQUIRED
        return self.receiver(tls=context)

    def live(self, *args, **options):
        """A capture from one end of a veth pair, and what sends into the other."""
        near, far = self.stack.enter_context(host.veth())
        run = self.start("-i", f"pcap:{far}", *args, **options)
        return run, self.stack.enter_context(host.Sender(near))

    # What arrives

    def delivers(self, form, receiver, key=""):
        trace = self.trace()
        host_name = "127.0.0.1" if receiver.address == "127.0.0.1" else "[::1]"
        run = self.capture("-i", trace, "-w", f"osmo://{host_name}:{receiver.port}{key}", "--format", form)
        receiver.wait_closed()
        assert_accounts(run.report, [COUNT])
        connection, = receiver.connections
        verify(connection.error is None and not connection.left, (connection.error, connection.left))
        verify(connection.links == 1 and connection.messages == COUNT + 1, connection.messages)
        unit = 1000 if form == "pcap-us" else 1
        assert_same(receiver.packets(), [p._replace(ts_ns=p.ts_ns // unit * unit) for p in self.made])

    @func_test
    def pcapng_arrives_exactly(self):
        """Every packet of a file, once, in order, with its nanoseconds."""
        self.delivers("pcapng", self.receiver())

    @func_test
    def pcap_arrives_exactly(self):
        """The same as pcap with nanoseconds."""
        self.delivers("pcap", self.receiver())

    @func_test
    def pcap_us_arrives_exactly(self):
        """The same in microseconds, which is what old servers take."""
        self.delivers("pcap-us", self.receiver())

    @func_test
    def over_ipv6_and_from_a_source_address(self):
        """The peer's address is IPv6, and ours is told."""
        receiver = self.receiver(address="::1")
        self.delivers("pcapng", receiver, ",source=::1,queue=4")

    @func_test
    def several_devices(self):
        """pcapng tells the devices apart; pcap has them merged."""
        parts = [timed(frames(i, 1000), begin_ns=10**18 + i * 500) for i in range(2)]
        traces = [write_pcap(self.folder / f"{i}.pcap", part, nanoseconds=True) for i, part in enumerate(parts)]
        ng, classic = self.receiver(), self.receiver()
        for receiver, form in ((ng, "pcapng"), (classic, "pcap")):
            self.capture("-i", traces[0], "-i", traces[1], "-w", f"osmo://127.0.0.1:{receiver.port}", "--format", form)
            receiver.wait_closed()
            packets = receiver.packets()
            assert_ordered(packets)
            verify(sorted(p.data for p in packets) == sorted(p.data for part in parts for p in part), "packets differ")
        verify({p.iface for p in ng.packets()} == {0, 1}, "the devices are not told apart")

    @func_test
    def packets_longer_than_a_message_are_cut(self):
        """A message holds less than 64 KiB: the rest of a packet is cut off, and its length on the wire stays."""
        data = [bytes([i]) * size for i, size in enumerate((65471, 65472, 65473, 100000))]
        trace = write_pcap(self.folder / "in.pcap", timed(data))
        for form in ("pcapng", "pcap"):
            receiver = self.receiver()
            self.capture("-i", trace, "-w", f"osmo://127.0.0.1:{receiver.port}", "--format", form)
            receiver.wait_closed()
            verify([p.data for p in receiver.packets()] == [d[:65472] for d in data], "what was kept is not the beginning")
            verify([p.wire for p in receiver.packets()] == [len(d) for d in data], "the length on the wire is lost")

    @func_test
    def live_packets_arrive_soon(self):
        """What an interface receives is at the peer while the capture runs."""
        receiver = self.receiver()
        run, sender = self.live("-w", f"osmo://127.0.0.1:{receiver.port}")
        data = frames(0, 500)
        sender.send(data)
        receiver.wait_packets(500)
        verify([p.data for p in receiver.packets()] == data, "content or order differ")
        assert_accounts(run.stop(), [500])

    # Several peers, and such that fail

    @func_test
    def a_dead_peer_holds_up_nobody(self):
        """Of a folder, a peer that takes and one that is not there two get everything, and the third's loss is counted."""
        receiver, out = self.receiver(), self.make_folder()
        run, sender = self.live("-w", out, "-w", f"osmo://127.0.0.1:{receiver.port}", "-w", "osmo://127.0.0.1:1,queue=1",
                                "--drain-timeout", "0.5")
        data = frames(0, 5000, sizes=(1000,))
        sender.send(data)
        receiver.wait_packets(5000)
        report = run.stop(rc=1)
        assert_accounts(report, [5000, 5000, 0])
        verify(report["outputs"][2]["dropped"] == {"peer_slow": 5000}, report["outputs"][2])
        verify([p.data for p in receiver.packets()] == data, "content or order differ")
        verify(len(verify_segments(published(out))) == 5000, "the folder has less")
        verify(run.stderr.count("Connection refused") == 1, run.stderr)

    @func_test
    def a_peer_that_stops_reading(self):
        """Its queue fills up, what does not fit is peer_slow, and when it reads again it gets whole messages in order."""
        receiver, out = self.receiver(), self.make_folder()
        run, sender = self.live("-w", out, "-w", f"osmo://127.0.0.1:{receiver.port},queue=1")
        receiver.wait_connected()
        receiver.stall()
        sent = 0
        while "peer_slow" not in run.stderr:
            sender.send(frames(0, 1000, sizes=(1500,), first=sent))
            sent += 1000
            verify(sent < 200000, "the queue never fills")
            run.wait_received(sent)
        receiver.go()
        wait_until(lambda: "the peer has caught up" in run.stderr, "the line that it has caught up")
        sender.send(frames(0, 1000, sizes=(1500,), first=sent))
        report = run.stop(rc=1)
        receiver.wait_closed()
        connection, = receiver.connections
        verify(not connection.left, "a message is not whole")
        slow = report["outputs"][1]["dropped"]["peer_slow"]
        verify(slow > 0, report["outputs"])
        in_folder = report["outputs"][0]["written"]
        verify(in_folder + sum(report["sources"][0]["dropped"].values()) == sent + 1000, report)
        assert_accounts(report, [in_folder, receiver.count()])
        assert_ordered(receiver.packets())

    @func_test
    def a_peer_that_is_killed_and_comes_back(self):
        """The node connects again, begins with the link header and a whole message, and the ledger closes."""
        receiver = self.receiver()
        run, sender = self.live("-w", f"osmo://127.0.0.1:{receiver.port}")
        sender.send(frames(0, 1000))
        receiver.wait_packets(1000)
        receiver.kill()
        wait_until(lambda: "retrying" in run.stderr, "the line that says so")
        sender.send(frames(0, 1000, first=1000))
        run.wait_received(2000)
        receiver.restart()
        receiver.wait_packets(2000)
        report = run.stop(rc=1)
        receiver.wait_closed()
        # Whether the killed peer had read the first ones the node cannot know.
        assert_accounts(report, [1000])
        verify(losses(report) == {"peer_lost": 1000}, losses(report))
        verify(len(receiver.connections) == 2, receiver.connections)
        verify([p.data for p in receiver.packets()] == frames(0, 2000), "content or order differ")

    @func_test
    def a_peer_that_resets_in_mid_message(self):
        """Again and again: each connection has whole messages behind a link header, and nothing comes twice."""
        receiver, made = self.receiver(most=1_000_003), []
        run, sender = self.live("-w", f"osmo://127.0.0.1:{receiver.port},queue=1", "--drain-timeout", "60")

        def reset_twice():
            # Of what is sent the sockets' buffers may have much more than is read.
            made.extend(frames(0, 1000, sizes=(60, 300, 1514), first=len(made)))
            sender.send(made[-1000:])
            run.wait_received(len(made))
            return len(receiver.connections) > 2

        wait_until(reset_twice, "a third connection")
        receiver.most = None
        report = run.stop(rc=1)
        receiver.wait_closed()
        data = [p.data for p in receiver.packets()]
        verify(len(set(data)) == len(data), "a packet came twice")
        verify(set(data) <= set(made), "a packet is not one of those sent")
        for connection in receiver.connections:
            verify(connection.error is None and connection.links == 1, connection.error)
        assert_accounts(report, [report["outputs"][0]["written"]])
        verify("not acknowledged" in run.stderr, run.stderr)

    @func_test
    def drain_timeout(self):
        """A peer that takes nothing has so long; then the rest is counted and the exit status is 1."""
        receiver = self.receiver()
        receiver.stall()
        trace = self.trace(COUNT)
        began = time.monotonic()
        run = self.capture("-i", trace, "-w", f"osmo://127.0.0.1:{receiver.port}", "--drain-timeout", "0.7", rc=1)
        verify(time.monotonic() - began >= 0.7, "it did not wait")
        report = run.report
        assert_accounts(report, [report["outputs"][0]["written"]])
        verify(losses(report).get("peer_slow", 0) > 0, losses(report))
        verify("did not take everything in time" in run.stderr, run.stderr)

    @func_test
    def nobody_there_at_the_end(self):
        """With --drain-timeout 0 nothing is waited for."""
        run = self.capture("-i", self.trace(100), "-w", "osmo://127.0.0.1:1", "--drain-timeout", "0", rc=1)
        assert_accounts(run.report, [0])
        verify(losses(run.report) == {"peer_slow": 100}, losses(run.report))

    # TLS

    def by_tls(self, receiver, name="127.0.0.1", cert="node1"):
        """The arguments for an output through TLS to receiver."""
        ca = self.folder / "ca"
        own = ["--tls-cert", ca / f"{cert}.crt", "--tls-key", ca / f"{cert}.key"] if cert else []
        return ["-w", f"osmo://{name}:{receiver.port},tls", "--tls-ca", ca / "ca.crt", *own]

    def tls(self, receiver, *more, **options):
        """One file through TLS to receiver."""
        return self.capture("-i", self.trace(), *self.by_tls(receiver, **options), *more)

    @func_test
    def tls_arrives_exactly(self):
        """Mutual TLS: the receiver sees our certificate, and every packet."""
        self.ca("127.0.0.1", "node1")
        receiver = self.tls_receiver("127.0.0.1")
        run = self.tls(receiver)
        receiver.wait_closed()
        assert_accounts(run.report, [COUNT])
        connection, = receiver.connections
        verify(connection.error is None, connection.error)
        verify(dict(part[0] for part in connection.certificate["subject"])["commonName"] == "node1", connection.certificate)
        assert_same(receiver.packets(), self.made)
        verify("by TLS, certificate of 127.0.0.1" in run.stderr, run.stderr)

    @func_test
    def tls_by_name_with_pcap(self):
        """The certificate is of a name; the server asks for none of ours."""
        self.ca("localhost")
        receiver = self.tls_receiver("localhost", client_ca=False)
        self.tls(receiver, "--format", "pcap", name="localhost", cert=None)
        receiver.wait_closed()
        assert_same(receiver.packets(), self.made)

    def patient(self):
        """The environment of a node that waits for a refusal for two seconds, not a tenth: who refuses may have no CPU just then."""
        return {} if SANITIZED else {"LD_PRELOAD": str(preload("far_peer", self.folder))}

    def nothing_arrives(self, want, *args):
        """A capture of 100 packets that goes on until the log says why: nothing is delivered, all is counted. The run."""
        run = self.start("-i", self.trace(100), "-i", "null:idle=yes", *args, "--drain-timeout", "0", env=self.patient())
        wait_until(lambda: want in run.stderr, f"the words {want!r}")
        run.wait_received(100)
        assert_accounts(run.stop(rc=1), [0])
        verify(losses(run.report) == {"peer_slow": 100}, losses(run.report))
        return run

    def refused(self, receiver, want, *more, **options):
        """Nothing is delivered, and the log says once why."""
        run = self.nothing_arrives(want, *self.by_tls(receiver, **options), *more)
        verify(run.stderr.count(want) == 1, f"'{want}' is not said once:\n{run.stderr}")
        verify("connected to" not in run.stderr, run.stderr)
        verify(receiver.count() == 0, "packets came through")

    @func_test
    def server_certificates_that_are_wrong(self):
        """Of another host, expired, revoked, of another authority; and a server that speaks no TLS."""
        ca = self.ca("127.0.0.1", "localhost", "node1", "revoked=127.0.0.1")
        self.ca("--expired", "expired=127.0.0.1")
        self.ca("--revoke", "revoked")
        tool(TEST_CA, self.folder / "other", "127.0.0.1")
        refusal = "its certificate is refused: "
        self.refused(self.tls_receiver("localhost"), refusal + "IP address mismatch")
        self.refused(self.tls_receiver("expired"), refusal + "certificate has expired")
        self.refused(self.tls_receiver("revoked"), refusal + "certificate revoked", "--tls-crl", ca / "ca.crl")
        self.refused(self.tls_receiver("127.0.0.1"), refusal + "self-signed certificate", "--tls-ca",
                     self.folder / "other" / "ca.crt")

    @func_test
    def client_certificates_that_are_wrong(self):
        """The receiver refuses none, an expired one and one of another authority; no packet is taken for delivered."""
        self.ca("127.0.0.1")
        self.ca("--expired", "old")
        tool(TEST_CA, self.folder / "other", "node1")
        for suffix in ("crt", "key"):
            (self.folder / "ca" / f"stranger.{suffix}").write_bytes((self.folder / "other" / f"node1.{suffix}").read_bytes())
        receiver = self.tls_receiver("127.0.0.1")
        self.refused(receiver, "it refuses our certificate: it requires one", cert=None)
        self.refused(receiver, "it refuses our certificate: certificate expired", cert="old")
        self.refused(receiver, "it refuses our certificate: unknown CA", cert="stranger")

    @func_test
    def plain_meets_tls(self):
        """Each side that expects the other says so."""
        self.ca("127.0.0.1", "node1")
        plain = self.receiver()
        self.refused(plain, "retrying")
        receiver = self.tls_receiver("127.0.0.1")
        run = self.capture("-i", self.trace(100), "-w", f"osmo://127.0.0.1:{receiver.port}", "--drain-timeout", "0.3", rc=None)
        verify(receiver.count() == 0, "packets came through")
        assert_closed(run.report["balance"])

    @func_test
    def a_collector_that_requires_tls_gets_nothing_in_the_clear(self):
        """A node without ,tls loses all and says so, with the reason and what to do."""
        ca = self.ca("127.0.0.1")
        port = free_port()
        collector = self.collect("-l", f"127.0.0.1:{port}", "--allow", "node=127.0.0.1", "--tls", "--tls-cert", ca / "127.0.0.1.crt",
                              "--tls-key", ca / "127.0.0.1.key", "-w", f"{self.make_folder()}/")
        self.nothing_arrives("it speaks TLS: add ,tls to its address", "-w", f"osmo://127.0.0.1:{port}")
        wait_until(lambda: "it does not speak TLS" in collector.stderr, "the collector's line")

    @func_test
    def a_collector_without_tls_is_named(self):
        """Both sides say what differs."""
        self.ca("127.0.0.1", "node1")
        port = free_port()
        collector = self.collect("-l", f"127.0.0.1:{port}", "--allow", "node=127.0.0.1", "-w", f"{self.make_folder()}/")
        self.nothing_arrives("it does not speak TLS", "-w", f"osmo://127.0.0.1:{port},tls", "--tls-ca", self.folder / "ca" / "ca.crt")
        wait_until(lambda: "it speaks TLS, which is not set up here" in collector.stderr, "the collector's line")

    @func_test
    def certificates_are_read_again_at_sighup(self):
        """The connection stays; the next one uses the new files."""
        ca = self.ca("127.0.0.1", "node1", "node2")
        receiver = self.tls_receiver("127.0.0.1")
        for suffix in ("crt", "key"):
            (ca / f"live.{suffix}").write_bytes((ca / f"node1.{suffix}").read_bytes())
        run, sender = self.live("-w", f"osmo://127.0.0.1:{receiver.port},tls", "--tls-ca", ca / "ca.crt", "--tls-cert",
                                ca / "live.crt", "--tls-key", ca / "live.key")
        sender.send(frames(0, 10))
        receiver.wait_packets(10)
        for suffix in ("crt", "key"):
            (ca / f"live.{suffix}").write_bytes((ca / f"node2.{suffix}").read_bytes())
        run.signal(signal.SIGHUP)
        wait_until(lambda: "were read again" in run.stderr, "the line that says so")
        sender.send(frames(0, 10, first=10))
        receiver.wait_packets(20)
        verify(len(receiver.connections) == 1, "the connection was dropped")
        receiver.kill()
        receiver.restart()
        sender.send(frames(0, 10, first=20))
        receiver.wait_packets(30)
        assert_accounts(run.stop(rc=1), [10])
        names = [dict(part[0] for part in c.certificate["subject"])["commonName"] for c in receiver.connections]
        verify(names == ["node1", "node2"], names)

    # Around it

    @func_test
    def detect_loop(self):
        """The interface over which the packets go to the peer is captured: its own traffic is left out."""
        name, near, address, far = self.stack.enter_context(host.namespace())
        receiver = self.receiver(address=address)
        dest = f"osmo://{address}:{receiver.port}"
        run = self.start("-i", f"pcap:{far}", "-w", dest, "-w", self.make_folder(), "-f", "tcp or udp", "--detect-loop",
                         netns=name)
        receiver.wait_connected()
        with host.Sender(near) as sender:
            sender.send(frames(0, 300))
        receiver.wait_packets(300)
        wait_until(lambda: run.ask("/braidcap/sources")[0]["filtered"], "own traffic that is left out")
        report = run.stop()
        verify([p.data for p in receiver.packets()] == frames(0, 300), "own traffic was captured")
        verify(report["balance"]["unaccounted"] == 0 and report["balance"]["dropped"] == 0, report["balance"])

    @func_test
    def ipip_carries_the_ip_packets(self):
        """Each packet's IP packet, without padding and tags, as payload of IP; what has none is counted."""
        host.require_root("ip")
        listener = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IPIP)
        self.stack.callback(listener.close)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(60)
        tagged = frames(1, 10, sizes=(100,), vlans=[(0x8100, 7)])
        data = frames(0, 100, sizes=(60, 1514)) + tagged + [bytes(12) + b"\x08\x06" + bytes(46)]
        padded = frames(2, 1, sizes=(60,))[0] + bytes(20)
        trace = write_pcap(self.folder / "in.pcap", timed([*data, padded]))
        run = self.capture("-i", trace, "-w", "ipip://127.0.0.1,source=127.0.0.1")
        want = [d[14:] for d in frames(0, 100, sizes=(60, 1514))] + [d[18:] for d in tagged] + [padded[14:60]]
        for packet in want:
            got = listener.recv(65535)
            verify(got[9] == 4 and got[20:] == packet, (got, packet))
        assert_accounts(run.report, [111])
        verify(losses(run.report) == {"link_type": 1}, losses(run.report))

    def no_thread_has_rights(self, run):
        for status in of_threads(run.process.pid, "status"):
            sets = [line for line in status.splitlines() if line.startswith(("CapPrm", "CapEff", "CapAmb"))]
            verify(all(line.split()[1].strip("0") == "" for line in sets), (status, sets))

    @func_test
    def cap_net_raw_is_enough_and_given_up(self):
        """With that capability alone an interface is captured, and no thread has it then."""
        receiver = self.receiver()
        self.folder.chmod(0o777)
        run, sender = self.live("-w", f"osmo://127.0.0.1:{receiver.port}", "-w", "ipip://127.0.0.1", user="nobody",
                                rights=["net_raw"])
        self.no_thread_has_rights(run)
        sender.send(frames(0, 100))
        receiver.wait_packets(100)
        assert_accounts(run.stop(), [100, 100])

    @func_test
    def applications_are_served_without_rights(self):
        """The same with a publisher: its threads have no capability either."""
        self.folder.chmod(0o777)
        run, sender = self.live("-w", "null:", "--zmq-publish", f"ipc://{self.folder}/zmq", user="nobody", rights=["net_raw"])
        self.no_thread_has_rights(run)
        sender.send(frames(0, 100))
        run.wait_received(100)
        assert_accounts(run.stop(), [100])

    @func_test
    def a_file_says_the_same(self):
        """YAML has the peer beside a folder, with settings of their own."""
        receiver, out = self.receiver(), self.make_folder()
        config = self.folder / "node.yaml"
        config.write_text(f"sources: [ {self.trace(1000)} ]\ndrain_timeout: 5\ndetect_loop: no\noutputs:\n"
                          f"  - dest: osmo://127.0.0.1:{receiver.port}\n    snaplen: 96\n    format: pcap\n"
                          f"  - dest: {out}\n    compress: zstd\n    rotate_seconds: 60\n")
        run = self.capture("-C", config)
        receiver.wait_closed()
        assert_accounts(run.report, [1000, 1000])
        verify([p.data for p in receiver.packets()] == [p.data[:96] for p in self.made], "snaplen is not kept")

    @func_test
    def what_makes_no_sense_is_refused(self):
        """Exit status 2 and one line; nothing is started."""
        for args, want in ((["osmo://127.0.0.1"], "it has no port"), (["osmo://[::1:6001"], "] is missing"),
                           (["osmo://127.0.0.1:6001,wat"], "unknown"), (["ipip://127.0.0.1:5"], "ipip has no port"),
                           (["osmo://127.0.0.1:6001", "-Z", "lz4"], "nothing is compressed"),
                           (["osmo://127.0.0.1:6001", "-G", "5"], "compressed or rotated"),
                           (["osmo://127.0.0.1:6001", "--tls-ca", "/x"], "nothing uses TLS"),
                           (["osmo://127.0.0.1:6001,tls", "--tls-ca", "/x"], "'/x'"),
                           (["osmo://127.0.0.1:6001", "-w", "osmo://127.0.0.1:6001"], "twice")):
            done = self.braidcap("capture", "-i", "null:count=1", "-w", *args, "--no-huge", "--prefix", unique("bc"), check=False)
            verify(done.returncode == 2 and want in done.stderr, (args, done.returncode, done.stderr))
