/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_partial.h"

#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#define CAN_FAIL 1U
#define CAN_MATCH 2U
/* Of an index in X so many values are tried, one by one: all that the length of an IP header can be. */
#define INDEX_VALUES 16U
/* So many bytes are compared one word behind the other: an address. */
#define EQUAL_MAX 16U

/* A bit of value counts where known has it; elsewhere it is 0. */
struct word {
	uint32_t value;
	uint32_t known;
};

/* Bytes of the packet; none: len is 0. */
struct bytes {
	uint32_t at, len;
	uint8_t is[EQUAL_MAX];
};

struct state {
	struct word a, x;
	struct word mem[BPF_MEMWORDS];
	uint32_t a_at, a_len;	/* A has these bytes of the packet; a_len 0: it has not just been loaded */
	struct bytes equal;	/* what was compared last, and is so on this way */
};

struct bc_partial {
	const struct bpf_insn *insns;
	uint32_t n;
	bool loops;
	uint64_t *waits;	/* a bit for each instruction: a state waits there */
	struct state *at;	/* that state */
};

/* One run. */
struct run {
	struct bc_partial *p;
	const struct bc_partial_packet *packet;
	struct state s;
	uint32_t pc;
	uint32_t first;		/* the first instruction at which a state waits; n: at none */
	uint32_t can;
};

static struct word whole(uint32_t value)
{
	return (struct word){ value, UINT32_MAX };
}

static struct word unknown(void)
{
	return (struct word){ 0, 0 };
}

static struct word masked(uint32_t value, uint32_t known)
{
	return (struct word){ value & known, known };
}

static bool is_whole(struct word w)
{
	return w.known == UINT32_MAX;
}

static uint32_t most(struct word w)
{
	return w.value | ~w.known;
}

static struct word meet(struct word a, struct word b)
{
	return masked(a.value, a.known & b.known & ~(a.value ^ b.value));
}

static struct word of_range(uint32_t min, uint32_t max)
{
	uint32_t differ = min ^ max;

	return masked(min, differ ? (uint32_t)~((2ULL << (31 - __builtin_clz(differ))) - 1) : UINT32_MAX);
}

static struct word and(struct word a, struct word b)
{
	uint32_t zero = (a.known & ~a.value) | (b.known & ~b.value);

	return masked(a.value & b.value, (a.known & b.known) | zero);
}

static struct word or(struct word a, struct word b)
{
	return masked(a.value | b.value, (a.known & b.known) | a.value | b.value);
}

static struct word xor(struct word a, struct word b)
{
	return masked(a.value ^ b.value, a.known & b.known);
}

/* Where a carry that depends on unknown bits cannot reach, the sum is known. */
static struct word add(struct word a, struct word b)
{
	uint32_t least = a.value + b.value, greatest = least + ~a.known + ~b.known;

	return masked(least, ~(least ^ greatest) & a.known & b.known);
}

static struct word sub(struct word a, struct word b)
{
	uint32_t mid = a.value - b.value, greatest = mid + ~a.known, least = mid - ~b.known;

	return masked(mid, ~(greatest ^ least) & a.known & b.known);
}

static struct word shift_left(struct word a, uint32_t n)
{
	return n < 32 ? masked(a.value << n, a.known << n | ((1U << n) - 1)) : whole(0);
}

static struct word shift_right(struct word a, uint32_t n)
{
	return n < 32 ? masked(a.value >> n, a.known >> n | ~(UINT32_MAX >> n)) : whole(0);
}

static bool is_power(uint32_t v)
{
	return v && !(v & (v - 1));
}

static struct word multiply(struct word a, struct word b)
{
	if (is_whole(a) && is_whole(b))
		return whole(a.value * b.value);
	if (is_whole(b) && is_power(b.value))
		return shift_left(a, (uint32_t)__builtin_ctz(b.value));
	return unknown();
}

/* b is not 0. */
static struct word divide(struct word a, struct word b)
{
	if (is_whole(a) && is_whole(b))
		return whole(a.value / b.value);
	if (is_whole(b) && is_power(b.value))
		return shift_right(a, (uint32_t)__builtin_ctz(b.value));
	return unknown();
}

static struct word modulo(struct word a, struct word b)
{
	if (is_whole(a) && is_whole(b))
		return whole(a.value % b.value);
	if (is_whole(b) && is_power(b.value))
		return and(a, whole(b.value - 1));
	return unknown();
}

