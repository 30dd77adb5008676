/* SPDX-License-Identifier: BSD-3-Clause */
/* What a policy of bc_delivery.h provides; for the policies only. */
#ifndef BC_DELIVERY_OPS_H
#define BC_DELIVERY_OPS_H

#include "bc_delivery.h"

/* Each function may be NULL. */
struct bc_delivery_ops {
	/* t is confirmed: the store has it for good. */
	void (*confirmed)(struct bc_delivery *d, const struct bc_tally *t);
	void (*finished)(struct bc_delivery *d, const struct bc_tally *segment);
	void (*abandoned)(struct bc_delivery *d);
	void (*result)(struct bc_delivery *d, uint64_t file_bytes, int err);
	void (*reap)(struct bc_delivery *d);
	bool (*waits)(const struct bc_delivery *d);
	void (*drain)(struct bc_delivery *d);
	void (*free)(struct bc_delivery *d);	/* what the policy holds, not d */
};

/* First in every policy's struct. */
struct bc_delivery {
	const struct bc_delivery_ops *ops;
	struct bc_delivery_config cfg;
	bool by_write;		/* what was written needs no settling to be confirmed */
	struct bc_output_account *account;
	struct bc_tally pending, segment;
	uint64_t lost;
	enum bc_loss lost_as;
	uint64_t begin_ns;
};

/* In bc_delivery_account.c: enter in the ledger, or take back what was entered. enter_lost: without a place in the file. */
void bc_delivery_enter_written(struct bc_delivery *d, const struct bc_tally *t);
void bc_delivery_take_back_written(struct bc_delivery *d, const struct bc_tally *t);
void bc_delivery_enter_lost(struct bc_delivery *d, const struct bc_tally *t, enum bc_loss loss);

/* With ops set, and what they need for so many sources; the rest is zero. NULL without memory. */
struct bc_delivery *bc_delivery_new_peer(uint32_t n_sources);
struct bc_delivery *bc_delivery_new_command(void);
struct bc_delivery *bc_delivery_new_disk(uint32_t n_sources);

#endif
