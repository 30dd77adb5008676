# SPDX-License-Identifier: BSD-3-Clause
"""--exclude gprs-user-data: signalling of GPRS is kept, user traffic is not; Wireshark's dissectors are the judges."""

from framework import host
from framework.checks import assert_balance, assert_closed, published, verify_segments
from framework.gprs import (ETHERNET, RAW, SLL, SLL2, USER_SAPIS, flow_control, flow_control_ack, frame, ie, ip4, ip6, link, llc,
                            ns, udp, unitdata)
from framework.packets import Packet, frames, timed, write_pcap
from framework.process import tool
from framework.reader import packets
from framework.test_suite import TestSuite, func_test, verify

EXCLUDE = ("--exclude", "gprs-user-data")
USER = unitdata(True, llc(3))
SIGNALLING = unitdata(True, llc(1))
LONG = b"\x05\x01\x00\x00" + bytes(range(256)) * 3
TWO = """
sources:
  - file:{trace}
outputs:
  - dest: {signalling}
    exclude: gprs-user-data
  - dest: {all}
"""


def is_user_to_wireshark(path):
    """For each packet of a file: do Wireshark's dissectors find in it what is to be excluded, and nothing wrong?"""
    out = tool("tshark", "-r", path, "-T", "fields", "-E", "occurrence=f", "-e", "nsip.pdu_type", "-e", "bssgp.pdu_type", "-e",
               "llcgprs.sapi", "-e", "_ws.malformed").stdout
    found = []
    for line in out.splitlines():
        ns_type, bssgp_type, sapi, malformed = (line + "\t\t\t").split("\t")[:4]
        if malformed or not ns_type or int(ns_type, 0) != 0 or not bssgp_type:
            found.append(False)
        elif int(bssgp_type, 0) in (0, 1):
            found.append(bool(sapi) and int(sapi, 0) in USER_SAPIS)
        else:
            found.append(int(bssgp_type, 0) in (0x26, 0x27))
    return found


def pdus():
    """BSSGP PDUs of all kinds."""
    each = [unitdata(up, llc(sapi)) for up in (False, True) for sapi in range(16)]
    each += [unitdata(True, llc(sapi, LONG), wide=True) for sapi in (1, 3)]
    # PFI and alignment before the LLC PDU; priority behind it.
    each += [unitdata(True, llc(sapi), before=ie(0x28, b"\x01") + ie(0x00, b"\0\0")) for sapi in (1, 5)]
    each += [flow_control(), flow_control_ack()]
    # FLOW-CONTROL-MS and its acknowledgement, PAGING-PS, BVC-RESET, STATUS, RADIO-STATUS, SUSPEND.
    tlli = ie(0x1F, b"\xc0\x11\x22\x33")
    each += [b"\x28" + tlli + ie(0x1E, b"\x01") + ie(0x12, b"\0\x64") + ie(0x03, b"\0\x32"), b"\x29" + tlli + ie(0x1E, b"\x01")]
    each += [b"\x22" + ie(0x04, b"\0\x02") + ie(0x07, b"\x08"), b"\x41" + ie(0x07, b"\x20"), b"\x0a" + tlli + ie(0x19, b"\x01")]
    each += [b"\x0b" + tlli + ie(0x1B, b"\x62\xf2\x10\x00\x01\x02")]
    return each