/* True: the state dies of a division by zero. */
static bool divides_by_zero(struct run *r, struct word b)
{
	if (b.value == 0)
		r->can |= CAN_FAIL;
	return most(b) == 0;
}

/* False: every packet ends here, without a match. */
static bool alu(struct run *r, const struct bpf_insn *in)
{
	struct word *a = &r->s.a, b = BPF_SRC(in->code) == BPF_X ? r->s.x : whole(in->k);
	bool shifts = is_whole(b) && (BPF_SRC(in->code) == BPF_X || b.value < 32);

	switch (BPF_OP(in->code)) {
	case BPF_ADD:
		*a = add(*a, b);
		return true;
	case BPF_SUB:
		*a = sub(*a, b);
		return true;
	case BPF_MUL:
		*a = multiply(*a, b);
		return true;
	case BPF_DIV:
	case BPF_MOD:
		if (divides_by_zero(r, b))
			return false;
		*a = BPF_OP(in->code) == BPF_DIV ? divide(*a, b) : modulo(*a, b);
		return true;
	case BPF_AND:
		*a = and(*a, b);
		return true;
	case BPF_OR:
		*a = or(*a, b);
		return true;
	case BPF_XOR:
		*a = xor(*a, b);
		return true;
	case BPF_LSH:
		*a = shifts ? shift_left(*a, b.value) : unknown();
		return true;
	case BPF_RSH:
		*a = shifts ? shift_right(*a, b.value) : unknown();
		return true;
	case BPF_NEG:
		*a = sub(whole(0), *a);
		return true;
	default:
		*a = unknown();
		return true;
	}
}

static struct word bytes_at(const struct bc_partial_packet *p, uint64_t at, uint32_t size)
{
	struct word w = { 0, size == 4 ? 0 : UINT32_MAX << 8 * size };

	for (uint32_t i = 0; i < size; i++) {
		bool there = at + i < p->len;
		uint32_t shift = 8 * (size - 1 - i);

		w.known |= (there ? (uint32_t)p->known[at + i] : 0) << shift;
		w.value |= (there ? (uint32_t)p->value[at + i] : 0) << shift;
	}
	return masked(w.value, w.known);
}

/* size bytes at index + k, where index may be anything that it can be. False: no packet is so long. */
static bool load(struct run *r, struct word index, uint32_t k, uint32_t size, struct word *ret)
{
	const struct bc_partial_packet *p = r->packet;
	uint64_t least = (uint64_t)index.value + k + size, greatest = (uint64_t)most(index) + k + size;
	const uint32_t open = ~index.known;
	bool first = true;
	uint32_t bits = 0;

	if (greatest > p->caplen_min)
		r->can |= CAN_FAIL;
	if (least > p->caplen_max)
		return false;
	*ret = unknown();
	if ((1ULL << __builtin_popcount(open)) > INDEX_VALUES)
		return true;
	do {
		uint64_t at = (uint64_t)index.value + bits + k;

		if (at + size <= p->caplen_max) {
			*ret = first ? bytes_at(p, at, size) : meet(*ret, bytes_at(p, at, size));
			first = false;
		}
		bits = (bits - open) & open;
	} while (bits);
	return true;
}

static uint32_t size_of(uint16_t code)
{
	return BPF_SIZE(code) == BPF_B ? 1 : BPF_SIZE(code) == BPF_H ? 2 : 4;
}

/* A has bytes of the packet, whose place is known. */
static void note_place(struct run *r, const struct bpf_insn *in)
{
	const bool at_x = BPF_MODE(in->code) == BPF_IND;

	if (BPF_CLASS(in->code) != BPF_LD)
		return;
	r->s.a_len = 0;
	if ((BPF_MODE(in->code) == BPF_ABS || (at_x && is_whole(r->s.x) && r->s.x.value <= INT32_MAX)) && in->k <= INT32_MAX) {
		r->s.a_at = in->k + (at_x ? r->s.x.value : 0);
		r->s.a_len = size_of(in->code);
	}
}

