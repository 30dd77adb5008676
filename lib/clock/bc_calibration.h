/* SPDX-License-Identifier: BSD-3-Clause */
/* The host's clock, calibrated while the control thread does something else: it takes 40 ms, nearly all of them asleep. */
#ifndef CALIBRATION_H
#define CALIBRATION_H

#include <pthread.h>
#include <stdbool.h>

#include "bc_clock.h"
#include "bc_err.h"

struct calibration {
	struct bc_clock *clock;	/* NULL: never begun; to be used once calibration_end() returned */
	pthread_t thread;
	bool running;
};

/* 0, or -ENOMEM with a line in err. */
int calibration_begin(struct calibration *c, struct bc_err *err);
/* Wait until the clock can be used. May be called again, or without a begin. */
void calibration_end(struct calibration *c);
/* Of the clock, too. What is all zeros is taken. */
void calibration_free(struct calibration *c);

#endif
