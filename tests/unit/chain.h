/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The whole way of a packet behind ingress: links, merge, lanes, committer, store, with real mbufs. The test's thread is the
 * sources' and all lcores'; the committer has its own. What was written is read back and compared, packet by packet.
 */
#ifndef CHAIN_H
#define CHAIN_H

#include "pool.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_age_blob.h"
#include "bc_committer.h"
#include "bc_decoder.h"
#include "bc_erf.h"
#include "bc_folder.h"
#include "bc_indexer.h"
#include "bc_lane.h"
#include "bc_merge.h"
#include "bc_note.h"
#include "bc_packet.h"
#include "bc_pcapng.h"
#include "bc_reader.h"
#include "bc_store_fault.h"
#include "bc_time.h"
#include "random.h"
#include "scratch.h"

#define CHAIN_MAX_LANES 4
#define CHAIN_MAX_SEGMENTS 256
#define CHAIN_TIMEOUT_NS (300 * BC_NS_PER_S)

static struct rte_mempool *chain_pool;

static inline int chain_begin(void **state)
{
	chain_pool = mbuf_pool(8192);
	return 0;
}

struct chain_config {
	uint32_t lanes;			/* 0: 1 */
	uint32_t sources;		/* 0: 1; each with an interface of its own */
	enum bc_format format;
	enum bc_framing framing;
	enum bc_codec codec;
	int level;			/* 0: 1 */
	uint32_t snaplen;		/* 0: the maximum */
	uint32_t chunk_bytes;		/* 0: 64 KiB */
	uint32_t buffers;		/* 0: 32 */
	uint64_t rotate_bytes, rotate_packets, rotate_ns;
	bool queue_option;
	bool accelerate;
	uint32_t calm_rounds;
	uint64_t patience_ns;		/* of the lanes */
	bool one_cpu;
	uint64_t flush_ns;		/* 0: a second */
	uint64_t sync_ns;		/* the committer's; 0: the same */
	enum bc_store_kind store;	/* BC_STORE_DIR is 0 */
	const char *folder;		/* what becomes the chain's folder, and is removed with it; NULL: a new one */
	const char *dest;		/* NULL: that folder */
	int fd;				/* for BC_STORE_FD */
	struct bc_peer *peer;		/* for BC_STORE_PEER, which no faults are put into */
	uint64_t drain_ns;
	enum bc_io io;
	uint32_t depth;
	bool settling;			/* the store settles, as a direct one does */
	const char *watchfile;
	const char *pipe;		/* a command behind the store */
	struct bc_spawner *spawner;	/* with it */
	uint64_t count;
	bool index;			/* of flows; the committer waits for it unless index_hurries */
	bool index_hurries;
	uint64_t index_part;		/* bytes of a part; 0: the default */
	size_t index_memory;		/* 0: 16 MiB */
	const struct bc_age_recipients *encrypt;
	bool numbered;			/* the sources' packets have numbers, from 0 on, in the order in which they are sent */
};

/* Who reads what was encrypted; NULL: nothing was. */
static const struct bc_age_identities *chain_identities;

/* A packet as it was sent. Its bytes come from its number. */
struct chain_packet {
	uint64_t ts_ns, drops;
	uint32_t source, iface, len, wire_len;
};

struct chain_segment {
	char path[256];
	uint64_t file_bytes;
	struct bc_segment_info info;
	int err;
};

