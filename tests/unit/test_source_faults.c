/* SPDX-License-Identifier: BSD-3-Clause */
/* What a person is told when a source cannot be opened for want of something. */
#include "eal.h"
#include "ingress.h"

#include "bc_nic_clock.h"

/* Linked in place of the library's: out of memory, or of room in the mbuf, on order. */
void *__real_calloc(size_t n, size_t size);
void *__wrap_calloc(size_t n, size_t size);
int __wrap_rte_mbuf_dyn_rx_timestamp_register(int *field_offset, uint64_t *rx_flag);
struct bc_nic_kind __wrap_bc_nic_kind_of(const char *driver, uint32_t dpdk_version);

static bool calloc_fails;

void *__wrap_calloc(size_t n, size_t size)
{
	return calloc_fails ? NULL : __real_calloc(n, size);
}

int __wrap_rte_mbuf_dyn_rx_timestamp_register(int *field_offset, uint64_t *rx_flag)
{
	return -1;
}

struct bc_nic_kind __wrap_bc_nic_kind_of(const char *driver, uint32_t dpdk_version)
{
	return (struct bc_nic_kind){ .cls = BC_NIC_UTC_NS, .bits = 64 };
}

static void opening_fails(const struct bc_source_config *cfg, const char *words)
{
	struct bc_err err = { "" };
	struct bc_source *s;
	struct ingress d;
	uint32_t n = 7;
	int r;

	ingress_open(&d, &ingress_kind, 1, false);
	calloc_fails = cfg->kind != &bc_source_dpdk;
	r = bc_source_open(cfg, &d.s->env, &s, &n, &err);
	calloc_fails = false;
	assert_true(r < 0);
	assert_string_equal(err.msg, words);
	assert_int_equal(n, 7);
	ingress_free(&d);
}

static void no_memory_for_an_interface_has_words(void **state)
{
	opening_fails(&(struct bc_source_config){ .spec = (char *)"pcap:lo", .kind = &bc_source_pcap, .target = (char *)"lo",
						  .immediate = true }, "pcap:lo: no memory");
}

static void no_room_for_stamps_names_the_source(void **state)
{
	start_eal();
	opening_fails(&(struct bc_source_config){ .spec = (char *)"dpdk:net_null7", .kind = &bc_source_dpdk,
						  .target = (char *)"net_null7", .queues = 1 },
		      "dpdk:net_null7: no room for timestamps in the mbuf");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_memory_for_an_interface_has_words),
		cmocka_unit_test(no_room_for_stamps_names_the_source),
	};

	return cmocka_run_group_tests(tests, ingress_start, NULL);
}
