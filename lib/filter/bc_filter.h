/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * BPF filters in libpcap's language, run over mbufs. A filter is immutable: any number of lcores may run it at
 * once.
 *
 * A filter sees a packet's first snaplen bytes as they are in the mbuf, tags included; nothing that a NIC or the
 * kernel knows beside them (direction, interface, a stripped VLAN tag), and expressions that ask for that are
 * refused.
 */
#ifndef BC_FILTER_H
#define BC_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

struct bpf_program;
struct rte_mbuf;

#define BC_FILTER_BURST 64		/* the largest burst */
#define BC_FILTER_MAX_SNAPLEN 262144

struct bc_filter;

enum bc_filter_engine {
	BC_FILTER_BPF,		/* libpcap's interpreter */
	BC_FILTER_JIT,		/* rte_bpf's native code */
};

struct bc_filter_info {
	enum bc_filter_engine engine;
	const char *why;		/* why it is not the JIT; "" if it is. As long as the filter lives */
	const char *expression;		/* as long as the filter lives */
	unsigned instructions;		/* of the BPF program */
};

/*
 * Compile expression for packets of a link type (LINKTYPE_ value of the pcap registry) of at most snaplen bytes, 1
 * to BC_FILTER_MAX_SNAPLEN. want_jit asks for native code, for which EAL must be initialised; it is used only if
 * the program can be converted and then agrees with the interpreter on a few thousand packets, else the
 * interpreter is, and bc_filter_info says why.
 *
 * An expression that is NULL or empty matches all: *ret is then NULL, which every function here takes. 0; -EINVAL
 * with libpcap's own words and the expression in err; -ENOMEM. Control threads, several at once if need be
 * (libpcap >= 1.8).
 */
int bc_filter_compile(const char *expression, uint16_t linktype, uint32_t snaplen, int want_jit,
		      struct bc_filter **ret, struct bc_err *err);

/*
 * Is it an expression for packets of some link type? 0; or -EINVAL, with what libpcap says of it for Ethernet; -ENOMEM. Threads as above.
 */
int bc_filter_check(const char *expression, struct bc_err *err);

/* Takes NULL. No thread may still be running it. */
void bc_filter_destroy(struct bc_filter *f);

/* Any thread. f is not NULL. */
void bc_filter_info(const struct bc_filter *f, struct bc_filter_info *ret);

/*
 * How many bytes of scratch a thread needs for packets in several mbufs: as far as the
 * program can look, at most snaplen. 0 for NULL. One scratch of the largest size serves a thread for all its
 * filters.
 */
size_t bc_filter_scratch_size(const struct bc_filter *f);

/*
 * Does the packet match? wirelen is its length on the wire (what `len` and `greater` in an expression mean).
 * scratch: at least bc_filter_scratch_size bytes that no other thread uses meanwhile; its contents afterwards have no
 * meaning. Any thread.
 */
int bc_filter_match(const struct bc_filter *f, const struct rte_mbuf *m, uint32_t wirelen, void *scratch);

/*
 * The same for n packets, n <= BC_FILTER_BURST: bit i of the result is set if packet i matches. wirelens may be
 * NULL: each packet's pkt_len is taken.
 */
uint64_t bc_filter_burst(const struct bc_filter *f, struct rte_mbuf *const *mbufs, const uint32_t *wirelens,
			 unsigned n, void *scratch);

/* The same for bytes that lie in one piece; caplen of them. Any thread. */
int bc_filter_match_bytes(const struct bc_filter *f, const uint8_t *data, uint32_t caplen, uint32_t wirelen);

/* What libpcap made of the expression, as long as the filter lives. f is not NULL. */
const struct bpf_program *bc_filter_code(const struct bc_filter *f);

#endif