struct chain {
	struct chain_config cfg;
	char dir[SCRATCH_MAX];
	struct bc_iface_table *ifaces;
	struct bc_ledger *ledger;
	struct bc_link *link[4];
	struct bc_chunker chunker;
	struct bc_merge *merge;
	struct bc_link *to_lane[CHAIN_MAX_LANES], *from_lane[CHAIN_MAX_LANES], *free_chunks;
	struct bc_lane *lane[CHAIN_MAX_LANES];
	struct bc_bufpool *pool;
	struct bc_bufpool *notes;
	struct bc_slice_seen *seen;
	struct bc_indexer *indexer;
	struct bc_chunk *chunks;
	uint32_t *counts;
	struct bc_task commit;
	_Atomic uint64_t awaited;
	struct bc_fault fault;
	struct bc_store *store;
	struct bc_committer *committer;
	struct bc_ack *ack[4];		/* by source */
	struct bc_log log;
	pthread_mutex_t lock;
	char lines[8192];		/* all that was logged; under lock */
	struct chain_packet *sent;
	uint32_t n_sent, cap_sent;
	uint64_t ts_ns;			/* of the next packet */
	uint64_t ahead_ns;		/* the merge's clock runs ahead of the real one by this */
	struct chain_segment segment[CHAIN_MAX_SEGMENTS];
	uint32_t n_segments;
	uint32_t gaps;			/* that chain_read found */
	uint32_t missing;		/* the first number that it passed over; UINT32_MAX: none */
	_Atomic uint32_t over;		/* how often the committer said that it had ended, and had */
	struct random random;
};

static inline void chain_log(void *ctx, enum bc_level level, const char *line)
{
	struct chain *c = ctx;

	pthread_mutex_lock(&c->lock);
	strncat(c->lines, line, sizeof(c->lines) - strlen(c->lines) - 2);
	strcat(c->lines, "\n");
	pthread_mutex_unlock(&c->lock);
}

static inline bool chain_said(struct chain *c, const char *words)
{
	bool said;

	pthread_mutex_lock(&c->lock);
	said = strstr(c->lines, words) != NULL;
	pthread_mutex_unlock(&c->lock);
	return said;
}

static inline void chain_published(void *ctx, const char *path, uint64_t file_bytes, const struct bc_segment_info *info,
				   int err)
{
	struct chain *c = ctx;
	struct chain_segment *s = &c->segment[c->n_segments++];

	assert_true(c->n_segments <= CHAIN_MAX_SEGMENTS);
	*s = (struct chain_segment){ .file_bytes = file_bytes, .info = *info, .err = err };
	snprintf(s->path, sizeof(s->path), "%s", path);
	bc_committer_result(c->committer, file_bytes, c->cfg.pipe || !info->on_disk ? err : 0);
}

static inline void chain_publishing(void *ctx, const struct bc_folder *folder, uint32_t n, const bool *on_disk)
{
	struct chain *c = ctx;
	size_t len;
	uint8_t *block = bc_committer_publishing(c->committer, n, on_disk, &len);

	if (block)
		bc_folder_acknowledge(folder, block, len);
	free(block);
}

static inline void chain_drop(void *ctx, const struct bc_desc *d, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		rte_pktmbuf_free(bc_desc_obj(&d[i]));
}

static inline uint32_t chain_iface(struct chain *c, uint16_t linktype)
{
	struct bc_iface iface = { .linktype = linktype };
	int i;

	snprintf(iface.name, sizeof(iface.name), "if%u", bc_iface_count(c->ifaces));
	i = bc_iface_add(c->ifaces, &iface);
	assert_true(i >= 0);
	return (uint32_t)i;
}

static inline void chain_new_buffers(struct chain *c)
{
	uint32_t chunks = c->cfg.buffers + 2 * c->cfg.lanes + 8;

	c->pool = bc_bufpool_new(c->cfg.buffers, BC_LANE_BUFFER(c->cfg.chunk_bytes), false, NULL);
	c->chunks = aligned_alloc(BC_CACHE_LINE, chunks * sizeof(*c->chunks));
	assert_non_null(c->chunks);
	memset(c->chunks, 0, chunks * sizeof(*c->chunks));
	c->counts = bc_chunk_new_counts(c->chunks, chunks, c->cfg.sources);
	assert_non_null(c->counts);
	c->free_chunks = bc_link_new(chunks);
	for (uint32_t i = 0; i < chunks; i++)
		bc_link_put(c->free_chunks, 0, bc_desc_word(&c->chunks[i], 0, 0));
	for (uint32_t i = 0; i < c->cfg.lanes; i++) {
		c->to_lane[i] = bc_link_new(2048);
		c->from_lane[i] = bc_link_new(chunks);
	}
}

