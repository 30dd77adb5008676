/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer with a spool, until its thread would begin, of which each allocation and each system call fails in turn. */
#include "store_fixture.h"

#include "refusal.h"

#include "bc_peer.h"
#include "bc_wire.h"

static void make_it(void *ctx)
{
	struct fixture *f = ctx;
	const struct bc_peer_config cfg = {
		.name = "peer", .host = "127.0.0.1", .port = 1, .source = "127.0.0.1", .queue_bytes = 65536, .spool = in_dir(f, "spool"),
		.spool_bytes = 1U << 20, .log = &f->log,
	};
	uint32_t descriptors = refusal_descriptors();
	struct bc_err err = { .msg = "" };
	struct bc_peer *p = NULL;
	uint8_t m[BC_WIRE_HEADER + 8];
	int r;

	refusal_begin();
	r = bc_peer_new(&cfg, &p, &err);
	refusal_end();
	refusal_check(refusal.name || !r);
	refusal_check(!r || err.msg[0]);
	refusal_check((r < 0) == !p);
	if (!r) {
		memset(bc_wire_header(m, BC_WIRE_PACKET, 8), 1, 8);
		refusal_check(bc_peer_put(p, m, sizeof(m)) == 0);
		refusal_check(bc_peer_holds(p));
		/* No acknowledgement, and nothing lost yet. */
		refusal_check(bc_peer_known(p) == 0 && !bc_peer_kept(p, sizeof(m)) && !bc_peer_done(p));
	}
	bc_peer_free(p);
	refusal_check(refusal_descriptors() == descriptors);
}

static void one_that_cannot_be_made_is_told_and_leaves_nothing_open(void **state)
{
	assert_true(refuse_each(make_it, *state, 1) > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_that_cannot_be_made_is_told_and_leaves_nothing_open, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
