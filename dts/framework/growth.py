# SPDX-License-Identifier: BSD-3-Clause
"""Does the memory of a process grow for ever, or is what has a fixed size used for the first time?"""

import statistics

PARTS = 9
# What an allocator, and buffers that others' load has used for the first time bit by bit, may explain.
ALLOWED_KIB = 4096
# The list of segments for the report: bytes for each, and how many it has at the most (BC_SEGLOG_MAX).
LISTED_BYTES, LISTED_MOST = 430, 65536


def late(values):
    """Those of the last two thirds: before that, buffers fill."""
    return values[len(values) // 3:]


def steady(values):
    """
    By how much they rose over the last two thirds, as far as that went on all the time: from the median of a part to that of the next, in
    more than half of the parts, and so much in all if it was so in each. What rises once, however much, counts for nothing.
    """
    used = late(values)
    if len(used) < PARTS:
        return 0
    level = [statistics.median(used[len(used) * p // PARTS:len(used) * (p + 1) // PARTS]) for p in range(PARTS)]
    return statistics.median_low(b - a for a, b in zip(level, level[1:])) * (PARTS - 1)


def allowed_kib(segments):
    """What may be more at the end of these two thirds, with so many segments at each look."""
    listed = [min(n, LISTED_MOST) for n in late(segments)]
    return ALLOWED_KIB + (listed[-1] - listed[0]) * LISTED_BYTES / 1024


def grows(kib, segments):
    """Looks at equal intervals: private memory, and segments so far."""
    return steady(kib) > allowed_kib(segments)