static inline void chain_new_index(struct chain *c)
{
	struct bc_indexer_config ic = {
		.flows = true, .waits = !c->cfg.index_hurries, .part_bytes = c->cfg.index_part,
		.memory = c->cfg.index_memory ? c->cfg.index_memory : 16 << 20,
	};

	c->seen = calloc(c->cfg.buffers + 2 * c->cfg.lanes + 8, BC_MAX_SLICES * sizeof(*c->seen));
	for (uint32_t i = 0; i < c->cfg.buffers + 2 * c->cfg.lanes + 8; i++)
		c->chunks[i].seen = c->seen + i * (size_t)BC_MAX_SLICES;
	c->notes = bc_bufpool_new(64 * (BC_NOTES_MOST(BC_LANE_BUFFER(c->cfg.chunk_bytes)) / BC_NOTES_BYTES), BC_NOTES_BYTES, false, NULL);
	ic.notes = c->notes;
	assert_int_equal(bc_indexer_new(&ic, &c->indexer, NULL), 0);
}

static inline void chain_new_lanes(struct chain *c)
{
	for (uint32_t i = 0; i < c->cfg.lanes; i++) {
		struct bc_lane_config lc = {
			.in = c->to_lane[i], .out = c->from_lane[i], .committer = &c->commit, .pool = c->pool, .index = i,
			.n_lanes = c->cfg.lanes, .n_sources = c->cfg.sources, .awaited = &c->awaited, .format = c->cfg.format, .snaplen = c->cfg.snaplen,
			.framing = c->cfg.framing, .codec = c->cfg.codec, .level = c->cfg.level,
			.mode = { .accelerate = c->cfg.accelerate, .calm_rounds = c->cfg.calm_rounds, .patience_ns = c->cfg.patience_ns,
				  .one_cpu = c->cfg.one_cpu },
			.slice_bytes = 65536, .indexed = c->cfg.index, .notes = c->notes,
			.ifaces = c->ifaces, .queue_option = c->cfg.queue_option, .queue = { 3, 4, 5, 6 },
		};

		c->lane[i] = bc_lane_new(&lc);
		assert_non_null(c->lane[i]);
	}
}

static inline void chain_new_merge(struct chain *c)
{
	struct bc_chunker_config cc = {
		.n_sources = c->cfg.sources, .n_lanes = c->cfg.lanes, .free_chunks = c->free_chunks, .ifaces = c->ifaces, .chunk_bytes = c->cfg.chunk_bytes,
		.overhead = bc_format_overhead(c->cfg.format) + (c->cfg.framing ? 4 : 0) +
			    (c->cfg.queue_option ? BC_EPB_OPT_QUEUE + BC_EPB_OPT_END : 0),
		.snaplen = c->cfg.snaplen, .rotate_bytes = c->cfg.rotate_bytes, .rotate_packets = c->cfg.rotate_packets, .rotate_ns = c->cfg.rotate_ns, .flush_ns = c->cfg.flush_ns,
	};
	struct bc_merge_config mc = {
		.n_links = c->cfg.sources, .link = c->link, .n_outputs = 1, .output = { &c->chunker }, .ledger = c->ledger,
		.max_wait_ns = CHAIN_TIMEOUT_NS, .drop = chain_drop, .count = c->cfg.count,
	};

	memcpy(cc.lane, c->to_lane, sizeof(c->to_lane));
	bc_chunker_init(&c->chunker, &cc);
	for (uint32_t i = 0; i < c->cfg.sources; i++)
		c->link[i] = bc_link_new(1024);
	c->merge = bc_merge_new(&mc);
}

