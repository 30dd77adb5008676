/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The readers of osmo-pcap's messages and of a collector's answers over any stream: what comes out does not depend on
 * how much of it is given at once.
 */
#include <stdlib.h>
#include <string.h>

#include "bc_wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static void require(int holds)
{
	if (!holds)
		abort();
}

/* The same message, from as few bytes as the reader says that it needs; in memory of its own, so that a byte too far is seen. */
static int read_sparsely(struct bc_wire *w, const uint8_t *at, size_t len, size_t *consumed, struct bc_record *rec)
{
	struct bc_err err;
	size_t have = 0, need = 0;

	for (;;) {
		uint8_t *bytes = malloc(have ? have : 1);
		int r;

		if (have)
			memcpy(bytes, at, have);
		r = bc_wire_next(w, bytes, have, consumed, &need, rec, &err);
		if (r == BC_WIRE_READ_PACKET) {
			require(rec->data >= bytes && rec->data + rec->caplen <= bytes + have);
			require(rec->iface < bc_wire_ifaces(w) && bc_wire_iface(w, rec->iface));
		}
		free(bytes);
		if (r != BC_WIRE_READ_MORE)
			return r;
		require(need > have && need <= BC_WIRE_MESSAGE_MAX && *consumed == 0);
		if (need > len)
			return r;
		have = need;
	}
}

/* A collector's answers; one cut short is none yet, or none at all. */
static void read_answers(const uint8_t *at, size_t len)
{
	struct bc_wire_answer a, b;
	struct bc_err err;
	size_t took = 0, short_took;

	while (bc_wire_answer(at, len, &took, &a, &err) == 1) {
		uint8_t *bytes = malloc(took - 1);

		require(took <= len && took <= BC_WIRE_ANSWER_MAX);
		memcpy(bytes, at, took - 1);
		require(bc_wire_answer(bytes, took - 1, &short_took, &b, &err) == 0);
		free(bytes);
		at += took;
		len -= took;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	struct bc_wire *whole = bc_wire_new(2048), *sparse = bc_wire_new(2048);
	int r;

	read_answers(input, len);
	do {
		struct bc_record a = { .caplen = 0 }, b = { .caplen = 0 };
		size_t took_a = 0, took_b = 0, need;
		struct bc_err err;

		r = bc_wire_next(whole, input, len, &took_a, &need, &a, &err);
		require(read_sparsely(sparse, input, len, &took_b, &b) == r);
		require(took_a == took_b && took_a <= len);
		require((r == BC_WIRE_READ_SESSION) <= (bc_wire_session(whole) && bc_wire_session(sparse)));
		require(r != BC_WIRE_READ_PACKET || (a.ts_ns == b.ts_ns && a.caplen == b.caplen && a.caplen <= 2048));
		input += took_a;
		len -= took_a;
	} while (r > BC_WIRE_READ_MORE);
	bc_wire_free(whole);
	bc_wire_free(sparse);
	return 0;
}
