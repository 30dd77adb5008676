/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A peer that sends us what it captured, in osmo-pcap's protocol. A thread of the network's brings its bytes through
 * the receive ring; here they are taken apart, without a system call. A peer that is not connected is absent: the merge
 * does not wait for it.
 */
#include "bc_source.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_ack.h"
#include "bc_recv_ring.h"
#include "bc_packet.h"
#include "bc_wire.h"

/* The receive ring keeps what comes, and behind it TCP holds the peer back: nothing is lost, but time. */
#define UNPOLLED_NS (900 * BC_NS_PER_US)

/* A smaller window is taken for one of four times this: a sync for each few packets is more than a disk can do. */
#define PATIENCE_MIN (64U * 1024)

/* Places kept for those that stand for all further interfaces, one for each link type. */
#define SPARE_IFACES 8U

struct remote {
	struct bc_recv_ring *recv_ring;
	uint32_t max_caplen, max_ifaces;
	bool end_segments, one_linktype;
	struct bc_wire *wire;		/* of the connection; NULL between two */
	bool broken;			/* the rest of this connection's bytes is discarded */
	bool sent;			/* packets were enqueued since the last barrier */
	bool barrier_due;		/* must be requested before anything else is enqueued */
	bool barrier_asked;		/* requested, and not passed yet */
	uint64_t last_ns;		/* of the last packet that had a time */
	struct bc_ack *ack;		/* NULL: nothing is acknowledged */
	bool session_due;		/* to begin when all packets before it are through */
	bool stale;			/* the session of an earlier connection is not left yet */
	bool numbered;			/* the connection has a session: */
	uint64_t number;		/* of the next packet */
	struct bc_ack_leg leg;		/* that it is in */
	uint64_t delivered;		/* packets, in all */
	uint64_t patience;		/* bytes for which the node can wait for an acknowledgement */
	uint64_t untold;		/* bytes since one was asked for */
	uint32_t n_known;		/* interfaces in the capture's table that are this peer's */
	uint32_t *known;
	uint32_t n_ifaces;		/* of the connection's link header, by index in the table */
	uint32_t *iface;
};

static bool same_iface(const struct bc_iface *a, const struct bc_iface *b)
{
	return !strcmp(a->name, b->name) && !strcmp(a->description, b->description) && !strcmp(a->hardware, b->hardware) &&
	       !strcmp(a->clock, b->clock) && a->linktype == b->linktype && a->snaplen == b->snaplen &&
	       a->speed_bps == b->speed_bps && a->has_mac == b->has_mac && !memcmp(a->mac, b->mac, sizeof(a->mac)) &&
	       a->options_len == b->options_len && !memcmp(a->options, b->options, a->options_len);
}

/* The interface as the peer describes it, under the peer's name. */
static struct bc_iface describe(const struct bc_source *s, const struct bc_iface *said)
{
	struct bc_iface iface = *said;

	snprintf(iface.name, sizeof(iface.name), "%.63s%s%.63s", s->account->name, said->name[0] ? ":" : "", said->name);
	iface.stamp = BC_STAMP_REMOTE;
	if (!iface.clock[0])
		snprintf(iface.clock, sizeof(iface.clock), "stamped by the peer that sent it");
	return iface;
}

/* Its index in the capture's table: one of the first n that this peer has there, or a new one; or a negative errno. */
static int enter_iface(struct bc_source *s, const struct bc_iface *iface, uint32_t n)
{
	struct remote *p = s->priv;
	int i;

	for (uint32_t k = 0; k < p->n_known; k++)
		if (same_iface(&s->env.ifaces->entry[p->known[k]], iface))
			return (int)p->known[k];
	if (p->n_known >= n)
		return -ENOSPC;
	i = bc_iface_add(s->env.ifaces, iface);
	if (i >= 0)
		p->known[p->n_known++] = (uint32_t)i;
	return i;
}

/* The interface that stands for all further ones of a link type. */
static struct bc_iface describe_others(const struct bc_source *s, const struct bc_iface *said)
{
	struct bc_iface iface = { .name = "", .linktype = said->linktype, .stamp = BC_STAMP_REMOTE };

