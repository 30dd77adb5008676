/* SPDX-License-Identifier: BSD-3-Clause */
/* What the CPUs of this process spend their time on. */
#ifndef BC_CPU_TIME_H
#define BC_CPU_TIME_H

/* Seconds, added up over the CPUs that this process may run on, since the machine started. */
struct bc_cpu_time {
	double all, busy;
	double stolen;		/* by the host of a virtual machine; not in busy */
	double own;		/* of busy, this process and the children that it has waited for */
};

/* Of /proc/stat below a root (bc_sys.h). What cannot be read is 0. */
struct bc_cpu_time bc_cpu_time_read(const char *root);

/* Of all their time between two readings: the shares of other programs, and of the host. */
struct bc_cpu_shares {
	double others, stolen;
};

struct bc_cpu_shares bc_cpu_time_shares(const struct bc_cpu_time *before, const struct bc_cpu_time *after);

#endif
