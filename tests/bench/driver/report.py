# SPDX-License-Identifier: BSD-3-Clause
"""What a section found: printed at once, and kept for docs/performance.md."""

import json

from . import doc
from .stats import number

PLOTS = "plots"


class Report:
    """Of one section."""

    def __init__(self, name, title, docs, results, date):
        self.name = name
        self.date = date
        self.title = title
        self.docs = docs
        self.results = results
        self.body = []
        self.skipped = []
        self.problems = []
        self.kept = {}
        self.figures = {}

    def table(self, table):
        print("\n" + table.text() + "\n", flush=True)
        self.body.append(table.markdown())

    def note(self, text):
        print(text, flush=True)
        self.body.append(text)

    def skip(self, what, why):
        print(f"SKIP {what}: {why}", flush=True)
        self.skipped.append(f"SKIP {what}: {why}")

    def keep(self, key, value):
        """A figure for other sections, and for the next run; all of a section's are of one run of it."""
        if value is not None:
            self.kept[key] = value

    def _figure(self, draw, name, title):
        try:
            import matplotlib
            matplotlib.use("Agg")
            from matplotlib import pyplot
        except ImportError:
            self.skip(f"the plot {name}", "python3-matplotlib is not installed")
            return
        matplotlib.rcParams["svg.hashsalt"] = "braidcap"
        figure, axes = pyplot.subplots(figsize=(8, 4))
        draw(axes)
        axes.set_title(title)
        axes.grid(True, axis="y", alpha=0.4)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize="small")
        figure.tight_layout()
        self.figures[name] = figure
        self.body.append(f"![{title}]({PLOTS}/{name}.svg)")

    def bars(self, name, title, groups, series, unit):
        """Bars of several series (name: values) in groups."""
        series = {k: v for k, v in series.items() if any(x is not None for x in v)}

        def draw(axes):
            width = 0.8 / max(1, len(series))
            for i, (label, values) in enumerate(series.items()):
                at = [g + (i + 0.5) * width - 0.4 for g in range(len(groups))]
                drawn = axes.bar(at, [v or 0 for v in values], width, label=label)
                axes.bar_label(drawn, [number(v) if v else "" for v in values], fontsize=7)
            axes.set_xticks(range(len(groups)), groups)
            axes.set_ylabel(unit)
        if series:
            self._figure(draw, name, title)

    def lines(self, name, title, series, x_unit, y_unit, log=False):
        """Lines of several series (name: [(x, y), ...])."""
        def draw(axes):
            for label, points in series.items():
                if points:
                    axes.plot([p[0] for p in points], [p[1] for p in points], marker="o", label=label)
            axes.set_xlabel(x_unit)
            axes.set_ylabel(y_unit)
            if log:
                axes.set_xscale("log", base=2)
                axes.set_yscale("log")
        if any(series.values()):
            self._figure(draw, name, title)

    def write(self, commands, conditions, folder):
        """Into folder / performance.md; only what goes into the documentation counts for other sections."""
        if folder == self.docs and self.kept:
            self.results[self.name] = {"date": self.date, **self.kept}
        parts = [f"## {self.title}", *self.body, *self.skipped]
        if self.problems:
            parts.append("What failed:\n\n" + "\n".join(f"- {p}" for p in self.problems))
        parts.append(conditions)
        if commands:
            parts.append("Commands, the first of each kind:\n\n```\n" + "\n".join(commands) + "\n```")
        for name, figure in self.figures.items():
            (folder / PLOTS).mkdir(parents=True, exist_ok=True)
            figure.savefig(folder / PLOTS / f"{name}.svg", metadata={"Date": None})
        doc.replace(folder / "performance.md", self.name, "\n\n".join(parts))


def load(path):
    return json.loads(path.read_text()) if path.exists() else {}


def save(path, results):
    path.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n")