	snprintf(iface.name, sizeof(iface.name), "%.63s", s->account->name);
	snprintf(iface.description, sizeof(iface.description), "one of more interfaces than are kept apart");
	snprintf(iface.clock, sizeof(iface.clock), "stamped by the peer that sent it");
	return iface;
}

/* Where a peer that comes again finds its interface. When it has named too many the others become one. */
static int find_iface(struct bc_source *s, const struct bc_iface *said)
{
	const struct remote *p = s->priv;
	struct bc_iface iface = describe(s, said);
	uint32_t spare = p->max_ifaces > 2 * SPARE_IFACES ? SPARE_IFACES : 1;
	int i = enter_iface(s, &iface, p->max_ifaces - spare);

	if (i != -ENOSPC)
		return i;
	iface = describe_others(s, said);
	return enter_iface(s, &iface, p->max_ifaces);
}

/* A link header has come. */
static int take_link(struct bc_source *s, struct bc_err *err)
{
	struct remote *p = s->priv;
	uint32_t n = bc_wire_ifaces(p->wire), *iface = malloc(n * sizeof(*iface));
	const uint32_t before = s->account->iface;

	if (!iface)
		return bc_err_set(err, -ENOMEM, "no memory for its interfaces");
	for (uint32_t i = 0; i < n; i++) {
		int r = find_iface(s, bc_wire_iface(p->wire, i));

		if (r < 0) {
			free(iface);
			return bc_err_set(err, r, "it named more than %u interfaces, of too many link types", p->max_ifaces);
		}
		iface[i] = (uint32_t)r;
		s->filters.mixed |= s->env.ifaces->entry[r].linktype !=
				    atomic_load_explicit(&s->filters.linktype, memory_order_relaxed);
	}
	free(p->iface);
	p->iface = iface;
	p->n_ifaces = n;
	s->account->iface = iface[0];
	atomic_store_explicit(&s->filters.linktype, s->env.ifaces->entry[iface[0]].linktype, memory_order_relaxed);
	/* A segment that has one link type cannot continue with another. */
	p->barrier_due = p->one_linktype && p->sent && before != BC_IFACE_NONE &&
		      s->env.ifaces->entry[before].linktype != s->env.ifaces->entry[iface[0]].linktype;
	atomic_store_explicit(&p->recv_ring->src.headed, true, memory_order_relaxed);
	return 0;
}

static uint32_t snaplen_of(const struct bc_source *s, uint32_t iface)
{
	const struct remote *p = s->priv;
	uint32_t snaplen = s->env.ifaces->entry[p->iface[iface]].snaplen;

	return snaplen ? snaplen : UINT32_MAX;
}

/* A packet is longer than its interface's description allows: that one is not to be written beside it. */
static void lift_snaplen(struct bc_source *s, uint32_t iface)
{
	struct remote *p = s->priv;
	struct bc_iface said = *bc_wire_iface(p->wire, iface);
	int i;

	said.snaplen = 0;
	i = find_iface(s, &said);
	if (i >= 0)
		p->iface[iface] = (uint32_t)i;
}

/* False: there is no mbuf now. */
static bool take_packet(struct bc_source *s, struct bc_batch *b, const struct bc_record *rec)
{
	struct remote *p = s->priv;
	struct rte_mbuf *m = rte_pktmbuf_alloc(s->env.pool);

	if (!m || bc_packet_fill(m, rec->data, rec->caplen) != 0) {
		rte_pktmbuf_free(m);
		return false;
	}
	if (rec->caplen > snaplen_of(s, rec->iface))
		lift_snaplen(s, rec->iface);
	m->port = (uint16_t)p->iface[rec->iface];
	*bc_meta(m) = (struct bc_meta){ .wire_len = rec->wirelen, .source = s->index };
	if (rec->kept_len) {
		if (bc_packet_add_options(m, rec->kept, rec->kept_len) != 0) {
			rte_pktmbuf_free(m);
			return false;
		}
		bc_meta(m)->flags |= rec->has_queue ? BC_META_QUEUE : 0;
	}
	if (rec->dropcount) {
		bc_meta(m)->flags |= BC_META_DROPS;
		m->tx_offload = rec->dropcount;
	}
	/*
	 * With its impossible time it would hold up all later packets, so it gets the time of the packet before
	 * it.
	 */
	b->ts_ns[b->n] = rec->clamped && rec->ts_ns ? p->last_ns : rec->ts_ns;
	if (rec->ts_ns)
		p->last_ns = b->ts_ns[b->n];
	b->mbuf[b->n++] = m;
	p->sent = true;
	p->delivered++;
	p->number++;
	return true;
}