class TestGprs(TestSuite):
    def sift(self, data, *args, linktype=ETHERNET, cut=None):
        """Capture from a file of these packets, cut to a length or not; the packets written and the balance."""
        self.trace = self.folder / f"in-{len(list(self.folder.iterdir()))}.pcap"
        out = self.trace.with_suffix(".out.pcapng")
        write_pcap(self.trace, [Packet(p.ts_ns, p.data[:cut], p.wire, p.iface) for p in timed(data)], linktype=linktype)
        report = self.capture("-i", self.trace, "-w", out, *(args or EXCLUDE)).report
        assert_balance(report)
        kept = [p.data for p in packets(out)]
        balance = report["balance"]
        verify((balance["received"], balance["written"], balance["filtered"]) ==
               (len(data), len(kept), len(data) - len(kept)), f"{balance}")
        return kept

    def agrees(self, data, linktype):
        """What is kept is what Wireshark does not call user traffic, and both occur."""
        kept = self.sift(data, linktype=linktype)
        user = is_user_to_wireshark(self.trace)
        verify(len(user) == len(data) and 0 < sum(user) < len(data), f"{sum(user)} of {len(user)}")
        verify(kept == [d for d, u in zip(data, user) if not u], "Wireshark would have kept others")

    @func_test
    def wireshark_agrees_on_every_pdu_type(self):
        """Each PDU type and each SAPI, over IPv4 and IPv6 in Ethernet."""
        data = [link(ip(udp(ns(pdu)))) for pdu in pdus() for ip in (ip4, ip6)]
        verify(sum(is_user_to_wireshark(write_pcap(self.folder / "all.pcap", timed(data)))) == 2 * (8 + 1 + 1 + 2),
               "Wireshark itself sees others")
        self.agrees(data, ETHERNET)

    @func_test
    def wireshark_agrees_behind_every_link_layer(self):
        """VLAN, QinQ, Linux cooked and raw IP; options and extension headers."""
        options = b"\x01\x01\x01\x00"
        ips = [ip4, ip6, lambda p: ip4(p, options), lambda p: ip6(p, ((0, b"\0\x01\x04\0\0\0\0"), (60, b"\0\x01\x04\0\0\0\0"))),
               lambda p: ip6(p, ((44, b"\0\0\0\0\0\0\x01"),))]
        for linktype in (ETHERNET, SLL, SLL2, RAW):
            stacks = ((), (0x8100,), (0x88A8, 0x8100)) if linktype in (ETHERNET, SLL) else ((),)
            self.agrees([link(ip(udp(ns(pdu))), linktype, tags) for pdu in (USER, SIGNALLING) for ip in ips for tags in stacks],
                        linktype)

    @func_test
    def other_ns_pdus_stay(self):
        """NS-ALIVE, NS-RESET and whatever else is no NS-UNITDATA is kept, as Wireshark sees it."""
        self.agrees([link(ip4(udp(ns(USER, kind=kind)))) for kind in (0, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12)], ETHERNET)

    @func_test
    def whatever_is_in_doubt_stays(self):
        """Fragments, wrong lengths, IEs too many, too few or torn, an LLC that is none."""
        whole = udp(ns(USER))
        data = [
            link(ip4(whole, fragment=0x2000)), link(ip4(whole, fragment=1)), link(ip6(whole, ((44, b"\0\0\x01\0\0\0\x01"),))),
            link(ip4(whole, proto=6)), link(ip4(whole, length=20 + len(whole) + 1)), link(ip6(whole, length=len(whole) + 1)),
            link(ip4(udp(ns(USER), length=len(whole) - 1))), link(ip4(udp(ns(USER), length=len(whole) + 1))),
            link(ip4(whole), tags=(0x8100,) * 5), link(ip6(whole, ((51, b"\0\0\0\0\0\0\0"),))),
            frame(USER, bvci=0), frame(USER, bvci=1), frame(USER, control=4),
            frame(unitdata(True, llc(3), after=b"\0")), frame(USER[:-1]), frame(USER + ie(0x0E, llc(3))),
            frame(unitdata(True, b"")), frame(unitdata(True, b"\x03\xc0\x01\x00")), frame(unitdata(True, llc(0x83))),
            frame(USER[:8] + ie(0x0E, llc(3))), frame(USER[:8] + ie(0x08, b"\0" * 7) + ie(0x0E, llc(3))),
            frame(unitdata(True, llc(3), before=ie(0x00, b"") * 31)), frame(flow_control()[:-4]), frame(b"\x27"), frame(b""),
            *[frame(USER)[:n] for n in range(14, len(frame(USER)))],
        ]
        verify(self.sift(data) == data, "something is missing")
        verify(self.sift(frames(0, 200, sizes=(60, 300, 1500))) == frames(0, 200, sizes=(60, 300, 1500)), "nothing is NS here")

    @func_test
    def cut_packets_are_known_by_their_lengths(self):
        """A trace with the first 100 bytes of each packet: its user traffic is excluded all the same."""
        data = [frame(unitdata(up, llc(sapi, LONG))) for up in (False, True) for sapi in (1, 3, 11)]
        data += [frame(unitdata(True, llc(3, LONG), after=ie(0x00, b"\0")))]
        verify(self.sift(data, cut=100) == [data[i][:100] for i in (0, 3, 6)], "others are kept")
        verify(self.sift(data, cut=60) == [d[:60] for d in data], "these end before the SAPI")

    @func_test
    def ports_say_what_is_looked_at(self):
        """With port=N only these are NS; the filter holds beside it."""
        data = [link(ip4(udp(ns(USER), port))) for port in (2157, 23000, 23001)]
        verify(self.sift(data, "--exclude", "gprs-user-data,port=23000,port=23001") == data[:1], "ports")
        verify(self.sift(data, "--exclude", "gprs-user-data,port=50000") == [], "the other end's port")
        verify(self.sift(data, "--exclude", "gprs-user-data,port=23000", "-f", "not port 2157") == data[2:], "filter")

    @func_test
    def each_output_excludes_for_itself(self):
        """One output without user traffic, another with it, from one source; both balances close."""
        data = [frame(USER), frame(SIGNALLING)] * 500
        names = {"trace": write_pcap(self.folder / "in.pcap", timed(data)), "signalling": self.folder / "s.pcapng",
                 "all": self.folder / "a.pcapng"}
        config = self.folder / "two.yaml"
        config.write_text(TWO.format(**names))
        balances = [o["balance"] for o in self.capture("-C", config).report["outputs"]]
        for balance in balances:
            assert_closed(balance)
        verify([(b["written"], b["filtered"]) for b in balances] == [(500, 500), (1000, 0)], f"{balances}")
        verify([p.data for p in packets(names["signalling"])] == data[1::2], "signalling differs")
        verify([p.data for p in packets(names["all"])] == data, "the other output differs")

    @func_test
    def a_wrong_word_is_refused(self):
        """Nothing is started for --exclude with something unknown."""
        done = self.braidcap("capture", "-i", "null:", "-w", "null:", "--exclude", "gprs", check=False)
        verify(done.returncode == 2 and "gprs-user-data" in done.stderr, done.stderr)

    @func_test
    def it_holds_live(self):
        """On a veth pair, through the kernel: the exact packets, and the rest is filtered."""
        host.require_root("ip")
        near, far = self.stack.enter_context(host.veth())
        out = self.make_folder()
        run = self.start("-i", f"pcap:{far}", "-w", out, *EXCLUDE)
        signalling = [frame(unitdata(False, llc(sapi, LONG))) for sapi in (1, 2, 7, 8)]
        user = [frame(unitdata(True, llc(sapi, LONG))) for sapi in USER_SAPIS]
        user += [frame(flow_control()), frame(flow_control_ack())]
        with host.Sender(near) as sender:
            sender.send((signalling + user) * 100)
        run.wait_received(1000)
        report = run.stop()
        assert_balance(report)
        verify((report["balance"]["written"], report["balance"]["filtered"], report["balance"]["dropped"]) == (400, 600, 0),
               report["balance"])
        verify([p.data for p in verify_segments(published(out))] == signalling * 100, "content or order differ")
