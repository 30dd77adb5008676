/* SPDX-License-Identifier: BSD-3-Clause */
/* What a tender is asked, and answers. */
#ifndef BC_TENDER_PRIV_H
#define BC_TENDER_PRIV_H

#include "bc_apart.h"
#include "bc_tender.h"

#define BC_TENDER_FOLDERS 8192U		/* more than there can be clients */

/* PUBLISHED is told, not asked. */
enum bc_tender_what { BC_TENDER_ADD, BC_TENDER_PUBLISHED, BC_TENDER_STATS, BC_TENDER_CLOSE, BC_TENDER_FINISH, BC_TENDER_END };

/*
 * All of it each time; what a question does not need is 0. With ADD goes a socket, where segments are moved: the name of one comes
 * through it, and struct bc_tender_moved goes back.
 */
struct bc_tender_ask {
	uint32_t what;
	uint32_t number;
	uint64_t patience_ns;	/* FINISH */
	uint32_t limits;	/* ADD: 0, none. No bool: any value may come */
	uint32_t now;		/* CLOSE: likewise */
	char name[BC_SEGNAME_MAX];	/* ADD: a client's. PUBLISHED: a segment's */
};

struct bc_tender_answer {
	int32_t r;
	uint32_t number;	/* ADD */
	bool finished;		/* FINISH */
	struct bc_tender_stats stats;
	struct bc_err err;
};

struct bc_tender_moved {
	int32_t r;
	char path[BC_STORE_PATH_MAX];
	struct bc_err err;
};

struct bc_tender_server;

/* It lives as long as its process, also when this fails. 0 and *ret, or a negative errno with a line in err. */
int bc_tender_server_new(const struct bc_tender_config *cfg, struct bc_tender_server **ret, struct bc_err *err);

/* For bc_apart. */
void bc_tender_serve(struct bc_tender_server *s, struct bc_apart_message *request, struct bc_apart_message *answer);
void bc_tender_child_ended(struct bc_tender_server *s);

#endif