/* The node did not know that it was taken. */
static bool is_repeated(struct remote *p)
{
	if (!p->numbered || p->number >= p->leg.taken)
		return false;
	p->number++;
	bc_counter_add(bc_ack_repeated(p->ack), 1);
	return true;
}

/*
 * The packet to come is one behind which numbers are not counted on, as some were taken before. False: those before it
 * are under way still.
 */
static bool follow_numbers(struct remote *p)
{
	if (!p->numbered || p->number < p->leg.end)
		return true;
	if (!bc_ack_through(p->ack, p->delivered))
		return false;
	bc_ack_next_leg(p->ack, p->number, p->delivered, &p->leg);
	return true;
}

/* A node that wants acknowledgements has said who it is. */
static int take_session(struct remote *p, struct bc_err *err)
{
	if (!p->ack)
		return bc_err_set(err, -EBADMSG, "it begins a session, but nothing is acknowledged here");
	p->session_due = true;
	return 0;
}

/* What follows has no numbers, unless a session begins. False: packets of the one before are under way. */
static bool leave_session(struct remote *p)
{
	if (!p->stale)
		return true;
	if (!bc_ack_through(p->ack, p->delivered))
		return false;
	bc_ack_leave(p->ack);
	p->stale = false;
	return true;
}

/* Packets before the session may be under way still; their numbers are counted from another begin. */
static void begin_session(struct bc_source *s)
{
	struct remote *p = s->priv;
	const struct bc_wire_session *w = bc_wire_session(p->wire);
	struct bc_ack_mark m = { .epoch = w->epoch, .next = w->first };

	if (!bc_ack_through(p->ack, p->delivered) || !leave_session(p))
		return;
	memcpy(m.node, w->node, sizeof(m.node));
	p->number = bc_ack_begin(p->ack, &m, p->recv_ring->net.connection, p->delivered, &p->leg);
	p->patience = w->window / 4 > PATIENCE_MIN ? w->window / 4 : PATIENCE_MIN;
	p->untold = 0;
	p->session_due = false;
	p->numbered = s->keeps_paused = true;
}

/* A node that keeps everything until it is acknowledged can hold only so much. */
static void count_untold(struct remote *p, size_t bytes)
{
	p->untold += bytes;
	if (!p->numbered || p->untold < p->patience)
		return;
	p->untold = 0;
	bc_ack_hurry(p->ack);
}

static void refuse(struct remote *p)
{
	p->broken = true;
	bc_recv_ring_refuse(p->recv_ring);
}

/* Take the messages at data apart, up to max packets; returns how many bytes they were. */
static size_t take_messages(struct bc_source *s, struct bc_batch *b, uint32_t max, const uint8_t *data, size_t len)
{
	struct remote *p = s->priv;
	struct bc_err *why = &p->recv_ring->src.why;
	struct bc_record rec;
	size_t at = 0, used, need;

	while (b->n < max && !p->barrier_due && !p->session_due) {
		int r = bc_wire_next(p->wire, data + at, len - at, &used, &need, &rec, why);

		if (r == BC_WIRE_READ_MORE)
			return at;
		if (r == BC_WIRE_READ_LINK)
			r = take_link(s, why);
		else if (r == BC_WIRE_READ_SESSION)
			r = take_session(p, why);
		if (r < 0) {
			refuse(p);
			return len;
		}
		if (r == BC_WIRE_READ_PACKET && !follow_numbers(p))
			break;
		if (r == BC_WIRE_READ_PACKET && !is_repeated(p) && (!leave_session(p) || !take_packet(s, b, &rec)))
			break;
		at += used;
	}
	b->more = true;
	return at;
}

