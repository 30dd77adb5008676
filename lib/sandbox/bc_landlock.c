/* SPDX-License-Identifier: BSD-3-Clause */
/* By Landlock's own system calls, for which the C library has no functions. */
#include "bc_landlock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif

#define READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* All of the first version, then what later ones have added. */
#define VERSION_1 ((1ULL << 13) - 1)
#define OF_DEVICES (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define OF_SOCKETS (LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR)
/* Nobody makes devices: one of a disk would be the whole disk. */
#define OF_FOLDERS (~(uint64_t)(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK))
/* Of what may be done to a folder, what may be done to a file. */
#define OF_FILES (LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_TRUNCATE)
#define DEPTH 32

struct rules {
	int fd;
	uint64_t handled;
};

/* A path that cannot be opened cannot be read later either. */
static void allow_at(const struct rules *r, int dir, const char *path, uint64_t access)
{
	struct landlock_path_beneath_attr beneath = { .allowed_access = access & r->handled };
	struct stat st;

	beneath.parent_fd = openat(dir, path, O_PATH | O_CLOEXEC);
	if (beneath.parent_fd < 0)
		return;
	if (fstat(beneath.parent_fd, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			beneath.allowed_access &= OF_FILES;
		syscall(SYS_landlock_add_rule, r->fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
	}
	close(beneath.parent_fd);
}

static void allow(const struct rules *r, const char *path, uint64_t access)
{
	allow_at(r, AT_FDCWD, path, access);
}

/* The files elsewhere to which links in the folder, or below it, point. Takes dir. */
static void allow_links(const struct rules *r, int dir, unsigned depth)
{
	DIR *d = dir < 0 ? NULL : fdopendir(dir);
	const struct dirent *e;

	while (d && (e = readdir(d))) {
		struct stat st;

		if (e->d_name[0] == '.')
			continue;
		if (e->d_type == DT_DIR && depth < DEPTH)
			allow_links(r, openat(dir, e->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), depth + 1);
		else if (e->d_type == DT_LNK && fstatat(dir, e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			allow_at(r, dir, e->d_name, READ);
	}
	if (d)
		closedir(d);
	else if (dir >= 0)
		close(dir);
}

/* Time zones, libraries that are loaded late, the machine's CPUs. */
static void allow_system(const struct rules *r)
{
	static const char *const read[] = {
		"/usr", "/lib", "/lib64", "/etc/localtime", "/etc/ld.so.cache", "/proc/self", "/proc/stat", "/proc/cpuinfo", "/proc/meminfo",
		"/sys/devices/system/cpu", "/dev/urandom", "/dev/zero",
	};

	for (size_t i = 0; i < sizeof(read) / sizeof(read[0]); i++)
		allow(r, read[i], READ);
	allow(r, "/dev/null", READ | OF_DEVICES);
}

static void allow_each(const struct rules *r, char *const *path, size_t n, uint64_t access)
{
	for (size_t i = 0; i < n; i++)
		allow(r, path[i], access);
}

int bc_landlock_enter(const struct bc_sandbox *s)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	struct landlock_ruleset_attr attr = { .handled_access_fs = VERSION_1 };
	struct rules r;
	int e;

	if (version < 1)
		return version < 0 ? -errno : -ENOSYS;
	if (version >= 2)
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
	if (version >= 3)
		attr.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (!s->read)
		attr.handled_access_fs &= ~(uint64_t)READ;
	r.handled = attr.handled_access_fs;
	r.fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr.handled_access_fs), 0);
	if (r.fd < 0)
		return -errno;
	allow_system(&r);
	for (size_t i = 0; i < s->n_read; i++) {
		allow(&r, s->read[i], READ);
		allow_links(&r, open(s->read[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC), 0);
	}
	allow_each(&r, s->write, s->n_write, OF_FOLDERS);
	allow_each(&r, s->socket, s->n_socket, OF_SOCKETS);
	allow_each(&r, s->device, s->n_device, OF_DEVICES);
	e = syscall(SYS_landlock_restrict_self, r.fd, 0) < 0 ? -errno : 0;
	close(r.fd);
	return e;
}
