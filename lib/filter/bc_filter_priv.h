/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of this library. */
#ifndef BC_FILTER_PRIV_H
#define BC_FILTER_PRIV_H

#include <pcap/pcap.h>
#include <stdint.h>

#include "bc_filter.h"

struct rte_bpf;

/* Native code of a program. func gets the mbuf, and gives what the program returns in its lower 32 bits. */
struct bc_filter_jit {
	struct rte_bpf *bpf;
	uint64_t (*func)(void *mbuf);
};

struct bc_filter {
	uint32_t users;		/* see bc_filter_share() */
	struct bpf_program program;
	uint32_t snaplen;
	uint32_t reach;		/* the program looks at no byte from here on */
	struct bc_filter_jit jit;	/* func is NULL if the interpreter is to be used */
	const char *why;
	char expression[];
};

/*
 * libpcap's part of bc_filter_compile(), with its errors; any thread. expression is not empty. *ret is for
 * pcap_freecode().
 */
int bc_filter_program(const char *expression, uint16_t linktype, uint32_t snaplen, struct bpf_program *ret, struct bc_err *err);

/* The rest of it. Takes program on success only: 0, or -ENOMEM with a line in err. */
int bc_filter_new(const struct bpf_program *program, const char *expression, uint32_t snaplen, int want_jit,
		  struct bc_filter **ret, struct bc_err *err);

/* One more bc_filter_destroy() until it is gone; both by one thread. Returns f. */
struct bc_filter *bc_filter_share(struct bc_filter *f);

/*
 * Convert, work around rte_bpf's bugs, and load. NULL, or constant text saying why there is no native code; *ret is
 * then untouched. EAL must be initialised.
 */
const char *bc_filter_jit_load(const struct bpf_program *program, struct bc_filter_jit *ret);
void bc_filter_jit_unload(struct bc_filter_jit *jit);

/* Run both engines over synthetic packets: 0 if they agree on each, -1 if not. */
int bc_filter_selftest(const struct bpf_program *program, const struct bc_filter_jit *jit);

#endif