/* The last byte of a connection is taken, or is one that begins a message without an end. */
static void finish(struct bc_source *s, size_t left)
{
	struct remote *p = s->priv;

	if (left && !p->broken)
		bc_err_set(&p->recv_ring->src.why, -EBADMSG, "it ended within a message: %zu bytes are discarded",
			   left);
	bc_recv_ring_take(p->recv_ring, left);
	bc_wire_free(p->wire);
	p->wire = NULL;
	p->broken = p->session_due = false;
	if (p->numbered) {
		bc_ack_end(p->ack, p->delivered);
		p->stale = true;
		p->numbered = s->keeps_paused = false;
	}
	bc_link_set_absent(s->link, true);
	bc_recv_ring_finish(p->recv_ring);
}

/* A connection begins; false without memory, which comes again. */
static bool begin(struct bc_source *s)
{
	struct remote *p = s->priv;

	p->wire = bc_wire_new(p->max_caplen);
	if (p->wire)
		bc_link_set_absent(s->link, false);
	return p->wire != NULL;
}

/* May packets be enqueued? Not before the merge has ended the segment, if that was asked for. */
static bool barrier_passed(struct bc_source *s)
{
	struct remote *p = s->priv;

	/* The packets before it were pushed when the last round ended. */
	if (p->barrier_due) {
		bc_link_ask_barrier(s->link);
		p->barrier_due = p->sent = false;
		p->barrier_asked = true;
	}
	if (p->barrier_asked)
		p->barrier_asked = bc_link_barrier_asked(s->link);
	return !p->barrier_asked;
}

static void remote_rx(struct bc_source *s, struct bc_batch *b, uint32_t max)
{
	struct remote *p = s->priv;
	enum bc_recv_ring_state state = bc_recv_ring_state(p->recv_ring);
	const uint8_t *data;
	size_t len, used;

	if (state == BC_RECV_RING_IDLE) {
		if (!bc_link_absent(s->link))
			bc_link_set_absent(s->link, true);
		return;
	}
	b->more = true;
	if (!barrier_passed(s) || (!p->wire && !begin(s)))
		return;
	if (p->session_due) {
		begin_session(s);
		return;
	}
	if (p->numbered && !p->broken && bc_ack_broken(p->ack)) {
		bc_err_set(&p->recv_ring->src.why, -EIO, "its packets did not reach the disk: it is to send them again");
		refuse(p);
	}
	b->more = false;
	data = bc_recv_ring_bytes(p->recv_ring, &len);
	used = p->broken ? len : take_messages(s, b, max, data, len);
	bc_recv_ring_take(p->recv_ring, used);
	count_untold(p, used);
	if (b->n)
		b->asked_ns = bc_clock_utc(s->env.clock);
	b->time = BC_TIME_UTC;
	if (state != BC_RECV_RING_ENDED || b->more)
		return;
	/* Packets of this round are pushed behind it. */
	p->barrier_due = p->end_segments && p->sent;
	if (p->barrier_due)
		b->more = true;
	else
		finish(s, len - used);
}

static void remote_close(struct bc_source *s)
{
	struct remote *p = s->priv;

	if (!p)
		return;
	bc_wire_free(p->wire);
	free(p->known);
	free(p->iface);
	free(p);
}

static const struct bc_source_ops remote_ops = {
	.rx = remote_rx,
	.close = remote_close,
};

static int open_remote(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
		       uint32_t *ret_n, struct bc_err *err)
{
	struct remote *p = calloc(1, sizeof(*p));
	struct bc_source *s = NULL;

	if (p)
		p->known = calloc(cfg->max_ifaces, sizeof(*p->known));
	if (!p || !p->known) {
		free(p);
		return bc_err_set(err, -ENOMEM, "%s: no memory", cfg->spec);
	}
	s = bc_source_new(cfg, env, &remote_ops, NULL, 0, err);
	if (!s) {
		free(p->known);
		free(p);
		return -ENOSPC;
	}
	p->recv_ring = cfg->recv_ring;
	p->ack = cfg->ack;
	p->max_caplen = cfg->max_caplen;
	p->max_ifaces = cfg->max_ifaces;
	p->end_segments = cfg->end_segments;
	p->one_linktype = cfg->one_linktype;
	s->priv = p;
	s->drain_packets = UINT32_MAX;
	s->buffers_ns = UNPOLLED_NS;
	ret[0] = s;
	*ret_n = 1;
	return 0;
}

const struct bc_source_kind bc_source_remote = {
	.name = "remote",
	.target = BC_TARGET_PEER,
	.waits = true,
	.sparse = true,
	.open = open_remote,
};
