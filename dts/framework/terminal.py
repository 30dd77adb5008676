# SPDX-License-Identifier: BSD-3-Clause
"""A real terminal without a person: tmux, whose keys are pressed and whose screen is read."""

import shutil
import shlex

import pytest

from .braidcap import program, sanitizers
from .process import environment, tool, unique, wait_until


class Terminal:
    """
    `braidcap ARGS` in a terminal of that size; once it has ended, the words "status N" stand on the screen. env is what it has in
    its environment beside ours.
    """

    def __init__(self, folder, args, columns=80, rows=24, env=None):
        if not shutil.which("tmux"):
            pytest.skip("needs the program tmux")
        self._socket = folder / unique("tmux")
        variables = [f"{name}={value}" for name, value in {**sanitizers(), **(env or {})}.items()]
        command = shlex.join(["env", *variables, program(), *[str(a) for a in args]])
        script = f"trap : INT; stty -a > {folder}/before; {command}; echo status $?; stty -a > {folder}/after; exec cat"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", columns, "-y", rows, "sh", "-c", script, env=environment(folder))
        self._folder = folder

    def __enter__(self):
        return self

    def __exit__(self, *_):
        print("--- the screen:", self._tmux("capture-pane", "-p", check=False), sep="\n")
        self._tmux("kill-server", check=False)

    def _tmux(self, *args, **options):
        return tool("tmux", "-S", self._socket, *args, **options).stdout

    @property
    def text(self):
        return self._tmux("capture-pane", "-p")

    @property
    def styled(self):
        """The screen with its attributes, as escape sequences."""
        return self._tmux("capture-pane", "-e", "-p")

    @property
    def title(self):
        return self._tmux("display-message", "-p", "#{pane_title}")

    def row(self, begin):
        """The first line that begins with these words; "": none does."""
        return next((line for line in self.text.splitlines() if line.startswith(begin)), "")

    def press(self, *keys):
        self._tmux("send-keys", *keys)

    def resize(self, columns, rows):
        self._tmux("resize-window", "-x", columns, "-y", rows)

    def wait(self, condition, what, timeout=60):
        """Until condition, given the text of the screen, is true."""
        try:
            return wait_until(lambda: condition(self.text), what, timeout)
        except TimeoutError as e:
            raise TimeoutError(f"{e}\n{self.text}") from None

    def wait_text(self, words, timeout=60):
        self.wait(lambda text: words in text, f"{words!r} on the screen", timeout)

    def wait_end(self, status=0, timeout=60):
        """The program has ended, with that status, and the terminal is as it was before."""
        self.wait_text(f"status {status}", timeout)
        after = wait_until(lambda: (path := self._folder / "after").exists() and path.read_text(), "stty")
        assert after == (self._folder / "before").read_text(), "the terminal has other settings"
        assert self.text.split() == ["status", str(status)], f"something is left on the screen:\n{self.text}"
