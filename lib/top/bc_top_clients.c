/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_top_clients.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_field.h"

static const json_t *senders_of(const json_t *answer)
{
	return json_object_get(answer, "clients");
}

static const json_t *readers_of(const json_t *answer)
{
	return json_object_get(json_object_get(json_object_get(answer, "info"), "pcap_over_ip"), "clients");
}

/* A collector's list stays in its order. */
static const json_t *sender_before(const json_t *before, size_t i, const json_t *view)
{
	const json_t *old = json_array_get(senders_of(before), i);

	return old && !strcmp(bc_field_text(old, "name"), bc_field_text(view, "name")) ? old : NULL;
}

/* Readers come and go; there are 32 of them at the most. */
static const json_t *reader_before(const json_t *before, const json_t *view)
{
	json_t *old;
	size_t i;

	json_array_foreach((json_t *)readers_of(before), i, old)
		if (bc_field_u64(old, "since_ns") == bc_field_u64(view, "since_ns") &&
		    !strcmp(bc_field_text(old, "address"), bc_field_text(view, "address")))
			return old;
	return NULL;
}

static double rate(const json_t *before, const json_t *now, const char *key, double seconds)
{
	uint64_t a = bc_field_u64(before, key), b = bc_field_u64(now, key);

	return before && seconds > 0 && b > a ? (double)(b - a) / seconds : 0;
}

static struct bc_top_client sender(const json_t *view, const json_t *old, double seconds)
{
	return (struct bc_top_client){
		.view = view,
		.name = bc_field_text(view, "name"),
		.packets = bc_field_u64(view, "packets"),
		.rate = rate(old, view, "packets", seconds),
	};
}

static struct bc_top_client reader(const json_t *view, const json_t *old, double seconds)
{
	return (struct bc_top_client){
		.view = view,
		.name = bc_field_text(view, "address"),
		.reads = true,
		.packets = bc_field_u64(view, "sent"),
		.missed = bc_field_u64(view, "client_slow"),
		.rate = rate(old, view, "sent", seconds),
		.missed_rate = rate(old, view, "client_slow", seconds),
	};
}

int bc_top_clients(const json_t *before, const json_t *now, double seconds, struct bc_top_client **ret, uint32_t *ret_n)
{
	size_t n = json_array_size(senders_of(now)) + json_array_size(readers_of(now)), i;
	struct bc_top_client *all = calloc(n ? n : 1, sizeof(*all)), *at = all;
	json_t *view;

	if (!all)
		return -ENOMEM;
	json_array_foreach((json_t *)senders_of(now), i, view)
		*at++ = sender(view, sender_before(before, i, view), seconds);
	json_array_foreach((json_t *)readers_of(now), i, view)
		*at++ = reader(view, reader_before(before, view), seconds);
	*ret = all;
	*ret_n = (uint32_t)n;
	return 0;
}
