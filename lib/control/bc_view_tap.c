/* SPDX-License-Identifier: BSD-3-Clause */
/* Who gets packets over IP, and how many. */
#include "bc_tap.h"
#include "bc_view_part.h"
#include "bc_view_value.h"

#define CLIENTS_SHOWN 32

static json_t *clients(struct bc_tap *t)
{
	struct bc_tap_client_stats st[CLIENTS_SHOWN];
	uint32_t n = bc_tap_clients(t, st, CLIENTS_SHOWN);
	json_t *list = json_array();

	for (uint32_t i = 0; i < n && i < CLIENTS_SHOWN; i++)
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o}",
						      "address", st[i].address,
						      "since_ns", bc_view_u64(st[i].since_ns),
						      "sent", bc_view_u64(st[i].sent),
						      "client_slow", bc_view_u64(st[i].client_slow)));
	return list;
}

json_t *bc_view_tap(const struct bc_pipeline *p, bool with_clients)
{
	struct bc_tap *t = p->cfg.tap;
	struct bc_tap_stats st;

	if (!t)
		return NULL;
	bc_tap_stats(t, &st);
	return json_pack("{s:s, s:s, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o*}",
			 "address", st.address,
			 "format", st.format,
			 "tls", st.tls,
			 "connected", bc_view_u64(st.connected),
			 "open", bc_view_u64(bc_tap_clients(t, NULL, 0)),
			 "refused", bc_view_u64(st.refused),
			 "sent", bc_view_u64(st.sent),
			 "client_slow", bc_view_u64(st.client_slow),
			 "overflowed", bc_view_u64(st.overflowed),
			 "unfit", bc_view_u64(st.unfit),
			 "clients", with_clients ? clients(t) : NULL);
}