/* Each source has a session of one node. */
static inline void chain_new_acks(struct chain *c)
{
	for (uint32_t i = 0; i < c->cfg.sources; i++) {
		const struct bc_ack_mark m = { .node = { (uint8_t)(i + 1) }, .epoch = 1 };
		struct bc_ack_leg leg;

		snprintf(c->ledger->source[i].name, sizeof(c->ledger->source[i].name), "node%u", i);
		c->ack[i] = bc_ack_new(-1);
		bc_ack_begin(c->ack[i], &m, 1, 0, &leg);
	}
}

/* All packets of the source with smaller numbers are on disk. */
static inline uint64_t chain_acknowledged(const struct chain *c, uint32_t source)
{
	struct bc_ack_mark m;
	bool complete;

	assert_true(bc_ack_due(c->ack[source], 1, &m, &complete));
	return m.next;
}

static inline void chain_over(void *ctx)
{
	struct chain *c = ctx;

	if (bc_committer_done(c->committer))
		c->over++;
}

static inline void chain_new_committer(struct chain *c)
{
	struct bc_store_config sc = {
		.kind = c->cfg.store, .dest = c->cfg.dest || c->cfg.store == BC_STORE_FD ? c->cfg.dest : c->dir, .fd = c->cfg.fd, .io = c->cfg.io, .depth = c->cfg.depth, .ext = ".x",
		.peer = c->cfg.peer, .drain_ns = c->cfg.drain_ns,
		.utc = true, .pid = 5, .log = &c->log, .pipe = c->cfg.pipe, .spawner = c->cfg.spawner,
		.published = chain_published, .publishing = chain_publishing, .ctx = c, .keep_empty = c->cfg.format == BC_FORMAT_ERF,
	};
	struct bc_committer_config mc = {
		.section = { .format = c->cfg.format, .framing = c->cfg.framing, .snaplen = c->cfg.snaplen, .start_ns = 1, .ifaces = c->ifaces,
			     .ledger = c->ledger },
		.n_lanes = c->cfg.lanes, .task = &c->commit, .awaited = &c->awaited, .free_chunks = c->free_chunks,
		.pool = c->pool, .ledger = c->ledger, .codec = c->cfg.codec, .level = c->cfg.level, .stream_workers = 1,
		.block_max = c->cfg.chunk_bytes > BC_LANE_RECORD_MAX ? c->cfg.chunk_bytes : BC_LANE_RECORD_MAX,
		.encrypt = c->cfg.encrypt,
		.flush_ns = c->cfg.sync_ns ? c->cfg.sync_ns : c->cfg.flush_ns, .log = &c->log, .watchfile = c->cfg.watchfile,
		.indexer = c->indexer, .notes = c->notes, .ack = c->cfg.numbered ? c->ack : NULL,
		.piped = c->cfg.pipe != NULL, .over = chain_over, .over_ctx = c,
	};
	struct bc_store *inner = NULL;

	assert_int_equal(bc_store_open(&sc, &inner, NULL), 0);
	/* Behind faults the store does not know how many bytes it is to sync. */
	if (c->cfg.peer || c->cfg.numbered)
		c->store = inner;
	else
		assert_int_equal(bc_store_fault_wrap(inner, &c->fault, &c->store, NULL), 0);
	mc.store = c->store;
	memcpy(mc.lane, c->from_lane, sizeof(c->from_lane));
	assert_int_equal(bc_committer_new(&mc, &c->committer, NULL), 0);
	assert_int_equal(bc_committer_start(c->committer), 0);
}

static inline void chain_new_folder(struct chain *c)
{
	if (!c->cfg.folder) {
		scratch_folder(c->dir, "bc-chain");
		return;
	}
	snprintf(c->dir, sizeof(c->dir), "%s", c->cfg.folder);
	assert_int_equal(mkdir(c->dir, 0700), 0);
}

