/* SPDX-License-Identifier: BSD-3-Clause */
/* What a tender is asked, and answers. */
#ifndef BC_TENDER_PRIV_H
#define BC_TENDER_PRIV_H

#include "bc_apart.h"
#include "bc_tender.h"

#define BC_TENDER_FOLDERS 8192U		/* more than there can be clients */
#define BC_TENDER_CLIENT_MAX 256U	/* with its NUL */

/* PUBLISHED is told, not asked. */
enum bc_tender_what { BC_TENDER_ADD, BC_TENDER_PUBLISHED, BC_TENDER_STATS, BC_TENDER_CLOSE };

/*
 * All of it each time; what a question does not need is 0. With ADD goes a socket, where segments are moved: the name of one comes
 * through it, and struct bc_tender_moved goes back.
 */
struct bc_tender_ask {
	uint32_t what;
	uint32_t number;
	bool limits;		/* ADD */
	bool now;		/* CLOSE */
	char client[BC_TENDER_CLIENT_MAX];	/* ADD */
};

struct bc_tender_answer {
	int32_t r;
	uint32_t number;	/* ADD */
	struct bc_tender_stats stats;
	struct bc_err err;
};

struct bc_tender_moved {
	int32_t r;
	char path[BC_STORE_PATH_MAX];
	struct bc_err err;
};

struct bc_tender_server;

/* NULL without memory. It lives as long as its process. */
struct bc_tender_server *bc_tender_server_new(const struct bc_tender_config *cfg);

/* For bc_apart: ctx is the server. */
void bc_tender_serve(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer);

#endif
