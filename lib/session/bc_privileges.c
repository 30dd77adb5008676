/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_privileges.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bc_thread.h"

#define NICE_OF_ALL 20	/* the limit that allows nice 0 */
#define SHED_ROUNDS 100
#define SHED_ROUND_NS 10000000

int bc_privileges_drop(const char *user, struct bc_err *err)
{
	struct passwd *pw = getpwnam(user);
	char *end;
	unsigned long uid = strtoul(user, &end, 10);

	if (!pw && user[0] && !*end)
		pw = getpwuid((uid_t)uid);
	if (!pw)
		return bc_err_set(err, -EINVAL, "no such user: '%s'", user);
	if (getuid() == pw->pw_uid && geteuid() == pw->pw_uid)
		return 0;
	if (initgroups(pw->pw_name, pw->pw_gid) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid))
		return bc_err_set(err, -errno, "cannot switch to user '%s': %s: only root can", user, strerror(errno));
	if (pw->pw_uid && (setuid(0) == 0 || seteuid(0) == 0))
		return bc_err_set(err, -EPERM, "switched to user '%s', but root could be regained: refusing to "
				  "continue", user);
	return 0;
}

void bc_privileges_keep_priority(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NICE, &l) < 0 || l.rlim_cur >= NICE_OF_ALL)
		return;
	l.rlim_cur = NICE_OF_ALL;
	l.rlim_max = l.rlim_max > NICE_OF_ALL ? l.rlim_max : NICE_OF_ALL;
	setrlimit(RLIMIT_NICE, &l);
}

int bc_privileges_forswear(struct bc_err *err)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ? bc_err_set(err, -errno, "cannot give up the way to more rights: %s",
									strerror(errno)) : 0;
}

static int try_as(const char *user, int (*check)(const char *arg), const char *arg)
{
	int status = 0;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0)
		_exit(bc_privileges_drop(user, NULL) ? EPERM : -check(arg));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int bc_privileges_try(const char *user, int (*check)(const char *arg), const char *arg, const char *what, struct bc_err *err)
{
	int r = user ? try_as(user, check, arg) : check(arg);

	return r ? bc_err_set(err, r, "%s '%s'%s%s: %s", what, arg, user ? " as user " : "", user ? user : "", strerror(-r)) : 0;
}

/* Capabilities belong to a thread, and only the thread itself can change them, so each is told to by a signal. */
static void shed_mine(int sig)
{
	int saved = errno;

	bc_thread_shed();
	errno = saved;
}

static bool has_capabilities(const char *tid)
{
	char path[64], line[256];
	unsigned long long set = 0;
	bool any = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/status", tid);
	f = fopen(path, "re");
	if (!f)
		return false;	/* the thread is gone */
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "CapPrm: %llx", &set) == 1)
			any = set != 0;
	fclose(f);
	return any;
}

/* Signal those threads that still have capabilities; how many. */
static int tell_threads(void)
{
	DIR *tasks = opendir("/proc/self/task");
	const struct dirent *d;
	int n = 0;

	if (!tasks)
		return -errno;
	while ((d = readdir(tasks)))
		if (d->d_name[0] != '.' && has_capabilities(d->d_name)) {
			syscall(SYS_tgkill, getpid(), atoi(d->d_name), BC_SIGNAL_EACH);
			n++;
		}
	closedir(tasks);
	return n;
}

int bc_privileges_shed(struct bc_err *err)
{
	const struct sigaction act = { .sa_handler = shed_mine, .sa_flags = SA_RESTART };
	int left = 1;

	sigaction(BC_SIGNAL_EACH, &act, NULL);
	for (int i = 0; left > 0 && i < SHED_ROUNDS; i++) {
		left = tell_threads();
		if (left > 0)
			nanosleep(&(struct timespec){ .tv_nsec = SHED_ROUND_NS }, NULL);
	}
	signal(BC_SIGNAL_EACH, SIG_IGN);
	return left ? bc_err_set(err, left < 0 ? left : -EPERM, "cannot drop the capabilities: refusing to "
				 "continue") : 0;
}
