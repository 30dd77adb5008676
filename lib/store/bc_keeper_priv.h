/* SPDX-License-Identifier: BSD-3-Clause */
/* What a keeper is asked, and answers. */
#ifndef BC_KEEPER_PRIV_H
#define BC_KEEPER_PRIV_H

#include "bc_apart.h"
#include "bc_keeper.h"

/* More than there can be clients, and of each files that wait for a name. */
#define BC_KEEPER_PLACES 8192U
#define BC_KEEPER_FILES 256U
#define BC_KEEPER_CLIENT_MAX 64U	/* with its NUL */

enum bc_keeper_what {
	BC_KEEPER_PLACE, BC_KEEPER_FOLDER, BC_KEEPER_SEQFILE, BC_KEEPER_CREATE, BC_KEEPER_REMOVE, BC_KEEPER_PUBLISH,
	BC_KEEPER_ACKS_BEGIN, BC_KEEPER_ACKS_END, BC_KEEPER_REPORT_BEGIN, BC_KEEPER_REPORT_END
};

/* All of it each time; what a question does not need is 0. */
struct bc_keeper_ask {
	uint32_t what;
	uint32_t place;
	uint64_t seq;
	uint64_t ns;
	uint32_t again;
	uint32_t good;
	char client[BC_KEEPER_CLIENT_MAX];	/* PLACE; "": none */
};

/* A descriptor goes with it where one was asked for, and r is 0 then. */
struct bc_keeper_answer {
	int32_t r;
	int32_t mode_err;	/* CREATE */
	uint32_t number;	/* PLACE: which. CREATE, PUBLISH: how many names were taken */
	char name[BC_SEGNAME_MAX];
};

struct bc_keeper_server;

/* NULL without memory. It lives as long as its process. */
struct bc_keeper_server *bc_keeper_server_new(const struct bc_keeper_config *cfg);

/* For bc_apart: ctx is the server. */
void bc_keeper_serve(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer);

#endif
