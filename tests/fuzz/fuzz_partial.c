/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A BPF program over a packet of which some bits are known: the input is the number of instructions, these, how far
 * caplen and wirelen may be off, and then a byte of the packet and one of what is known of it by turns. What
 * bpf_filter() says of the whole must not be what the part excluded.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "bc_partial.h"

#define MOST_INSNS 64
#define MOST_BYTES 256

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

/*
 * bpf_filter() ends the process at an instruction that it does not know. Memory that was never written has any value:
 * it is left out.
 */
static const uint16_t codes[] = {
	BPF_RET | BPF_K, BPF_RET | BPF_A, BPF_LD | BPF_W | BPF_ABS, BPF_LD | BPF_H | BPF_ABS, BPF_LD | BPF_B | BPF_ABS,
	BPF_LD | BPF_W | BPF_LEN, BPF_LDX | BPF_W | BPF_LEN, BPF_LD | BPF_W | BPF_IND, BPF_LD | BPF_H | BPF_IND, BPF_LD | BPF_B | BPF_IND,
	BPF_LDX | BPF_MSH | BPF_B, BPF_LD | BPF_IMM, BPF_LDX | BPF_IMM, BPF_ST, BPF_STX, BPF_JMP | BPF_JA,
	BPF_JMP | BPF_JGT | BPF_K, BPF_JMP | BPF_JGE | BPF_K, BPF_JMP | BPF_JEQ | BPF_K, BPF_JMP | BPF_JSET | BPF_K,
	BPF_JMP | BPF_JGT | BPF_X, BPF_JMP | BPF_JGE | BPF_X, BPF_JMP | BPF_JEQ | BPF_X, BPF_JMP | BPF_JSET | BPF_X,
	BPF_ALU | BPF_ADD | BPF_X, BPF_ALU | BPF_SUB | BPF_X, BPF_ALU | BPF_MUL | BPF_X, BPF_ALU | BPF_DIV | BPF_X,
	BPF_ALU | BPF_MOD | BPF_X, BPF_ALU | BPF_AND | BPF_X, BPF_ALU | BPF_OR | BPF_X, BPF_ALU | BPF_XOR | BPF_X,
	BPF_ALU | BPF_LSH | BPF_X, BPF_ALU | BPF_RSH | BPF_X, BPF_ALU | BPF_ADD | BPF_K, BPF_ALU | BPF_SUB | BPF_K,
	BPF_ALU | BPF_MUL | BPF_K, BPF_ALU | BPF_DIV | BPF_K, BPF_ALU | BPF_MOD | BPF_K, BPF_ALU | BPF_AND | BPF_K,
	BPF_ALU | BPF_OR | BPF_K, BPF_ALU | BPF_XOR | BPF_K, BPF_ALU | BPF_LSH | BPF_K, BPF_ALU | BPF_RSH | BPF_K,
	BPF_ALU | BPF_NEG, BPF_MISC | BPF_TAX, BPF_MISC | BPF_TXA,
};

/* Programs that libpcap itself would not run, or not end. */
static int is_fit(const struct bpf_insn *in, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (BPF_CLASS(in[i].code) == BPF_JMP && BPF_OP(in[i].code) == BPF_JA && in[i].k >= n)
			return 0;
		if (BPF_CLASS(in[i].code) == BPF_ALU && in[i].k >= 32 && BPF_SRC(in[i].code) == BPF_K &&
		    (BPF_OP(in[i].code) == BPF_LSH || BPF_OP(in[i].code) == BPF_RSH))
			return 0;
	}
	return n && bpf_validate(in, (int)n);
}

/* What is there may be there, and nothing else; and what is behind the end. */
static bool may_be(void *ctx, uint32_t at, const uint8_t *bytes, uint32_t len)
{
	const struct bc_partial_packet *is = ctx;

	return at > is->len || len > is->len - at || !memcmp(is->value + at, bytes, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	struct bpf_insn insns[MOST_INSNS];
	uint8_t value[MOST_BYTES], known[MOST_BYTES];
	struct bpf_program program = { .bf_insns = insns };
	struct bc_partial_packet is = { .value = value, .known = known };
	enum bc_partial_answer said;
	uint32_t n, len = 0;
	struct bc_partial *p;
	int matches;

	if (size < 4)
		return 0;
	n = input[0] % (MOST_INSNS + 1);
	if (size - 4 < n * sizeof(*insns))
		return 0;
	memcpy(insns, input + 4, n * sizeof(*insns));
	for (uint32_t i = 0; i < n; i++)
		insns[i].code = codes[insns[i].code % (sizeof(codes) / sizeof(codes[0]))];
	program.bf_len = n;
	for (size_t at = 4 + n * sizeof(*insns); at + 1 < size && len < MOST_BYTES; at += 2, len++) {
		value[len] = input[at];
		known[len] = input[at + 1];
	}
	is.len = len;
	is.may_be = input[0] & 0x80 ? may_be : NULL;
	is.ctx = &is;
	is.caplen_min = input[1] < len ? len - input[1] : 0;
	is.caplen_max = len + input[2];
	is.wirelen_min = is.caplen_min;
	is.wirelen_max = len + input[3];
	p = bc_partial_new(&program);
	if (!p)
		abort();
	said = bc_partial_run(p, &is);
	bc_partial_free(p);
	if (!is_fit(insns, n))
		return 0;
	matches = bpf_filter(insns, value, len, len) != 0;
	if (said == (matches ? BC_PARTIAL_NO : BC_PARTIAL_YES))
		abort();
	return 0;
}
