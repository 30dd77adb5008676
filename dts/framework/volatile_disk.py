# SPDX-License-Identifier: BSD-3-Clause
"""A disk that forgets, when the power is cut, what was not synced; for one process."""

import shutil

from .preload import preload


class VolatileDisk:
    """env is what a process needs to have this disk. Files that are not renamed while they are used are followed."""

    def __init__(self, folder):
        self._kept = folder / "kept"
        self._kept.mkdir()
        self.env = {"LD_PRELOAD": str(preload("volatile_disk", folder)), "VOLATILE_DISK": str(self._kept)}

    def after_power_cut(self, folder, to):
        """Copies of the files of a folder as they would be if the power were cut now."""
        for path in folder.iterdir():
            kept = self._kept / path.name
            if kept.exists():
                shutil.copyfile(kept, to / path.name)
            else:
                (to / path.name).touch()
        return to
