/* SPDX-License-Identifier: BSD-3-Clause */
#include "ingress.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "gprs_packet.h"
#include "slow_compile.h"

static struct bc_filters *filters_of(struct ingress *d)
{
	struct bc_filters *f = bc_filters_new(1, d->ledger->n_outputs, "", false, NULL);

	assert_non_null(f);
	bc_filters_add(f, &d->s->filters);
	return f;
}

static void poll_n(struct ingress *d, uint32_t n)
{
	d->packets = n;
	bc_source_poll(d->s);
	ingress_discard(d);
}

static void a_filter_holds_for_its_output_alone(void **state)
{
	struct ingress d;
	struct bc_filters *f;

	ingress_open(&d, &ingress_kind, 2, false);
	f = filters_of(&d);
	assert_null(bc_filters_text(f, 0));
	assert_int_equal(bc_filters_set(f, 1, "greater 150", NULL), 0);
	poll_n(&d, 10);
	assert_int_equal(ingress_filtered(&d, 0), 0);
	assert_int_equal(ingress_filtered(&d, 1), 10);
	assert_null(bc_filters_text(f, 0));
	assert_string_equal(bc_filters_text(f, 1), "greater 150");
	bc_filters_free(f);
	ingress_free(&d);
}

static void the_other_outputs_filters_outlive_a_swap(void **state)
{
	struct ingress d;
	struct bc_filters *f;

	ingress_open(&d, &ingress_kind, 2, false);
	f = filters_of(&d);
	assert_int_equal(bc_filters_set(f, 0, "greater 150", NULL), 0);
	assert_int_equal(bc_filters_set(f, 1, "greater 150", NULL), 0);
	assert_int_equal(bc_filters_set(f, 1, "greater 50", NULL), 0);
	poll_n(&d, 10);
	assert_int_equal(ingress_filtered(&d, 0), 10);
	assert_int_equal(ingress_filtered(&d, 1), 0);
	bc_filters_free(f);
	ingress_free(&d);
}

static void an_empty_expression_takes_everything(void **state)
{
	struct ingress d;
	struct bc_filters *f;

	ingress_open(&d, &ingress_kind, 1, false);
	f = filters_of(&d);
	assert_int_equal(bc_filters_set(f, 0, "greater 150", NULL), 0);
	assert_int_equal(bc_filters_set(f, 0, "", NULL), 0);
	assert_null(bc_filters_text(f, 0));
	poll_n(&d, 10);
	assert_int_equal(ingress_filtered(&d, 0), 0);
	bc_filters_free(f);
	ingress_free(&d);
}

static void a_bad_expression_leaves_the_old_one(void **state)
{
	struct ingress d;
	struct bc_filters *f;
	struct bc_err err = { "" };

	ingress_open(&d, &ingress_kind, 1, false);
	f = filters_of(&d);
	assert_int_equal(bc_filters_set(f, 0, "greater 150", NULL), 0);
	assert_int_equal(bc_filters_set(f, 0, "no such thing", &err), -EINVAL);
	assert_true(err.msg[0]);
	assert_int_equal(bc_filters_set(f, 1, "tcp", &err), -EINVAL);
	assert_string_equal(bc_filters_text(f, 0), "greater 150");
	poll_n(&d, 10);
	assert_int_equal(ingress_filtered(&d, 0), 10);
	bc_filters_free(f);
	bc_filters_free(NULL);
	ingress_free(&d);
}

/* An expression that a later source's link type refuses must not hold for the sources before it. */
static void it_holds_for_all_sources_or_for_none(void **state)
{
	struct ingress a, b;
	struct bc_filters *f;

	ingress_open(&a, &ingress_kind, 1, false);
	ingress_open(&b, &ingress_kind, 1, false);
	atomic_store(&b.s->filters.linktype, 195);	/* IEEE 802.15.4 has no Ethernet addresses */
	f = bc_filters_new(2, 1, "", false, NULL);
	bc_filters_add(f, &a.s->filters);
	bc_filters_add(f, &b.s->filters);
	assert_int_equal(bc_filters_set(f, 0, "ether host 1:2:3:4:5:6", NULL), -EINVAL);
	assert_null(bc_filters_text(f, 0));
	poll_n(&a, 10);
	assert_int_equal(ingress_filtered(&a, 0), 0);
	bc_filters_free(f);
	ingress_free(&a);
	ingress_free(&b);
}

