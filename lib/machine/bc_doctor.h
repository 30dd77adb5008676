/* SPDX-License-Identifier: BSD-3-Clause */
/* All checks of this machine, the measurement, and what follows from it. */
#ifndef BC_DOCTOR_H
#define BC_DOCTOR_H

#include <stdbool.h>

#include "bc_figures.h"
#include "bc_finding.h"

/* Of what a machine took at least, the most that is called safe. */
#define BC_DOCTOR_SAFE 0.8

struct bc_doctor_request {
	const char *const *sources;	/* look at these interfaces and ports only, named as for -i */
	uint32_t n_sources;		/* 0: at all */
	const char *folder;		/* for segments; NULL: none */
	double seconds;			/* to measure; 0: do not */
	uint32_t packet;		/* bytes on average */
	double bits_per_s;		/* what the link brings; 0: not said */
};

/* [0]: uncompressed, [1]: with LZ4. */
struct bc_doctor_measured {
	struct bc_figures figures;	/* the median of several captures; n is 0: nothing was measured. Its "core" is all CPUs of a capture */
	double least_pps[2];		/* the lowest of them, packets per second, */
	double most_pps[2];		/* and the highest */
	double safe[2];			/* share of the limit at which a capture lost nothing; 0: none that was tried */
	double try_s;			/* how long that capture was */
	double others, stolen;		/* shares of the CPUs' time meanwhile: other programs, and the host */
};

/* What one way of compressing can keep. Rates are of the link, in bits per second. */
struct bc_doctor_rate {
	double limit, safe;
	bool by_disk;			/* the disk is the limit, not the CPUs */
	double days;			/* that free bytes last at the rate asked for, or at the safe one; 0: not known */
};

/* free_bytes: 0: not known. Pure; so is the next. */
struct bc_doctor_rate bc_doctor_rate(const struct bc_doctor_measured *m, const struct bc_doctor_request *req, bool lz4, double free_bytes);
void bc_doctor_check_rate(const struct bc_doctor_measured *m, const struct bc_doctor_request *req, double free_bytes,
			  struct bc_findings *ret);

/*
 * What is found, and what was measured. ret_free: bytes in the folder, 0 without one. Starts captures to measure with, about as long
 * as asked for, and up to twice that where rates have to be lowered.
 */
void bc_doctor_run(const struct bc_doctor_request *req, struct bc_findings *ret, struct bc_doctor_measured *ret_measured,
		   double *ret_free);

#endif
