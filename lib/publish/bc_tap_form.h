/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to lib/publish: from the bytes of outputs to those of one stream, in pcapng or classic pcap. The stream begins
 * with its head, which grows as interfaces appear; behind as much of it as there was then, records can be read. One thread.
 */
#ifndef BC_TAP_FORM_H
#define BC_TAP_FORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_format.h"
#include "bc_reader.h"

struct bc_tap_iface;

struct bc_tap_bytes {
	uint8_t *data;
	size_t len, cap;
};

struct bc_tap_form {
	enum bc_format format;
	struct bc_tap_bytes head;
	struct bc_tap_bytes out;	/* the records of the chunk that was taken last */
	uint32_t packets;		/* in out */
	uint64_t unfit;			/* packets so far that the format has no place for */
	int32_t linktype;		/* of classic pcap; -1: not known yet */
	struct bc_tap_iface *iface;	/* in the head of pcapng */
	uint32_t n_ifaces;
};

/* What one output puts. */
struct bc_tap_input {
	enum bc_format format;
	struct bc_reader *reader;
	struct bc_tap_bytes plain;
	uint32_t *map;			/* of the reader's interfaces: numbers in the stream, or BC_IFACE_NONE */
	uint32_t n_map;
	bool broken;			/* out of memory, or bytes that cannot be understood */
};

/* 0 or -ENOMEM. fini takes what is zeroed, or half-built. */
int bc_tap_form_init(struct bc_tap_form *f, enum bc_format format);
void bc_tap_form_fini(struct bc_tap_form *f);
int bc_tap_input_init(struct bc_tap_input *in, enum bc_format format);
void bc_tap_input_fini(struct bc_tap_input *in);

/* What begins a file, or describes more interfaces: bc_mirror_text(). */
void bc_tap_form_text(struct bc_tap_form *f, struct bc_tap_input *in, const uint8_t *text, size_t len);

/* Records, as bc_mirror_chunk() has them, into out. False: the input is broken, and they are lost. */
bool bc_tap_form_chunk(struct bc_tap_form *f, struct bc_tap_input *in, bool lz4, const uint8_t *data, size_t len, size_t dense);

/*
 * The stream's record at block, the first of len bytes, with the number of packets that are missing before it, where
 * the format can say so. The length of that record, and the new one in *ret; 0: the format cannot, or there is no memory.
 */
size_t bc_tap_form_tell_loss(const struct bc_tap_form *f, const uint8_t *block, size_t len, uint64_t lost, struct bc_tap_bytes *ret);

#endif
