/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_calibration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_thread.h"

static void *calibrate(void *clock)
{
	bc_clock_init(clock);
	return NULL;
}

int bc_calibration_begin(struct bc_calibration *c, bool stamps, struct bc_err *err)
{
	const size_t size = (sizeof(*c->clock) + BC_CACHE_LINE - 1) / BC_CACHE_LINE * BC_CACHE_LINE;
	int r;

	c->clock = aligned_alloc(BC_CACHE_LINE, size);
	if (!c->clock)
		return bc_err_set(err, -ENOMEM, "no memory for the clock");
	memset(c->clock, 0, size);
	if (!stamps) {
		bc_clock_init_ticks(c->clock, BC_TICKS_SYSTEM, "no packet is stamped by it");
		return 0;
	}
	r = bc_thread_start(&c->thread, "bc-calibrate", calibrate, c->clock);
	c->running = r == 0;
	return r ? bc_err_set(err, r, "no thread for the clock (%s)", strerror(-r)) : 0;
}

void bc_calibration_end(struct bc_calibration *c)
{
	if (c->running)
		pthread_join(c->thread, NULL);
	c->running = false;
}

void bc_calibration_free(struct bc_calibration *c)
{
	bc_calibration_end(c);
	free(c->clock);
	c->clock = NULL;
}