/* A packet's own interface decides what the expression means; where it means nothing no packet matches. */
static void a_filter_is_compiled_for_each_link_type(void **state)
{
	static const uint8_t ipv4[20] = { 0x45, 0, 0, 60, 0, 0, 0, 0, 64, 6 };
	static const struct {
		const char *expression;
		uint16_t linktype;
		uint64_t filtered;
	} is[] = { { "tcp", 101, 0 }, { "udp", 101, 10 }, { "ether host 1:2:3:4:5:6", 195, 10 }, { "greater 50", 195, 0 } };

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		struct ingress d;
		struct bc_filters *f;

		ingress_open(&d, &ingress_kind, 1, false);
		f = filters_of(&d);
		assert_int_equal(bc_filters_set(f, 0, is[i].expression, NULL), 0);
		d.ifaces->entry[0].linktype = is[i].linktype;
		d.s->filters.mixed = true;
		d.data = ipv4;
		d.data_len = sizeof(ipv4);
		poll_n(&d, 10);
		assert_int_equal(ingress_filtered(&d, 0), is[i].filtered);
		/* And when the expression changes, which waits for a reader that is between two rounds. */
		bc_filter_reader_leave(&d.s->filters);
		assert_int_equal(bc_filters_set(f, 0, "greater 1000", NULL), 0);
		poll_n(&d, 5);
		assert_int_equal(ingress_filtered(&d, 0), is[i].filtered + 5);
		bc_filters_free(f);
		ingress_free(&d);
	}
}

/* A user's UNITDATA in n octets of LLC, in mbufs that hold 2048 octets. */
static void bring_user_traffic(struct ingress *d, struct gp *p, uint32_t n)
{
	gp_unitdata(p, GP_UL_UNITDATA, 3, n);
	d->data = p->b;
	d->data_len = p->len < 2000 ? p->len : 2000;
	d->wire_len = p->len;
}

static void user_traffic_of_gprs_is_filtered_for_the_output_that_excludes_it(void **state)
{
	const struct bc_gprs any = { 0 };
	struct bc_filters *f;
	struct ingress d;
	struct gp p;

	ingress_open(&d, &ingress_kind, 2, false);
	f = filters_of(&d);
	bc_filters_exclude_gprs(f, 1, &any);
	assert_int_equal(bc_filters_set(f, 1, NULL, NULL), 0);
	bring_user_traffic(&d, &p, 100);
	poll_n(&d, 10);
	assert_int_equal(ingress_filtered(&d, 0), 0);
	assert_int_equal(ingress_filtered(&d, 1), 10);
	d.data = NULL;
	poll_n(&d, 10);
	assert_int_equal(ingress_filtered(&d, 1), 10);
	bc_filters_free(f);
	ingress_free(&d);
}

/* Whether the filter takes user traffic or not, it is filtered once. */
static void the_exclusion_holds_beside_any_filter(void **state)
{
	static const char *const expressions[] = { "tcp", "udp", "" };
	const struct bc_gprs any = { 0 };
	struct gp p;

	for (uint32_t i = 0; i < 3; i++) {
		struct bc_filters *f;
		struct ingress d;

		ingress_open(&d, &ingress_kind, 1, false);
		f = filters_of(&d);
		bc_filters_exclude_gprs(f, 0, &any);
		assert_int_equal(bc_filters_set(f, 0, "greater 1", NULL), 0);
		assert_int_equal(bc_filters_set(f, 0, expressions[i], NULL), 0);
		bring_user_traffic(&d, &p, 100);
		poll_n(&d, 10);
		assert_int_equal(ingress_filtered(&d, 0), 10);
		bc_filters_free(f);
		ingress_free(&d);
	}
}

static void the_packets_interface_tells_the_link_type(void **state)
{
	const struct bc_gprs any = { 0 };
	struct bc_filters *f;
	struct ingress d;
	struct gp p;

	ingress_open(&d, &ingress_kind, 1, false);
	d.ifaces->entry[0].linktype = GP_SLL;
	f = filters_of(&d);
	bc_filters_exclude_gprs(f, 0, &any);
	assert_int_equal(bc_filters_set(f, 0, NULL, NULL), 0);
	bring_user_traffic(&d, &p, 100);
	poll_n(&d, 10);
	assert_int_equal(ingress_filtered(&d, 0), 0);
	bc_filters_free(f);
	ingress_free(&d);
}

static void the_first_of_several_mbufs_is_enough(void **state)
{
	const struct bc_gprs any = { 0 };
	struct bc_filters *f;
	struct ingress d;
	struct gp p;

	ingress_open(&d, &ingress_kind, 1, false);
	f = filters_of(&d);
	bc_filters_exclude_gprs(f, 0, &any);
	assert_int_equal(bc_filters_set(f, 0, NULL, NULL), 0);
	d.segments = 2;
	/* What is appended goes into the last one. */
	bring_user_traffic(&d, &p, 3000);
	poll_n(&d, 5);
	assert_int_equal(ingress_filtered(&d, 0), 0);
	d.segments = 1;
	poll_n(&d, 5);
	assert_int_equal(ingress_filtered(&d, 0), 5);
	bc_filters_free(f);
	ingress_free(&d);
}

