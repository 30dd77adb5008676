/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Is native code to be trusted with this program? Both engines judge the same packets. Random ones hardly ever
 * hold what the program looks for, so the constants that it compares with are planted where it loads them.
 */
#include <rte_mbuf.h>

#include "bc_filter_priv.h"
#include "bc_synthetic.h"

#define PACKETS 4096
#define SEED 0x62726169646361ULL
#define IPV4_HEADER 20	/* what a computed offset usually adds */

static void plant(const struct bpf_insn *load, uint32_t value, uint8_t *packet, size_t len)
{
	uint64_t at = (uint64_t)load->k + (BPF_MODE(load->code) == BPF_IND ? IPV4_HEADER : 0);
	unsigned size = BPF_SIZE(load->code) == BPF_B ? 1 : BPF_SIZE(load->code) == BPF_H ? 2 : 4;

	if (at + size > len)
		return;
	for (unsigned i = 0; i < size; i++)
		packet[at + i] = (uint8_t)(value >> 8 * (size - 1 - i));
}

/* Each constant in every other packet, and now and then one beside it. */
static void plant_constants(const struct bpf_program *program, uint64_t *seed, uint8_t *packet, size_t len)
{
	const struct bpf_insn *load = NULL;

	for (unsigned i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *in = &program->bf_insns[i];
		uint32_t r = bc_synthetic_random(seed);

		if (BPF_CLASS(in->code) == BPF_LD &&
		    (BPF_MODE(in->code) == BPF_ABS || BPF_MODE(in->code) == BPF_IND))
			load = in;
		else if (load && BPF_CLASS(in->code) == BPF_JMP && BPF_SRC(in->code) == BPF_K && (r & 1))
			plant(load, in->k + ((r & 14) == 0), packet, len);
	}
}

static int agree(const struct bpf_program *program, const struct bc_filter_jit *jit, const uint8_t *packet,
		 size_t len)
{
	struct rte_mbuf m = {
		.buf_addr = (void *)(uintptr_t)packet,
		.buf_len = BC_SYNTHETIC_MAX,
		.data_len = (uint16_t)len,
		.pkt_len = (uint32_t)len,
		.nb_segs = 1,
	};
	uint32_t expected = bpf_filter(program->bf_insns, packet, (u_int)len, (u_int)len);

	return (expected != 0) == ((uint32_t)jit->func(&m) != 0);
}

int bc_filter_selftest(const struct bpf_program *program, const struct bc_filter_jit *jit)
{
	uint8_t packet[BC_SYNTHETIC_MAX];
	uint64_t seed = SEED;

	for (int i = 0; i < PACKETS; i++) {
		size_t len = bc_synthetic_packet(&seed, packet);

		plant_constants(program, &seed, packet, len);
		if (!agree(program, jit, packet, len))
			return -1;
	}
	return 0;
}
