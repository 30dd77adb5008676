/* SPDX-License-Identifier: BSD-3-Clause */
/* Folders and files that are gone once the test program has ended, however it ends: a failed assertion, a timeout. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Of a path here. Sockets stand below some, whose paths are 108 bytes at most. */
#define SCRATCH_MAX 64

/* Reads names until nobody is left to send one. Some are disks that a test mounted. */
#define SCRATCH_REMOVER "while read -r name; do set -- \"$@\" \"$name\"; done; " \
			"rm -rf -- \"$@\" || { umount -l \"$@\"; rm -rf -- \"$@\"; }"

/* Neither a child of the test program, which may wait for all of its own, nor in the group that a timeout kills. */
static inline void scratch_remove_at_end(int names)
{
	int null;

	if (fork() != 0)
		_exit(0);
	setsid();
	null = open("/dev/null", O_RDWR);
	dup2(names, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	execl("/bin/sh", "sh", "-c", SCRATCH_REMOVER, "sh", NULL);
	_exit(1);
}

static inline void scratch(const char *path)
{
	static int to_remover = -1;
	int names[2];

	if (to_remover < 0) {
		pid_t child;

		assert_int_equal(pipe2(names, O_CLOEXEC), 0);
		child = fork();
		if (child == 0)
			scratch_remove_at_end(names[0]);
		assert_true(child > 0);
		waitpid(child, NULL, 0);
		close(names[0]);
		to_remover = names[1];
	}
	dprintf(to_remover, "%s\n", path);
}

/* A path below $TMPDIR, or below /tmp, for mkdtemp(3) and mkstemp(3). */
static inline void scratch_template(char path[SCRATCH_MAX], const char *name)
{
	const char *folder = getenv("TMPDIR");
	int n = snprintf(path, SCRATCH_MAX, "%s/%s-XXXXXX", folder && *folder ? folder : "/tmp", name);

	if (n >= SCRATCH_MAX)
		fail_msg("TMPDIR is too long: %s", folder);
}

/* Creates a folder whose name begins with name; its path goes to path. */
static inline void scratch_folder(char path[SCRATCH_MAX], const char *name)
{
	scratch_template(path, name);
	if (!mkdtemp(path))
		fail_msg("%s: %s", path, strerror(errno));
	scratch(path);
}

/* The same with a file, which is open for reading and writing. */
static inline int scratch_file(char path[SCRATCH_MAX], const char *name)
{
	int fd;

	scratch_template(path, name);
	fd = mkstemp(path);
	if (fd < 0)
		fail_msg("%s: %s", path, strerror(errno));
	scratch(path);
	return fd;
}

/* A name that nothing has yet. */
static inline void scratch_name(char path[SCRATCH_MAX], const char *name)
{
	close(scratch_file(path, name));
	unlink(path);
}

#endif
