# SPDX-License-Identifier: BSD-3-Clause
"""The catalogue of an hour, as docs/formats.md has it: taken apart, and put together by whoever likes to lie."""

import struct

MAGIC = b"braidcap hours\r\n"
_MASK = (1 << 64) - 1
_P = (0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5)


def _rotate(x, n):
    return (x << n | x >> (64 - n)) & _MASK


def _round(acc, word):
    return _rotate((acc + word * _P[1]) & _MASK, 31) * _P[0] & _MASK


def xxh64(data):
    """XXH64 with the seed 0."""
    at, n = 0, len(data)
    if n >= 32:
        acc = [(_P[0] + _P[1]) & _MASK, _P[1], 0, -_P[0] & _MASK]
        while n - at >= 32:
            acc = [_round(a, w) for a, w in zip(acc, struct.unpack_from("<4Q", data, at))]
            at += 32
        h = sum(_rotate(a, r) for a, r in zip(acc, (1, 7, 12, 18))) & _MASK
        for a in acc:
            h = ((h ^ _round(0, a)) * _P[0] + _P[3]) & _MASK
    else:
        h = _P[4]
    h = (h + n) & _MASK
    while n - at >= 8:
        h = (_rotate(h ^ _round(0, struct.unpack_from("<Q", data, at)[0]), 27) * _P[0] + _P[3]) & _MASK
        at += 8
    if n - at >= 4:
        h = (_rotate(h ^ struct.unpack_from("<I", data, at)[0] * _P[0] & _MASK, 23) * _P[1] + _P[2]) & _MASK
        at += 4
    for byte in data[at:]:
        h = _rotate(h ^ byte * _P[4] & _MASK, 11) * _P[0] & _MASK
    h = (h ^ h >> 33) * _P[1] & _MASK
    h = (h ^ h >> 29) * _P[2] & _MASK
    return h ^ h >> 32


def take_apart(data):
    """[name, etag, size, end] of each entry."""
    assert data[:16] == MAGIC and xxh64(data[:-8]) == struct.unpack("<Q", data[-8:])[0]
    entries, at = [], 24
    for _ in range(struct.unpack_from("<I", data, 20)[0]):
        size, length, name, etag = struct.unpack_from("<QIHH", data, at)
        at += 16
        entries.append([data[at:at + name].decode(), data[at + name + 1:at + name + 1 + etag].decode(), size,
                        data[at + name + etag + 2:at + name + etag + 2 + length]])
        at += name + etag + 2 + length
    return entries


def put_together(entries):
    """With a right checksum, whatever they say, in the order in which they come."""
    data = MAGIC + struct.pack("<II", 1, len(entries))
    for name, etag, size, end in entries:
        data += struct.pack("<QIHH", size, len(end), len(name), len(etag)) + name.encode() + b"\0" + etag.encode() + b"\0" + end
    return data + struct.pack("<Q", xxh64(data))