static inline struct chain *chain_new(struct chain_config cfg)
{
	struct chain *c = calloc(1, sizeof(*c));

	cfg.lanes = cfg.lanes ? cfg.lanes : 1;
	cfg.sources = cfg.sources ? cfg.sources : 1;
	cfg.level = cfg.level ? cfg.level : 1;
	cfg.snaplen = cfg.snaplen ? cfg.snaplen : 262144;
	cfg.chunk_bytes = cfg.chunk_bytes ? cfg.chunk_bytes : 65536;
	cfg.buffers = cfg.buffers ? cfg.buffers : 32;
	cfg.flush_ns = cfg.flush_ns ? cfg.flush_ns : BC_NS_PER_S;
	c->cfg = cfg;
	c->missing = UINT32_MAX;
	c->fault = (struct bc_fault)BC_FAULT_NONE;
	c->fault.settling = cfg.settling;
	c->random.state = 42;
	c->ts_ns = 1792888200ULL * BC_NS_PER_S;
	c->log = (struct bc_log){ chain_log, c };
	pthread_mutex_init(&c->lock, NULL);
	chain_new_folder(c);
	c->ifaces = bc_iface_table_new();
	c->ledger = bc_ledger_new();
	c->ledger->n_sources = cfg.sources;
	c->ledger->n_outputs = 1;
	for (uint32_t i = 0; i < cfg.sources; i++)
		c->ledger->source[i].iface = chain_iface(c, 1);
	chain_new_buffers(c);
	if (cfg.index)
		chain_new_index(c);
	chain_new_lanes(c);
	chain_new_merge(c);
	if (cfg.numbered)
		chain_new_acks(c);
	chain_new_committer(c);
	return c;
}

/* Every third packet can be compressed well, the others cannot. */
static inline uint8_t chain_byte(uint32_t number, uint32_t at)
{
	uint32_t x = number * 2654435761U + (number % 3 ? at : at / 40) * 40503U;

	x = (x ^ x >> 15) * 2246822519U;
	x = (x ^ x >> 13) * 3266489917U;
	return (uint8_t)(x >> 16);
}

/* Every stage once. */
static inline void chain_barrier(struct chain *c)
{
	bc_merge_poll(c->merge, 256);
	bc_merge_tick(c->merge, bc_mono_ns() + c->ahead_ns);
	for (uint32_t i = 0; i < c->cfg.lanes; i++)
		bc_lane_poll(c->lane[i]);
}

