/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer's thread: what is due, and the wait for more. */
#include "bc_peer_priv.h"

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/* Between looks at what was acknowledged. */
#define ACK_NS (20 * BC_NS_PER_MS)

static void step(struct bc_peer *p, uint64_t now_ns)
{
	p->want = 0;
	switch (p->state) {
	case WAITING:
		if (atomic_load(&p->end) && !bc_spool_waiting(p->queue.out))
			p->state = OVER;
		else if (now_ns >= p->until_ns)
			bc_peer_connect(p, now_ns);
		break;
	case CONNECTING:
		bc_peer_shake_hands(p, now_ns);
		break;
	case CONFIRMING:
		if (bc_peer_read(p, now_ns) && now_ns >= p->until_ns)
			bc_peer_connected(p, now_ns);
		break;
	case UP:
		bc_peer_talk(p, now_ns);
		break;
	case ENDING:
		if (bc_peer_read(p, now_ns) && p->again && now_ns >= p->until_ns)
			bc_peer_ended(p, now_ns);
		break;
	case OVER:
		break;
	}
	if (atomic_load(&p->end) && now_ns >= atomic_load(&p->end_by_ns))
		p->state = OVER;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* The same while the connection is up. */
static uint64_t up_until(const struct bc_peer *p, uint64_t now)
{
	uint64_t until = UINT64_MAX;

	if (!p->logged_up)
		until = p->up_ns + BC_PEER_STABLE_NS;
	if (p->talk == LISTEN || p->talk == SESSION)
		until = earlier(until, p->hold_ns);
	if (p->talk == PLAIN && bc_peer_fate_known(&p->fate) != bc_spool_sent(&p->queue.run))
		until = earlier(until, p->cfg.doubt_ns ? p->mark_ns + p->cfg.doubt_ns : now + ACK_NS);
	if (!p->blocked && !bc_peer_all_sent(p) && p->talk != LISTEN && p->talk != SESSION)
		until = now;
	return until;
}

/* How long there is nothing to do unless somebody calls. */
static int timeout_ms(const struct bc_peer *p)
{
	uint64_t now = bc_mono_ns(), until = now + 10 * BC_NS_PER_S;

	if (p->state != UP && (p->state != ENDING || p->again))
		until = earlier(until, p->until_ns);
	if (p->state == UP)
		until = earlier(until, up_until(p, now));
	until = earlier(until, bc_peer_queue_due_ns(&p->queue));
	if (atomic_load(&p->end))
		until = earlier(until, atomic_load(&p->end_by_ns));
	if (p->flooded)
		return 0;
	return until > now ? (int)((until - now) / BC_NS_PER_MS + 1) : 0;
}

static void wait_for_work(struct bc_peer *p)
{
	struct pollfd fds[2] = { { .fd = p->wake, .events = POLLIN }, { .fd = -1 } };
	uint64_t calls;

	if (p->conn) {
		fds[1].fd = bc_conn_fd(p->conn);
		fds[1].events = (short)(POLLIN | p->want);
	}
	if (poll(fds, 2, timeout_ms(p)) > 0 && fds[0].revents)
		(void)!read(p->wake, &calls, sizeof(calls));
}

void *bc_peer_run_tcp(void *arg)
{
	struct bc_peer *p = arg;

	while (!atomic_load(&p->stop) && p->state != OVER) {
		step(p, bc_mono_ns());
		bc_peer_queue_look_after(&p->queue, bc_mono_ns(), false);
		if (p->state != OVER)
			wait_for_work(p);
	}
	/* In time or not, it has the peer's acknowledgement. */
	if (p->conn && p->talk == PLAIN && !bc_peer_queue_is_left(&p->queue))
		bc_peer_fate_pass(&p->fate, bc_peer_acknowledged(p));
	bc_peer_disconnect(p);
	bc_peer_queue_finish(&p->queue);
	atomic_store(&p->done, true);
	return NULL;
}

/* IPIP knows no connection: what the kernel does not take is tried again. */
static void send_datagrams(struct bc_peer *p)
{
	const uint8_t *message;
	struct bc_err err;
	size_t len;
	int r = 0;

	while (!r && !atomic_load(&p->stop) && bc_spool_peek(&p->queue.run, &message)) {
		len = bc_wire_length(message, BC_WIRE_HEADER);
		r = bc_ipip_send(p->ipip, message + BC_WIRE_HEADER, len - BC_WIRE_HEADER, &err);
		if (!r) {
			bc_spool_take(&p->queue.run, len);
			bc_peer_fate_pass(&p->fate, bc_spool_done(&p->queue.run));
			p->backoff_ns = BC_PEER_BACKOFF_MIN_NS;
			p->logged[0] = '\0';
		}
	}
	p->state = UP;
	atomic_store(&p->up, !r);
	if (r) {
		bc_peer_log_failure(p, err.msg);
		bc_peer_back_off(p, bc_mono_ns());
	}
}

void *bc_peer_run_ipip(void *arg)
{
	struct bc_peer *p = arg;

	p->state = UP;
	p->logged_up = true;
	while (!atomic_load(&p->stop) && p->state != OVER) {
		uint64_t now_ns = bc_mono_ns();

		if (p->state == UP || now_ns >= p->until_ns)
			send_datagrams(p);
		if (atomic_load(&p->end) && (!bc_spool_waiting(&p->queue.run) || now_ns >= atomic_load(&p->end_by_ns)))
			p->state = OVER;
		else
			wait_for_work(p);
	}
	atomic_store(&p->done, true);
	return NULL;
}
