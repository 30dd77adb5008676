# SPDX-License-Identifier: BSD-3-Clause
"""Kept corpora: the inputs of a fuzz target in one file, one behind the other, each {length in 4 bytes, little-endian; bytes}."""
import hashlib
import struct

KEEP_BYTES = 200_000    # of a target


def unpack(path):
    """The inputs in it."""
    data, at, inputs = path.read_bytes(), 0, []
    while at < len(data):
        (size,) = struct.unpack_from("<I", data, at)
        inputs.append(data[at + 4:at + 4 + size])
        at += 4 + size
    return inputs


def pack(inputs, path):
    """The smallest that find room."""
    kept = b""
    for data in sorted(inputs, key=lambda d: (len(d), d)):
        if len(kept) + 4 + len(data) > KEEP_BYTES:
            break
        kept += struct.pack("<I", len(data)) + data
    path.write_bytes(kept)


def write_files(inputs, folder):
    """As libFuzzer names them."""
    folder.mkdir(parents=True, exist_ok=True)
    for data in inputs:
        (folder / hashlib.sha1(data).hexdigest()).write_bytes(data)


def read_files(folder):
    return [path.read_bytes() for path in folder.iterdir()]
