# SPDX-License-Identifier: BSD-3-Clause
"""A disk that does not keep some files, for one process."""

from .preload import preload


class FailingDisk:
    """env is what a process needs to have this disk. All is well until the first hold() or fail()."""

    def __init__(self, folder):
        self._orders = folder / "failing"
        self.mend()
        self.env = {"LD_PRELOAD": str(preload("failing_disk", folder)), "FAILING_DISK": str(self._orders)}

    def _order(self, text):
        """At once: the file is written over in its place."""
        with open(self._orders, "r+b" if self._orders.exists() else "wb", buffering=0) as f:
            f.write(text.encode().ljust(255, b"\0"))

    def hold(self, text):
        """Syncs of files with this text in their names wait for what comes next."""
        self._order(f"?{text}")

    def fail(self, text):
        """They fail."""
        self._order(text)

    def mend(self):
        self._order("")
