# SPDX-License-Identifier: BSD-3-Clause
"""A systemd that has booted, with the program and its units installed: this machine's own files under a layer that is thrown away."""

import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest

from .braidcap import SANITIZED, program
from .host import require_root
from .process import tool, wait_until

_ROOT = Path(__file__).parents[2]

# Runs the test's script as soon as the system is up, and ends the system with the script's exit status.
_UNIT = """[Unit]
Requires=basic.target
After=basic.target
SuccessAction=exit
FailureAction=exit
[Service]
Type=oneshot
ExecStart=/bin/bash -eu /check/script
StandardOutput=file:/check/out
StandardError=inherit
"""


class Booted:
    def __init__(self, root):
        self.root = root

    def run(self, script):
        """Boot, run the script (bash) as root, and power off; what it wrote. Fails if the script does."""
        check = self.root / "check"
        check.mkdir(exist_ok=True)
        (check / "script").write_text(script)
        (self.root / "etc/systemd/system/check.service").write_text(_UNIT)
        try:
            done = tool("systemd-nspawn", "--quiet", "--directory", self.root, "--private-network", "--register=no", "--keep-unit", "--bind-ro=/sys/module",
                        "--boot", "systemd.unit=check.service", check=False, timeout=300, stdin=subprocess.DEVNULL)
        except subprocess.TimeoutExpired as late:
            raise AssertionError(f"the script did not end: {(check / 'out').read_text()}") from late
        if not (check / "out").exists():
            pytest.skip(f"systemd cannot boot in a container here: {done.stdout[-500:]}{done.stderr[-500:]}")
        said = (check / "out").read_text()
        assert done.returncode == 0, f"{said}\n{done.stderr}"
        return said


def _unmount(path):
    """The kernel lets go of it a moment after the system's last process has ended."""
    wait_until(lambda: not tool("umount", path, check=False).returncode, f"the end of what uses {path}")


@contextmanager
def booted(folder):
    """SKIP without root, systemd-nspawn or overlayfs, or unless the program is the one that `meson install` would install."""
    require_root("systemd-nspawn", "meson", "mount")
    if SANITIZED or Path(program()) != _ROOT / "build/app/braidcap/braidcap":
        pytest.skip("needs the program as it is in build/")
    layer = folder / "layer"
    layer.mkdir()
    tool("mount", "-t", "tmpfs", "tmpfs", layer)
    try:
        upper, work, root = (layer / name for name in ("upper", "work", "root"))
        for path in (upper, work, root):
            path.mkdir()
        if tool("mount", "-t", "overlay", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", root, check=False).returncode:
            pytest.skip("no overlay of / can be mounted")
        try:
            tool("meson", "install", "-C", _ROOT / "build", "--no-rebuild", "--quiet", "--destdir", root)
            yield Booted(root)
        finally:
            _unmount(root)
    finally:
        _unmount(layer)
