/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Traffic of many flows at once, as records of pcapng: most of them short and a few long, both ways; the same in a tunnel; or a scan, in
 * which every packet is a new flow.
 */
#ifndef BENCH_FLOWS_H
#define BENCH_FLOWS_H

#include "bench.h"

#include "bc_pcapng.h"

#define ACTIVE 4096U	/* flows at once */

enum kind { PLAIN, GTP, SCAN };

struct flow {
	uint32_t client, server, left, train;
	uint16_t port, service;
	uint8_t proto;
};

struct flow_traffic {
	enum kind kind;
	bool small;		/* packets of 64 bytes, not a mix */
	struct bench_random r;
	struct flow flow[ACTIVE];
	uint32_t current;
	uint64_t ts_ns;
	uint32_t apart;		/* 1, or among how many such files the packets are spread in time */
};

/* Few of a range are most of what is drawn from it. */
static uint32_t skewed(struct bench_random *r, uint32_t n)
{
	uint32_t x = bench_below(r, n), y = bench_below(r, n);

	return (uint32_t)((uint64_t)x * y / n * bench_below(r, 1000) / 1000);
}

static void new_flow(struct flow_traffic *t, struct flow *f)
{
	static const uint16_t services[] = { 443, 443, 443, 80, 53, 53, 22, 8080 };
	uint32_t u = bench_below(&t->r, 10000);

	f->client = 0x0a000000 + bench_below(&t->r, 20000);
	f->server = 0xc6120000 + skewed(&t->r, 20000);
	f->port = (uint16_t)(32768 + bench_below(&t->r, 28000));
	f->service = services[bench_below(&t->r, 8)];
	f->proto = f->service == 53 ? 17 : 6;
	/* Mean 22, half of them 4 at most. */
	f->left = f->proto == 17 ? 2 : u < 5000 ? 2 + u % 3 : u < 9000 ? 5 + u % 20 : u < 9950 ? 25 + u % 100 : 200 + u % 3000;
}

static struct flow *next_flow(struct flow_traffic *t)
{
	struct flow *f = &t->flow[t->current];

	if (t->kind == SCAN) {
		new_flow(t, f);
		f->server = (uint32_t)bench_u64(&t->r);
		f->left = 1;
		return f;
	}
	if (!f->train || !f->left) {
		t->current = bench_below(&t->r, ACTIVE);
		f = &t->flow[t->current];
		f->train = 1 + bench_below(&t->r, 3);
		if (!f->left)
			new_flow(t, f);
	}
	f->train--;
	f->left--;
	return f;
}

static uint8_t *put_ip(uint8_t *p, uint32_t from, uint32_t to, uint8_t proto, uint32_t len)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	bc_put_be16(p + 2, (uint16_t)len);
	p[6] = 0x40;
	p[8] = 64;
	p[9] = proto;
	bc_put_be32(p + 12, from);
	bc_put_be32(p + 16, to);
	return p + 20;
}

static uint8_t *put_gtp(uint8_t *p, struct flow *f, bool back, uint32_t len)
{
	p = put_ip(p, 0xac100001 + (back ? 0 : f->client % 50), 0xac100001 + (back ? f->client % 50 : 0), 17, len);
	bc_put_be16(p, 2152);
	bc_put_be16(p + 2, 2152);
	memcpy(p + 8, "\x30\xff", 2);
	bc_put_be16(p + 10, (uint16_t)(len - 36));
	bc_put_be32(p + 12, f->client + (back ? 0x1000000 : 0));
	return p + 16;
}

static void begin_flows(struct flow_traffic *t, enum kind kind, bool small, uint64_t seed)
{
	*t = (struct flow_traffic){ .kind = kind, .small = small, .r = { seed }, .ts_ns = 1792888200ULL * BC_NS_PER_S, .apart = 1 };
	for (uint32_t i = 0; i < ACTIVE; i++)
		new_flow(t, &t->flow[i]);
}

/* The next packet as a record; what is behind its headers stays as it is at p. Returns the place behind it. */
static uint8_t *put_flow_packet(struct flow_traffic *t, uint8_t *p)
{
	struct flow *f = next_flow(t);
	bool back = bench_below(&t->r, 5) < 3 && t->kind != SCAN;
	uint32_t u = bench_below(&t->r, 10), len = (t->small ? 64 : u < 4 ? 66 : u < 5 ? 590 : 1400) + (t->kind == GTP ? 36 : 0);
	uint8_t *data = bc_epb_begin(p, 0, t->ts_ns += (600ULL + bench_below(&t->r, 11000)) * t->apart, len, len, 0), *at = data;

	memcpy(data, back ? "\2\0\0\0\0\1\2\0\0\0\0\2\x08" : "\2\0\0\0\0\2\2\0\0\0\0\1\x08", 13);
	data[13] = 0;
	at += 14;
	if (t->kind == GTP)
		at = put_gtp(at, f, back, len - 14);
	at = put_ip(at, back ? f->server : f->client, back ? f->client : f->server, f->proto, len - (uint32_t)(at - data));
	bc_put_be16(at, back ? f->service : f->port);
	bc_put_be16(at + 2, back ? f->port : f->service);
	if (len > (uint32_t)(at - data) + 14)
		at[13] = f->left == 1 ? 0x11 : 0x10;
	return bc_epb_end(data, len, 0, 0, 0, 0);
}

#endif
