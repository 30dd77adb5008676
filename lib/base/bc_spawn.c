/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

static int set_files(posix_spawn_file_actions_t *files, int in_fd, int out_fd)
{
	int e = in_fd < 0 ? posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0) :
		posix_spawn_file_actions_adddup2(files, in_fd, STDIN_FILENO);

	if (!e)
		e = posix_spawn_file_actions_adddup2(files, out_fd, STDOUT_FILENO);
	return e ? e : posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
}

static void set_attributes(posix_spawnattr_t *attr)
{
	sigset_t none, all;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_setflags(attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(attr, 0);
	posix_spawnattr_setsigmask(attr, &none);
	posix_spawnattr_setsigdefault(attr, &all);
}

int bc_spawn_shell(char *const argv[], char *const env[], int in_fd, int out_fd, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	int e;

	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attr);
	set_attributes(&attr);
	e = set_files(&files, in_fd, out_fd);
	if (!e)
		e = posix_spawn(ret, "/bin/sh", &files, &attr, argv, env);
	posix_spawnattr_destroy(&attr);
	posix_spawn_file_actions_destroy(&files);
	return -e;
}
