/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_kernel.h"

/*
 * The kernel's buffer is left alone for as long as it holds the most that an interface may bring, but no longer than
 * this.
 */
#define BYTES_PER_US 2500
#define UNPOLLED_MAX_NS (20 * BC_NS_PER_MS)
/* With immediate=1 each packet is delivered within this time. */
#define UNPOLLED_IMMEDIATE_NS (1 * BC_NS_PER_MS)
/* Packets taken at the most when the capture is stopped while traffic goes on. */
#define STOP_PACKETS 1000000

static uint64_t buffers_ns(const struct bc_source_config *cfg)
{
	uint64_t most = cfg->immediate ? UNPOLLED_IMMEDIATE_NS : UNPOLLED_MAX_NS;
	uint64_t ns = cfg->buffer_mb * 1000000ULL / BYTES_PER_US * BC_NS_PER_US;

	return ns < most ? ns : most;
}

void bc_kernel_setup(struct bc_source *s, const struct bc_source_config *cfg)
{
	s->drain_packets = STOP_PACKETS;
	s->buffers_ns = buffers_ns(cfg);
	s->drain_ns = cfg->immediate ? 0 : BC_KERNEL_LATENESS_NS;
	if (!cfg->lateness_us)
		bc_counter_set(&s->lateness_ns, cfg->immediate ? BC_KERNEL_PROMPT_LATENESS_NS : BC_KERNEL_LATENESS_NS);
}
