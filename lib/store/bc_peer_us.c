/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_peer_us.h"

#include <string.h>

#include "bc_pcap.h"

/* One end may have another reason. */
#define REFUSED_MAX 3

bool bc_peer_us_refused(struct bc_peer_us *u, const uint8_t *link)
{
	if (u->on || !bc_wire_link_is_ns(link, BC_WIRE_HEADER + BC_PCAP_FILE_HEADER))
		return false;
	u->on = ++u->n_refused == REFUSED_MAX;
	return u->on;
}

void bc_peer_us_accepted(struct bc_peer_us *u)
{
	u->n_refused = 0;
}

static void fill(struct bc_peer_us *u, struct bc_spool *s)
{
	const uint8_t *from;
	size_t n = bc_spool_peek(s, &from), whole;

	u->at = 0;
	while (u->len < n && (whole = bc_wire_length(from + u->len, n - u->len)) && whole <= n - u->len &&
	       whole <= sizeof(u->out) - u->len) {
		memcpy(u->out + u->len, from + u->len, whole);
		bc_wire_to_us(u->out + u->len, whole);
		u->len += whole;
	}
}

size_t bc_peer_us_next(struct bc_peer_us *u, struct bc_spool *s, const uint8_t **data)
{
	if (!u->len)
		fill(u, s);
	*data = u->out + u->at;
	return u->len;
}

void bc_peer_us_sent(struct bc_peer_us *u, size_t n)
{
	if (!u->on)
		return;
	u->at += n;
	u->len -= n;
}

void bc_peer_us_link(const struct bc_peer_us *u, uint8_t *link, size_t len)
{
	if (u->on)
		bc_wire_to_us(link, len);
}

void bc_peer_us_rewind(struct bc_peer_us *u)
{
	u->len = 0;
}
