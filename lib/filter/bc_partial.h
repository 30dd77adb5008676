/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A BPF program's answer on a packet of which only some bits are known: it matches whatever the others are, it does
 * not, or it depends on them. So an index can be asked any expression that libpcap compiles: what is not known to fail
 * has to be read.
 *
 * The machine is that of bpf_filter(3PCAP), with words whose bits are 0, 1 or unknown. A branch on what is not known
 * takes both ways. Where ways meet, what they agree on stays known. As BPF jumps forward alone, each instruction runs
 * at most once. Sums of partly known words are as in Vishwanathan et al., "Sound, Precise, and Fast Abstract
 * Interpretation with Tristate Numbers" (CGO 2022).
 */
#ifndef BC_PARTIAL_H
#define BC_PARTIAL_H

#include <stdbool.h>
#include <stdint.h>

struct bpf_program;

enum bc_partial_answer { BC_PARTIAL_NO, BC_PARTIAL_PERHAPS, BC_PARTIAL_YES };

/*
 * A set of packets. Each of them has caplen and wirelen within these bounds, and the known bits, as far as caplen
 * reaches.
 */
struct bc_partial_packet {
	/*
	 * May the len bytes from `at` on be these? NULL: they may. Asked where a program goes on only if they are: of those that
	 * it compares at a time, and of up to 16 that it has compared one behind the other.
	 */
	bool (*may_be)(void *ctx, uint32_t at, const uint8_t *bytes, uint32_t len);
	void *ctx;
	const uint8_t *value;	/* len bytes; a bit that is not known is ignored */
	const uint8_t *known;	/* len bytes; a bit is set if it is known */
	uint32_t len;		/* from here on no byte is known */
	uint32_t caplen_min, caplen_max;
	uint32_t wirelen_min, wirelen_max;
};

struct bc_partial;

/*
 * program outlives the result, which one thread at a time uses. NULL without memory; free takes NULL. A program that
 * jumps backwards (protochain), or has no end, is answered "perhaps".
 */
struct bc_partial *bc_partial_new(const struct bpf_program *program);
void bc_partial_free(struct bc_partial *p);

/* NO: not one packet of the set matches; YES: each does; PERHAPS: neither could be shown. */
enum bc_partial_answer bc_partial_run(struct bc_partial *p, const struct bc_partial_packet *packet);

#endif
