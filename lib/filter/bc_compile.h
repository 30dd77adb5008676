/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * An expression compiled by libpcap on a thread of its own, so that nobody has to wait for the end: the optimiser takes
 * minutes over some hundred terms, and names are looked up in the DNS. The thread owns what it works on.
 */
#ifndef BC_COMPILE_H
#define BC_COMPILE_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"

struct bc_compile;
struct bpf_program;

/*
 * For packets of each of n link types, which may repeat. expression is neither empty nor kept. 0 and *ret for
 * bc_compile_free(); or a negative errno with a line in err. What follows is for one thread.
 */
int bc_compile_begin(const char *expression, const uint16_t *linktype, uint32_t n, struct bc_compile **ret, struct bc_err *err);

/* Is it done? Waits for that, ns at the most, less than a second. */
bool bc_compile_wait(struct bc_compile *c, uint64_t ns);

/* Of one that is done: 0, or as bc_filter_compile(). */
int bc_compile_result(const struct bc_compile *c, struct bc_err *err);

/* Of one that succeeded: the program for a link type that it was begun with. To be taken once, for pcap_freecode(). */
void bc_compile_take(struct bc_compile *c, uint16_t linktype, struct bpf_program *ret);

/* One that is not done is left to its thread, which libpcap has no way to interrupt. Takes NULL. */
void bc_compile_free(struct bc_compile *c);

#endif
