/* SPDX-License-Identifier: BSD-3-Clause */
/* What the machine takes, by the median of several short captures of each kind; then at which rate one of them loses nothing. */
#ifndef BC_DOCTOR_MEASURE_H
#define BC_DOCTOR_MEASURE_H

#include "bc_doctor.h"
#include "bc_err.h"

/* 0 and *ret; or a negative errno with a line in err: what a capture could not do. free_bytes: in the folder. */
int bc_doctor_measure(const struct bc_doctor_request *req, double free_bytes, struct bc_doctor_measured *ret, struct bc_err *err);

#endif
