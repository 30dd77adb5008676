/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Native code by rte_bpf. Two faults stand in its way, in 22.11 as in 26.07, and are mended in the converted
 * program: rte_bpf_convert gives LD|IND the wrong source register, and the x86 JIT emits `jset` with a small
 * immediate wrongly.
 */
#include <rte_bpf.h>
#include <rte_malloc.h>

#include "bc_filter_priv.h"

#define REG_X EBPF_REG_7	/* where rte_bpf_convert keeps BPF's X */

static int uses_length(const struct bpf_program *program)
{
	for (unsigned i = 0; i < program->bf_len; i++) {
		uint16_t code = program->bf_insns[i].code;

		if (BPF_CLASS(code) <= BPF_LDX && BPF_MODE(code) == BPF_LEN)
			return 1;
	}
	return 0;
}

static int is_packet_load(const struct ebpf_insn *in)
{
	return BPF_CLASS(in->code) == BPF_LD && (BPF_MODE(in->code) == BPF_ABS || BPF_MODE(in->code) == BPF_IND);
}

static int is_small_jset(const struct ebpf_insn *in)
{
	return in->code == (BPF_JMP | BPF_JSET | BPF_K) && in->imm == (int8_t)in->imm;
}

static int is_jumped_to(const struct ebpf_insn *ins, uint32_t n, uint32_t target)
{
	for (uint32_t i = 0; i < n; i++)
		if (BPF_CLASS(ins[i].code) == BPF_JMP && BPF_OP(ins[i].code) != EBPF_EXIT &&
		    (int64_t)i + 1 + ins[i].off == (int64_t)target)
			return 1;
	return 0;
}

/* A value fresh from a byte or a half word has no bit 31 or above, so testing for those too changes nothing. */
static int value_is_narrow(const struct ebpf_insn *ins, uint32_t n, uint32_t at)
{
	return at > 0 && is_packet_load(&ins[at - 1]) && BPF_SIZE(ins[at - 1].code) != BPF_W &&
	       !is_jumped_to(ins, n, at);
}

/* 0, or -1 if an instruction can neither be left nor mended. */
static int mend(struct ebpf_insn *ins, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (is_packet_load(&ins[i]) && BPF_MODE(ins[i].code) == BPF_IND)
			ins[i].src_reg = REG_X;
		if (!is_small_jset(&ins[i]))
			continue;
		if (!value_is_narrow(ins, n, i))
			return -1;
		ins[i].imm = (int32_t)((uint32_t)ins[i].imm | 0x80000000u);
	}
	return 0;
}

static const char *load(const struct rte_bpf_prm *prm, struct bc_filter_jit *ret)
{
	struct rte_bpf *bpf = rte_bpf_load(prm);
	struct rte_bpf_jit jit;

	if (!bpf)
		return "rte_bpf does not load the program";
	if (rte_bpf_get_jit(bpf, &jit) < 0 || !jit.func) {
		rte_bpf_destroy(bpf);
		return "rte_bpf has no native code for it on this CPU";
	}
	*ret = (struct bc_filter_jit){ bpf, jit.func };
	return NULL;
}

const char *bc_filter_jit_load(const struct bpf_program *program, struct bc_filter_jit *ret)
{
	struct rte_bpf_prm *prm;
	const char *why;

	/* Native code takes pkt_len for the length, which is not that on the wire if the packet was sliced. */
	if (uses_length(program))
		return "it asks for the packet's length";
	prm = rte_bpf_convert(program);
	if (!prm)
		return "rte_bpf does not convert it";
	if (mend((struct ebpf_insn *)(uintptr_t)prm->ins, prm->nb_ins) < 0)
		why = "it holds a jset that rte_bpf would compile wrongly";
	else
		why = load(prm, ret);
	rte_free(prm);
	return why;
}

void bc_filter_jit_unload(struct bc_filter_jit *jit)
{
	rte_bpf_destroy(jit->bpf);
	*jit = (struct bc_filter_jit){ 0 };
}
