/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_anonymise.h"

#include "bc_rewrite.h"

static enum bc_header step(struct bc_rewrite *w, enum bc_header h)
{
	switch (h) {
	case BC_ETHER:
		return bc_rewrite_ether(w);
	case BC_ETHERTYPE:
		return bc_rewrite_ethertype(w);
	case BC_MPLS:
		return bc_rewrite_mpls(w);
	case BC_IP:
		return bc_rewrite_ip(w);
	case BC_MAYBE_IP:
		return bc_rewrite_maybe_ip(w);
	case BC_IP4:
		return bc_rewrite_ip4(w);
	case BC_IP6:
		return bc_rewrite_ip6(w);
	case BC_PROTO:
		return bc_rewrite_proto(w);
	case BC_PAYLOAD:
		/* Behind what is quoted there may be extensions with addresses (RFC 4884), at a place that not all senders tell. */
		if (w->quoted)
			bc_narrow(w, w->at);
		return BC_DONE;
	case BC_UNKNOWN:
	case BC_DONE:
		break;
	}
	bc_blank(w, w->at, w->end);
	return BC_DONE;
}

bool bc_anonymise(struct bc_cryptopan *map, uint16_t linktype, uint8_t *data, uint32_t len, uint32_t wire_len)
{
	struct bc_rewrite w;
	enum bc_header h;

	w.map = map;
	w.p = data;
	w.at = 0;
	w.end = len;
	w.wire_end = wire_len > len ? wire_len : len;
	w.type = 0;
	w.quoted = w.unparsed = false;
	w.changed = w.source = w.destination = 0;
	w.n_checksums = 0;
	h = bc_rewrite_link(&w, linktype);
	for (int i = 0; h != BC_DONE; i++)
		h = step(&w, i < BC_HEADERS_MAX ? h : BC_UNKNOWN);
	bc_mend_all(&w);
	return w.unparsed;
}
