# SPDX-License-Identifier: BSD-3-Clause
"""A disk that does not keep some files, for one process."""

from .preload import preload


class FailingDisk:
    """env is what a process needs to have this disk. All is well until the first fail()."""

    def __init__(self, folder):
        self._orders = folder / "failing"
        self._orders.write_text("")
        self.env = {"LD_PRELOAD": str(preload("failing_disk", folder)), "FAILING_DISK": str(self._orders)}

    def fail(self, text):
        """Half a second after each is asked for, syncs of files with this text in their names fail."""
        self._orders.write_text(text)

    def mend(self):
        self._orders.write_text("")
