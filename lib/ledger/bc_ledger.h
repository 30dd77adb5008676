/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The ledger: for each source and each output o
 *
 *     received = written[o] + filtered[o] + dropped at ingress + dropped[o] + what is in flight
 *
 * where received also counts what the NIC or the kernel said it lost, so that nothing offered is left out.
 * Counters live until the process ends and are never reset. Each has one writing thread, named beside it.
 */
#ifndef BC_LEDGER_H
#define BC_LEDGER_H

#include <stdint.h>

#include "bc_counter.h"
#include "bc_histogram.h"
#include "bc_loss.h"

#define BC_MAX_SOURCES 1024
#define BC_MAX_OUTPUTS 7 /* the spare bits of a descriptor, see bc_desc.h */

/* One source's account. */
struct bc_source_account {
	/* Identity: written before the capture starts, then constant, but for the interface. */
	char name[160];		/* as the user gave it, and the queue: dpdk:net_pcap0 */
	char interface[128];
	uint16_t queue;
	uint16_t stamp;		/* enum bc_stamp */
	uint16_t losses_unknown;	/* its device does not count what it has no room for */
	/* Index in the table of interfaces (the first, if the source has several); a remote source's stage writes it, UINT32_MAX at first. */
	_Atomic uint32_t iface;

	/* The source's stage. */
	struct {
		bc_counter_t received;		/* handed over by the driver, the kernel or the file */
		bc_counter_t received_bytes;	/* on the wire */
		bc_counter_t stamp_ahead;	/* too far ahead of the clock, and given the time of arrival */
		bc_counter_t filtered[BC_MAX_OUTPUTS];	/* not dropped here, and not wanted by this output */
		bc_counter_t dropped[BC_LOSS_COUNT];
	} ingress BC_CACHE_ALIGNED;

	/* The merge. */
	struct {
		bc_counter_t merged;
		bc_counter_t late;	/* still written, but after a younger packet */
		bc_counter_t forced;	/* times that the merge went on without this source */
		bc_counter_t past_end[BC_MAX_OUTPUTS];	/* BC_LOSS_PAST_END, of those that this output wanted */
	} merge BC_CACHE_ALIGNED;

	/* The control thread: what the NIC and the kernel say that they lost. */
	struct {
		bc_counter_t dropped[BC_LOSS_COUNT];
	} control BC_CACHE_ALIGNED;
};

/* What became of one source's packets in one output. */
struct bc_output_source {
	bc_counter_t written;
	bc_counter_t dropped[BC_LOSS_COUNT];
};

/* One output's account; all of it is written by the output's committer. */
struct bc_output_account {
	char name[256];
	bc_counter_t written;
	bc_counter_t written_bytes;	/* before compression */
	bc_counter_t file_bytes;	/* after it */
	bc_counter_t segments;		/* published */
	struct bc_output_source source[BC_MAX_SOURCES];
} BC_CACHE_ALIGNED;

struct bc_ledger {
	uint32_t n_sources;	/* both constant once the capture runs */
	uint32_t n_outputs;
	struct bc_source_account source[BC_MAX_SOURCES];
	struct bc_output_account output[BC_MAX_OUTPUTS];
	struct bc_histogram merge_delay;	/* ns from a packet's stamp to its lane, sampled; the merge writes */
};

/* A zeroed ledger for bc_ledger_free(); NULL without memory. free takes NULL. */
struct bc_ledger *bc_ledger_new(void);
void bc_ledger_free(struct bc_ledger *l);

/* A sum over one source, or over all with source == BC_ALL_SOURCES, as one output sees it. */
#define BC_ALL_SOURCES UINT32_MAX

struct bc_balance {
	uint64_t received;
	uint64_t received_bytes;
	uint64_t written;
	uint64_t filtered;
	uint64_t late;
	uint64_t forced;
	uint64_t stamp_ahead;
	uint64_t dropped[BC_LOSS_COUNT];	/* at ingress and in the output */
	uint64_t dropped_total;
	int64_t unaccounted;			/* in flight while the capture runs; 0 at its end */
};

/* Any thread. While packets move the sums are of slightly different moments. */
void bc_ledger_balance(const struct bc_ledger *l, uint32_t output, uint32_t source, struct bc_balance *ret);

/*
 * All outputs together: what was received and lost at ingress counts once, what was written, filtered, lost in an output or is
 * in flight counts for each output. With one output it is that one's balance. There is at least one. Any thread.
 */
void bc_ledger_total(const struct bc_ledger *l, struct bc_balance *ret);

/* The losses of one source at its ingress, and those of one output; together they are every loss once. Any thread. */
void bc_ledger_ingress_losses(const struct bc_ledger *l, uint32_t source, uint64_t ret[BC_LOSS_COUNT]);
void bc_ledger_output_losses(const struct bc_ledger *l, uint32_t output, uint64_t ret[BC_LOSS_COUNT]);
/* Has the output lost a packet in a way by which a capture fails? Any thread. */
bool bc_ledger_failed(const struct bc_ledger *l, uint32_t output);

#endif
