# SPDX-License-Identifier: BSD-3-Clause
"""What is installed beside the program: units of systemd, completion for shells, the rest of a package."""

import re
import shutil
from pathlib import Path

import pytest

from framework.braidcap import SANITIZED, program
from framework.process import tool
from framework.test_suite import TestSuite, func_test, verify

ROOT = Path(__file__).parents[2]
# What systemd's own analysis gives a service, from 0 (nothing can happen) to 10.
EXPOSURE = {"braidcap@.service": 2.5, "braidcap-collect@.service": 1.5, "braidcap-console.service": 1.5, "braidcap-upload@.service": 1.5}


class TestInstall(TestSuite):
    def unit(self, name):
        """The unit as it is installed below /usr; an instance of a template."""
        path = self.folder / name.replace("@", "@test")
        path.write_text((ROOT / "config" / f"{name}.in").read_text().replace("@bindir@", "/bin").replace("/bin/braidcap ", "/bin/true "))
        return path

    @func_test
    def units_expose_little(self):
        """Each unit is understood, and leaves the service little that it could do."""
        if not shutil.which("systemd-analyze"):
            pytest.skip("needs the program systemd-analyze")
        for name, most in EXPOSURE.items():
            path = self.unit(name)
            complaints = [line for line in tool("systemd-analyze", "verify", "--man=no", path, check=False).stderr.splitlines()
                          if "braidcap" in line]
            verify(not complaints, complaints)
            said = tool("systemd-analyze", "security", "--offline=yes", "--no-pager", path, check=False).stdout
            found = re.search(r"exposure level for .*: ([\d.]+)", said)
            if not found:
                pytest.skip("systemd-analyze cannot look at a file")
            verify(float(found[1]) <= most, said)

    @func_test
    def everything_of_the_packages_is_installed(self):
        """`meson install` puts down what the Debian packages are made of."""
        if SANITIZED or Path(program()) != ROOT / "build/app/braidcap/braidcap" or not shutil.which("meson"):
            pytest.skip("needs meson, and the program as it is in build/")
        tool("meson", "install", "-C", ROOT / "build", "--no-rebuild", "--quiet", "--destdir", self.folder)
        installed = {p.relative_to(self.folder).as_posix() for p in self.folder.rglob("*") if not p.is_dir()}
        # The link for Wireshark is installed where an option says.
        for package in ("braidcap", "braidcap-console"):
            for path in (ROOT / f"debian/{package}.install").read_text().split():
                # /lib of Debian 12 is PREFIX/lib otherwise; /etc/braidcap is Debian's.
                path = re.sub("^(usr/)?", "", path)
                verify(path.startswith("etc/") or any(f"/{path}" in f"/{name}" for name in installed), f"{path} of {package} is not installed")
        for name in ("bin/mtracecap", "man/man1/braidcap.1", "examples/capture.yaml", "doc/braidcap/docs/operations.md"):
            verify(any(name in path for path in installed), f"no {name}")

    def commands(self):
        return re.findall(r"^  ([a-z-]+) +\w", self.braidcap("--help").stdout, re.M)

    def options(self, command):
        """The options that the help of a command explains, or names as those of another one."""
        text = self.braidcap(command, "--help").stdout
        lines = [line[:26] if re.match(r".{25} \S+ ", line) else re.split(r"(?<=\S)  ", line)[0] for line in text.splitlines()
                 if re.match(r"  (    )?-", line)]
        parts = [" ".join(line for line in part.splitlines() if line[:1].strip()) for part in re.split(r"\n *\n", text)]
        prose = [part for part in parts if "as for capture" in part]
        prose += re.findall(r"^(?:usage:|      ) braidcap .*", text, re.M)
        return {o for line in lines + prose for o in re.findall(r"--[a-z][a-z0-9_-]+", line)}

    def bash(self, *words):
        """What bash offers for the last of these words."""
        line = " ".join(f"'{w}'" for w in (program(), *words))
        return tool("bash", "-c", f"source '{ROOT}/scripts/completion/braidcap.bash'; COMP_WORDS=({line}); "
                    f'COMP_CWORD={len(words)}; _braidcap; printf "%s\\n" "${{COMPREPLY[@]}}"').stdout.split()

    def zsh(self, *words):
        """The same of zsh, whose own functions only show what they are given."""
        if not shutil.which("zsh"):
            pytest.skip("needs the program zsh")
        line = " ".join(f"'{w}'" for w in (program(), *words))
        return [word.split(":")[0] for word in tool(
            "zsh", "-fc", f"words=({line}); CURRENT={len(words) + 1}; _describe() {{ print -rl -- ${{(P)2}} }}; compadd() {{ print -rl -- ${{@:2}} }}; "
            f"_files() {{ print FILES }}; _message() {{ }}; source '{ROOT}/scripts/completion/_braidcap'").stdout.splitlines()]

    def completes(self, complete):
        commands = self.commands()
        verify(len(commands) > 10 and set(complete("")) == set(commands), complete(""))
        # What Wireshark alone calls is not explained option by option.
        for command in set(commands) - {"help", "version", "extcap"}:
            offered, there = {o for o in complete(command, "-") if o.startswith("--")}, self.options(command)
            verify(offered == there, f"{command}: {offered ^ there}")
        verify(set(complete("find", "--priority", "")) == {"idle", "normal"}, complete("find", "--priority", ""))
        verify("rotate" in complete("ctl", ""), complete("ctl", ""))

    @func_test
    def bash_completes_what_there_is(self):
        """All options that a command has, and no others; of some the values."""
        self.completes(self.bash)
        verify("zstd" in self.bash("capture", "-Z", ""), self.bash("capture", "-Z", ""))
        verify(set(self.bash("collect", "--io", "")) == {"auto", "direct", "buffered"}, self.bash("collect", "--io", ""))

    @func_test
    def zsh_completes_what_there_is(self):
        """The same of zsh."""
        self.completes(self.zsh)

    @func_test
    def explained_options_exist(self):
        """The help, from which completion comes, names no option that the program refuses."""
        for command in set(self.commands()) - {"plan", "help", "version", "extcap"}:
            for option in self.options(command) - {"--help", "--libtrace-help"}:
                done = self.braidcap(command, option, "1", "--no-such-option", check=False)
                verify(done.returncode and f"unknown option '{option}'" not in done.stderr,
                       f"{command} {option}: {done.stderr}")
