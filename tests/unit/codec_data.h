/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes to compress, and a growing place for what comes out. */
#ifndef CODEC_DATA_H
#define CODEC_DATA_H

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bc_decoder.h"
#include "bc_test.h"

extern char **environ;

struct bytes {
	uint8_t *p;
	size_t len;
	size_t cap;
};

static inline void append(struct bytes *b, const void *p, size_t len)
{
	if (b->len + len > b->cap) {
		b->cap = 2 * (b->len + len);
		b->p = realloc(b->p, b->cap);
		assert_non_null(b->p);
	}
	if (len)
		memcpy(b->p + b->len, p, len);
	b->len += len;
}

static inline uint32_t next_random(uint32_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 17;
	*seed ^= *seed << 5;
	return *seed;
}

/* seed is not 0. */
static inline struct bytes random_bytes(size_t len, uint32_t seed)
{
	struct bytes b = { 0 };

	while (b.len < len) {
		uint8_t c = (uint8_t)(next_random(&seed) >> 13);

		append(&b, &c, 1);
	}
	return b;
}

/* Words that come again, so that it compresses to about a half. */
static inline struct bytes text(size_t len, uint32_t seed)
{
	struct bytes b = { 0 };
	char word[16];

	while (b.len < len) {
		int n = snprintf(word, sizeof(word), "packet%u ", next_random(&seed) % 997);

		append(&b, word, b.len + (size_t)n > len ? len - b.len : (size_t)n);
	}
	return b;
}

/* A descriptor to read the bytes from. */
static inline int file_of(const void *p, size_t len)
{
	int fd = memfd_create("codec", 0);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, p, len), (ssize_t)len);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return fd;
}

/* Everything up to the end (0) or the error, which is returned, in pieces of at most cap. fd is closed. */
static inline int decode_fd(int fd, size_t cap, struct bytes *out, char name[8], struct bc_err *err)
{
	struct bc_decoder *d = NULL;
	uint8_t *buf = malloc(cap);
	ptrdiff_t n;

	assert_non_null(buf);
	assert_int_equal(bc_decoder_open(fd, &d, NULL), 0);
	while ((n = bc_decoder_read(d, buf, cap, err)) > 0)
		append(out, buf, (size_t)n);
	assert_int_equal(bc_decoder_read(d, buf, cap, NULL), n);
	if (name)
		snprintf(name, 8, "%s", bc_codec_name(bc_decoder_codec(d)));
	bc_decoder_close(d);
	free(buf);
	return (int)n;
}

static inline int decode(const struct bytes *in, size_t cap, struct bytes *out)
{
	return decode_fd(file_of(in->p, in->len), cap, out, NULL, NULL);
}

static inline void assert_same(const struct bytes *a, const struct bytes *b)
{
	assert_int_equal(a->len, b->len);
	if (a->len)
		assert_memory_equal(a->p, b->p, a->len);
}

/*
 * The exit status of the program with the bytes as its standard input; -1 if there is no such program. Its
 * output goes to *out.
 */
static inline int run_tool(char *const argv[], const struct bytes *in, struct bytes *out)
{
	int in_fd = file_of(in->p, in->len), out_fd = memfd_create("out", 0);
	posix_spawn_file_actions_t fa;
	uint8_t buf[65536];
	int status = 0;
	ssize_t n;
	pid_t pid;

	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_adddup2(&fa, in_fd, 0);
	posix_spawn_file_actions_adddup2(&fa, out_fd, 1);
	if (posix_spawnp(&pid, argv[0], &fa, NULL, argv, environ) == 0) {
		assert_int_equal(waitpid(pid, &status, 0), pid);
		status = WIFEXITED(status) ? WEXITSTATUS(status) : 255;
	} else {
		status = -1;
	}
	posix_spawn_file_actions_destroy(&fa);
	lseek(out_fd, 0, SEEK_SET);
	while ((n = read(out_fd, buf, sizeof(buf))) > 0)
		append(out, buf, (size_t)n);
	close(in_fd);
	close(out_fd);
	return status;
}

#endif
