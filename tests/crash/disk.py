# SPDX-License-Identifier: BSD-3-Clause
"""A file system on a disk whose power can be cut: what was not flushed to it is then gone, or some of it."""
import contextlib
import os
import pathlib
import shutil
import subprocess

from framework.process import tool, wait_until

MIB = 192


def missing():
    """Why there can be no such disk here; None where there can."""
    if os.geteuid() != 0:
        return "needs root"
    absent = [name for name in ("cc", "pkg-config", "fusermount3", "mkfs.ext4", "losetup") if not shutil.which(name)]
    if absent:
        return f"needs the program {absent[0]}"
    return "needs the package libfuse3-dev" if tool("pkg-config", "--exists", "fuse3", check=False).returncode else None


def _build(folder):
    flags = tool("pkg-config", "--cflags", "--libs", "fuse3").stdout.split()
    program = folder / "disk"
    tool("cc", "-O2", "-o", program, pathlib.Path(__file__).with_name("disk.c"), *flags, "-lpthread")
    return program


@contextlib.contextmanager
def mounted(image, at):
    """The file system in that file."""
    at.mkdir(exist_ok=True)
    tool("mount", "-o", "loop", image, at)
    try:
        yield at
    finally:
        tool("umount", at)


class Disk:
    """files is a folder on it; it is an ext4 behind a loop device."""

    def __init__(self, folder):
        self._stack = contextlib.ExitStack()
        fuse, self.files = folder / "fuse", folder / "files"
        fuse.mkdir()
        self.files.mkdir()
        self._process = subprocess.Popen([_build(folder), fuse, str(MIB)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                         start_new_session=True)
        self._stack.callback(self._process.wait)
        # The program ends by it, even while another mount namespace has a copy of the mounts.
        self._stack.callback(self._process.stdin.close)
        self._stack.callback(tool, "umount", "--lazy", fuse, check=False)
        try:
            wait_until(lambda: self._process.poll() is not None or (fuse / "disk").exists(), "the disk")
            tool("mkfs.ext4", "-q", "-F", fuse / "disk")
            device = tool("losetup", "--find", "--show", fuse / "disk").stdout.strip()
            self._stack.callback(tool, "losetup", "--detach", device)
            tool("mount", device, self.files)
            self._stack.callback(tool, "umount", self.files)
        except BaseException:
            self._stack.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stack.close()

    def flush(self):
        """All that is on it is safe."""
        tool("sync", "--file-system", self.files)

    def cut(self, image, percent):
        """The file image becomes the disk as a power cut would leave it now, with so many of the blocks that were not flushed."""
        print(percent, os.fspath(image), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline().strip()
        if answer != "ok":
            raise OSError(f"the disk could not be cut: {answer}")
