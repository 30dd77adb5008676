/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How fast one thread writes a segment through a store, and what that costs it:
 *   store_write FOLDER buffered|direct|auto DEPTH(0: default) BLOCK_KIB TOTAL_MIB [STEP_MIB]
 * One line: what was used, MB/s (1,000,000 bytes) until the last block was taken and until it is published, CPU of the
 * writing thread and of the whole process in ms per GB.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bc_store.h"
#include "bc_time.h"

static double cpu_ms(int who)
{
	struct rusage u;

	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1e3 + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e3;
}

static void published(void *ctx, const char *path, uint64_t bytes, const struct bc_segment_info *info, int err)
{
	if (err)
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
	unlink(path);
}

/* Data that no cache holds, as the lanes' buffers are when the disk is behind. */
static uint8_t *make_blocks(size_t len)
{
	uint8_t *p = malloc(len);
	uint64_t x = 88172645463325252ULL;

	if (!p)
		exit(1);
	for (size_t i = 0; i + 8 <= len; i += 8) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		memcpy(p + i, &x, 8);
	}
	return p;
}

int main(int argc, char **argv)
{
	struct bc_store_config cfg = { .kind = BC_STORE_DIR, .utc = true, .pid = (uint32_t)getpid(), .published = published };
	struct bc_segment_info info = { .begin_ns = BC_NS_PER_S };
	struct bc_store_stats stats;
	struct bc_store *s;
	struct bc_err err;
	const size_t ring = 64U << 20;
	uint64_t block, total, start, synced, taken, end;
	double thread, process;
	uint8_t *data;
	int r = 0;

	if (argc < 6) {
		fprintf(stderr, "usage: %s FOLDER buffered|direct|auto DEPTH BLOCK_KIB TOTAL_MIB [STEP_MIB]\n", argv[0]);
		return 2;
	}
	cfg.dest = argv[1];
	cfg.io = !strcmp(argv[2], "auto") ? BC_IO_AUTO : !strcmp(argv[2], "direct") ? BC_IO_DIRECT : BC_IO_BUFFERED;
	cfg.depth = (uint32_t)atoi(argv[3]);
	block = (uint64_t)atoi(argv[4]) << 10;
	total = (uint64_t)atoi(argv[5]) << 20;
	cfg.step = argc > 6 ? (uint32_t)atoi(argv[6]) << 20 : 0;
	if (!block || block > ring)
		return 2;
	data = make_blocks(ring);
	if (bc_store_open(&cfg, &s, &err) < 0) {
		fprintf(stderr, "%s\n", err.msg);
		return 1;
	}
	thread = cpu_ms(RUSAGE_THREAD);
	process = cpu_ms(RUSAGE_SELF);
	start = synced = bc_mono_ns();
	r = bc_store_begin(s);
	for (uint64_t at = 0; r == 0 && at < total; at += block) {
		r = bc_store_write(s, data + at % (ring - block + 1), block);
		if (bc_mono_ns() - synced > BC_NS_PER_S) {
			synced = bc_mono_ns();
			if (r == 0)
				r = bc_store_settle(s);
			bc_store_sync(s);
		}
	}
	if (r == 0)
		r = bc_store_settle(s);
	taken = bc_mono_ns() - start;
	thread = cpu_ms(RUSAGE_THREAD) - thread;
	bc_store_stats(s, &stats);
	bc_store_finish(s, &info);
	if (r == 0)
		r = bc_store_close(s);
	end = bc_mono_ns() - start;
	process = cpu_ms(RUSAGE_SELF) - process;
	if (r < 0) {
		fprintf(stderr, "%s: %s\n", cfg.dest, strerror(-r));
		return 1;
	}
	printf("%-12s depth %u block %4u KiB: taken %5.0f MB/s, published %5.0f MB/s, cpu %4.0f ms/GB in the writer, %4.0f in all, "
	       "slowest write %.1f ms\n", stats.io, cfg.depth, (unsigned)(block >> 10), (double)total * 1e3 / (double)taken,
	       (double)total * 1e3 / (double)end, thread * 1e9 / (double)total, process * 1e9 / (double)total,
	       (double)stats.slowest_write_ns / 1e6);
	free(data);
	return 0;
}
