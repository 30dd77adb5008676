/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_iface.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_pause.h>

const char *bc_stamp_name(enum bc_stamp stamp)
{
	static const char *const names[] = {
		[BC_STAMP_SOFTWARE] = "software",
		[BC_STAMP_KERNEL] = "kernel",
		[BC_STAMP_NIC] = "nic",
		[BC_STAMP_FILE] = "file",
		[BC_STAMP_REMOTE] = "remote",
	};

	return names[stamp];
}

struct bc_iface_table *bc_iface_table_new(void)
{
	return calloc(1, sizeof(struct bc_iface_table));
}

int bc_iface_add(struct bc_iface_table *t, const struct bc_iface *iface)
{
	uint32_t n;

	while (atomic_flag_test_and_set_explicit(&t->lock, memory_order_acquire))
		rte_pause();
	n = atomic_load_explicit(&t->count, memory_order_relaxed);
	if (n < BC_MAX_IFACES) {
		t->entry[n] = *iface;
		atomic_store_explicit(&t->count, n + 1, memory_order_release);
	}
	atomic_flag_clear_explicit(&t->lock, memory_order_release);
	return n < BC_MAX_IFACES ? (int)n : -ENOSPC;
}

struct bc_iface bc_iface_now(const struct bc_iface_table *t, uint32_t i)
{
	const uint64_t off_ns = atomic_load_explicit(&t->off_ns[i], memory_order_relaxed);
	struct bc_iface iface = t->entry[i];
	size_t len;

	if (iface.describe_clock)
		iface.describe_clock(iface.describe_ctx, iface.clock, sizeof(iface.clock));
	len = strlen(iface.clock);
	if (off_ns)
		snprintf(iface.clock + len, sizeof(iface.clock) - len, "%sits clock runs on TAI: %u s are taken off each stamp",
			 len ? "; " : "", (unsigned)(off_ns / 1000000000U));
	return iface;
}
