/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture file of many flows at once, most of them short and a few long, both ways, in trains of a few packets; and
 * among them one host, 192.0.2.1, with one packet of RARE.
 * usage: traffic_flows PATH MB RARE BEGIN_SECONDS SEED
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_bytes.h"
#include "bc_filler.h"
#include "bc_pcapng.h"
#include "traffic.h"

#define ACTIVE 4096U
#define CONTENTS 2048U
#define RARE_HOST 0xc0000201U

struct flow {
	uint32_t client, server, left;
	uint16_t port, service;
	uint8_t proto;
};

struct world {
	struct traffic payload;
	uint8_t *contents;
	uint64_t random, ts_ns, rare;
	struct flow flow[ACTIVE], once;	/* once: the rare host's */
	struct flow *current;
	uint32_t train;
};

static uint32_t below(struct world *w, uint32_t n)
{
	return (uint32_t)((bc_filler_random(&w->random) >> 32) * n >> 32);
}

/* A few hosts have most of the flows. */
static uint32_t skewed(struct world *w, uint32_t n)
{
	return (uint32_t)((uint64_t)below(w, n) * below(w, n) / n * below(w, 1000) / 1000);
}

static void new_flow(struct world *w, struct flow *f, uint32_t client)
{
	static const uint16_t services[] = { 443, 443, 443, 80, 53, 53, 22, 8080 };
	uint32_t u = below(w, 10000);

	*f = (struct flow){
		.client = client, .server = 0xc6120000 + skewed(w, 20000), .port = (uint16_t)(32768 + below(w, 28000)),
		.service = services[below(w, 8)],
	};
	f->proto = f->service == 53 ? 17 : 6;
	/* Half of them have 4 packets at most; 22 on average. */
	f->left = f->proto == 17 ? 2 : u < 5000 ? 2 + u % 3 : u < 9000 ? 5 + u % 20 : u < 9950 ? 25 + u % 100 : 200 + u % 3000;
}

static struct flow *next_flow(struct world *w)
{
	if (!w->train || !w->current->left) {
		bool rare = w->rare && bc_filler_random(&w->random) % w->rare == 0;

		w->current = rare ? &w->once : &w->flow[below(w, ACTIVE)];
		w->train = 1 + below(w, 3);
		if (!w->current->left)
			new_flow(w, w->current, rare ? RARE_HOST : 0x0a000000 + below(w, 20000));
	}
	w->train--;
	w->current->left--;
	return w->current;
}

static uint8_t *put_packet(struct world *w, uint8_t *block, uint64_t seq)
{
	struct flow *f = next_flow(w);
	bool back = below(w, 5) < 3;
	uint32_t u = below(w, 10), len = f->proto == 17 ? 60 + below(w, 200) : u < 4 ? 66 : u < 5 ? 590 : 1514;
	uint8_t *data = bc_epb_begin(block, 0, w->ts_ns += 600 + below(w, 11000), len, len, 0), *at = data + 14;

	memcpy(data, w->contents + (size_t)(seq % CONTENTS) * w->payload.max, len);
	memcpy(data, back ? "\2\0\0\0\0\1\2\0\0\0\0\2\x08" : "\2\0\0\0\0\2\2\0\0\0\0\1\x08", 14);
	memcpy(at, "\x45\0\0\0\0\0\x40\0\x40", 9);
	bc_put_be16(at + 2, (uint16_t)(len - 14));
	at[9] = f->proto;
	bc_put_be32(at + 12, back ? f->server : f->client);
	bc_put_be32(at + 16, back ? f->client : f->server);
	bc_put_be16(at + 20, back ? f->service : f->port);
	bc_put_be16(at + 22, back ? f->port : f->service);
	if (f->proto == 6) {
		bc_put_be32(at + 24, (uint32_t)seq);
		at[32] = 0x50;
		at[33] = f->left ? 0x10 : 0x11;
	}
	return bc_epb_end(data, len, 0, 0, 0, 0);
}

/* Write about bytes of packets; the number written, or 0. */
static uint64_t write_packets(FILE *f, struct world *w, uint64_t bytes)
{
	uint8_t block[TRAFFIC_MAX + BC_EPB_FIXED + 4];
	uint64_t seq = 0, done = 0;

	while (done < bytes) {
		size_t len = (size_t)(put_packet(w, block, seq) - block);

		if (fwrite(block, len, 1, f) != 1)
			return 0;
		done += len;
		seq++;
	}
	return seq;
}

static bool set_up(struct world *w, char **argv)
{
	if (!traffic_parse(&w->payload, "mix", "text"))
		return false;
	/* Packets of a segment of Ethernet, which is what most are. */
	w->payload.max = 1514;
	w->contents = malloc((size_t)CONTENTS * w->payload.max);
	/* One half of the payload is as if encrypted. */
	for (uint32_t i = 0; w->contents && i < CONTENTS; i++) {
		w->payload.payload = i % 2 ? TRAFFIC_RANDOM : TRAFFIC_TEXT;
		traffic_fill(&w->payload, w->contents + (size_t)i * w->payload.max, w->payload.max, i);
	}
	/* A flow of it has about 20 packets in trains of 2. */
	w->rare = strtoull(argv[3], NULL, 10);
	w->ts_ns = strtoull(argv[4], NULL, 10) * 1000000000;
	w->random = 0x5eed + strtoull(argv[5], NULL, 10);
	for (uint32_t i = 0; i < ACTIVE; i++)
		new_flow(w, &w->flow[i], 0x0a000000 + below(w, 20000));
	return w->contents;
}

int main(int argc, char **argv)
{
	struct bc_iface iface = { .linktype = 1, .name = "bench" };
	struct bc_pcapng_section section = { .application = "traffic_flows" };
	static struct world w;
	uint8_t head[1024];
	uint64_t packets;
	size_t len;
	FILE *f;

	if (argc != 6 || !set_up(&w, argv)) {
		fprintf(stderr, "usage: traffic_flows PATH MB RARE BEGIN_SECONDS SEED\n");
		return 2;
	}
	f = fopen(argv[1], "we");
	if (!f)
		return 1;
	len = bc_pcapng_shb(head, sizeof(head), &section);
	len += bc_pcapng_idb(head + len, sizeof(head) - len, &iface, 0, NULL);
	packets = fwrite(head, len, 1, f) == 1 ? write_packets(f, &w, strtoull(argv[2], NULL, 10) * 1000000) : 0;
	if (fclose(f) != 0 || !packets) {
		fprintf(stderr, "traffic_flows: %s is not written\n", argv[1]);
		return 1;
	}
	printf("%llu\n", (unsigned long long)packets);
	return 0;
}
