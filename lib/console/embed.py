# SPDX-License-Identifier: BSD-3-Clause
"""embed.py FILE... > C: the files of the console's page as one table of bytes, with a tag by which browsers keep them."""

import hashlib
import sys
from pathlib import Path

TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".svg": "image/svg+xml"}

print('#include "bc_console_asset.h"\n')
rows = []
for i, path in enumerate(map(Path, sys.argv[1:])):
    data = path.read_bytes()
    url = "/" if path.suffix == ".html" else f"/{path.name}"
    numbers = ",".join(map(str, data))
    print(f"static const unsigned char data{i}[] = {{{numbers}}};")
    rows.append(f'\t{{ "{url}", "{TYPES[path.suffix]}", "\\"{hashlib.sha256(data).hexdigest()[:32]}\\"", data{i}, sizeof(data{i}) }},')
print("\nconst struct bc_console_file bc_console_files[] = {\n" + "\n".join(rows) + "\n\t{ 0 },\n};")
