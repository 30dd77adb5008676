/* SPDX-License-Identifier: BSD-3-Clause */
#include "traffic.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "bc_filler.h"

#define SEED 0x62726169646361ULL
#define FLOWS 256

struct share {
	uint16_t size;
	uint16_t parts;
};

static const struct share mix[] = { { 64, 30 }, { 570, 24 }, { 1500, 43 } };
static const struct share imix[] = { { 64, 7 }, { 570, 4 }, { 1500, 1 } };

/* Every size as often as its share says, in random order. */
static void shuffle_shares(struct traffic *t, const struct share *s, uint32_t n)
{
	uint32_t total = 0, done = 0;
	uint64_t rnd = SEED;

	for (uint32_t i = 0; i < n; i++)
		total += s[i].parts;
	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < TRAFFIC_PATTERN * s[i].parts / total; k++)
			t->size[done++] = s[i].size;
	while (done < TRAFFIC_PATTERN)
		t->size[done++] = s[0].size;
	for (uint32_t i = TRAFFIC_PATTERN - 1; i > 0; i--) {
		uint32_t k = (uint32_t)(bc_filler_random(&rnd) % (i + 1));
		uint16_t size = t->size[i];

		t->size[i] = t->size[k];
		t->size[k] = size;
	}
}

bool traffic_parse(struct traffic *t, const char *sizes, const char *payload)
{
	unsigned long fixed = strtoul(sizes, NULL, 10);

	memset(t, 0, sizeof(*t));
	if (strcmp(payload, "text") == 0)
		t->payload = TRAFFIC_TEXT;
	else if (strcmp(payload, "random") == 0)
		t->payload = TRAFFIC_RANDOM;
	else if (strcmp(payload, "equal") == 0)
		t->payload = TRAFFIC_EQUAL;
	else
		return false;
	if (strcmp(sizes, "mix") == 0)
		shuffle_shares(t, mix, sizeof(mix) / sizeof(mix[0]));
	else if (strcmp(sizes, "imix") == 0)
		shuffle_shares(t, imix, sizeof(imix) / sizeof(imix[0]));
	else if (fixed >= TRAFFIC_MIN && fixed <= TRAFFIC_MAX)
		shuffle_shares(t, &(struct share){ (uint16_t)fixed, 1 }, 1);
	else
		return false;
	for (uint32_t i = 0; i < TRAFFIC_PATTERN; i++) {
		t->mean += (double)t->size[i] / TRAFFIC_PATTERN;
		t->max = t->size[i] > t->max ? t->size[i] : t->max;
	}
	return true;
}

static void fill_headers(uint8_t *data)
{
	static const uint8_t headers[TRAFFIC_HEADERS] = {
		2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
		0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2,
		0x10, 0, 0, 9, 0, 0, 0, 0,
	};

	memcpy(data, headers, sizeof(headers));
}

void traffic_fill(const struct traffic *t, uint8_t *data, uint32_t len, uint32_t index)
{
	uint64_t rnd = SEED ^ ((uint64_t)(index + 1) << 20);

	fill_headers(data);
	data += TRAFFIC_HEADERS;
	len -= TRAFFIC_HEADERS;
	switch (t->payload) {
	case TRAFFIC_TEXT:
		bc_filler_text(data, len, rnd);
		break;
	case TRAFFIC_RANDOM:
		for (uint32_t i = 0; i < len; i++)
			data[i] = (uint8_t)(bc_filler_random(&rnd) >> 32);
		break;
	case TRAFFIC_EQUAL:
		memset(data, 'x', len);
		break;
	}
}

static void put_be16(uint8_t *p, uint32_t v)
{
	uint16_t be = htons((uint16_t)v);

	memcpy(p, &be, sizeof(be));
}

void traffic_stamp(uint8_t *data, uint32_t size, uint64_t seq, uint64_t tsc)
{
	put_be16(data + 16, size - 14);
	put_be16(data + 38, size - 34);
	put_be16(data + 34, 0x1000 + (uint32_t)(seq % FLOWS));
	memcpy(data + TRAFFIC_SEQ_AT, &seq, sizeof(seq));
	memcpy(data + TRAFFIC_TSC_AT, &tsc, sizeof(tsc));
}
