/* SPDX-License-Identifier: BSD-3-Clause */
#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

int privileges_drop(const char *user, struct bc_err *err)
{
	struct passwd *pw = getpwnam(user);
	char *end;
	unsigned long uid = strtoul(user, &end, 10);

	if (!pw && user[0] && !*end)
		pw = getpwuid((uid_t)uid);
	if (!pw)
		return bc_err_set(err, -EINVAL, "there is no user '%s' to become", user);
	if (getuid() == pw->pw_uid && geteuid() == pw->pw_uid)
		return 0;
	if (initgroups(pw->pw_name, pw->pw_gid) || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid))
		return bc_err_set(err, -errno, "cannot become '%s': %s: only root can", user, strerror(errno));
	if (pw->pw_uid && (setuid(0) == 0 || seteuid(0) == 0))
		return bc_err_set(err, -EPERM, "became '%s', but root could be had back: not going on", user);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return 0;
}