/* Go on until the condition holds. */
#define TURN_UNTIL(c, condition) \
	do { \
		uint64_t until_ns_ = bc_mono_ns() + CHAIN_TIMEOUT_NS; \
		while (!(condition)) { \
			chain_barrier(c); \
			sched_yield(); \
			if (bc_mono_ns() > until_ns_) \
				fail_msg("waited in vain for " #condition); \
		} \
	} while (0)

static inline struct rte_mbuf *chain_mbuf(struct chain *c, uint32_t number, uint32_t len)
{
	uint64_t until_ns = bc_mono_ns() + CHAIN_TIMEOUT_NS;
	static uint8_t data[1 << 20];
	struct rte_mbuf *m;

	assert_true(len <= sizeof(data));
	for (uint32_t i = 0; i < len; i++)
		data[i] = chain_byte(number, i);
	if (len >= 4)
		memcpy(data, &number, 4);
	for (;;) {
		m = rte_pktmbuf_alloc(chain_pool);
		if (m && bc_packet_fill(m, data, len) == 0)
			break;
		rte_pktmbuf_free(m);
		chain_barrier(c);
		sched_yield();
		assert_true(bc_mono_ns() < until_ns);
	}
	return m;
}

/* Number and time are the next ones. Waits for room; the packet's wire length is 7 more than what was caught. */
static inline void chain_send_as(struct chain *c, struct chain_packet p)
{
	struct bc_link *link = c->link[p.source];
	struct rte_mbuf *m = chain_mbuf(c, c->n_sent, p.len);
	uint64_t until_ns = bc_mono_ns() + CHAIN_TIMEOUT_NS;

	p.ts_ns = c->ts_ns++;
	p.wire_len = p.len + 7;
	if (c->n_sent == c->cap_sent) {
		c->cap_sent = c->cap_sent ? 2 * c->cap_sent : 1024;
		c->sent = realloc(c->sent, c->cap_sent * sizeof(*c->sent));
		assert_non_null(c->sent);
	}
	c->sent[c->n_sent++] = p;
	m->port = (uint16_t)p.iface;
	*bc_meta(m) = (struct bc_meta){ .wire_len = p.wire_len, .source = (uint16_t)p.source };
	if (p.drops) {
		bc_meta(m)->flags = BC_META_DROPS;
		m->tx_offload = p.drops;
	}
	while (!bc_link_room(link, 1)) {
		chain_barrier(c);
		sched_yield();
		assert_true(bc_mono_ns() < until_ns);
	}
	bc_link_put(link, p.ts_ns, bc_desc_word(m, ((p.len + 3) & ~3U) + (p.drops ? 16 : 0), 1));
	for (uint32_t i = 0; i < c->cfg.sources; i++)
		bc_link_set_watermark(c->link[i], p.ts_ns + 1);
	bc_counter_add(&c->ledger->source[p.source].ingress.received, 1);
}

static inline void chain_send(struct chain *c, uint32_t len)
{
	uint32_t source = c->cfg.sources > 1 ? random_below(&c->random, c->cfg.sources) : 0;

	chain_send_as(c, (struct chain_packet){ .source = source, .iface = source, .len = len });
}

static inline void chain_send_many(struct chain *c, uint32_t n, uint32_t len)
{
	while (n--)
		chain_send(c, len);
}

/* Send until the condition holds. */
#define SEND_UNTIL(c, condition) \
	do { \
		uint64_t until_ns_ = bc_mono_ns() + CHAIN_TIMEOUT_NS; \
		while (!(condition)) { \
			chain_send_many(c, 20, 1000); \
			sched_yield(); \
			if (bc_mono_ns() > until_ns_) \
				fail_msg("sent in vain for " #condition); \
		} \
	} while (0)

/* Have the committer deal with all that was sent so far; ends the open chunk. */
static inline void chain_settle(struct chain *c)
{
	uint64_t until_ns = bc_mono_ns() + CHAIN_TIMEOUT_NS;
	struct bc_balance b;

	do {
		c->ahead_ns += c->cfg.flush_ns;
		chain_barrier(c);
		bc_ledger_balance(c->ledger, 0, BC_ALL_SOURCES, &b);
		assert_true(bc_mono_ns() < until_ns);
		sched_yield();
	} while (b.unaccounted);
}

/* Packets that the one output lost under this name so far. */
static inline uint64_t chain_lost_so_far(const struct chain *c, enum bc_loss loss)
{
	uint64_t n = 0;

	for (uint32_t s = 0; s < c->cfg.sources; s++)
		n += bc_counter_get(&c->ledger->output[0].source[s].dropped[loss]);
	return n;
}

/* The sources end; drain all, publish. */
static inline void chain_end(struct chain *c)
{
	uint64_t until_ns = bc_mono_ns() + CHAIN_TIMEOUT_NS;
	bool done = false;

	for (uint32_t i = 0; i < c->cfg.sources; i++)
		bc_link_set_watermark(c->link[i], BC_WATERMARK_END);
	bc_committer_draining(c->committer);
	while (!done || !bc_committer_done(c->committer)) {
		chain_barrier(c);
		done = bc_merge_done(c->merge);
		for (uint32_t i = 0; i < c->cfg.lanes; i++)
			done &= bc_lane_done(c->lane[i]);
		if (bc_mono_ns() > until_ns)
			fail_msg("the chain hangs: %u of %u buffers left", bc_bufpool_available(c->pool),
				 bc_bufpool_total(c->pool));
		sched_yield();
	}
	bc_committer_join(c->committer);
	bc_store_close(c->store);
	c->store = NULL;
	for (uint32_t i = 0; i < c->cfg.lanes; i++) {
		bc_lane_free(c->lane[i]);
		c->lane[i] = NULL;
	}
	assert_int_equal(bc_bufpool_available(c->pool), c->cfg.buffers);
	assert_pool_full(chain_pool);
}

static inline int chain_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	return remove(path);
}

static inline void chain_discard(struct bc_link *l)
{
	const struct bc_desc *d;

	while (bc_link_peek(l, &d)) {
		if (bc_desc_outputs(d))
			rte_pktmbuf_free(bc_desc_obj(d));
		bc_link_pop(l, 1);
	}
}

/* Instead of chain_end. */
static inline void chain_abort(struct chain *c)
{
	bc_committer_abort(c->committer);
	bc_committer_join(c->committer);
	bc_store_abort(c->store);
	c->store = NULL;
	for (uint32_t i = 0; i < c->cfg.sources; i++)
		chain_discard(c->link[i]);
	for (uint32_t i = 0; i < c->cfg.lanes; i++)
		chain_discard(c->to_lane[i]);
	assert_pool_full(chain_pool);
}

/* After chain_end or chain_abort. */
static inline void chain_free(struct chain *c)
{
	bc_committer_free(c->committer);
	bc_indexer_free(c->indexer);
	bc_bufpool_free(c->notes);
	free(c->seen);
	bc_merge_free(c->merge);
	for (uint32_t i = 0; i < c->cfg.lanes; i++) {
		bc_lane_free(c->lane[i]);
		bc_link_free(c->to_lane[i]);
		bc_link_free(c->from_lane[i]);
	}
	for (uint32_t i = 0; i < c->cfg.sources; i++)
		bc_link_free(c->link[i]);
	for (uint32_t i = 0; i < c->cfg.sources; i++)
		bc_ack_free(c->ack[i]);
	bc_link_free(c->free_chunks);
	bc_bufpool_free(c->pool);
	bc_ledger_free(c->ledger);
	free(c->chunks);
	free(c->counts);
	free(c->ifaces);
	free(c->sent);
	nftw(c->dir, chain_remove, 8, FTW_DEPTH | FTW_PHYS);
	free(c);
}

/* The ledger closes, for each source. */
static inline struct bc_balance chain_balance(const struct chain *c)
{
	struct bc_balance b;

	for (uint32_t s = 0; s < c->cfg.sources; s++) {
		bc_ledger_balance(c->ledger, 0, s, &b);
		assert_int_equal(b.unaccounted, 0);
	}
	bc_ledger_balance(c->ledger, 0, BC_ALL_SOURCES, &b);
	assert_int_equal(b.received, c->n_sent);
	assert_int_equal(b.written, bc_counter_get(&c->ledger->output[0].written));
	return b;
}

static inline uint64_t chain_lost(const struct chain *c, enum bc_loss loss)
{
	return chain_balance(c).dropped[loss];
}

/* The bytes of a file, decompressed. */
static inline uint8_t *chain_load(const char *path, size_t *ret_len)
{
	struct bc_decoder *d = NULL;
	struct bc_err err = { "" };
	struct bc_blob *blob;
	size_t len = 0, cap = 1 << 20;
	uint8_t *p = malloc(cap);
	ptrdiff_t n;

	assert_int_equal(bc_blob_open_file(path, &blob, &err), 0);
	if (chain_identities && bc_age_blob_wrap(&blob, chain_identities, &err))
		fail_msg("%s: %s", path, err.msg);
	assert_int_equal(bc_decoder_open_blob(blob, &d, &err), 0);
	while ((n = bc_decoder_read(d, p + len, cap - len, &err)) > 0) {
		len += (size_t)n;
		if (len == cap)
			p = realloc(p, cap *= 2);
	}
	if (n < 0)
		fail_msg("%s: %s", path, err.msg);
	bc_decoder_close(d);
	bc_blob_close(blob);
	*ret_len = len;
	return p;
}

/* One record against what was sent under that number. */
static inline void chain_compare(const struct chain *c, uint32_t number, const struct bc_record *rec, const char *iface)
{
	const struct chain_packet *p = &c->sent[number];
	uint32_t len = p->len < c->cfg.snaplen ? p->len : c->cfg.snaplen;
	bool erf = c->cfg.format == BC_FORMAT_ERF;
	uint64_t ts_ns = c->cfg.format == BC_FORMAT_PCAP_US ? p->ts_ns / 1000 * 1000 : p->ts_ns;

	assert_int_equal(rec->ts_ns, ts_ns);
	if (erf) {
		/* Of a few bytes it cannot be told how many they are. */
		if (len < 6 && !bc_erf_is_whole(len, p->wire_len))
			return;
		len = bc_erf_caplen(len, p->wire_len);
	}
	assert_int_equal(rec->caplen, len);
	assert_int_equal(rec->wirelen, p->wire_len);
	if (c->cfg.format == BC_FORMAT_PCAPNG || erf)
		assert_int_equal(rec->dropcount, p->drops);
	if (c->cfg.format == BC_FORMAT_PCAPNG) {
		assert_string_equal(iface, c->ifaces->entry[p->iface].name);
	}
	for (uint32_t i = len >= 4 ? 4 : 0; i < len; i++)
		if (rec->data[i] != chain_byte(number, i))
			fail_msg("packet %u differs at byte %u", number, i);
}

/* All records of a file whose numbers follow *next; every packet is 4 bytes long at least, else all must have come. */
static inline uint32_t chain_read(struct chain *c, const char *path, uint32_t *next)
{
	struct bc_reader *r = c->cfg.format == BC_FORMAT_ERF ? bc_reader_new_erf() : bc_reader_new();
	struct bc_err err = { "" };
	struct bc_record rec;
	size_t len, at = 0;
	uint8_t *bytes = chain_load(path, &len);
	uint32_t n = 0;

	while (at < len) {
		size_t used = 0, need;
		int what = bc_reader_next(r, bytes + at, len - at, &used, &need, &rec, &err);

		if (what < 0 || what == BC_READ_MORE)
			fail_msg("%s: at %zu of %zu: %s", path, at, len, what < 0 ? err.msg : "it ends inside a record");
		if (what == BC_READ_RECORD) {
			uint32_t number = *next;

			if (rec.caplen >= 4)
				memcpy(&number, rec.data, 4);
			assert_true(number >= *next && number < c->n_sent);
			c->gaps += number > *next;
			if (number > *next && c->missing == UINT32_MAX)
				c->missing = *next;
			chain_compare(c, number, &rec, bc_reader_iface(r, rec.iface)->name);
			*next = number + 1;
			n++;
		}
		at += used;
	}
	free(bytes);
	bc_reader_free(r);
	return n;
}

/* Every published segment is whole. If all were published they hold what the ledger calls written. */
static inline void chain_check_segments(struct chain *c)
{
	uint64_t total = 0;
	uint32_t next = 0;
	bool all = true;

	for (uint32_t i = 0; i < c->n_segments; i++) {
		if (c->segment[i].err) {
			all = false;
			continue;
		}
		assert_int_equal(chain_read(c, c->segment[i].path, &next), c->segment[i].info.packets);
		total += c->segment[i].info.packets;
	}
	if (all)
		assert_int_equal(total, chain_balance(c).written);
}

/* Nothing was lost, and all of it can be read. */
static inline void chain_check_all(struct chain *c)
{
	assert_int_equal(chain_balance(c).written, c->n_sent);
	chain_check_segments(c);
}

/* A text stands in a file's decompressed bytes so many times. */
static inline uint32_t chain_count_text(const char *path, const char *words)
{
	size_t len, n = strlen(words);
	uint8_t *bytes = chain_load(path, &len), *p = bytes;
	uint32_t times = 0;

	while ((p = memmem(p, len - (size_t)(p - bytes), words, n))) {
		times++;
		p += n;
	}
	free(bytes);
	return times;
}

#endif
