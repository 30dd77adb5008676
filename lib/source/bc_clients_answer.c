/* SPDX-License-Identifier: BSD-3-Clause */
/* What a node is told that wants acknowledgements. */
#include "bc_clients_priv.h"

#include <errno.h>
#include <string.h>

static void begin_telling(struct bc_clients *c, struct client *k, struct session *s)
{
	s->told = true;
	pthread_mutex_lock(&c->lock);
	k->status.acknowledged = true;
	pthread_mutex_unlock(&c->lock);
}

/* The next one, if there is one. True: nothing will follow it. */
static bool make_answer(struct bc_clients *c, struct client *k, struct session *s)
{
	struct bc_ack_mark m;
	bool complete;

	if (s->hello_due) {
		struct bc_wire_hello h = { .flags = 0 };

		memcpy(h.collector, bc_ack_collector(k->ack), sizeof(h.collector));
		bc_wire_put_hello(s->out, &h);
		s->out_len = BC_WIRE_HELLO_MESSAGE;
		s->hello_due = false;
		s->greeted = true;
		return false;
	}
	if (!bc_ack_due(k->ack, s->connection, &m, &complete))
		return s->phase == ENDING && !k->draining;
	if (s->told && m.next == s->told_next)
		return complete;
	bc_wire_put_ack(s->out, &(struct bc_wire_ack){ .epoch = m.epoch, .next = m.next });
	s->out_len = BC_WIRE_ACK_MESSAGE;
	s->told_next = m.next;
	if (!s->told)
		begin_telling(c, k, s);
	return complete;
}

/* Send what is due, as far as the socket takes it. 1: and that was the last; 0; or an error. */
static int answer(struct bc_clients *c, struct client *k, struct session *s, struct bc_err *err)
{
	bool last = false;

	for (;;) {
		ptrdiff_t n;

		if (!s->out_len)
			last = make_answer(c, k, s);
		s->writes = 0;
		if (!s->out_len)
			break;
		n = bc_conn_write(s->conn, s->out, s->out_len, &s->writes, err);
		if (n == -EAGAIN)
			break;
		if (n < 0)
			return (int)n;
		s->out_len -= (size_t)n;
		memmove(s->out, s->out + n, s->out_len);
	}
	bc_clients_update_events(c, s);
	return last && !s->out_len;
}

void bc_clients_answer(struct bc_clients *c, struct client *k)
{
	struct bc_err err;
	int r;

	if (!k->ack)
		return;
	r = k->receiving ? answer(c, k, k->receiving, &err) : 0;
	if (r < 0)
		bc_clients_end_session(c, k, false, err.msg);
	if (k->ending && answer(c, k, k->ending, &err))
		bc_clients_close_ending(c, k);
}