struct poller {
	struct ingress ingress;
	_Atomic bool begun;
	_Atomic bool stop;
	uint64_t delivered[2];
};

static void *poll_on(void *arg)
{
	struct poller *p = arg;
	struct bc_desc d;

	while (!atomic_load(&p->stop)) {
		p->ingress.packets = 16;
		bc_source_poll(p->ingress.s);
		atomic_store(&p->begun, true);
		while (ingress_take(&p->ingress, &d)) {
			for (int o = 0; o < 2; o++)
				p->delivered[o] += bc_desc_outputs(&d) >> o & 1;
			ingress_done(&d);
		}
		sched_yield();
	}
	return NULL;
}

static void filters_are_swapped_while_packets_flow(void **state)
{
	static const char *const words[] = { "greater 150", "less 150", "", "tcp port 80 and host 10.1.2.3" };
	struct poller p = { .stop = false };
	struct bc_filters *f;
	pthread_t t;

	ingress_open(&p.ingress, &ingress_kind, 2, false);
	p.ingress.second_len = 200;
	f = filters_of(&p.ingress);
	assert_int_equal(pthread_create(&t, NULL, poll_on, &p), 0);
	while (!atomic_load(&p.begun))
		sched_yield();
	for (uint32_t i = 0; i < 100; i++) {
		assert_int_equal(bc_filters_set(f, i % 2, words[i / 2 % 4], NULL), 0);
		bc_filters_text(f, 0);
	}
	atomic_store(&p.stop, true);
	pthread_join(t, NULL);
	for (uint32_t o = 0; o < 2; o++)
		assert_int_equal(p.delivered[o] + ingress_filtered(&p.ingress, o), ingress_received(&p.ingress));
	bc_filters_free(f);
	ingress_free(&p.ingress);
}

struct exchange {
	struct bc_filters *f;
	_Atomic bool returned;
};

static void *exchange(void *arg)
{
	struct exchange *x = arg;

	assert_int_equal(bc_filters_set(x->f, 0, "greater 150", NULL), 0);
	atomic_store(&x->returned, true);
	return NULL;
}

/* The set that a reader loaded in its first round is waited for as in any other. */
static void a_set_in_use_outlives_its_exchange(void **state)
{
	struct bc_filter_reader r = { .linktype = 1 };
	struct exchange x = { .f = bc_filters_new(1, 1, "", false, NULL) };
	const struct bc_filter_set *held;
	pthread_t t;

	bc_filters_add(x.f, &r);
	assert_int_equal(bc_filters_set(x.f, 0, "greater 50", NULL), 0);
	bc_filter_reader_quiescent(&r);
	held = atomic_load(&r.set);
	assert_int_equal(pthread_create(&t, NULL, exchange, &x), 0);
	while (atomic_load(&r.set) == held)
		sched_yield();
	assert_non_null(held->filter[0]);
	assert_false(atomic_load(&x.returned));
	bc_filter_reader_quiescent(&r);
	pthread_join(t, NULL);
	bc_filters_free(x.f);
}

static bool yes(void *ctx)
{
	return true;
}

/* As by a signal while libpcap is at work, which cannot be interrupted itself. */
static void a_filter_that_is_being_compiled_can_be_given_up(void **state)
{
	struct bc_filter_reader r = { .linktype = 1 };
	struct bc_filters *f = bc_filters_new(1, 1, "", false, NULL);
	struct bc_err err;

	bc_filters_add(f, &r);
	assert_int_equal(bc_filters_set(f, 0, "udp", NULL), 0);
	bc_filters_interrupt(f, yes, NULL);
	compiler.slow = true;
	assert_int_equal(bc_filters_set(f, 0, "tcp", &err), -EINTR);
	assert_string_equal(err.msg, "ended before the filter was compiled: 'tcp'");
	assert_string_equal(bc_filters_text(f, 0), "udp");
	bc_filters_free(f);
	compiler_ends();
}

static void a_change_is_unfinished_while_it_is_compiled(void **state)
{
	struct bc_filter_reader r = { .linktype = 1 };
	struct bc_filters *f = bc_filters_new(1, 1, "", false, NULL);
	struct bc_filters_change *c, *dropped;
	int result;

	bc_filters_add(f, &r);
	compiler.slow = true;
	assert_int_equal(bc_filters_begin(f, 0, "udp", &dropped, NULL), 0);
	assert_int_equal(bc_filters_finish(f, dropped, NULL), 1);
	bc_filters_drop(dropped);
	assert_int_equal(bc_filters_begin(f, 0, "tcp", &c, NULL), 0);
	assert_int_equal(bc_filters_finish(f, c, NULL), 1);
	assert_null(bc_filters_text(f, 0));
	compiler_ends();
	while ((result = bc_filters_finish(f, c, NULL)) > 0)
		;
	assert_int_equal(result, 0);
	assert_string_equal(bc_filters_text(f, 0), "tcp");
	assert_non_null(atomic_load(&r.set)->filter[0]);
	bc_filters_free(f);
}