/* False: every packet ends here, without a match. */
static bool load_insn(struct run *r, const struct bpf_insn *in)
{
	struct word *dst = BPF_CLASS(in->code) == BPF_LD ? &r->s.a : &r->s.x, byte = unknown();

	switch (BPF_MODE(in->code)) {
	case BPF_IMM:
		*dst = whole(in->k);
		return true;
	case BPF_LEN:
		*dst = of_range(r->packet->wirelen_min, r->packet->wirelen_max);
		return true;
	case BPF_MEM:
		*dst = in->k < BPF_MEMWORDS ? r->s.mem[in->k] : unknown();
		return true;
	case BPF_ABS:
		return load(r, whole(0), in->k, size_of(in->code), dst);
	case BPF_IND:
		return load(r, r->s.x, in->k, size_of(in->code), dst);
	case BPF_MSH:
		if (!load(r, whole(0), in->k, 1, &byte))
			return false;
		*dst = shift_left(and(byte, whole(0xf)), 2);
		return true;
	default:
		*dst = unknown();
		return true;
	}
}

/* Which ways the jump goes: bit 0 the false one, bit 1 the true one. */
static unsigned ways(const struct run *r, const struct bpf_insn *in)
{
	struct word a = r->s.a, b = BPF_SRC(in->code) == BPF_X ? r->s.x : whole(in->k);
	bool yes, no;

	switch (BPF_OP(in->code)) {
	case BPF_JEQ:
		no = ((a.value ^ b.value) & a.known & b.known) != 0;
		yes = is_whole(a) && is_whole(b) && !no;
		break;
	case BPF_JGT:
		yes = a.value > most(b);
		no = most(a) <= b.value;
		break;
	case BPF_JGE:
		yes = a.value >= most(b);
		no = most(a) < b.value;
		break;
	case BPF_JSET:
		yes = (a.value & b.value) != 0;
		no = (most(a) & most(b)) == 0;
		break;
	default:
		yes = no = false;
	}
	return yes ? 2 : no ? 1 : 3;
}

/* What is equal if A is k. */
static struct bytes equal_with(const struct state *s, uint32_t k)
{
	struct bytes e = s->equal;

	if (!e.len || e.at + e.len != s->a_at || e.len + s->a_len > EQUAL_MAX)
		e = (struct bytes){ .at = s->a_at };
	for (uint32_t i = s->a_len; i; i--)
		e.is[e.len++] = (uint8_t)(k >> 8 * (i - 1));
	return e;
}

/* Both ways of a comparison are open, as far as bits go. False: the true one is not. */
static bool learn_equal(const struct run *r, const struct bpf_insn *in, struct bytes *ret)
{
	const struct bc_partial_packet *p = r->packet;
	uint32_t before;

	if (!r->s.a_len || BPF_OP(in->code) != BPF_JEQ || BPF_SRC(in->code) != BPF_K)
		return true;
	*ret = equal_with(&r->s, in->k);
	before = ret->len - r->s.a_len;
	return !p->may_be || (p->may_be(p->ctx, r->s.a_at, ret->is + before, r->s.a_len) &&
			      (!before || p->may_be(p->ctx, ret->at, ret->is, ret->len)));
}

static bool are_same(const struct bytes *a, const struct bytes *b)
{
	return a->at == b->at && a->len == b->len && !memcmp(a->is, b->is, a->len);
}

/* The state waits at pc, which lies ahead, and becomes one with another that waits there. */
static void park(struct run *r, uint32_t pc)
{
	struct bc_partial *p = r->p;
	struct state *there = &p->at[pc];
	uint64_t bit = 1ULL << pc % 64;

	if (!(p->waits[pc / 64] & bit)) {
		p->waits[pc / 64] |= bit;
		*there = r->s;
		if (pc < r->first)
			r->first = pc;
		return;
	}
	there->a = meet(there->a, r->s.a);
	there->x = meet(there->x, r->s.x);
	for (int i = 0; i < BPF_MEMWORDS; i++)
		there->mem[i] = meet(there->mem[i], r->s.mem[i]);
	if (there->a_at != r->s.a_at || there->a_len != r->s.a_len)
		there->a_len = 0;
	if (!are_same(&there->equal, &r->s.equal))
		there->equal.len = 0;
}

/* Go on with the state that waits first. */
static void resume(struct run *r)
{
	struct bc_partial *p = r->p;
	uint32_t word = r->first / 64;

	r->pc = r->first;
	if (r->first == p->n)
		return;
	r->s = p->at[r->first];
	p->waits[word] &= ~(1ULL << r->first % 64);
	while (word < (p->n + 63) / 64 && !p->waits[word])
		word++;
	r->first = word < (p->n + 63) / 64 ? word * 64 + (uint32_t)__builtin_ctzll(p->waits[word]) : p->n;
}

