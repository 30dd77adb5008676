/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The generator: sends through the first port that EAL was given, paced or in bursts, as the lines on stdin say, and answers each with
 * a line of JSON on stdout. A line is words of key=value: sizes, payload (traffic.h), count (packets) or seconds, rate (packets a second,
 * 0: as fast as it goes), burst (packets sent back to back), retry=1 (wait where the ring is full; else that packet is refused and gone).
 * usage: traffic_gen EAL-ARGUMENTS [-- ROOM MBUFS]     ROOM: the largest packet, 2048 unless given
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_pause.h>

#include "traffic.h"

#define TX_BURST 32U

struct job {
	char sizes[16];
	char payload[16];
	uint64_t count;
	double seconds;
	double rate;
	uint32_t burst;
	bool retry;
};

struct result {
	uint64_t wanted, sent, bytes;
	uint64_t begin_tsc, end_tsc;
	uint64_t begin_utc_ns, end_utc_ns;	/* of the same moments */
	uint64_t wait_tsc;		/* the longest that a burst had to wait for room in the ring */
	uint64_t late_tsc;		/* by which the schedule was moved, because this CPU was taken away or too slow */
};

struct generator {
	uint16_t port;
	uint32_t room;
	struct rte_mempool *pool;
	struct traffic traffic;
	char content[16];		/* the payload that the mbufs hold */
	uint64_t seq;
};

