/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_filter.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "bc_filter_priv.h"
#include "bc_linktype.h"

/* libpcap wants its own DLT_ values, which differ from the registry's for two that this platform has. */
static int dlt_of(uint16_t linktype)
{
	return linktype == 100 ? DLT_ATM_RFC1483 : linktype == 101 ? DLT_RAW : linktype;
}

/*
 * Linux's metadata (direction, interface) stand at negative offsets, and libpcap asks for them even of no live
 * handle.
 */
static int asks_for_metadata(const struct bpf_program *program)
{
	for (unsigned i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *in = &program->bf_insns[i];

		if (BPF_CLASS(in->code) == BPF_LD && BPF_MODE(in->code) == BPF_ABS && (int32_t)in->k < 0)
			return 1;
	}
	return 0;
}

int bc_filter_program(const char *expression, uint16_t linktype, uint32_t snaplen, struct bpf_program *ret, struct bc_err *err)
{
	pcap_t *p = pcap_open_dead(dlt_of(linktype), (int)snaplen);
	int r = 0;

	if (!p)
		return bc_err_set(err, -ENOMEM, "no memory to compile a filter");
	if (pcap_compile(p, ret, expression, 1, PCAP_NETMASK_UNKNOWN) < 0) {
		r = bc_err_set(err, -EINVAL, "filter '%s': %s", expression, pcap_geterr(p));
	} else if (asks_for_metadata(ret)) {
		pcap_freecode(ret);
		r = bc_err_set(err, -EINVAL,
			       "filter '%s': a packet's bytes do not contain its direction or interface",
			       expression);
	}
	pcap_close(p);
	return r;
}

static uint32_t load_size(uint16_t code)
{
	return BPF_SIZE(code) == BPF_B ? 1 : BPF_SIZE(code) == BPF_H ? 2 : 4;
}

/* How far the program can look: known for loads at fixed places; those that are computed may fall anywhere. */
static uint32_t reach_of(const struct bpf_program *program, uint32_t snaplen)
{
	uint64_t reach = 0;

	for (unsigned i = 0; i < program->bf_len; i++) {
		const struct bpf_insn *in = &program->bf_insns[i];
		uint64_t end = (uint64_t)in->k + load_size(in->code);

		if (BPF_CLASS(in->code) != BPF_LD && BPF_CLASS(in->code) != BPF_LDX)
			continue;
		if (BPF_MODE(in->code) == BPF_IND)
			return snaplen;
		if ((BPF_MODE(in->code) == BPF_ABS || BPF_MODE(in->code) == BPF_MSH) && end > reach)
			reach = end;
	}
	return reach < snaplen ? (uint32_t)reach : snaplen;
}

static void set_engine(struct bc_filter *f, int want_jit)
{
	f->why = "not asked for";
	if (!want_jit)
		return;
	f->why = bc_filter_jit_load(&f->program, &f->jit);
	if (f->why)
		return;
	f->why = "";
	if (bc_filter_selftest(&f->program, &f->jit) < 0) {
		bc_filter_jit_unload(&f->jit);
		f->why = "the native code failed its self-test";
	}
}

int bc_filter_new(const struct bpf_program *program, const char *expression, uint32_t snaplen, int want_jit,
		  struct bc_filter **ret, struct bc_err *err)
{
	size_t size = strlen(expression) + 1;
	struct bc_filter *f = calloc(1, sizeof(*f) + size);

	if (!f)
		return bc_err_set(err, -ENOMEM, "no memory for a filter");
	memcpy(f->expression, expression, size);
	f->users = 1;
	f->program = *program;
	f->snaplen = snaplen;
	f->reach = reach_of(&f->program, snaplen);
	set_engine(f, want_jit);
	*ret = f;
	return 0;
}

int bc_filter_compile(const char *expression, uint16_t linktype, uint32_t snaplen, int want_jit,
		      struct bc_filter **ret, struct bc_err *err)
{
	struct bpf_program program;
	int r;

