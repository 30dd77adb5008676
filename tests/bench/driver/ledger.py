# SPDX-License-Identifier: BSD-3-Clause
"""What became of the packets of one load, by braidcap's own account."""

import time


def settled(capture, timeout=20):
    """The balance when nothing moves any more."""
    until = time.monotonic() + timeout
    last = capture.balance()
    while True:
        time.sleep(0.06)
        now = capture.balance()
        if now == last and now["in_flight"] == 0:
            return now
        if time.monotonic() > until:
            raise RuntimeError(f"packets are still on their way after {timeout} s: {now}")
        last = now


def lost(capture, generator, **job):
    """Send, and say which share of it was not written, and the rate that it came at."""
    before = settled(capture)
    sent = generator.send(**job)
    written = settled(capture)["written"] - before["written"]
    return (sent["wanted"] - written) / sent["wanted"], sent["wanted"] / sent["seconds"]


def search(trial, high, limit, low_share=1 / 32, step=1.04):
    """
    The highest rate below high whose loss is at most limit, by halving the interval on a logarithmic scale until its
    ends are within step. trial(rate) gives the loss and the rate that really was offered. 0 if there is none above
    high * low_share.
    """
    low, best = high * low_share, 0.0
    while high / low > step:
        middle = (high * low) ** 0.5
        loss, offered = trial(middle)
        if loss <= limit:
            low, best = middle, max(best, offered)
        else:
            high = middle
    return best
