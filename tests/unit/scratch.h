/* SPDX-License-Identifier: BSD-3-Clause */
/* Folders and files that are gone once the test program has ended, however it ends: a failed assertion, a timeout. */
#ifndef SCRATCH_H
#define SCRATCH_H

#include "bc_test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

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

/* As mkdtemp(3) and mkstemp(3). */
static inline char *scratch_folder(char *template)
{
	char *path = mkdtemp(template);

	if (path)
		scratch(path);
	return path;
}

static inline int scratch_file(char *template)
{
	int fd = mkstemp(template);

	if (fd >= 0)
		scratch(template);
	return fd;
}

/* A name that nothing has yet. */
static inline void scratch_name(char *template)
{
	int fd = scratch_file(template);

	assert_true(fd >= 0);
	close(fd);
	unlink(template);
}

#endif
