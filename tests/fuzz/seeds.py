# SPDX-License-Identifier: BSD-3-Clause
"""What the fuzz targets begin with: real inputs, each in the form that its target reads (see the head of each fuzz_NAME.c)."""
import bz2
import gzip
import json
import lzma
import pathlib
import random
import struct
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests" / "golden"
CAPTURES = ("braidcap.pcapng", "braidcap-ns.pcap", "braidcap.erf")

EXPRESSIONS = (
    "tcp port 80", "host 10.0.0.1 and not udp", "vlan and ip6", "net 192.0.2.0/24 or portrange 1-50", "ether[0] & 1 != 0",
    "greater 100", "icmp6 and ip6[40] = 135", "mpls and ip", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "llc", "ip protochain 6",
    "ether host 00:11:22:33:44:55", "udp[8:4] = 0x12345678", "pppoes and ip", "type mgt",
)
# An Ethernet frame: IPv4, TCP to port 80, SYN.
FRAME = bytes.fromhex("0011223344550066778899aa080045000028000140004006000a0a0000010a000002"
                      "04d2005000000001000000005002200000000000")

ARGUMENTS = (
    (0, "-i\nnull:size=64,rate=5\n-w\nout/\n-G\n60\n-S\n100\n-Z\nlz4\n--keep-age\n7d\n-f\ntcp"),
    (0, "-i\neth0,queues=2\n-i\nfile:a.pcap\n-w\n-\n--format\npcap\n-s\n96\n-c\n10\n-d\n1.5\n--memory\n64"),
    (0, "-i\ndpdk:0000:3b:00.0,queues=4\n-w\n/srv/\n--lcores\n2-5,8\n--writers\n2\n--index\nflows\n--recompress\nzstd:19,after=1d"),
    (0, "-i\nnull:\n-w\nosmo://10.0.0.1:4242,spool=/tmp/s,spool-size=1\n--tls-ca\nca.pem"),
    (1, "-l\n0.0.0.0:4242\n--allow\nnode=10.0.0.0/8\n-w\nout/\n--merge\n--memory\n128"),
    (2, "-c\n10\n-o\npcapfile:out.pcap\n-w\n2\npcapint:eth0\npcapfile:in.pcap.gz"),
    (2, "-Z\nzlib\n-z\n1\n-o\nerf:out.erf\nring:eth0\n-s\n96\n-f\nudp"),
    (3, "tcp port 80\n/srv/capture\n--from\n2026-11-29T04:30:00Z\n--to\nnow\n--limit-packets\n5\n-w\nout.pcap"),
    (3, "host 10.0.0.1\ns3://bucket/prefix/\n--last\n3h\n--explain\n--json"),
)

SMALL = (
    (0, ("2026-11-29T04:30:00.5+01:00", "2026-11-29", "04:30", "@1764390600.5", "-5m", "3h", "1.5h", "2026-11-29T07:36:22.123Z")),
    (1, ("0", "9\n", "00000009\n", "18446744073709551615\n", "x")),
    (2, ("# who\nalice operator token 0123456789abcdef\nbob viewer certificate\n",)),
    (3, ('<?xml version="1.0"?><Error><Code>NoSuchKey</Code><Message>m</Message><Region>eu</Region></Error>',
         '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken><Contents><Key>a/b%20c</Key>'
         '<LastModified>2026-11-29T07:36:22.123Z</LastModified><ETag>"e"</ETag><Size>5</Size></Contents><CommonPrefixes>'
         '<Prefix>a/d/</Prefix></CommonPrefixes></ListBucketResult>',
         '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>',
         '<CompleteMultipartUploadResult><ETag>"e-2"</ETag></CompleteMultipartUploadResult>',
         '<ListPartsResult><IsTruncated>false</IsTruncated><Part><PartNumber>1</PartNumber><ETag>"e"</ETag><Size>5</Size></Part>'
         '</ListPartsResult>',
         '<ListMultipartUploadsResult><Upload><Key>a/b</Key><UploadId>u</UploadId><Initiated>2026-11-29T07:36:22Z</Initiated></Upload>'
         '</ListMultipartUploadsResult>')),
)

