# SPDX-License-Identifier: BSD-3-Clause
"""embed.py FILE... > C: the files of the console's page as one table of bytes, with a tag by which browsers keep them."""

import base64
import hashlib
import re
import sys
from pathlib import Path

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
paths = {p.name: p for p in map(Path, sys.argv[1:])}
styles = []


def inline(match):
    """The style sheet in place of its link: the first paint needs one answer."""
    styles.append(paths[match[1]].read_text())
    return f"<style>{styles[-1]}</style>"


def preloads():
    """What the first script imports is asked for at once."""
    return "".join(f'<link rel="modulepreload" href="/{name}">\n' for name in paths if name.endswith(".js"))


def page(text):
    text = re.sub(r'<link rel="stylesheet" href="/([a-z.]+)">', inline, text)
    return text.replace("<script ", preloads() + "<script ", 1)


print('#include "bc_console_asset.h"\n')
rows = []
for i, path in enumerate(p for p in paths.values() if p.suffix != ".css"):
    data = page(path.read_text()).encode() if path.suffix == ".html" else path.read_bytes()
    url = "/" if path.suffix == ".html" else f"/{path.name}"
    print(f"static const unsigned char data{i}[] = {{{','.join(map(str, data))}}};")
    rows.append(f'\t{{ "{url}", "{TYPES[path.suffix]}", "\\"{hashlib.sha256(data).hexdigest()[:32]}\\"", data{i}, sizeof(data{i}) }},')
print("\nconst struct bc_console_file bc_console_files[] = {\n" + "\n".join(rows) + "\n\t{ 0 },\n};")
hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(s.encode()).digest()).decode()}'" for s in styles)
print(f'\nconst char bc_console_styles[] = "{hashes}";')
