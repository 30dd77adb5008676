/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_extcap_fifo.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_time.h"

#define RETRY_MS 20

/* What has been opened, if it is a named pipe. */
static int check(const char *path, int fd, struct bc_err *err)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
		return 0;
	close(fd);
	return bc_err_set(err, -EINVAL, "--fifo: '%s' is not a named pipe", path);
}

int bc_extcap_fifo_open(const char *path, int signals, uint64_t timeout_ns, int *ret, struct bc_err *err)
{
	const uint64_t until_ns = bc_mono_ns() + timeout_ns;
	int fd, r;

	while ((fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY)) < 0) {
		struct pollfd p = { .fd = signals, .events = POLLIN };

		if (errno != ENXIO)
			return bc_err_set(err, -errno, "--fifo: '%s': %s", path, strerror(errno));
		if (bc_mono_ns() >= until_ns)
			return bc_err_set(err, -ETIMEDOUT, "--fifo: '%s': nobody reads from it", path);
		if (poll(&p, 1, RETRY_MS) > 0)
			return 1;
	}
	r = check(path, fd, err);
	if (!r)
		*ret = fd;
	return r;
}
