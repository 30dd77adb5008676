/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_peer_session.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

void bc_peer_session_reset(struct bc_peer_session *s)
{
	s->phase = BC_PEER_SILENT;
	s->deaf = false;
	s->in_len = 0;
}

void bc_peer_session_ask(struct bc_peer_session *s, const uint8_t node[BC_WIRE_ID], const struct bc_spool *q, uint64_t window,
			 uint8_t *dst)
{
	struct bc_wire_session m = { .epoch = q->epoch, .first = q->at.number, .window = window };

	memcpy(m.node, node, sizeof(m.node));
	bc_wire_put_session(dst, &m);
	s->phase = BC_PEER_ASKED;
}

static int take_ack(struct bc_peer_session *s, struct bc_spool *q, const struct bc_wire_ack *a, struct bc_err *err)
{
	int r;

	if (a->epoch != q->epoch)
		return bc_err_set(err, -EBADMSG, "it acknowledges packets of an epoch that is not ours");
	r = s->phase == BC_PEER_ASKED ? bc_spool_resume(q, a->next) : bc_spool_ack(q, a->next);
	if (r)
		return bc_err_set(err, r, "it acknowledges packets up to %" PRIu64 ", but had acknowledged %" PRIu64 " of %" PRIu64
				  " that were sent", a->next, q->acked, q->high);
	s->phase = BC_PEER_ACKING;
	return 0;
}

static int take_answer(struct bc_peer_session *s, struct bc_spool *q, const struct bc_wire_answer *a, struct bc_err *err)
{
	if (a->type == BC_WIRE_ACK && s->phase >= BC_PEER_ASKED)
		return take_ack(s, q, &a->ack, err);
	if (a->type == BC_WIRE_ACK)
		return bc_err_set(err, -EBADMSG, "it acknowledges without being asked to");
	if (s->phase != BC_PEER_SILENT)
		return bc_err_set(err, -EBADMSG, "it says hello twice");
	s->phase = BC_PEER_GREETED;
	return 0;
}

/* One answer at the most; the bytes of data that belong to it, or a negative errno. */
static ptrdiff_t take_bytes(struct bc_peer_session *s, struct bc_spool *q, const uint8_t *data, size_t len, struct bc_err *err)
{
	size_t had = s->in_len, more = sizeof(s->in) - had, consumed;
	struct bc_wire_answer a;
	int r;

	if (more > len)
		more = len;
	memcpy(s->in + had, data, more);
	s->in_len += more;
	r = bc_wire_answer(s->in, s->in_len, &consumed, &a, err);
	if (r <= 0)
		return r ? r : (ptrdiff_t)more;
	s->in_len = 0;
	r = take_answer(s, q, &a, err);
	return r ? r : (ptrdiff_t)(consumed - had);
}

int bc_peer_session_input(struct bc_peer_session *s, struct bc_spool *q, const uint8_t *data, size_t len, struct bc_err *err)
{
	while (len && !s->deaf) {
		ptrdiff_t n = take_bytes(s, q, data, len, err);

		if (n < 0 && s->phase != BC_PEER_SILENT)
			return (int)n;
		if (n < 0) {
			s->deaf = true;
			break;
		}
		data += n;
		len -= (size_t)n;
	}
	return 0;
}
