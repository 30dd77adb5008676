/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of bc_http share. */
#ifndef BC_HTTP_PRIV_H
#define BC_HTTP_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include "bc_http.h"
#include "bc_http_identity.h"
#include "bc_listen.h"
#include "bc_log_limit.h"

/* A connection, from its begin to its end. Under the lock of bc_http. */
struct bc_http_connection {
	struct bc_http_connection *next;
	int fd;
	uint64_t deadline_mono_ns;	/* when it is broken off; UINT64_MAX: we owe it an answer */
};

struct bc_http {
	const struct bc_http_config *cfg;
	struct MHD_Daemon *daemon;
	struct bc_listen address;	/* len 0: a Unix socket */
	char path[108];			/* of that socket; "" */
	char url[128];
	char *cert, *ca;		/* the files' contents */
	struct bc_http_identity *identity;
	pthread_t warden;
	bool has_warden;
	atomic_bool over;
	pthread_mutex_t lock;
	pthread_cond_t ending;
	struct bc_http_connection *connections;
	uint32_t streams;
	struct bc_log_limit limit;
};

/* ---- bc_http_guard.c: who is it, and may he? ---- */

/* q->role, q->user and q->from are filled. 0, or the HTTP status of a refusal, with *ret_why. */
unsigned bc_http_guard(struct bc_request *q, const struct bc_route *route, const char *method, const char **ret_why);

/* ---- bc_http_patience.c: connections and their deadlines ---- */

struct bc_http_connection *bc_http_arrived(struct bc_http *h, int fd);
void bc_http_left(struct bc_http *h, struct bc_http_connection *c);
/* Break it off if this is not called again within ns; UINT64_MAX: never. */
void bc_http_patience(struct bc_http *h, struct bc_http_connection *c, uint64_t ns);
int bc_http_warden_start(struct bc_http *h);
void bc_http_warden_stop(struct bc_http *h);
/* That of a request. */
struct bc_http_connection *bc_http_connection_of(struct MHD_Connection *c);

#endif
