/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the machine itself needs for the parts of a capture, each alone, on the packets that traffic_gen sends: copying them together,
 * compressing that (both by CPU time), writing it (by the clock, too). One thread. Prints lines of JSON as every bench does.
 * usage: traffic_parts copy|compress SIZES PAYLOAD RUNS     traffic_parts write FILE MIB RUNS [direct]
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <lz4.h>

#include "bc_pcapng.h"
#include "traffic.h"

/* A port's packets go round in so many buffers of this size. */
#define SLOTS 1024U
#define SLOT_BYTES 2304U
#define CHUNK (256U * 1024)
#define BLOCK (64U * 1024)
#define BLOCKS 128U
#define WRITE_BLOCK (1024U * 1024)
#define RUN_SECONDS 0.15
#define MAX_RUNS 100

static double now_s(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void print(const char *name, const char *unit, const double *runs, int n)
{
	double sorted[MAX_RUNS];

	memcpy(sorted, runs, (size_t)n * sizeof(*runs));
	for (int i = 1; i < n; i++)
		for (int k = i; k > 0 && sorted[k] < sorted[k - 1]; k--) {
			double v = sorted[k];

			sorted[k] = sorted[k - 1];
			sorted[k - 1] = v;
		}
	printf("{\"bench\":\"parts\",\"case\":\"%s\",\"unit\":\"%s\",\"value\":%.6g,\"runs\":[", name, unit, sorted[n / 2]);
	for (int i = 0; i < n; i++)
		printf("%s%.6g", i ? "," : "", runs[i]);
	printf("]}\n");
}

static void *pages(size_t size)
{
	void *p = aligned_alloc(4096, (size + 4095) / 4096 * 4096);

	if (!p) {
		fprintf(stderr, "traffic_parts: no memory\n");
		exit(1);
	}
	memset(p, 1, size);
	return p;
}

static uint8_t *make_slots(const struct traffic *t)
{
	uint8_t *slots = pages((size_t)SLOTS * SLOT_BYTES);

	for (uint32_t i = 0; i < SLOTS; i++)
		traffic_fill(t, slots + (size_t)i * SLOT_BYTES + 128, t->max, i);
	return slots;
}

static void copy(const struct traffic *t, const char *name, int runs)
{
	uint8_t *slots = make_slots(t), *dense = pages(2 * CHUNK);
	double rate[MAX_RUNS];
	uint64_t seq = 0;

	for (int r = 0; r < runs; r++) {
		double begin = now_s(CLOCK_THREAD_CPUTIME_ID), end;
		uint64_t first = seq;
		uint32_t pos = 0;

		do {
			for (uint32_t k = 0; k < 1024; k++, seq++) {
				uint32_t size = t->size[seq % TRAFFIC_PATTERN];

				if (pos + size > 2 * CHUNK)
					pos = 0;
				memcpy(dense + pos, slots + (size_t)(seq % SLOTS) * SLOT_BYTES + 128, size);
				__asm__ volatile("" : : "r"(dense) : "memory");
				pos += size;
			}
			end = now_s(CLOCK_THREAD_CPUTIME_ID);
		} while (end - begin < RUN_SECONDS);
		rate[r] = (double)(seq - first) / (end - begin);
	}
	print(name, "packets/s", rate, runs);
	free(slots);
	free(dense);
}

/* The blocks that a capture of these packets has; *ret_packets is how many are in them. */
static uint8_t *make_blocks(const struct traffic *t, uint64_t *ret_packets)
{
	uint8_t *slots = make_slots(t), *blocks = pages((size_t)BLOCKS * BLOCK + 4096), *p = blocks;
	uint64_t seq = 0, ts = 1700000000000000000ULL;

	while (p + BC_EPB_FIXED + t->max + 4 <= blocks + (size_t)BLOCKS * BLOCK) {
		uint8_t *from = slots + (size_t)(seq % SLOTS) * SLOT_BYTES + 128;
		uint32_t size = t->size[seq % TRAFFIC_PATTERN];

		traffic_stamp(from, size, seq, seq / 32 * 1000);
		p = bc_epb_begin(p, 0, ts + seq / 32 * 400, size, size, 0);
		memcpy(p, from, size);
		p = bc_epb_end(p, size, 0, 0, 0, 0);
		seq++;
	}
	free(slots);
	*ret_packets = seq;
	return blocks;
}

static void compress(const struct traffic *t, const char *name, int runs)
{
	uint64_t packets, in = 0, out = 0;
	uint8_t *blocks = make_blocks(t, &packets), *dst = pages((size_t)LZ4_COMPRESSBOUND(BLOCK));
	double rate[MAX_RUNS], ratio, per_block = (double)packets / BLOCKS;
	char what[96];

	for (int r = 0; r < runs; r++) {
		double begin = now_s(CLOCK_THREAD_CPUTIME_ID), end;
		uint64_t n = 0;

		do {
			int len = LZ4_compress_fast((const char *)blocks + (size_t)(n % BLOCKS) * BLOCK, (char *)dst, BLOCK,
						    LZ4_COMPRESSBOUND(BLOCK), 1);

			out += (uint64_t)(len < (int)BLOCK ? len : (int)BLOCK);
			in += BLOCK;
			n++;
			end = now_s(CLOCK_THREAD_CPUTIME_ID);
		} while (end - begin < RUN_SECONDS);
		rate[r] = (double)n * per_block / (end - begin);
	}
	print(name, "packets/s", rate, runs);
	ratio = (double)in / (double)out;
	snprintf(what, sizeof(what), "%s ratio", name);
	print(what, "ratio", &ratio, 1);
	free(blocks);
	free(dst);
}

/* Bytes per second of the clock, and of this thread's CPU time; or a negative errno. */
static double write_once(const char *path, uint64_t mib, const uint8_t *block, int flags, double *ret_cpu_rate)
{
	double cpu_begin = now_s(CLOCK_THREAD_CPUTIME_ID);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | flags, 0600);
	double begin = now_s(CLOCK_MONOTONIC), end;

	if (fd < 0)
		return -errno;
	for (uint64_t i = 0; i < mib; i++)
		if (write(fd, block, WRITE_BLOCK) != (ssize_t)WRITE_BLOCK) {
			close(fd);
			unlink(path);
			return -EIO;
		}
	end = now_s(CLOCK_MONOTONIC);
	*ret_cpu_rate = (double)mib * WRITE_BLOCK / (now_s(CLOCK_THREAD_CPUTIME_ID) - cpu_begin);
	close(fd);
	unlink(path);
	return (double)mib * WRITE_BLOCK / (end - begin);
}

