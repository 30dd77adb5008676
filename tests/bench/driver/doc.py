# SPDX-License-Identifier: BSD-3-Clause
"""The marked sections of docs/performance.md, rewritten by each run."""

import re

HEAD = """# Performance

## How it is measured

`scripts/bench` writes everything below this section; each part is from the last run that measured it, and every ratio
of figures of one run. Compare only within a table. What other load disturbed is not written, unless by `--force`.
`tests/bench/README.md` describes the method.
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