static void fill_mbuf(struct rte_mempool *mp, void *ctx, void *obj, unsigned index)
{
	struct generator *g = ctx;
	struct rte_mbuf *m = obj;

	(void)mp;
	traffic_fill(&g->traffic, (uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM, g->room, index);
}

static bool open_port(struct generator *g, uint32_t mbufs)
{
	struct rte_eth_conf conf = { .rxmode = { .mq_mode = RTE_ETH_MQ_RX_NONE } };
	struct rte_eth_dev_info info;
	uint16_t rxd = 64, txd = 4096;

	g->pool = rte_pktmbuf_pool_create("gen", mbufs, 256, 0, (uint16_t)(RTE_PKTMBUF_HEADROOM + g->room), SOCKET_ID_ANY);
	if (!g->pool || rte_eth_dev_count_avail() != 1 || rte_eth_dev_info_get(g->port, &info) != 0)
		return false;
	if (rte_eth_dev_configure(g->port, 1, 1, &conf) != 0 || rte_eth_dev_adjust_nb_rx_tx_desc(g->port, &rxd, &txd) != 0)
		return false;
	return rte_eth_rx_queue_setup(g->port, 0, rxd, SOCKET_ID_ANY, NULL, g->pool) == 0 &&
	       rte_eth_tx_queue_setup(g->port, 0, txd, SOCKET_ID_ANY, NULL) == 0 && rte_eth_dev_start(g->port) == 0;
}

static bool parse(const char *line, struct job *j)
{
	char copy[256], *save = NULL;

	*j = (struct job){ .sizes = "64", .payload = "text", .burst = TX_BURST };
	snprintf(copy, sizeof(copy), "%s", line);
	for (char *w = strtok_r(copy, " \n", &save); w; w = strtok_r(NULL, " \n", &save)) {
		char *value = strchr(w, '=');

		if (!value)
			return false;
		*value++ = '\0';
		if (strcmp(w, "sizes") == 0)
			snprintf(j->sizes, sizeof(j->sizes), "%s", value);
		else if (strcmp(w, "payload") == 0)
			snprintf(j->payload, sizeof(j->payload), "%s", value);
		else if (strcmp(w, "count") == 0)
			j->count = strtoull(value, NULL, 10);
		else if (strcmp(w, "seconds") == 0)
			j->seconds = strtod(value, NULL);
		else if (strcmp(w, "rate") == 0)
			j->rate = strtod(value, NULL);
		else if (strcmp(w, "burst") == 0)
			j->burst = (uint32_t)strtoul(value, NULL, 10);
		else if (strcmp(w, "retry") == 0)
			j->retry = value[0] == '1';
		else
			return false;
	}
	return j->burst > 0 && (j->count || j->seconds > 0);
}

/* Up to TX_BURST packets of one send time. */
static uint32_t make(struct generator *g, struct rte_mbuf **m, uint32_t n)
{
	uint64_t tsc;

	while (rte_pktmbuf_alloc_bulk(g->pool, m, n) != 0)
		rte_eth_tx_done_cleanup(g->port, 0, 0);
	tsc = rte_rdtsc();
	for (uint32_t i = 0; i < n; i++) {
		uint32_t size = g->traffic.size[g->seq % TRAFFIC_PATTERN];

		m[i]->data_len = (uint16_t)size;
		m[i]->pkt_len = size;
		traffic_stamp(rte_pktmbuf_mtod(m[i], uint8_t *), size, g->seq++, tsc);
	}
	return n;
}

static void transmit(struct generator *g, struct rte_mbuf **m, uint32_t n, bool retry, uint64_t until_tsc, struct result *r)
{
	uint64_t begin = rte_rdtsc(), now = begin;
	uint32_t done = 0;

	for (uint32_t i = 0; i < n; i++)
		r->bytes += m[i]->pkt_len;
	do {
		done += rte_eth_tx_burst(g->port, 0, m + done, (uint16_t)(n - done));
	} while (done < n && retry && (now = rte_rdtsc()) < until_tsc);
	if (now - begin > r->wait_tsc)
		r->wait_tsc = now - begin;
	r->wanted += n;
	r->sent += done;
	for (uint32_t i = done; i < n; i++)
		r->bytes -= m[i]->pkt_len;
	if (done < n)
		rte_pktmbuf_free_bulk(m + done, n - done);
}

/* Wait for the burst's time. A schedule that is more than a burst or 50 us behind is moved: no catching up by a larger burst. */
static uint64_t wait_turn(uint64_t due, uint64_t gap, uint64_t hz, struct result *r)
{
	uint64_t now = rte_rdtsc(), slack = gap > hz / 20000 ? gap : hz / 20000;

	while (now < due) {
		rte_pause();
		now = rte_rdtsc();
	}
	if (now - due <= slack)
		return due;
	r->late_tsc += now - due;
	return now;
}

/* The two clocks at one moment: the pair of readings of the counter that lie closest about one of the clock. */
static void both_clocks(uint64_t *ret_tsc, uint64_t *ret_utc_ns)
{
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < 10; i++) {
		uint64_t before = rte_rdtsc(), after;
		struct timespec ts;

		clock_gettime(CLOCK_REALTIME, &ts);
		after = rte_rdtsc();
		if (after - before < best) {
			best = after - before;
			*ret_tsc = before + best / 2;
			*ret_utc_ns = (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
		}
	}
}

static void run(struct generator *g, const struct job *j, struct result *r)
{
	uint64_t hz = rte_get_tsc_hz(), gap = j->rate > 0 ? (uint64_t)((double)hz * j->burst / j->rate) : 0;
	uint64_t left = j->count ? j->count : UINT64_MAX, due, until;
	struct rte_mbuf *m[TX_BURST];

	both_clocks(&r->begin_tsc, &r->begin_utc_ns);
	due = r->begin_tsc;
	until = j->seconds > 0 ? due + (uint64_t)((double)hz * j->seconds) : UINT64_MAX;
	while (left && rte_rdtsc() < until) {
		uint32_t burst = left < j->burst ? (uint32_t)left : j->burst;

		if (gap)
			due = wait_turn(due, gap, hz, r) + gap;
		for (uint32_t k = 0, n; k < burst; k += n) {
			n = burst - k < TX_BURST ? burst - k : TX_BURST;
			make(g, m, n);
			transmit(g, m, n, j->retry, j->count ? UINT64_MAX : until, r);
		}
		left -= burst;
	}
	both_clocks(&r->end_tsc, &r->end_utc_ns);
}

static bool prepare(struct generator *g, const struct job *j)
{
	if (!traffic_parse(&g->traffic, j->sizes, j->payload) || g->traffic.max > g->room)
		return false;
	if (strcmp(g->content, j->payload) != 0)
		rte_mempool_obj_iter(g->pool, fill_mbuf, g);
	snprintf(g->content, sizeof(g->content), "%s", j->payload);
	return true;
}

static void answer(const struct generator *g, uint64_t first_seq, const struct result *r)
{
	double hz = (double)rte_get_tsc_hz();

	printf("{\"wanted\":%llu,\"sent\":%llu,\"bytes\":%llu,\"seconds\":%.6f,\"late_seconds\":%.6f,\"first_seq\":%llu,"
	       "\"next_seq\":%llu,\"wait_seconds\":%.6f,\"begin_tsc\":%llu,\"end_tsc\":%llu,\"begin_utc_ns\":%llu,"
	       "\"end_utc_ns\":%llu}\n", (unsigned long long)r->wanted, (unsigned long long)r->sent,
	       (unsigned long long)r->bytes, (double)(r->end_tsc - r->begin_tsc) / hz, (double)r->late_tsc / hz,
	       (unsigned long long)first_seq, (unsigned long long)g->seq, (double)r->wait_tsc / hz,
	       (unsigned long long)r->begin_tsc, (unsigned long long)r->end_tsc, (unsigned long long)r->begin_utc_ns,
	       (unsigned long long)r->end_utc_ns);
}

int main(int argc, char **argv)
{
	int used = rte_eal_init(argc, argv);
	struct generator g = { .room = 2048 };
	uint32_t mbufs = 8191;
	char line[256];

	if (used < 0)
		return 1;
	if (argc - used > 1)
		g.room = (uint32_t)strtoul(argv[used + 1], NULL, 10);
	if (argc - used > 2)
		mbufs = (uint32_t)strtoul(argv[used + 2], NULL, 10);
	if (g.room < TRAFFIC_MIN || !open_port(&g, mbufs)) {
		fprintf(stderr, "traffic_gen: the port does not open\n");
		return 1;
	}
	printf("{\"ready\":true}\n");
	fflush(stdout);
	while (fgets(line, sizeof(line), stdin)) {
		struct result r = { 0 };
		uint64_t first = g.seq;
		struct job j;

		if (!parse(line, &j) || !prepare(&g, &j)) {
			printf("{\"error\":\"this line makes no sense\"}\n");
		} else {
			run(&g, &j, &r);
			answer(&g, first, &r);
		}
		fflush(stdout);
	}
	rte_eth_dev_stop(g.port);
	rte_eth_dev_close(g.port);
	rte_eal_cleanup();
	return 0;
}
