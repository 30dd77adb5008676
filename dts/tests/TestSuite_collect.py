# SPDX-License-Identifier: BSD-3-Clause
"""The collector: what nodes send in osmo-pcap's protocol is stored, and nothing else is."""

import contextlib
import os
import signal
import ssl
import struct
import time
from pathlib import Path

import pytest

from framework.checks import assert_lossless, published, published_of, temporary, verify_segments
from framework.packets import T0_NS, Packet, frames, numbers, timed
from framework.peer import LINK, PACKET, Pcap, Pcapng, Peer, message
from framework.process import free_port, tool, wait_until
from framework.reader import read
from framework.test_suite import TestSuite, func_test, verify


class TestCollect(TestSuite):
    def collector(self, *args, clients=1, out=None):
        """A collector for client0, client1, ... of 127.0.1.1, 127.0.1.2, ...; its folder is self.out."""
        self.port = free_port()
        self.out = out or self.make_folder()
        allow = [a for i in range(clients) for a in ("--allow", f"client{i}=127.0.1.{i + 1}")]
        return self.collect("-l", f"127.0.0.1:{self.port}", *allow, "-w", f"{self.out}/", *args)

    def peer(self, index=0, form=None, **options):
        """A connection of client number index, which has sent its link header."""
        peer = self.stack.enter_context(Peer(self.port, form, source=f"127.0.1.{index + 1}", **options))
        peer.hello()
        return peer

    def client(self, run, index=0):
        return run.ask(f"/braidcap/clients,{index}")

    def wait_state(self, run, state, index=0):
        return wait_until(lambda: (c := self.client(run, index))["state"] == state and c, f"client{index} {state}")

    def stored(self, client=0):
        """The packets of a client's series, whose files are whole."""
        return verify_segments(published_of(self.out, f"client{client}"))

    @func_test
    def every_form_of_the_protocol(self):
        """pcap and pcapng, both byte orders, microseconds and nanoseconds: the same packets, the same times."""
        forms = [Pcap(order, ns) for order in "<>" for ns in (False, True)]
        forms += [Pcapng((("eth0", 1, digits),), order) for order in "<>" for digits in (6, 9)]
        run = self.collector(clients=len(forms))
        made = [timed(frames(i, 2000, sizes=(60, 61, 62, 1514), noise=True)) for i in range(len(forms))]
        for i, form in enumerate(forms):
            with self.peer(i, form) as peer:
                peer.packets(made[i])
        run.wait_written(2000 * len(forms))
        assert_lossless(run.stop(), 2000 * len(forms))
        for i, packets in enumerate(made):
            verify([p[:3] for p in self.stored(i)] == [p[:3] for p in packets], f"client{i}: packets differ")
        verify(temporary(self.out) == [], f"{temporary(self.out)}")

    @func_test
    def interfaces_keep_their_names(self):
        """Several interfaces of a node are interfaces of the file, under the client's name."""
        run = self.collector()
        with self.peer(form=Pcapng((("eth0", 1, 9), ("eth1", 113, 6)))) as peer:
            peer.packets([Packet(T0_NS + i * 1000, d, len(d), i % 2) for i, d in enumerate(frames(0, 100))])
        run.wait_written(100)
        run.stop()
        capture = read(published_of(self.out, "client0")[0])
        verify([i[2] for i in capture.interfaces] == [b"client0:eth0", b"client0:eth1"], f"{capture.interfaces}")
        verify([p.iface for p in capture.packets] == [i % 2 for i in range(100)], "packets of the wrong interface")

    @func_test
    def twenty_at_once(self):
        """Twenty clients send side by side; each has its series, with its packets and no others."""
        run = self.collector(clients=20)
        peers = [self.peer(i) for i in range(20)]
        made = [timed(frames(i, 5000)) for i in range(20)]
        for at in range(0, 5000, 500):
            for peer, packets in zip(peers, made):
                peer.packets(packets[at:at + 500])
        for peer in peers:
            peer.close()
        run.wait_written(100000)
        assert_lossless(run.stop(), 100000)
        for i in range(20):
            verify(numbers(self.stored(i)) == {i: list(range(5000))}, f"client{i} lacks packets, or has others'")

    @func_test
    def a_hundred_idle_and_twenty_busy(self):
        """A hundred connected clients that are silent hold up nobody, and cost little memory."""
        run = self.collector(clients=120)
        idle = [self.peer(i) for i in range(20, 120)]
        for i in range(20):
            with self.peer(i) as peer:
                peer.packets(timed(frames(i, 2000)))
        run.wait_written(40000)
        for index, state in ((0, "disconnected"), (20, "connected"), (119, "connected")):
            self.wait_state(run, state, index)
        for peer in idle:
            peer.close()
        assert_lossless(run.stop(), 40000)
        verify(published_of(self.out, "client20") == [], "a file without a packet")
        verify(sum(len(self.stored(i)) for i in range(20)) == 40000, "packets are missing")

    @func_test
    def three_hundred_clients(self):
        """More clients than a capture has sources: they share the threads, and each has its packets."""
        self.port, self.out, many = free_port(), self.make_folder(), 300
        address = [f"127.0.{2 + i // 200}.{i % 200 + 1}" for i in range(many)]
        allow = [a for i in range(many) for a in ("--allow", f"client{i}={address[i]}")]
        run = self.collect("-l", f"127.0.0.1:{self.port}", *allow, "-w", f"{self.out}/")
        peers = [self.stack.enter_context(Peer(self.port, source=a)) for a in address]
        for i, peer in enumerate(peers):
            peer.hello()
            if i % 10 == 9:
                peer.packets(timed(frames(i // 10, 50)))
        run.wait_written(50 * many // 10)
        threads = len(os.listdir(f"/proc/{run.process.pid}/task"))
        verify(threads < 40, f"{threads} threads for {many} clients")
        self.wait_state(run, "connected", many - 1)
        assert_lossless(run.stop(), 50 * many // 10)
        verify(all(len(self.stored(i)) == 50 for i in range(9, many, 10)), "packets are missing")
        verify(published_of(self.out, "client0") == [], "a file without a packet")

    @func_test
    def merged_in_order(self):
        """--merge: the packets of all clients in one series, in the order of their times."""
        # One that is not connected, or silent for so long, is not waited for.
        run = self.collector("--merge", "--max-wait", "60000", clients=5)
        data = frames(0, 10000)
        every = timed(data)
        peers = [self.peer(i, Pcapng((("eth0", 1, 9),))) for i in range(5)]
        for i in range(5):
            self.wait_state(run, "connected", i)
        for at in range(0, 10000, 250):
            for i, peer in enumerate(peers):
                peer.packets(every[at + i:at + 250:5])
        run.wait_received(10000)
        for peer in peers:
            peer.close()
        run.wait_written(10000)
        report = run.stop()
        assert_lossless(report, 10000)
        got = verify_segments(published(self.out))
        verify([p[:3] for p in got] == [p[:3] for p in every], "the order is not that of the times")
        verify(sum(s["late"] for s in report["sources"]) == 0, "late packets")

    @func_test
    def a_time_far_ahead_ends_nobodys_rotation(self):
        """--merge: a packet of the year 2100 gets the time of its arrival, is counted, and others' files go on."""
        run = self.collector("--merge", "-G", "1", "--max-wait", "200", clients=2)
        future = b"\xff" * 12 + b"\x88\xb5" + bytes(46)
        with self.peer(0) as good, self.peer(1) as bad:
            bad.packets([Packet(4102444800 * 10**9, future, len(future), 0)])
            for _ in range(24):
                good.packets([Packet(time.time_ns(), future, len(future), 0)])
                time.sleep(0.1)
        run.wait_written(25)
        report = run.stop()
        verify([s["stamp_ahead"] for s in report["sources"]] == [0, 1], report["sources"])
        segments = published(self.out)
        verify(len(segments) >= 3, f"{segments}")
        verify(all(p.ts_ns < time.time_ns() for s in segments for p in read(s).packets), "a time of the future")

    @func_test
    def who_is_silent_holds_up_nobody(self):
        """--merge: a silent client is waited for no longer than --max-wait, one that is not connected not at all."""
        run = self.collector("--merge", "--max-wait", "200", clients=3)
        self.peer(1)
        with self.peer(0) as peer:
            peer.packets(timed(frames(0, 1000)))
            run.wait_written(1000)
        report = run.stop()
        assert_lossless(report, 1000)
        forced = {s["name"]: s["forced"] for s in report["sources"]}
        verify(forced["client2"] == 0, f"an absent client was waited for: {forced}")

    def refused(self, *messages, words):
        """Packets, then these messages: the connection ends, the line in the log has words, the packets are stored."""
        run = self.collector()
        made = timed(frames(0, 100))
        peer = self.peer()
        peer.packets(made)
        try:
            for m in messages:
                peer.send(m)
        except OSError:
            pass
        verify(peer.closed(), "the connection goes on")
        wait_until(lambda: words in run.stderr, f"a line with '{words}'")
        wait_until(lambda: len(published_of(self.out, "client0")) == 1, "what came is published")
        with self.peer() as again:
            again.packets(timed(frames(0, 50, first=100), T0_NS + 10**8))
        run.wait_written(150)
        assert_lossless(run.stop(), 150)
        verify(numbers(self.stored()) == {0: list(range(150))}, "packets are missing")

    @func_test
    def a_message_of_no_type(self):
        """A type that there is not ends the connection."""
        self.refused(message(7, b"x" * 20), words="unknown message type 7")

    @func_test
    def a_packet_longer_than_its_message(self):
        """A packet that claims more bytes than its message has."""
        self.refused(message(PACKET, struct.pack("<IIII", 1, 1, 100, 100) + bytes(60)), words="client0: 127.0.1.1")

    @func_test
    def a_packet_shorter_than_its_message(self):
        """A packet that claims fewer bytes than its message has."""
        self.refused(message(PACKET, struct.pack("<IIII", 1, 1, 10, 10) + bytes(60)), words="differ")

    @func_test
    def an_empty_message(self):
        """A packet's message without a byte."""
        self.refused(message(PACKET, b""), words="contains no packet")

    @func_test
    def a_link_header_that_is_none(self):
        """A link header that is neither pcap nor pcapng."""
        self.refused(message(LINK, b"\x00" * 24), words="link header")

    @func_test
    def a_message_cut_off(self):
        """A connection that ends within a message: what came before is stored, and it is said."""
        run = self.collector()
        with self.peer() as peer:
            peer.packets(timed(frames(0, 10)))
            peer.send(message(PACKET, bytes(1000))[:500])
        wait_until(lambda: "ended within a message: 500 bytes" in run.stderr, "a line that says so")
        assert_lossless(run.stop(), 10)

    @func_test
    def a_packet_before_the_link_header(self):
        """The link header comes first."""
        run = self.collector()
        with Peer(self.port, source="127.0.1.1") as peer:
            peer.packets(timed(frames(0, 1)))
            verify(peer.closed(), "the connection goes on")
        wait_until(lambda: "before the link header" in run.stderr, "a line that says so")
        assert_lossless(run.stop(), 0)

    @func_test
    def a_packet_above_the_limit(self):
        """--max-snaplen: a packet that claims more ends the connection; one of just as much does not."""
        run = self.collector("--max-snaplen", "100")
        with self.peer() as peer:
            peer.packets(timed(frames(0, 5, sizes=(100,))))
            peer.packets(timed(frames(0, 1, sizes=(101,))))
            verify(peer.closed(), "the connection goes on")
        wait_until(lambda: "101 bytes arrived, but the limit is 100" in run.stderr, "a line that says so")
        assert_lossless(run.stop(), 5)

    @func_test
    def only_who_is_allowed(self):
        """An address that nobody allowed is refused and told of; the others go on."""
        run = self.collector()
        with Peer(self.port, source="127.0.1.77") as stranger:
            verify(stranger.closed(), "a stranger is served")
        wait_until(lambda: "127.0.1.77" in run.stderr and "not allowed" in run.stderr, "a line that says so")
        with self.peer() as peer:
            peer.packets(timed(frames(0, 10)))
        run.wait_written(10)
        assert_lossless(run.stop(), 10)

    @func_test
    def the_longest_prefix_counts(self):
        """A network and an address within it are two clients; IPv6 has its own."""
        self.port = free_port()
        self.out = self.make_folder()
        run = self.collect("-l", str(self.port), "--allow", "net=127.0.0.0/8", "--allow", "client0=127.0.1.1",
                           "--allow", "six=::1", "-w", f"{self.out}/")
        for options, name in (({"source": "127.0.1.1"}, "client0"), ({"source": "127.0.1.2"}, "net"),
                              ({"host": "::1"}, "six")):
            with Peer(self.port, **options) as peer:
                peer.hello()
                peer.packets(timed(frames(0, 10)))
            wait_until(lambda n=name: published_of(self.out, n), f"a file of {name}")
        assert_lossless(run.stop(), 30)

    @func_test
    def who_dawdles_is_hung_up_on(self):
        """A link header that does not come, or byte by byte, ends the connection in time; silence behind it does not."""
        run = self.collector("--handshake-timeout", "2", clients=2)
        quiet = self.peer(1)
        with Peer(self.port, source="127.0.1.1") as slow:
            # Longer than it can become byte by byte.
            head = iter(message(LINK, bytes(60000)))

            def is_hung_up_on():
                with contextlib.suppress(OSError):
                    slow.send(bytes([next(head)]))
                    return False
                return True
            wait_until(is_hung_up_on, "the end of its dawdling")
        wait_until(lambda: "no link header in time" in run.stderr, "a line that says so")
        quiet.packets(timed(frames(1, 10)))
        run.wait_written(10)
        assert_lossless(run.stop(), 10)

    @func_test
    def the_newer_connection_counts(self):
        """A client that connects again takes the place of itself; nothing that the older one had sent is lost."""
        run = self.collector()
        old = self.peer()
        old.packets(timed(frames(0, 1000)))
        run.wait_received(1000)
        new = self.peer()
        verify(old.closed(), "the older connection goes on")
        new.packets(timed(frames(0, 1000, first=1000), T0_NS + 10**8))
        run.wait_written(2000)
        verify(self.client(run)["connections"] == 2, f"{self.client(run)}")
        assert_lossless(run.stop(), 2000)
        verify(numbers(self.stored()) == {0: list(range(2000))}, "packets are missing")

    @func_test
    def a_bare_connection_takes_no_place(self):
        """A connection that sends nothing, or no link header, does not end the one that sends."""
        run = self.collector()
        node = self.peer()
        node.packets(timed(frames(0, 10)))
        run.wait_received(10)
        with Peer(self.port, source="127.0.1.1"), Peer(self.port, source="127.0.1.1") as stranger:
            stranger.send(b"GET / HTTP/1.0\r\n\r\n")
            verify(stranger.closed(), "it is listened to")
            node.packets(timed(frames(0, 10, first=10), T0_NS + 10**8))
            run.wait_received(20)
        verify(self.client(run)["connections"] == 1, f"{self.client(run)}")
        assert_lossless(run.stop(), 20)

    @func_test
    def another_link_type_begins_another_file(self):
        """pcap: all packets of the first link type in one file, those of the second in the next."""
        run = self.collector("--format", "pcap", "-Z", "none")
        with self.peer() as peer:
            peer.packets(timed(frames(0, 1000)))
            peer.send(message(LINK, Pcap(linktype=113).link))
            peer.packets(timed(frames(0, 1000, first=1000), T0_NS + 10**9))
        run.wait_written(2000)
        assert_lossless(run.stop(), 2000)
        files = published_of(self.out, "client0")
        kinds = [struct.unpack_from("<I", p.read_bytes(), 20)[0] for p in files]
        verify(kinds == [1, 113], f"{files}: {kinds}")
        verify([len(read(p).packets) for p in files] == [1000, 1000], "packets on the wrong side")

    @func_test
    def another_link_header_is_another_interface(self):
        """pcapng: another link header adds its interfaces to the file, which goes on."""
        run = self.collector()
        with self.peer() as peer:
            peer.packets(timed(frames(0, 100)))
            peer.send(message(LINK, Pcap(linktype=113).link))
            peer.packets(timed(frames(0, 100, first=100), T0_NS + 10**9))
        run.wait_written(200)
        assert_lossless(run.stop(), 200)
        files = published_of(self.out, "client0")
        verify(len(files) == 1, f"{files}")
        verify([p.iface for p in read(files[0]).packets] == [0] * 100 + [1] * 100, "packets of the wrong interface")

    @func_test
    def names_never_collide(self):
        """Two files that begin in one second have two names; braidcap's own names are in a folder for each client."""
        run = self.collector()
        for n in range(3):
            with self.peer() as peer:
                peer.packets(timed(frames(0, 10, first=10 * n), T0_NS + n * 10**8))
            wait_until(lambda n=n: len(published_of(self.out, "client0")) == n + 1, "one more file")
        run.stop()
        verify(numbers(self.stored()) == {0: list(range(30))}, "a file was written over")
        out = self.make_folder("own")
        run = self.collector("--names", "braidcap", "--mode", "0604", out=out)
        with self.peer() as peer:
            peer.packets(timed(frames(0, 10)))
        found = wait_until(lambda: published(out / "client0"), "a file")
        run.stop()
        verify(os.stat(found[0]).st_mode & 0o777 == 0o604, "its permissions")

    @func_test
    def rotation(self):
        """-G cuts by the packets' time and, when a client falls silent, all the same; SIGHUP at once."""
        run = self.collector("-G", "1")
        peer = self.peer()
        peer.packets(timed(frames(0, 3000), T0_NS, 10**6))
        wait_until(lambda: len(published_of(self.out, "client0")) == 3, "three files of a second each")
        peer.packets(timed(frames(0, 10, first=3000), T0_NS + 3 * 10**9))
        run.wait_written(3010)
        run.signal(signal.SIGHUP)
        wait_until(lambda: len(published_of(self.out, "client0")) == 4, "one more at once")
        assert_lossless(run.stop(), 3010)
        verify(numbers(self.stored()) == {0: list(range(3010))}, "packets are missing")

    @func_test
    def a_stop_takes_what_has_come(self):
        """SIGTERM while clients send: all that was taken is stored, every packet has an account."""
        run = self.collector(clients=4)
        peers = [self.peer(i) for i in range(4)]
        for i, peer in enumerate(peers):
            peer.packets(timed(frames(i, 20000)))
        for peer in peers:
            peer.wait_arrived()
        run.signal(signal.SIGTERM)
        run.finish()
        assert_lossless(run.report, 80000)
        for i in range(4):
            verify(numbers(self.stored(i)) == {i: list(range(20000))}, f"client{i}")

    @func_test
    def killed_and_begun_again(self):
        """Killed by -9, the collector leaves files that can be made whole; the next takes the client again."""
        run = self.collector("--flush-ms", "100")
        peer = self.peer()
        peer.packets(timed(frames(0, 5000)))
        run.wait_written(5000)
        run.kill()
        verify(published_of(self.out, "client0") == [], "an unfinished file has a final name")
        self.braidcap("recover", self.out)
        verify(temporary(self.out) == [], f"not recovered: {temporary(self.out)}")
        verify(numbers(self.stored()) == {0: list(range(5000))}, "packets are missing")
        run = self.collector(out=self.out)
        with self.peer() as again:
            again.packets(timed(frames(0, 5000, first=5000), T0_NS + 10**10))
        run.wait_written(5000)
        assert_lossless(run.stop(), 5000)
        verify(numbers(self.stored()) == {0: list(range(10000))}, "packets are missing")

    def authority(self, *hosts):
        """A certificate authority's folder with certificates of these hosts."""
        folder = self.folder / "ca"
        self.make_certificates(folder, "localhost", *hosts)
        return folder

    @staticmethod
    def make_certificates(folder, *args):
        tool(Path(__file__).parents[2] / "scripts" / "test-ca", folder, *args)

    def tls_collector(self, ca, *args, **options):
        return self.collector("--tls", "--tls-cert", ca / "localhost.crt", "--tls-key", ca / "localhost.key", *args, **options)

    def tls_peer(self, ca, cert=None, index=0, most=None):
        """A connection by TLS that has sent its link header."""
        context = ssl.create_default_context(cafile=ca / "ca.crt")
        if most:
            context.maximum_version = most
        if cert:
            context.load_cert_chain(cert.with_suffix(".crt"), cert.with_suffix(".key"))
        return self.peer(index, tls=context, server_name="localhost")

    def rejected(self, run, ca, cert, words):
        """A connection with this certificate comes to nothing, and the line in the log has words."""
        try:
            verify(self.tls_peer(ca, cert).closed(), "the connection goes on")
        except (OSError, ssl.SSLError):
            pass
        wait_until(lambda: words in run.stderr, f"a line with '{words}'")

    @func_test
    def by_tls(self):
        """The server's certificate holds; packets come out as they went in. Who speaks no TLS is hung up on."""
        ca = self.authority()
        run = self.tls_collector(ca)
        made = timed(frames(0, 20000, sizes=(64, 1514), noise=True))
        with self.tls_peer(ca) as peer:
            peer.packets(made)
            run.wait_received(20000)
            verify(self.client(run)["tls"] == 1, f"{self.client(run)}")
        with Peer(self.port, source="127.0.1.1") as plain:
            plain.hello()
            verify(plain.socket.recv(7)[:2] == b"\x15\x03", "it is not told by an alert")
            verify(plain.closed(), "plain bytes are taken")
        assert_lossless(run.stop(), 20000)
        verify([p[:3] for p in self.stored()] == [p[:3] for p in made], "packets differ")

    @func_test
    def a_handshake_lasts_not_for_ever(self):
        """Who is silent where TLS is spoken is hung up on."""
        run = self.tls_collector(self.authority(), "--handshake-timeout", "1")
        with Peer(self.port, source="127.0.1.1") as silent:
            verify(silent.closed(), "a handshake may last for ever")
        assert_lossless(run.stop(), 0)

    @func_test
    def only_some_by_tls(self):
        """',tls' behind a client: this one by TLS only, the others plain."""
        ca = self.authority()
        self.port, self.out = free_port(), self.make_folder()
        run = self.collect("-l", f"127.0.0.1:{self.port}", "--allow", "client0=127.0.1.1,tls", "--allow", "client1=127.0.1.2",
                           "--tls-cert", ca / "localhost.crt", "--tls-key", ca / "localhost.key", "-w", f"{self.out}/")
        with self.tls_peer(ca) as peer:
            peer.packets(timed(frames(0, 10)))
        with self.peer(1) as peer:
            peer.packets(timed(frames(1, 10)))
        run.wait_written(20)
        assert_lossless(run.stop(), 20)

    @func_test
    def certificates_of_clients(self):
        """--tls-ca: one that is good; none, another authority's, a revoked and an expired one, and another client's name."""
        ca = self.authority("client0", "client1", "gone")
        self.make_certificates(ca, "--revoke", "gone")
        self.make_certificates(ca, "--expired", "old=client0")
        self.make_certificates(self.folder / "other", "client0")
        run = self.tls_collector(ca, "--tls-ca", ca / "ca.crt", "--tls-crl", ca / "ca.crl", "--tls-bind-names")
        with self.tls_peer(ca, ca / "client0") as peer:
            peer.packets(timed(frames(0, 10)))
            run.wait_received(10)
            verify(self.client(run)["certificate"] == "client0", f"{self.client(run)}")
        self.rejected(run, ca, None, "127.0.1.1")
        self.rejected(run, ca, self.folder / "other" / "client0", "certificate")
        self.rejected(run, ca, ca / "gone", "revoked")
        self.rejected(run, ca, ca / "old", "expired")
        self.rejected(run, ca, ca / "client1", "made out to 'client1'")
        verify(self.client(run)["connections"] == 1, "one of them was let in")
        assert_lossless(run.stop(), 10)

    @func_test
    def old_versions_of_tls_are_refused(self):
        """TLS 1.1 is not spoken."""
        ca = self.authority()
        run = self.tls_collector(ca)
        try:
            self.tls_peer(ca, most=ssl.TLSVersion.TLSv1_1)
            raise AssertionError("TLS 1.1 was spoken")
        except (OSError, ssl.SSLError):
            pass
        with self.tls_peer(ca, most=ssl.TLSVersion.TLSv1_2) as peer:
            peer.packets(timed(frames(0, 10)))
        run.wait_written(10)
        assert_lossless(run.stop(), 10)

    @func_test
    def certificates_are_read_again(self):
        """SIGHUP: new connections get the new certificate, the old one goes on."""
        ca = self.authority()
        run = self.tls_collector(ca)
        old = self.tls_peer(ca)
        first = old.socket.getpeercert()["serialNumber"]
        self.make_certificates(ca, "localhost")
        run.signal(signal.SIGHUP)
        wait_until(lambda: "certificates were read again" in run.stderr, "a line that says so")
        old.packets(timed(frames(0, 10)))
        run.wait_received(10)
        new = self.tls_peer(ca)
        verify(new.socket.getpeercert()["serialNumber"] != first, "the same certificate")
        assert_lossless(run.stop(), 10)

    @func_test
    def applications_hear_of_clients(self):
        """--zmq-publish: connect, packets, closingtracefile and disconnect under the client's name, also of one not stored."""
        zmq = pytest.importorskip("zmq", reason="needs python3-zmq")
        endpoint = f"ipc://{self.folder}/zmq"
        self.port, self.out = free_port(), self.make_folder()
        link = self.folder / "link"
        link.symlink_to(self.out)
        run = self.collect("-l", f"127.0.0.1:{self.port}", "--allow", "client0=127.0.1.1", "--allow",
                           "client1=127.0.1.2,no-store", "-w", f"{link}/", "--zmq-publish", endpoint)
        context = zmq.Context()
        subscriber = context.socket(zmq.SUB)
        self.stack.callback(context.destroy, 0)
        subscriber.setsockopt(zmq.RCVTIMEO, 60000)
        subscriber.setsockopt_string(zmq.SUBSCRIBE, "")
        subscriber.connect(endpoint)
        wait_until(lambda: run.ask("/braidcap/ledger")["publisher"]["subscriptions"] > 0, "the subscription")
        for index in (0, 1):
            with self.peer(index) as peer:
                peer.packets(timed(frames(index, 100)))
            messages = []
            while not messages or not messages[-1][0].startswith(b"event.v1.disconnect."):
                messages.append(subscriber.recv_multipart())
            name = f"client{index}".encode()
            topics = [m[0] for m in messages]
            verify(topics[0] == b"event.v1.connect." + name and topics[-1] == b"event.v1.disconnect." + name, f"{topics}")
            verify(topics.count(b"data.v1." + name) == 100, f"{len(topics)} messages")
            paths = [m[1].decode() for m in messages if m[0] == b"event.v1.closingtracefile." + name]
            verify(paths == [str(p.resolve()) for p in self.out.glob("trace-*")] * (index == 0), f"{paths}")
        assert_lossless(run.stop(), 200)

    @func_test
    def what_is_done_with_files(self):
        """--completed moves them, --on-segment runs for each, --keep-number keeps the newest of each client's."""
        done = self.make_folder("done")
        log = self.folder / "log"
        run = self.collector("--completed", done, "--on-segment", f'echo "$1 $2" >> {log}', "--keep-number", "2", clients=2)
        for n in range(4):
            for i in range(2):
                with self.peer(i) as peer:
                    peer.packets(timed(frames(i, 10, first=10 * n), T0_NS + n * 10**9))
                # One file of each client at a time.
                wait_until(lambda n=n, i=i: log.exists() and len(log.read_text().splitlines()) == 2 * n + i + 1, "the command")
        run.stop()
        self.braidcap("expire", done, "--keep-number", "2")
        for i in range(2):
            kept = published_of(done, f"client{i}")
            verify(numbers(verify_segments(kept)) == {i: list(range(20, 40))}, f"client{i}: {kept}")
        verify(all(line.endswith(" 10") for line in log.read_text().splitlines()), log.read_text())
        verify(list(self.out.iterdir()) == [], "not moved")

    @func_test
    def not_stored(self):
        """no-store: received and counted, and no file."""
        self.port = free_port()
        self.out = self.make_folder()
        run = self.collect("-l", f"127.0.0.1:{self.port}", "--allow", "client0=127.0.1.1,no-store", "-w", f"{self.out}/")
        with self.peer() as peer:
            peer.packets(timed(frames(0, 1000)))
        run.wait_written(1000)
        assert_lossless(run.stop(), 1000)
        verify(list(self.out.iterdir()) == [], "a file")

    @func_test
    def what_the_control_socket_tells(self):
        """Clients with their state, address, and packets; ctl shows them, rotates, and stops."""
        run = self.collector(clients=2)
        peer = self.peer(1)
        peer.packets(timed(frames(1, 100)))
        run.wait_written(100)
        told = self.wait_state(run, "connected", 1)
        verify(told["name"] == "client1" and told["address"].startswith("127.0.1.2:") and told["packets"] == 100, f"{told}")
        shown = self.braidcap("ctl", "--prefix", run.prefix, "clients").stdout
        verify("client0" in shown and "disconnected" in shown and "127.0.1.2:" in shown, shown)
        self.braidcap("ctl", "--prefix", run.prefix, "rotate")
        wait_until(lambda: published_of(self.out, "client1"), "a new file")
        self.braidcap("ctl", "--prefix", run.prefix, "stop")
        run.finish()
        assert_lossless(run.report, 100)

    @func_test
    def a_file_of_settings(self):
        """-C: the same in YAML; what is wrong is told with its line."""
        self.port = free_port()
        self.out = self.make_folder()
        settings = self.folder / "collect.yaml"
        settings.write_text(f"listen:\n  - 127.0.0.1:{self.port}\nallow:\n  - client0=127.0.1.1\n"
                            f"outputs:\n  - dest: {self.out}/\n    format: pcap\n    compress: none\n")
        run = self.collect("-C", settings)
        with self.peer() as peer:
            peer.packets(timed(frames(0, 10)))
        run.wait_written(10)
        run.stop()
        verify(published_of(self.out, "client0")[0].suffix == ".pcap", "the format")
        settings.write_text(settings.read_text().replace("127.0.1.1", "127.0.1"))
        done = self.braidcap("collect", "-C", settings, check=False)
        verify(done.returncode == 2 and f"{settings}:4: allow[0]" in done.stderr, done.stderr)

    @func_test
    def clients_come_and_go(self):
        """SIGHUP reads the clients of the file again: one that is added may send, one that is removed is disconnected."""
        self.port, self.out = free_port(), self.make_folder()
        settings = self.folder / "collect.yaml"

        def allow(*clients):
            settings.write_text(f"listen:\n  - 127.0.0.1:{self.port}\nallow:\n"
                                + "".join(f"  - client{i}=127.0.1.{i + 1}\n" for i in clients)
                                + f"rotate_on_hup: yes\noutputs:\n  - dest: {self.out}/\n")

        def reread(run, words):
            run.signal(signal.SIGHUP)
            wait_until(lambda: words in run.stderr, words)

        allow(0, 1)
        run = self.collect("-C", settings)
        first, second = self.peer(0), self.peer(1)
        first.packets(timed(frames(0, 10)))
        second.packets(timed(frames(1, 10)))
        run.wait_written(20)
        allow(0, 2)
        reread(run, "1 client is new, 1 of 3 may not send")
        verify(second.closed(), "client1 is still connected")
        verify(self.wait_state(run, "removed", 1)["packets"] == 10, "its account")
        wait_until(lambda: published_of(self.out, "client1"), "its file")
        verify(len(self.stored(1)) == 10, "its packets")
        self.peer(2).packets(timed(frames(2, 10)))
        run.wait_written(30)
        verify(Peer(self.port, source="127.0.1.2").closed(), "client1 may connect")
        settings.write_text("allow:\n  - nonsense\n")
        reread(run, "keeping the current clients")
        allow(0, 1, 2)
        reread(run, "0 clients are new, 0 of 3")
        self.peer(1).packets(timed(frames(3, 5)))
        run.wait_written(35)
        first.packets(timed(frames(4, 5)))
        run.wait_written(40)
        assert_lossless(run.stop(), 40)
        verify([s["received"] for s in run.report["sources"]] == [15, 15, 10], f"{run.report['sources']}")

    @func_test
    def refused_settings(self):
        """What cannot be is refused with status 2, before anything is listened on."""
        out = f"{self.make_folder()}/"
        base = ["-l", "127.0.0.1:1", "--allow", "a=127.0.0.1", "-w", out]
        for args, words in ((["--allow", "a=127.0.0.1", "-w", out], "-l"),
                            (["-l", "1", "-w", out], "--allow"),
                            (["-l", "1", "--allow", "a=127.0.0.1"], "-w"),
                            (["-l", "x:y", *base[2:]], "port"),
                            ([*base, "--allow", "b=127.0.0.1"], "same address"),
                            ([*base, "--merge", *(a for i in range(1024) for a in ("--allow", f"c{i}=127.9.{i // 250}.{i % 250}"))],
                             "1025"),
                            ([*base, "--allow", "../b=127.0.0.2"], "name"),
                            ([*base, "--allow", "b=127.0.0.2/33"], "prefix"),
                            ([*base, "--allow", "b=127.0.0.2,loud"], "loud"),
                            ([*base, "--tls"], "certificate"),
                            ([*base, "--tls-cert", "x"], "TLS"),
                            ([*base, "--mode", "888"], "not a file mode"),
                            ([*base, "--names", "other"], "osmo"),
                            ([*base, "-i", "eth0"], "-i"),
                            (["-l", "1", "--allow", "a=127.0.0.1", "-w", f"{out}x.pcap"], "--merge")):
            done = self.braidcap("collect", *args, check=False)
            verify(done.returncode == 2 and words in done.stderr, f"{args}: {done.returncode} {done.stderr}")
