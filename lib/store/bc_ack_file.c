/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ack_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_file.h"
#include "bc_segname.h"

static int make_name(char dst[BC_SEGNAME_MAX], const char *series, const char *end)
{
	int n = snprintf(dst, BC_SEGNAME_MAX, ".acknowledged%s%s%s", series ? "~" : "", series ? series : "", end);

	return n < BC_SEGNAME_MAX ? 0 : -ENAMETOOLONG;
}

static int read_all(int fd, uint8_t *data, size_t len)
{
	for (size_t at = 0; at < len;) {
		ssize_t n = read(fd, data + at, len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EBADMSG;
		at += (size_t)n;
	}
	return 0;
}

static int read_file(int fd, struct bc_ack_table *ret)
{
	struct stat st;
	uint8_t *data;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode) || (uint64_t)st.st_size > bc_ack_block_size(BC_ACK_ENTRIES_MAX))
		return -EBADMSG;
	data = malloc((size_t)st.st_size + 1);
	if (!data)
		return -ENOMEM;
	r = read_all(fd, data, (size_t)st.st_size);
	if (!r)
		r = bc_ack_table_from_block(data, (size_t)st.st_size, ret);
	free(data);
	return r;
}

int bc_ack_file_read(int folder, const char *series, struct bc_ack_table *ret)
{
	char name[BC_SEGNAME_MAX];
	int r = make_name(name, series, ""), fd;

	if (r)
		return r;
	fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ELOOP ? -EBADMSG : -errno;
	r = read_file(fd, ret);
	close(fd);
	return r;
}

int bc_ack_file_begin(int folder, const char *series)
{
	char tmp[BC_SEGNAME_MAX];
	int r = make_name(tmp, series, ".new");

	return r ? r : bc_open_temporary(folder, tmp);
}

int bc_ack_file_end(int folder, const char *series, bool good)
{
	char name[BC_SEGNAME_MAX], tmp[BC_SEGNAME_MAX];
	int r = make_name(name, series, "");

	if (!r)
		r = make_name(tmp, series, ".new");
	if (r)
		return r;
	if (good && renameat(folder, tmp, folder, name) < 0)
		r = -errno;
	if (!good || r)
		unlinkat(folder, tmp, 0);
	return r;
}

int bc_ack_file_write(int folder, const char *series, const uint8_t *block, size_t len)
{
	int fd = bc_ack_file_begin(folder, series), r, end;

	if (fd < 0)
		return fd;
	r = bc_write_all(fd, block, len);
	if (!r && fdatasync(fd) < 0)
		r = -errno;
	end = bc_ack_file_end(folder, series, r == 0);
	close(fd);
	return r ? r : end;
}

int bc_ack_file_put(int folder, const char *series, const struct bc_ack_table *t)
{
	uint8_t *block;
	size_t len;
	int r = bc_ack_table_to_block(t, &block, &len);

	if (r)
		return r;
	r = bc_ack_file_write(folder, series, block, len);
	free(block);
	return r;
}
