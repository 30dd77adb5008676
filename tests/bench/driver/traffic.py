# SPDX-License-Identifier: BSD-3-Clause
"""What is known of the packets of tools/traffic.c without looking at them."""

# Bytes, and how many of a hundred or so.
SHARES = {"mix": ((64, 30), (570, 24), (1500, 43)), "imix": ((64, 7), (570, 4), (1500, 1))}
EPB = 32


def _mean(sizes, of):
    shares = SHARES.get(sizes) or ((int(sizes), 1),)
    return sum(of(s) * n for s, n in shares) / sum(n for _, n in shares)


def wire_bytes(sizes):
    """A packet's mean length without FCS."""
    return _mean(sizes, lambda s: s)


def dense_bytes(sizes):
    """Its mean length in a pcapng file."""
    return _mean(sizes, lambda s: EPB + (s + 3) // 4 * 4)


def gbit(rate, sizes):
    return rate * wire_bytes(sizes) * 8 / 1e9
