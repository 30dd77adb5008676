# SPDX-License-Identifier: BSD-3-Clause
"""Marked sections of docs/performance.md, which a run of the measurements writes anew."""

import re

HEAD = """# Performance

The figures below are written by `scripts/bench`, each section by the last run that measured it. They are of one machine
and one run: compare within a table only. `tests/bench/README.md` says how they come about.
"""


def begin_mark(name):
    return f"<!-- bench:{name}: written by scripts/bench, changes will be lost -->"


def end_mark(name):
    return f"<!-- /bench:{name} -->"


def begin(path, names):
    """The document with the marks of all sections in their order, where there is none yet."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n\n".join([HEAD.strip(), *(f"{begin_mark(n)}\n{end_mark(n)}" for n in names)]) + "\n")


def replace(path, name, body):
    """Put body between the marks of the section; at the end of the document if it has none."""
    text = path.read_text()
    block = f"{begin_mark(name)}\n{body.strip()}\n{end_mark(name)}"
    pattern = re.compile(rf"<!-- bench:{re.escape(name)}:.*?<!-- /bench:{re.escape(name)} -->", re.S)
    if pattern.search(text):
        text = pattern.sub(lambda _: block, text)
    else:
        text = text.rstrip("\n") + "\n\n" + block + "\n"
    path.write_text(text)