LEDGER = {
    "version": 1, "state": "running", "started_ns": 1764390600000000000, "elapsed_s": 1.5, "prefix": "x", "pid": 5,
    "sources": [{"name": "eth0", "interface": "eth0", "queue": 0, "stamp": "nic", "received": 5, "received_bytes": 320, "filtered": 1,
                 "late": 0, "forced": 0, "losses": "counted", "dropped": {"nic_missed": 2}}],
    "outputs": [{"name": "out/", "format": "pcapng", "compress": "lz4", "written": 4, "written_bytes": 256, "file_bytes": 300,
                 "ratio": 0.9, "dropped": {}, "segments": [{"path": "a", "packets": 4, "first_ns": 1, "last_ns": 2, "bytes": 300}]}],
    "balance": {"received": 5, "written": 4, "filtered": 1, "dropped": 2, "unaccounted": 0},
    "lcores": [{"lcore": 1, "cpu": 1, "busy": 0.5, "stages": [{"name": "rx", "ns": 5}]}],
    "clients": [{"name": "node", "address": "10.0.0.1", "connected": True, "received": 5}],
    "captures": [{"prefix": "x", "ledger": {}, "info": {}}],
}


def captures():
    return [(GOLDEN / name).read_bytes() for name in CAPTURES]


def through(program, data, *options):
    """What a program makes of data; nothing without the program."""
    try:
        return [subprocess.run([program, *(options or ("-c",))], input=data, capture_output=True, check=True).stdout]
    except FileNotFoundError:
        return []


def compressed(data):
    return [data, gzip.compress(data), bz2.compress(data), lzma.compress(data), *through("lz4", data), *through("zstd", data)]


def ack():
    node = bytes(range(16))
    return [bytes((1, 0, 0)) + bytes((0, 0, len(node))) + node]


def wire():
    return [struct.pack(">BBH", kind, 0, len(body)) + body for kind in range(8) for body in (b"", bytes(24), captures()[0][:64])]


def age():
    """A header of another program, blocks that are none, and a recipient."""
    sealed = (GOLDEN / "age" / "numbers.age").read_bytes()
    key = (GOLDEN / "age" / "key.txt").read_text().splitlines()
    return [b"\0" + sealed[:sealed.index(b"--- ") + 48], b"\1" + sealed[-3000:], b"\2" + key[1].split()[-1].encode()]


def chain():
    """Two records; the signatures are none."""
    line = "0 1795953738893937292 published 27485 " + "89" * 32 + " " + "0" * 64 + " c76d4350051f132d 20261129-120218-00000000.pcapng.lz4 " + "9f" * 64
    return [f"{line}\n".encode(), f"{line}\n{line.replace('published', 'found', 1)}\n".encode()]