static void sources_of_one_link_type_share_a_filter(void **state)
{
	struct bc_filter_reader r[3] = { { .linktype = 1 }, { .linktype = 101 }, { .linktype = 1 } };
	struct bc_filters *f = bc_filters_new(3, 1, "", false, NULL);
	uint32_t before = compiler.begun;

	for (int i = 0; i < 3; i++)
		bc_filters_add(f, &r[i]);
	assert_int_equal(bc_filters_set(f, 0, "tcp", NULL), 0);
	assert_int_equal(compiler.begun - before, 2);
	assert_ptr_equal(atomic_load(&r[0].set)->filter[0], atomic_load(&r[2].set)->filter[0]);
	assert_ptr_not_equal(atomic_load(&r[0].set)->filter[0], atomic_load(&r[1].set)->filter[0]);
	bc_filters_free(f);
}

/* A reader that compiles for another link type must not keep an aborted capture from its end. */
static void a_reader_gives_up_compiling_when_told(void **state)
{
	struct bc_filter_reader r = { .linktype = 1 };
	struct bc_filters *f = bc_filters_new(1, 1, "", false, NULL);
	const struct bc_filter_other *other;

	bc_filters_add(f, &r);
	assert_int_equal(bc_filters_set(f, 0, "tcp", NULL), 0);
	compiler.slow = true;
	r.give_up = true;
	other = bc_filter_reader_other(&r, atomic_load(&r.set), 101);
	assert_non_null(other);
	assert_int_equal(other->none, 1);
	bc_filter_reader_close(&r);
	bc_filters_free(f);
	compiler_ends();
}

static void count_line(void *ctx, enum bc_level level, const char *line)
{
	++*(int *)ctx;
}

/* Without a word that the old filter is kept because a source did not come round. */
static void a_source_that_has_no_rounds_holds_no_exchange_up(void **state)
{
	static const enum bc_source_state state_then[] = { BC_SOURCE_RUNNING, BC_SOURCE_QUIET, BC_SOURCE_ENDED };
	static const char *const when[] = { "not begun", "become quiet", "ended" };
	int lines = 0;
	const struct bc_log log = { count_line, &lines };

	for (int i = 0; i < 3; i++) {
		struct bc_filters *f = bc_filters_new(1, 1, "", false, &log);
		struct ingress d;

		ingress_open(&d, &ingress_kind, 1, false);
		bc_filters_add(f, &d.s->filters);
		for (int round = 0; i && round < 2; round++)
			poll_n(&d, 1);
		if (i == 1)
			bc_source_command(d.s, BC_SOURCE_STOP);
		d.ended = i == 2;
		for (int round = 0; i && round < 2; round++)
			poll_n(&d, 0);
		assert_int_equal(bc_source_state(d.s), state_then[i]);
		assert_int_equal(bc_filters_set(f, 0, "greater 50", NULL), 0);
		assert_int_equal(bc_filters_set(f, 0, "greater 150", NULL), 0);
		if (lines)
			fail_msg("a source that has %s was waited for", when[i]);
		bc_filters_free(f);
		ingress_free(&d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_filter_holds_for_its_output_alone),
		cmocka_unit_test(the_other_outputs_filters_outlive_a_swap),
		cmocka_unit_test(an_empty_expression_takes_everything),
		cmocka_unit_test(a_bad_expression_leaves_the_old_one),
		cmocka_unit_test(it_holds_for_all_sources_or_for_none),
		cmocka_unit_test(a_filter_is_compiled_for_each_link_type),
		cmocka_unit_test(user_traffic_of_gprs_is_filtered_for_the_output_that_excludes_it),
		cmocka_unit_test(the_exclusion_holds_beside_any_filter),
		cmocka_unit_test(the_packets_interface_tells_the_link_type),
		cmocka_unit_test(the_first_of_several_mbufs_is_enough),
		cmocka_unit_test(a_set_in_use_outlives_its_exchange),
		cmocka_unit_test(a_source_that_has_no_rounds_holds_no_exchange_up),
		cmocka_unit_test(a_filter_that_is_being_compiled_can_be_given_up),
		cmocka_unit_test(a_change_is_unfinished_while_it_is_compiled),
		cmocka_unit_test(sources_of_one_link_type_share_a_filter),
		cmocka_unit_test(a_reader_gives_up_compiling_when_told),
		cmocka_unit_test(filters_are_swapped_while_packets_flow),
	};

	return cmocka_run_group_tests(tests, ingress_start, NULL);
}