	if (snaplen < 1 || snaplen > BC_FILTER_MAX_SNAPLEN)
		return bc_err_set(err, -EINVAL, "a filter's snaplen must be 1 to %d", BC_FILTER_MAX_SNAPLEN);
	if (!expression || !*expression) {
		*ret = NULL;
		return 0;
	}
	r = bc_filter_program(expression, linktype, snaplen, &program, err);
	if (r < 0)
		return r;
	r = bc_filter_new(&program, expression, snaplen, want_jit, ret, err);
	if (r < 0)
		pcap_freecode(&program);
	return r;
}

int bc_filter_check(const char *expression, struct bc_err *err)
{
	/* Each has words that no other has; 105: IEEE 802.11, 117: PF's log, 123: ATM, 140: MTP2. */
	static const uint16_t types[] = { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL, 105, 117, 123, 140 };
	struct bc_err other;
	int r = -EINVAL;

	for (size_t i = 0; r == -EINVAL && i < sizeof(types) / sizeof(types[0]); i++) {
		struct bc_filter *f;

		r = bc_filter_compile(expression, types[i], BC_FILTER_MAX_SNAPLEN, 0, &f, i ? &other : err);
		if (!r)
			bc_filter_destroy(f);
	}
	return r;
}

struct bc_filter *bc_filter_share(struct bc_filter *f)
{
	if (f)
		f->users++;
	return f;
}

void bc_filter_destroy(struct bc_filter *f)
{
	if (!f || --f->users > 0)
		return;
	bc_filter_jit_unload(&f->jit);
	pcap_freecode(&f->program);
	free(f);
}

void bc_filter_info(const struct bc_filter *f, struct bc_filter_info *ret)
{
	*ret = (struct bc_filter_info){
		.engine = f->jit.func ? BC_FILTER_JIT : BC_FILTER_BPF,
		.why = f->why,
		.expression = f->expression,
		.instructions = f->program.bf_len,
	};
}

size_t bc_filter_scratch_size(const struct bc_filter *f)
{
	return f ? f->reach : 0;
}

static int match_chain(const struct bc_filter *f, const struct rte_mbuf *m, uint32_t wirelen, void *scratch)
{
	uint32_t len = RTE_MIN(rte_pktmbuf_pkt_len(m), f->reach);
	const void *data = rte_pktmbuf_read(m, 0, len, scratch);

	return data && bpf_filter(f->program.bf_insns, data, wirelen, len) != 0;
}

static inline int match(const struct bc_filter *f, const struct rte_mbuf *m, uint32_t wirelen, void *scratch)
{
	uint32_t len = rte_pktmbuf_data_len(m);

	if (unlikely(m->nb_segs > 1))
		return match_chain(f, m, wirelen, scratch);
	if (f->jit.func && likely(len <= f->snaplen))
		return (uint32_t)f->jit.func((void *)(uintptr_t)m) != 0;
	len = RTE_MIN(len, f->snaplen);
	return bpf_filter(f->program.bf_insns, rte_pktmbuf_mtod(m, const uint8_t *), wirelen, len) != 0;
}

int bc_filter_match(const struct bc_filter *f, const struct rte_mbuf *m, uint32_t wirelen, void *scratch)
{
	return !f || match(f, m, wirelen, scratch);
}

uint64_t bc_filter_burst(const struct bc_filter *f, struct rte_mbuf *const *mbufs, const uint32_t *wirelens,
			 unsigned n, void *scratch)
{
	uint64_t mask = 0;

	if (!f)
		return n < 64 ? (1ULL << n) - 1 : UINT64_MAX;
	for (unsigned i = 0; i < n; i++) {
		uint32_t wirelen = wirelens ? wirelens[i] : rte_pktmbuf_pkt_len(mbufs[i]);

		mask |= (uint64_t)match(f, mbufs[i], wirelen, scratch) << i;
	}
	return mask;
}

int bc_filter_match_bytes(const struct bc_filter *f, const uint8_t *data, uint32_t caplen, uint32_t wirelen)
{
	return !f || bpf_filter(f->program.bf_insns, data, wirelen, RTE_MIN(caplen, f->snaplen)) != 0;
}

const struct bpf_program *bc_filter_code(const struct bc_filter *f)
{
	return &f->program;
}
