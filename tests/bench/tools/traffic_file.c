/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Capture files to be merged: file INDEX of N, whose packets lie at random between those of the others in time.
 * usage: traffic_file PATH MB SIZES PAYLOAD INDEX N
 */
#include <stdio.h>
#include <stdlib.h>

#include "bc_filler.h"
#include "bc_pcapng.h"
#include "traffic.h"

#define CONTENTS 2048U

static uint8_t *make_contents(const struct traffic *t)
{
	uint8_t *c = malloc((size_t)CONTENTS * t->max);

	for (uint32_t i = 0; c && i < CONTENTS; i++)
		traffic_fill(t, c + (size_t)i * t->max, t->max, i);
	return c;
}

/* Write about bytes of packets; the number written, or 0. */
static uint64_t write_packets(FILE *f, const struct traffic *t, uint64_t bytes, uint64_t index, uint64_t n)
{
	uint8_t block[TRAFFIC_MAX + BC_EPB_FIXED + 4], *contents = make_contents(t);
	uint64_t ts = 1700000000000000000ULL, rnd = 0x5eed + index, seq = 0, done = 0;

	if (!contents)
		return 0;
	while (done < bytes) {
		uint8_t *data = contents + (size_t)(seq % CONTENTS) * t->max, *end;
		uint32_t size = t->size[seq % TRAFFIC_PATTERN];

		ts += bc_filler_random(&rnd) % (2 * 500 * n);
		traffic_stamp(data, size, seq * n + index, ts);
		end = bc_epb_begin(block, 0, ts, size, size, 0);
		__builtin_memcpy(end, data, size);
		end = bc_epb_end(end, size, 0, 0, 0, 0);
		if (fwrite(block, (size_t)(end - block), 1, f) != 1)
			break;
		done += (uint64_t)(end - block);
		seq++;
	}
	free(contents);
	return done < bytes ? 0 : seq;
}

int main(int argc, char **argv)
{
	struct bc_iface iface = { .linktype = 1, .name = "bench" };
	struct bc_pcapng_section section = { .application = "traffic_file" };
	uint8_t head[1024];
	struct traffic t;
	uint64_t packets;
	size_t len;
	FILE *f;

	if (argc != 7 || !traffic_parse(&t, argv[3], argv[4])) {
		fprintf(stderr, "usage: traffic_file PATH MB SIZES PAYLOAD INDEX N\n");
		return 2;
	}
	f = fopen(argv[1], "we");
	if (!f)
		return 1;
	len = bc_pcapng_shb(head, sizeof(head), &section);
	len += bc_pcapng_idb(head + len, sizeof(head) - len, &iface, 0, NULL);
	packets = fwrite(head, len, 1, f) == 1 ? write_packets(f, &t, strtoull(argv[2], NULL, 10) * 1000000,
							       strtoull(argv[5], NULL, 10), strtoull(argv[6], NULL, 10)) : 0;
	if (fclose(f) != 0 || !packets) {
		fprintf(stderr, "traffic_file: %s is not written\n", argv[1]);
		return 1;
	}
	printf("%llu\n", (unsigned long long)packets);
	return 0;
}