static int write_file(const char *path, uint64_t mib, int runs, bool direct)
{
	uint8_t *block = pages(WRITE_BLOCK);
	double rate[MAX_RUNS], cpu_rate[MAX_RUNS];

	for (int r = 0; r < runs; r++) {
		rate[r] = write_once(path, mib, block, direct ? O_DIRECT : 0, &cpu_rate[r]);
		if (rate[r] <= 0) {
			fprintf(stderr, "traffic_parts: %s: %s\n", path, strerror((int)-rate[r]));
			return 1;
		}
	}
	print(direct ? "write direct" : "write", "B/s", rate, runs);
	print(direct ? "write direct cpu" : "write cpu", "B/s", cpu_rate, runs);
	free(block);
	return 0;
}

int main(int argc, char **argv)
{
	struct traffic t;
	char name[64];
	int runs;

	if (argc >= 5 && strcmp(argv[1], "write") == 0) {
		runs = atoi(argv[4]);
		if (runs >= 1 && runs <= MAX_RUNS)
			return write_file(argv[2], strtoull(argv[3], NULL, 10), runs, argc > 5);
	} else if (argc == 5 && traffic_parse(&t, argv[2], argv[3]) && t.max <= SLOT_BYTES - 128) {
		runs = atoi(argv[4]);
		snprintf(name, sizeof(name), "%s %s %s", argv[1], argv[2], argv[3]);
		if (runs < 1 || runs > MAX_RUNS)
			runs = 1;
		if (strcmp(argv[1], "copy") == 0)
			copy(&t, name, runs);
		else
			compress(&t, name, runs);
		return 0;
	}
	fprintf(stderr, "usage: traffic_parts copy|compress SIZES PAYLOAD RUNS | write FILE MIB RUNS [direct]\n");
	return 2;
}
