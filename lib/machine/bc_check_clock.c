/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdlib.h>

#include "bc_check.h"

#define CLOCK "clock"
#define NS_PER_S 1000000000LL
#define NS_PER_MS 1000000LL
/* A NIC's clock that is no further off than this is good enough to put packets in order. */
#define NIC_CLOCK_OFF_NS NS_PER_MS

void bc_check_clock(int state, const struct timex *t, struct bc_findings *f)
{
	if (state < 0) {
		bc_finding_add(f, BC_FINDING_NOTE, CLOCK, "the kernel does not tell whether its clock is synchronised");
		bc_finding_advise(f, "chronyc tracking tells, or pmc for PTP");
	} else if (state == TIME_ERROR || t->status & STA_UNSYNC) {
		bc_finding_add(f, BC_FINDING_PROBLEM, CLOCK, "the system clock is not synchronised: times of packets may be off");
		bc_finding_advise(f, "run chronyd (chronyc tracking), or ptp4l and phc2sys; in a container, ask the host");
	} else {
		bc_finding_add(f, BC_FINDING_OK, CLOCK, "the system clock is synchronised, within %ld us at most (estimate: %ld us)", t->maxerror,
			       t->esterror);
	}
}

void bc_check_nic_clock(const char *interface, int64_t ahead_ns, int tai_s, struct bc_findings *f)
{
	int64_t tai_ns = (tai_s ? tai_s : 37) * NS_PER_S;

	if (llabs(ahead_ns) <= NIC_CLOCK_OFF_NS) {
		bc_finding_add(f, BC_FINDING_OK, CLOCK, "the clock of %s is %" PRId64 " us from the system's", interface, ahead_ns / 1000);
	} else if (llabs(ahead_ns - tai_ns) <= NIC_CLOCK_OFF_NS) {
		bc_finding_add(f, BC_FINDING_OK, CLOCK, "the clock of %s runs on TAI, which is known", interface);
	} else {
		bc_finding_add(f, BC_FINDING_NOTE, CLOCK, "the clock of %s is %.6f s from the system's", interface, (double)ahead_ns / 1e9);
		bc_finding_advise(f, "phc2sys -s CLOCK_REALTIME -c %s -O 0, or let packets be stamped by the host (stamp=host)", interface);
	}
}
