# SPDX-License-Identifier: BSD-3-Clause
"""Repeated measurements and tables of them."""

import statistics


class Skip(Exception):
    """What cannot be measured here, and why."""


def median(values):
    return statistics.median(values)


def spread(values):
    """Half of the range, in percent of the median."""
    mid = median(values)
    return (max(values) - min(values)) / 2 / mid * 100 if mid else 0.0


def number(value):
    """Three digits that count."""
    if value is None:
        return "-"
    for limit, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{unit}"
    return f"{value:.3g}"


def plain(value):
    """Three digits that count, without a unit."""
    return "-" if value is None else f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def cell(values):
    """A median and its spread; values is a list of one run's each, which may be empty."""
    if not values:
        return "-"
    return number(median(values)) + (f" ±{spread(values):.0f} %" if len(values) > 1 else "")


def ratio(a, b):
    """Of two lists measured in turns: the quotient of the medians."""
    return f"{median(a) / median(b):.2f}" if a and b and median(b) else "-"


class Table:
    """Rows of text under a title; prints itself aligned, and as Markdown."""

    def __init__(self, title, columns):
        self.title = title
        self.columns = list(columns)
        self.rows = []

    def add(self, *cells):
        self.rows.append([c if isinstance(c, str) else plain(c) for c in cells])

    def _widths(self):
        return [max(len(r[i]) for r in [self.columns, *self.rows]) for i in range(len(self.columns))]

    def text(self):
        widths = self._widths()
        lines = [f"{self.title}"]
        for row in [self.columns, *self.rows]:
            lines.append("  " + "  ".join(c.ljust(w) if i == 0 else c.rjust(w)
                                          for i, (c, w) in enumerate(zip(row, widths))).rstrip())
        return "\n".join(lines)

    def markdown(self):
        lines = [f"{self.title}:", "", "| " + " | ".join(self.columns) + " |",
                 "|" + "---|" + "---:|" * (len(self.columns) - 1)]
        lines += ["| " + " | ".join(r) + " |" for r in self.rows]
        return "\n".join(lines)