def apart():
    """A request is {kind, length; bytes}; the first byte of a seed says which process is asked."""
    def request(data, padded=True, descriptors=0):
        return bytes((padded | descriptors << 1,)) + struct.pack(">H", len(data)) + data

    def keeper(what, place=0, seq=0, ns=0, again=0, good=0, client=b""):
        return request(struct.pack("<IIQQII", what, place, seq, ns, again, good) + client)

    def tender(what, number=0, limits=0, now=0, name=b""):
        return request(struct.pack("<IIQII", what, number, 0, limits, now) + name)

    def keyring(what, key=0, md=0, padding=0, data=b""):
        return request(struct.pack("<iIii", what, key, md, padding) + data)

    ns = 1764390600000000000
    place, folder, seqfile, create, remove, publish, acks, acks_end, report, report_end = range(10)
    files = (keeper(folder) + keeper(seqfile) + keeper(create, seq=1) + keeper(create, seq=1) + keeper(publish, seq=1, ns=ns)
             + keeper(remove, seq=1, again=1) + keeper(acks) + keeper(acks_end, good=1) + keeper(report) + keeper(report_end, good=1))
    key = b"".join(through("openssl", b"", "ecparam", "-name", "prime256v1", "-genkey", "-noout"))
    record = (GOLDEN / "custody" / ".chain").read_bytes().splitlines()[0].rsplit(b" ", 1)[0]
    sha256 = 672
    return [
        b"\x00" + keeper(place, client=b"node") + files, b"\x01" + keeper(place, client=b"node-1.example") + files, b"\x02" + keeper(place) + files,
        b"\x03" + tender(0, name=b"node") + tender(1, name=b"20261129-043000-00000001.pcapng") + tender(2) + tender(3, now=1) + tender(4) + tender(5),
        b"\x04" + request(b"\0\0\0\0out", descriptors=1) + request(b"") + request(b"\1\0\0\0") + request(b"\2\0\0\0"),
        b"\x05" + keyring(0) + keyring(2, 0, sha256, data=bytes(32)) + keyring(3),
        b"\x05" + keyring(0, 1) + keyring(2, data=record) + keyring(2, data=b"no record") + keyring(3),
        b"\x05" + request(struct.pack("<iIii", 0, 0, 0, 0), descriptors=1) + request(key) + keyring(2, 0, sha256, data=bytes(32)),
        b"\x05" + request(struct.pack("<iIii", 1, 0, 0, 0), descriptors=1) + request(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        b"\x06" + request(struct.pack("<iiI", 0, 1, 1) + b"BRAIDCAP_PATH\0a.pcapng\0", descriptors=2) + request(b"") + request(struct.pack("<iiI", 1, 1, 15)),
        b"\x06" + request(struct.pack("<iiI", 0, 0, 1) + b"LD_PRELOAD\0a.so\0", descriptors=3) + request(b""),
    ]


def spool():
    """One whose sums the target makes: a header, a link header of pcapng, a record with a packet."""
    link, packet = (struct.pack(">BBH", kind, 0, len(body)) + body for kind, body in ((0, captures()[0][:100]), (1, captures()[0][100:200])))
    head = b"BCSPOOL1" + struct.pack("<II16sQQQII", 1, len(link), bytes(range(16)), 1, 0, 0, 0, 0)
    return [b"\x01" + head + link + struct.pack("<IIQQ", len(packet), 0, 0, 0) + packet]


def index_piece(kind, extra, items, body):
    """The target makes its sum."""
    total = (40 + len(body) + 3) // 4 * 4 + 4
    head = struct.pack("<IIBBBBIIIIIQ", 0, total, 1, kind, 0, extra, 0, len(body), len(body), items, 0, 0)
    return (head + body).ljust(total - 4, b"\0") + struct.pack("<I", total)


def index_columns(*columns):
    return b"".join(struct.pack("<I", len(column)) for column in columns) + b"".join(columns)


def index():
    """Of a file, and a part whose pieces are not packed: two blocks, a template of UDP over IPv4, a flow."""
    blocks = index_columns(b"\x64\x64", b"\x64\x64", b"\x03\x02", b"\0\0", b"\x20\x10", b"\x05\x05")
    template = bytes((1, 0, 42, 4, 26, 30, 34, 0, 17)) + bytes(84)
    row = index_columns(b"\1", b"\0", b"\0", b"\x0a\0\0\1", b"\0", b"\x0a\0\0\2", b"\0\x35", b"\1\2", b"\0", b"\0", b"\5", b"\x50", b"\0", b"\0", b"\1",
                        b"\0\1")
    part = index_piece(1, 0, 2, blocks) + index_piece(2, 0, 1, template) + index_piece(3, 4, 1, row)
    end = (GOLDEN / "index-v1.pcapng.lz4").read_bytes()[-2048:]
    return [bytes((kind,)) + bytes(8) + end for kind in (0, 1)] + [b"\1" + bytes((3, 2, 0, 1, 0, 1, 0, 0)) + part]


def ledger():
    """Any sequence will do."""
    chance = random.Random(1)
    return [chance.randbytes(chance.randrange(30, 200)) for _ in range(200)]


def ip4(proto, body):
    return struct.pack(">BBHIBBH", 0x45, 0, 20 + len(body), 1, 64, proto, 0) + bytes((10, 0, 0, 1, 10, 0, 0, 2)) + body


def ip6(following, body):
    return struct.pack(">IHBB", 0x60000000, len(body), following, 64) + bytes((0xfd, *(15 * (1,)), 0xfd, *(15 * (2,)))) + body


def udp(port, body):
    return struct.pack(">HHHH", 50000, port, 8 + len(body), 1) + body


def anonymise():
    """Headers of every kind that are looked into: of Ethernet, then of other links."""
    tcp = FRAME[34:]
    inner = ip4(6, tcp)
    ether = FRAME[:12] + b"\x08\0" + inner
    packets = {
        0x0800: (inner, ip4(17, udp(53, b"x")), ip4(4, inner), ip4(17, udp(4789, b"\x08" + bytes(7) + ether)),
                 ip4(17, udp(6081, b"\x01\0\x65\x58\0\0\x07\0" + bytes(4) + ether)),
                 ip4(17, udp(2152, struct.pack(">BBHIIBBBB", 0x34, 255, len(inner) + 8, 1, 0x85, 1, 2, 3, 0) + inner)),
                 ip4(47, b"\xb0\0\x08\0" + bytes(12) + inner), ip4(1, b"\x05\x01\0\0\x0a\0\0\x01" + inner), ip4(2, b"\x16\0\0\0\xe0\0\0\x05"),
                 ip4(132, bytes(20)), b"\x47" + inner[1:20] + b"\x07\x07\x04\x0a\0\0\x01\0" + tcp,
                 ip4(6, tcp[:12] + b"\xa0" + tcp[13:20] + b"\x02\x04\x05\xb4\xfe\x08\0\x50\x0a\0\0\x01" + bytes(8))),
        0x86dd: (ip6(6, tcp), ip6(58, b"\x87\0\0\0" + bytes(20) + b"\x01\x01" + bytes(6)), ip6(58, b"\x86" + bytes(15) + b"\x03\x04" + bytes(30)),
                 ip6(58, b"\x01\0\0\0\0\0\0\0" + ip6(17, udp(53, b""))), ip6(0, b"\x2b\0\x05\x02\0\0\x01\0\x06\x02\x04\x01" + bytes(36) + tcp),
                 ip6(44, b"\x11\0\0\x01\0\0\0\x01" + udp(53, b"")), ip6(60, b"\x06\x02\xc9\x10" + bytes(20) + tcp)),
        0x0806: (bytes((0, 1, 8, 0, 6, 4, 0, 1)) + bytes(20),),
        0x8100: (b"\0\x05\x08\0" + inner,),
        0x8847: (b"\0\x01\x01\x40" + inner,),
        0x8864: (struct.pack(">BBHHH", 0x11, 0, 1, len(inner) + 2, 0x21) + inner,),
        0x88cc: (bytes(20),),
    }
    links = ((1, b"\x02\0\0\0"), (2, b"\xff\x03\0\x21"), (4, struct.pack(">BBHHH", 0x11, 0, 1, len(inner) + 2, 0x21)), (5, b""),
             (8, b"\0\0\0\x01\0\x06" + bytes(8) + b"\x08\0"), (9, b""), (11, b"\x08\0" + bytes(9) + b"\x06" + bytes(8)))
    return ([b"\0" + FRAME[:12] + struct.pack(">H", kind) + packet for kind, some in packets.items() for packet in some]
            + [bytes((link,)) + head + inner for link, head in links])


def all_seeds():
    """Of each target that has any."""
    return {
        "ack": ack(),
        "age": age(),
        "anonymise": anonymise(),
        "answer": [json.dumps(part).encode() for part in (LEDGER, *LEDGER.values())],
        "apart": apart(),
        "arguments": [bytes((command,)) + text.encode() for command, text in ARGUMENTS],
        "chain": chain(),
        "decoder": [b"\x10" + data for data in compressed(captures()[0])],
        "extcap": [b"\x3f" + data for data in captures()],
        "filter": [bytes((i % 7,)) + text.encode() + b"\0" + FRAME for i, text in enumerate(EXPRESSIONS)],
        "gprs": [b"\0\x01\0\0" + FRAME],
        "import": [path.read_bytes() for path in GOLDEN.glob("*.cfg")],
        "index": index(),
        "ledger": ledger(),
        "lz4_packets": [b"\x01\xff" + data for data in captures()],
        "plain_blob": [b"\0" + frame[:19] + frame for data in captures() for frame in through("lz4", data)],
        "reader": [b"\0\0\0\0" + data for data in captures()],
        "recover": [bytes((i,)) + data for i, data in enumerate(captures())]
                   + [b"\x03" + data for data in through("lz4", captures()[0])] + [b"\x05" + gzip.compress(captures()[0])],
        "small": [bytes((kind,)) + text.encode() for kind, texts in SMALL for text in texts],
        "spool": spool(),
        "stamp": (GOLDEN / "custody" / ".chain.stamps").read_bytes().splitlines(),
        "tuple": [bytes((1,)) + FRAME, FRAME],
        "wire": wire(),
        "yaml": [path.read_bytes() for path in (ROOT / "config").glob("*.yaml")],
    }
