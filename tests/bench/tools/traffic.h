/* SPDX-License-Identifier: BSD-3-Clause */
/* The packets of every measurement: sizes and content from fixed seeds, the same on each machine. */
#ifndef TRAFFIC_H
#define TRAFFIC_H

#include <stdbool.h>
#include <stdint.h>

#define TRAFFIC_PATTERN 4096U
#define TRAFFIC_MAX 9200U
/* Ethernet, IPv4, UDP; behind them stand, in the sender's byte order, the sequence number and the counter at sending. */
#define TRAFFIC_HEADERS 42U
#define TRAFFIC_SEQ_AT TRAFFIC_HEADERS
#define TRAFFIC_TSC_AT (TRAFFIC_HEADERS + 8U)
#define TRAFFIC_MIN 60U

enum traffic_payload { TRAFFIC_TEXT, TRAFFIC_RANDOM, TRAFFIC_EQUAL };

struct traffic {
	enum traffic_payload payload;
	uint32_t max;				/* the largest size */
	double mean;
	uint16_t size[TRAFFIC_PATTERN];		/* packet n has size[n % TRAFFIC_PATTERN] */
};

/* sizes: a number of bytes without FCS, "mix" (64, 570, 1500; 800 on average) or "imix" (7:4:1). payload: text, random, equal. */
bool traffic_parse(struct traffic *t, const char *sizes, const char *payload);

/* Content for a packet of any size up to len; index chooses it. */
void traffic_fill(const struct traffic *t, uint8_t *data, uint32_t len, uint32_t index);

/* What differs from packet to packet: lengths, flow, sequence number, send time. */
void traffic_stamp(uint8_t *data, uint32_t size, uint64_t seq, uint64_t tsc);

#endif
