# SPDX-License-Identifier: BSD-3-Clause
"""A disk that does not keep some files, for one process."""

import shutil
from pathlib import Path

import pytest

from .braidcap import SANITIZED
from .process import tool


class FailingDisk:
    """env is what a process needs to have this disk. All is well until the first fail()."""

    def __init__(self, folder):
        compiler = shutil.which("cc") or shutil.which("gcc")
        if not compiler or SANITIZED:
            pytest.skip("needs a C compiler and a program that is not sanitized")
        source, library = Path(__file__).with_suffix(".c"), folder / "failing_disk.so"
        tool(compiler, "-O1", "-shared", "-fPIC", "-o", library, source)
        self._orders = folder / "failing"
        self._orders.write_text("")
        self.env = {"LD_PRELOAD": str(library), "FAILING_DISK": str(self._orders)}

    def fail(self, text):
        """Half a second after each is asked for, syncs of files with this text in their names fail."""
        self._orders.write_text(text)

    def mend(self):
        self._orders.write_text("")
