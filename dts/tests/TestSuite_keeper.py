# SPDX-License-Identifier: BSD-3-Clause
"""What faces the network has no rights to the folder that it stores in: another process keeps it. The unit test `keeper` asks that for what it refuses."""

import ctypes
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from framework.braidcap import SANITIZED
from framework.checks import assert_lossless, published_of, temporary, verify_segments
from framework.packets import frames, timed
from framework.peer import Peer
from framework.process import free_port, wait_until
from framework.test_suite import TestSuite, func_test, verify

# A fault in a parser that runs whatever it likes inside the process: at SIGUSR1 it says how far each gets.
FAULT = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void tell(const char *what, int r)
{
	dprintf(2, "fault: %s: %s\n", what, r < 0 ? strerror(errno) : "done");
}

static void try_all(const char *folder, const char *segment, const char *keeper)
{
	char path[512];
	int fd = open(folder, O_RDONLY | O_DIRECTORY);

	tell("list", fd);
	tell("write", open(segment, O_WRONLY));
	tell("truncate", open(segment, O_WRONLY | O_TRUNC));
	tell("remove", unlink(segment));
	snprintf(path, sizeof(path), "%s/more", folder);
	tell("make", open(path, O_WRONLY | O_CREAT, 0600));
	snprintf(path, sizeof(path), "/proc/%s/mem", keeper);
	tell("keeper", open(path, O_RDWR));
	tell("over", 0);
}

int sigtimedwait(const sigset_t *set, siginfo_t *info, const struct timespec *limit)
{
	int (*next)(const sigset_t *, siginfo_t *, const struct timespec *) = dlsym(RTLD_NEXT, "sigtimedwait");
	int sig = next(set, info, limit);
	char line[1024], *at = line;
	FILE *f = sig == SIGUSR1 ? fdopen(dup(0), "r") : NULL;

	if (f && fgets(line, sizeof(line), f)) {
		const char *folder = strsep(&at, " \n"), *segment = strsep(&at, " \n");

		try_all(folder, segment, strsep(&at, " \n"));
	}
	return sig;
}
"""


class TestKeeper(TestSuite):
    def collector(self, *args, **options):
        """A collector of one node; its folder is self.out."""
        self.port, self.out = free_port(), self.folder / "out"
        self.out.mkdir(exist_ok=True)
        return self.collect("-l", f"127.0.0.1:{self.port}", "--allow", "node=127.0.0.1", "-w", f"{self.out}/", *args, **options)

    def packets(self, n, **options):
        peer = self.stack.enter_context(Peer(self.port, **options))
        peer.hello()
        peer.packets(timed(frames(0, n)))
        return peer

    def keeper_of(self, run):
        for pid in Path(f"/proc/{run.process.pid}/task/{run.process.pid}/children").read_text().split():
            if Path(f"/proc/{pid}/comm").read_text() == "bc-keeper\n":
                return int(pid)
        return None

    def needs_landlock(self):
        create_ruleset, version = 444, 1
        if ctypes.CDLL(None).syscall(create_ruleset, None, 0, version) < 1:
            pytest.skip("a kernel without Landlock")

    def faulty(self, *args):
        """A collector with the fault, which has published a segment; and how far each of its tries gets."""
        compiler = shutil.which("cc")
        if not compiler or SANITIZED:
            pytest.skip("no compiler, or a sanitized build, before which nothing may be loaded")
        library, source = self.folder / "fault.so", self.folder / "fault.c"
        source.write_text(FAULT)
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
        told, self.tell = os.pipe()
        self.stack.callback(os.close, self.tell)
        # Its standard input says where to try.
        run = self.collector(*args, env={"LD_PRELOAD": str(library)}, stdin=told)
        os.close(told)
        return run

    def tries(self, run, folder, segment):
        os.write(self.tell, f"{folder} {segment} {self.keeper_of(run) or run.process.pid}\n".encode())
        run.signal(signal.SIGUSR1)
        wait_until(lambda: "fault: over" in run.stderr, "its tries")
        return dict(line.split(": ")[1:3] for line in run.stderr.splitlines() if line.startswith("fault: "))

    @func_test
    def a_fault_in_what_faces_the_network_gets_no_further(self):
        """It neither changes nor removes what is published, nor makes anything; with --no-sandbox it does."""
        self.needs_landlock()
        run = self.faulty()
        self.packets(500).close()
        run.wait_written(500)
        run.ask("/braidcap/rotate")
        segment = wait_until(lambda: published_of(self.out, "node"), "a segment")[0]
        before = segment.read_bytes()
        got = self.tries(run, self.out, segment)
        verify({got[k] for k in ("write", "truncate", "remove", "make", "keeper")} == {"Permission denied"}, f"{got}")
        self.packets(500).close()
        assert_lossless(run.stop(), 1000)
        verify(segment.read_bytes() == before, "a published segment has changed")
        verify(sum(len(verify_segments([p])) for p in published_of(self.out, "node")) == 1000, "packets are missing")

    @func_test
    def a_collector_ends_without_its_keeper(self):
        """It is killed: the collector says so and ends with 1; what is written is not lost, and what is not is counted."""
        run = self.collector()
        peer = self.packets(1000)
        run.wait_written(1000)
        os.kill(self.keeper_of(run), signal.SIGKILL)
        run.finish(rc=1)
        peer.close()
        verify("has ended: no segment can be made or named any more" in run.stderr, run.stderr)
        verify("1000 received = 1000 written" in run.stderr, run.stderr)
        (left,) = temporary(self.out)
        self.braidcap("recover", left)
        verify(len(verify_segments(published_of(self.out, "node"))) == 1000, "packets are missing")

    @func_test
    def a_keeper_ends_with_its_collector(self):
        """The collector is killed: nothing stays, and the next one goes on in the same folder."""
        run = self.collector()
        self.packets(1000)
        run.wait_written(1000)
        keeper = Path(f"/proc/{self.keeper_of(run)}")
        # Standard error and its socket, and of the folder its place.
        verify({p.name for p in (keeper / "fd").iterdir()} == {"0", "1", "2", "3", "4"}, [os.readlink(p) for p in (keeper / "fd").iterdir()])
        run.process.kill()
        run.process.wait()
        wait_until(lambda: not keeper.exists() or "State:\tZ" in (keeper / "status").read_text(), "its end")
        (left,) = temporary(self.out)
        self.braidcap("recover", left)
        verify(len(verify_segments(published_of(self.out, "node"))) == 1000, "packets are missing")
        run = self.collector()
        self.packets(1000).close()
        run.wait_written(1000)
        assert_lossless(run.stop(), 1000)
