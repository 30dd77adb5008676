/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets into a file, a folder of segments, or a stream, with their interfaces. One thread, but for cancel. */
#ifndef BC_FIND_WRITER_H
#define BC_FIND_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_calendar.h"
#include "bc_codec.h"
#include "bc_find_stream.h"
#include "bc_format.h"
#include "bc_store.h"

struct bc_anonymise_key;

/* Where to, and how. Plain data. */
struct bc_find_dest {
	enum bc_store_kind kind;	/* DIR, FILE, FD or NULL */
	const char *path;		/* FD: NULL for standard output */
	enum bc_format format;		/* not ERF */
	enum bc_codec codec;
	int level;
	const char *ext;		/* DIR: NULL: by format and codec */
	uint32_t mode;			/* as bc_store_config has it, as are the next two */
	enum bc_io io;
	bool utc;
	uint64_t rotate_ns;		/* DIR; 0: never */
	struct bc_calendar rotate_clock;	/* instead of rotate_ns */
	uint64_t rotate_bytes;		/* before compression; 0: never */
	/* Packets lose their addresses, and all else that the inputs say goes; NULL: nothing does. Read by bc_find_writer_new() only. */
	const struct bc_anonymise_key *anonymise;
};

/* Called for each file that was finished, on a thread of the store; err as bc_store_published has it. */
typedef void (*bc_find_written)(void *ctx, const char *path, const struct bc_segment_info *info, int err);

struct bc_find_writer;

/*
 * expression is written into the interfaces' descriptions. What dest and expression point at, and log, outlive it. 0
 * and *ret, or a negative errno.
 */
int bc_find_writer_new(const struct bc_find_dest *dest, const char *expression, const struct bc_log *log, bc_find_written written,
		       void *ctx, struct bc_find_writer **ret, struct bc_err *err);

/* The file is to have this interface, even if no packet of it comes. */
int bc_find_writer_describe(struct bc_find_writer *w, const struct bc_find_iface *iface, struct bc_err *err);

/*
 * 0, or a negative errno with a line in err: -EPIPE: the reader is gone; -EMEDIUMTYPE: it is of another link type than
 * the file, in a format that has one; else what writing met. After an error only end is of use.
 */
int bc_find_writer_put(struct bc_find_writer *w, const struct bc_find_packet *p, const uint8_t *data, struct bc_err *err);

/* What is in the segment so far, before compression. */
uint64_t bc_find_writer_bytes(const struct bc_find_writer *w);

/* Packets so far of which something was not anonymised, but overwritten. Any thread. */
uint64_t bc_find_writer_unparsed(const struct bc_find_writer *w);

/*
 * What stands beside the packet that comes next: into this segment, if the format has a place for it, and the next ones
 * too unless it is about its place. What is beyond bc_carry_add()'s limits is left out, with a word in the log.
 */
void bc_find_writer_keep(struct bc_find_writer *w, const struct bc_find_packet *p, const uint8_t *data);

/* A stream's reader gets all that was put so far. Of a file nothing is done. */
int bc_find_writer_flush(struct bc_find_writer *w, struct bc_err *err);

/*
 * All is put: what was begun is finished and published; a file or a stream without a packet has its interfaces. 0, or a
 * negative errno with a line in err.
 */
int bc_find_writer_end(struct bc_find_writer *w, struct bc_err *err);

/* Any thread: what waits for a stream's reader returns. */
void bc_find_writer_cancel(struct bc_find_writer *w);

/* Takes NULL. What was not ended keeps its temporary name. */
void bc_find_writer_free(struct bc_find_writer *w);

#endif
