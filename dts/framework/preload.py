# SPDX-License-Identifier: BSD-3-Clause
"""Libraries that are put before the C library of the program under test."""

import shutil
from pathlib import Path

import pytest

from .braidcap import SANITIZED
from .process import tool


def preload(name, folder):
    """The path of the library that framework/NAME.c becomes, in that folder. SKIP where there can be none."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler or SANITIZED:
        pytest.skip("needs a C compiler and a program that is not sanitized")
    library = folder / f"{name}.so"
    tool(compiler, "-O1", "-shared", "-fPIC", "-o", library, Path(__file__).with_name(f"{name}.c"), "-ldl")
    return library