/* The state goes on at pc, behind those that wait before it. */
static void go(struct run *r, uint32_t pc)
{
	if (r->first > pc) {
		r->pc = pc;
		return;
	}
	park(r, pc);
	resume(r);
}

static void jump(struct run *r, const struct bpf_insn *in)
{
	uint32_t next = r->pc + 1;
	unsigned w;

	if (BPF_OP(in->code) == BPF_JA) {
		go(r, next + in->k);
		return;
	}
	w = ways(r, in);
	if (w == 3) {
		struct bytes before = r->s.equal;

		if (learn_equal(r, in, &r->s.equal))
			park(r, next + in->jt);
		r->s.equal = before;
	}
	go(r, next + (w == 2 ? in->jt : in->jf));
}

static void end(struct run *r, const struct bpf_insn *in)
{
	struct word w = BPF_RVAL(in->code) == BPF_A ? r->s.a : whole(in->k);

	if (w.value == 0)
		r->can |= CAN_FAIL;
	if (most(w) != 0)
		r->can |= CAN_MATCH;
	resume(r);
}

static void step(struct run *r)
{
	const struct bpf_insn *in = &r->p->insns[r->pc];
	bool lives = true;

	switch (BPF_CLASS(in->code)) {
	case BPF_LD:
	case BPF_LDX:
		note_place(r, in);
		lives = load_insn(r, in);
		break;
	case BPF_ST:
	case BPF_STX:
		if (in->k < BPF_MEMWORDS)
			r->s.mem[in->k] = BPF_CLASS(in->code) == BPF_ST ? r->s.a : r->s.x;
		break;
	case BPF_ALU:
		r->s.a_len = 0;
		lives = alu(r, in);
		break;
	case BPF_JMP:
		jump(r, in);
		return;
	case BPF_RET:
		end(r, in);
		return;
	case BPF_MISC:
		if (BPF_MISCOP(in->code) == BPF_TAX)
			r->s.x = r->s.a;
		else
			r->s.a = r->s.x;
		r->s.a_len = BPF_MISCOP(in->code) == BPF_TAX ? r->s.a_len : 0;
		break;
	}
	if (!lives) {
		r->can |= CAN_FAIL;
		resume(r);
	} else {
		go(r, r->pc + 1);
	}
}

enum bc_partial_answer bc_partial_run(struct bc_partial *p, const struct bc_partial_packet *packet)
{
	struct run r = { .p = p, .packet = packet, .first = p->n };

	if (p->loops)
		return BC_PARTIAL_PERHAPS;
	for (uint32_t i = 0; i < (p->n + 63) / 64; i++)
		p->waits[i] = 0;
	r.s.a = r.s.x = whole(0);
	r.s.a_len = r.s.equal.len = 0;
	while (r.pc < p->n && r.can != (CAN_FAIL | CAN_MATCH))
		step(&r);
	return r.can == CAN_MATCH ? BC_PARTIAL_YES : r.can == CAN_FAIL ? BC_PARTIAL_NO : BC_PARTIAL_PERHAPS;
}

/* Does each jump go forward, and to an instruction, and is the last one an end? */
static bool is_straight(const struct bc_partial *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		const struct bpf_insn *in = &p->insns[i];
		uint64_t left = p->n - 1 - i;

		if (BPF_CLASS(in->code) != BPF_JMP)
			continue;
		if (BPF_OP(in->code) == BPF_JA ? in->k >= left : in->jt >= left || in->jf >= left)
			return false;
	}
	return p->n && BPF_CLASS(p->insns[p->n - 1].code) == BPF_RET;
}

struct bc_partial *bc_partial_new(const struct bpf_program *program)
{
	struct bc_partial *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->insns = program->bf_insns;
	p->n = program->bf_len;
	p->loops = !is_straight(p);
	p->waits = calloc(p->n / 64 + 1, sizeof(*p->waits));
	p->at = calloc((size_t)p->n + 1, sizeof(*p->at));
	if (!p->waits || !p->at) {
		bc_partial_free(p);
		return NULL;
	}
	return p;
}

void bc_partial_free(struct bc_partial *p)
{
	if (!p)
		return;
	free(p->waits);
	free(p->at);
	free(p);
}
