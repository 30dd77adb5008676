/* SPDX-License-Identifier: BSD-3-Clause */
/* A queue with files behind it, in a folder of its own: numbered packets go in and come out. */
#ifndef SPOOL_BED_H
#define SPOOL_BED_H

#include "bc_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_spool.h"
#include "scratch.h"

#define MEMORY 65536U
#define LIMIT (1U << 30)
#define PAYLOAD 1000U
#define MESSAGE (BC_WIRE_HEADER + PAYLOAD)

static char folder[SCRATCH_MAX];
static struct bc_spool_disk *disk;
static struct bc_spool *s;
static struct bc_err err;

static inline int open_limited(uint64_t limit)
{
	return bc_spool_disk_open(folder, limit, NULL, &disk, &err);
}

static inline void open_queue(void)
{
	assert_int_equal(open_limited(LIMIT), 0);
	assert_int_equal(bc_spool_init(s, MEMORY, disk), 0);
	bc_spool_keep(s, true);
}

/* As kill -9 does it: nothing more is written. */
static inline void die(void)
{
	bc_spool_fini(s);
	bc_spool_disk_close(disk);
	disk = NULL;
}

static inline int begin(void **state)
{
	scratch_folder(folder, "bc-spool");
	s = aligned_alloc(BC_CACHE_LINE, (sizeof(*s) + 63) / 64 * 64);
	memset(s, 0, sizeof(*s));
	open_queue();
	return 0;
}

static inline int end(void **state)
{
	char command[128];

	die();
	free(s);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command);
}

static inline void put_link(uint8_t fill)
{
	uint8_t m[BC_WIRE_HEADER + 24];

	memset(bc_wire_header(m, BC_WIRE_LINK, 24), fill, 24);
	assert_int_equal(bc_spool_put(s, m, sizeof(m)), 0);
}

static inline int put(uint32_t i)
{
	uint8_t m[MESSAGE], *at = bc_wire_header(m, BC_WIRE_PACKET, PAYLOAD);

	memset(at, (int)i, PAYLOAD);
	memcpy(at, &i, sizeof(i));
	return bc_spool_put(s, m, sizeof(m));
}

/* With the memory given to the disk whenever it is full. */
static inline void put_all(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++) {
		if (put(i) == 0)
			continue;
		assert_int_equal(bc_spool_store(s), 0);
		assert_int_equal(put(i), 0);
	}
}

/* The next packet's number, in pieces of any size; a link header before it is passed over. -1: there is none. */
static inline int take(void)
{
	uint8_t m[MESSAGE];
	uint32_t i;

	for (size_t have = 0, want = BC_WIRE_HEADER; have < want;) {
		const uint8_t *data;
		size_t n = bc_spool_peek(s, &data);

		if (!n)
			return -1;
		n = n < 300 ? n : 300;
		n = n < want - have ? n : want - have;
		memcpy(m + have, data, n);
		bc_spool_take(s, n);
		have += n;
		if (have == BC_WIRE_HEADER)
			want = bc_wire_length(m, have);
	}
	if (m[0] == BC_WIRE_LINK)
		return take();
	memcpy(&i, m + BC_WIRE_HEADER, sizeof(i));
	assert_int_equal(m[MESSAGE - 1], i & 255);
	return (int)i;
}

static inline void take_all(uint32_t from, uint32_t to)
{
	for (uint32_t i = from; i < to; i++)
		assert_int_equal(take(), i);
}

static inline int n_files(void)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		n += !strncmp(e->d_name, "spool-", 6);
	closedir(d);
	return n;
}

static inline void the_only_file(char *path, size_t size)
{
	DIR *d = opendir(folder);
	struct dirent *e;

	while ((e = readdir(d)))
		if (!strncmp(e->d_name, "spool-", 6))
			snprintf(path, size, "%s/%s", folder, e->d_name);
	closedir(d);
}

#endif
