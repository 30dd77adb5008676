/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The host's clock. Where packets are stamped by it, it is calibrated while the control thread does something else: that takes 40 ms,
 * nearly all of them asleep.
 */
#ifndef BC_CALIBRATION_H
#define BC_CALIBRATION_H

#include <pthread.h>
#include <stdbool.h>

#include "bc_clock.h"
#include "bc_err.h"

struct bc_calibration {
	struct bc_clock *clock;	/* NULL: never begun; to be used once bc_calibration_end() returned */
	pthread_t thread;
	bool running;
};

/* stamps: packets are stamped by it. 0, or a negative errno with a line in err. */
int bc_calibration_begin(struct bc_calibration *c, bool stamps, struct bc_err *err);
/* Wait until the clock can be used. May be called again, or without a begin. */
void bc_calibration_end(struct bc_calibration *c);
/* Of the clock, too. What is all zeros is taken. */
void bc_calibration_free(struct bc_calibration *c);

#endif
