/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * disk FOLDER MIB: a file "disk" in FOLDER (FUSE, in memory) that is a disk with a volatile cache: a written block is safe after the next
 * fsync. A line "PERCENT PATH" on stdin cuts the power: PATH becomes what the disk then holds, of the blocks that were not safe PERCENT,
 * drawn block by block. The answer is a line, "ok" or what failed; the disk itself goes on, until stdin ends.
 */
#define FUSE_USE_VERSION 31
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define BLOCK 4096U

static struct {
	pthread_mutex_t lock;
	size_t size;
	char *now, *safe;
	bool *unsafe;		/* by block */
} disk = { .lock = PTHREAD_MUTEX_INITIALIZER };

static int disk_getattr(const char *path, struct stat *st, struct fuse_file_info *info)
{
	(void)info;
	if (strcmp(path, "/") == 0) {
		st->st_mode = S_IFDIR | 0700;
	} else if (strcmp(path, "/disk") == 0) {
		st->st_mode = S_IFREG | 0600;
		st->st_size = (off_t)disk.size;
	} else {
		return -ENOENT;
	}
	st->st_nlink = 1;
	return 0;
}

static int disk_open(const char *path, struct fuse_file_info *info)
{
	(void)path;
	info->direct_io = 1;	/* the kernel's cache would hold back what was written */
	return 0;
}

static size_t within(size_t n, off_t at)
{
	size_t left = (size_t)at < disk.size ? disk.size - (size_t)at : 0;

	return n < left ? n : left;
}

static int disk_read(const char *path, char *to, size_t n, off_t at, struct fuse_file_info *info)
{
	(void)path, (void)info;
	n = within(n, at);
	pthread_mutex_lock(&disk.lock);
	memcpy(to, disk.now + at, n);
	pthread_mutex_unlock(&disk.lock);
	return (int)n;
}

static int disk_write(const char *path, const char *from, size_t n, off_t at, struct fuse_file_info *info)
{
	(void)path, (void)info;
	n = within(n, at);
	if (n == 0)
		return -ENOSPC;
	pthread_mutex_lock(&disk.lock);
	memcpy(disk.now + at, from, n);
	for (size_t block = (size_t)at / BLOCK; block <= ((size_t)at + n - 1) / BLOCK; block++)
		disk.unsafe[block] = true;
	pthread_mutex_unlock(&disk.lock);
	return (int)n;
}

static int disk_fsync(const char *path, int data_only, struct fuse_file_info *info)
{
	(void)path, (void)data_only, (void)info;
	pthread_mutex_lock(&disk.lock);
	for (size_t block = 0; block < disk.size / BLOCK; block++) {
		if (disk.unsafe[block])
			memcpy(disk.safe + block * BLOCK, disk.now + block * BLOCK, BLOCK);
		disk.unsafe[block] = false;
	}
	pthread_mutex_unlock(&disk.lock);
	return 0;
}

/* Zeros are left out: a new file has them. */
static int write_block(int fd, size_t block, const char *from)
{
	static const char zeros[BLOCK];
	ssize_t n;

	if (memcmp(from, zeros, BLOCK) == 0)
		return 0;
	n = pwrite(fd, from, BLOCK, (off_t)(block * BLOCK));
	return n == BLOCK ? 0 : n < 0 ? -errno : -ENOSPC;
}

static int cut(const char *path, int percent)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), r;

	if (fd < 0)
		return -errno;
	r = ftruncate(fd, (off_t)disk.size) < 0 ? -errno : 0;
	pthread_mutex_lock(&disk.lock);
	for (size_t block = 0; r == 0 && block < disk.size / BLOCK; block++)
		r = write_block(fd, block, (disk.unsafe[block] && random() % 100 < percent ? disk.now : disk.safe) + block * BLOCK);
	pthread_mutex_unlock(&disk.lock);
	close(fd);
	return r;
}

static void *obey(void *unused)
{
	char line[4200], path[4096];
	int percent, r;

	(void)unused;
	while (fgets(line, sizeof(line), stdin)) {
		r = sscanf(line, "%d %4095[^\n]", &percent, path) == 2 ? cut(path, percent) : -EINVAL;
		printf("%s\n", r == 0 ? "ok" : strerror(-r));
		fflush(stdout);
	}
	exit(0);
}

static void *init(struct fuse_conn_info *connection, struct fuse_config *config)
{
	pthread_t thread;

	(void)connection, (void)config;
	if (pthread_create(&thread, NULL, obey, NULL) != 0)
		abort();
	pthread_detach(thread);
	return NULL;
}

static void *memory(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? NULL : p;
}

int main(int argc, char **argv)
{
	static const struct fuse_operations operations = {
		.init = init, .getattr = disk_getattr, .open = disk_open, .read = disk_read, .write = disk_write, .fsync = disk_fsync,
	};

	if (argc != 3)
		return 2;
	disk.size = (size_t)atoi(argv[2]) << 20;
	disk.now = memory(disk.size);
	disk.safe = memory(disk.size);
	disk.unsafe = calloc(disk.size / BLOCK + 1, sizeof(*disk.unsafe));
	if (!disk.now || !disk.safe || !disk.unsafe)
		return 1;
	return fuse_main(4, ((char *[]){ argv[0], argv[1], "-f", "-s", NULL }), &operations, NULL);
}
