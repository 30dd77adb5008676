/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tap_client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bc_conn.h"
#include "bc_counter.h"
#include "bc_time.h"

#define HANDSHAKE_NS (10 * BC_NS_PER_S)
#define AT_A_TIME (1U << 20)	/* bytes, before it is another's turn */
#define READS_AT_A_TIME 16	/* of what a client says, which is of no interest */

/* Bytes of which a part is sent. */
struct sending {
	const uint8_t *data;
	size_t len;
	size_t *sent;
};

struct bc_tap_client {
	struct bc_conn *conn;
	bool up;
	short reading, writing;		/* what poll(2) is to wait for */
	uint64_t give_up_ns;		/* the handshake */
	uint64_t since_ns;
	uint64_t took_ns;

	/* In this order they are sent: what of the head has to be known, a record that tells of a gap, the rest of a piece. */
	size_t head_sent, head_wanted;
	struct bc_tap_bytes gap;
	size_t gap_sent;
	struct bc_tap_piece *piece;
	size_t piece_sent;
	struct bc_tap_cursor at;	/* behind the piece */
	uint64_t untold;		/* packets missed, of which the client does not know */

	bc_counter_t sent, slow;	/* the tap's thread writes */
};

int bc_tap_client_new(int fd, struct bc_tls *tls, struct bc_tap_client **ret, struct bc_err *err)
{
	struct bc_tap_client *c = calloc(1, sizeof(*c));
	int r = c ? bc_conn_accept(fd, tls, &c->conn, err) : bc_err_set(err, -ENOMEM, "no memory for a client");

	if (r) {
		close(fd);
		free(c);
		return r;
	}
	c->give_up_ns = bc_mono_ns() + HANDSHAKE_NS;
	c->since_ns = bc_utc_ns();
	*ret = c;
	return 0;
}

void bc_tap_client_free(struct bc_tap_client *c)
{
	if (!c)
		return;
	bc_tap_piece_put(c->piece);
	free(c->gap.data);
	bc_conn_close(c->conn);
	free(c);
}

static int shake_hands(struct bc_tap_client *c, const struct bc_tap_stream *s, struct bc_err *err)
{
	int r = bc_conn_handshake(c->conn, &c->reading, err);

	if (r == -EAGAIN)
		return bc_mono_ns() < c->give_up_ns ? 0 : bc_err_set(err, -EPROTO, "no TLS handshake within 10 s");
	if (r)
		return -EPROTO;
	c->up = true;
	c->reading = POLLIN;
	c->at = bc_tap_log_end(&s->log);
	c->head_wanted = s->form.head.len;
	return 0;
}

/* Only its end matters. */
static int listen_to(struct bc_tap_client *c, struct bc_err *err)
{
	uint8_t ignored[4096];
	ptrdiff_t n = 1;

	for (int i = 0; n > 0 && i < READS_AT_A_TIME; i++)
		n = bc_conn_read(c->conn, ignored, sizeof(ignored), &c->reading, err);
	if (n == 0)
		return bc_err_set(err, -EPIPE, "it has disconnected");
	if (n > 0)
		c->reading = POLLIN;
	return n < 0 && n != -EAGAIN ? (int)n : 0;
}

static void miss(struct bc_tap_client *c, uint64_t packets)
{
	bc_counter_add(&c->slow, packets);
	c->untold += packets;
}

/* The piece was sent: the next one. False: there is none yet. */
static bool next_piece(struct bc_tap_client *c, const struct bc_tap_stream *s)
{
	uint64_t lost;

	if (c->piece)
		bc_counter_add(&c->sent, c->piece->packets);
	bc_tap_piece_put(c->piece);
	c->piece = bc_tap_log_take(&s->log, &c->at, &lost);
	miss(c, lost);
	c->gap.len = c->gap_sent = c->piece_sent = 0;
	if (!c->piece)
		return false;
	if (c->head_wanted < c->piece->head)
		c->head_wanted = c->piece->head;
	if (c->untold) {
		c->piece_sent = bc_tap_form_tell_loss(&s->form, c->piece->data, c->piece->len, c->untold, &c->gap);
		c->untold = 0;
	}
	return true;
}

static bool pending(struct bc_tap_client *c, const struct bc_tap_stream *s, struct sending *ret)
{
	*ret = (struct sending){ s->form.head.data, c->head_wanted, &c->head_sent };
	if (*ret->sent == ret->len)
		*ret = (struct sending){ c->gap.data, c->gap.len, &c->gap_sent };
	if (*ret->sent == ret->len && c->piece)
		*ret = (struct sending){ c->piece->data, c->piece->len, &c->piece_sent };
	return *ret->sent < ret->len;
}

static int talk_to(struct bc_tap_client *c, const struct bc_tap_stream *s, struct bc_err *err)
{
	size_t done = 0;

	miss(c, bc_tap_log_overtaken(&s->log, &c->at));
	c->writing = 0;
	while (done < AT_A_TIME) {
		struct sending x;
		ptrdiff_t n;

		if (!pending(c, s, &x)) {
			if (!next_piece(c, s))
				return 0;
			continue;
		}
		n = bc_conn_write(c->conn, x.data + *x.sent, x.len - *x.sent, &c->writing, err);
		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		*x.sent += (size_t)n;
		done += (size_t)n;
		c->took_ns = bc_mono_ns();
	}
	c->writing = POLLOUT;
	return 0;
}

int bc_tap_client_go(struct bc_tap_client *c, const struct bc_tap_stream *s, struct bc_err *err)
{
	int r = c->up ? 0 : shake_hands(c, s, err);

	if (r || !c->up)
		return r;
	r = listen_to(c, err);
	return r ? r : talk_to(c, s, err);
}

int bc_tap_client_poll(const struct bc_tap_client *c, short *ret)
{
	*ret = c->reading | c->writing;
	return bc_conn_fd(c->conn);
}

bool bc_tap_client_up(const struct bc_tap_client *c)
{
	return c->up;
}

bool bc_tap_client_finished(struct bc_tap_client *c, const struct bc_tap_stream *s)
{
	struct sending x;

	return c->up && !pending(c, s, &x) && !c->piece && c->at.next == s->log.next &&
	       bc_conn_end(c->conn, &c->writing) != -EAGAIN;
}

uint64_t bc_tap_client_took_ns(const struct bc_tap_client *c)
{
	return c->took_ns;
}

void bc_tap_client_give_up(struct bc_tap_client *c, const struct bc_tap_stream *s)
{
	if (!c->up)
		return;
	bc_counter_add(&c->slow, s->log.packets - c->at.packets + (c->piece ? c->piece->packets : 0));
	c->at.packets = s->log.packets;
	bc_tap_piece_put(c->piece);
	c->piece = NULL;
}

void bc_tap_client_stats(const struct bc_tap_client *c, struct bc_tap_client_stats *ret)
{
	*ret = (struct bc_tap_client_stats){
		.since_ns = c->since_ns,
		.sent = bc_counter_get(&c->sent),
		.client_slow = bc_counter_get(&c->slow),
	};
	snprintf(ret->address, sizeof(ret->address), "%s", bc_conn_address(c->conn));
}
