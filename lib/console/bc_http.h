/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A small HTTP server, by libmicrohttpd: it listens, lets in whom it should, bounds what a client can take up (connections, time,
 * bytes), and calls the handlers of a table. A thread serves each connection: a handler may block.
 */
#ifndef BC_HTTP_H
#define BC_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "bc_err.h"
#include "bc_log.h"
#include "bc_mhd.h"
#include "bc_users.h"

#define BC_HTTP_CONNECTIONS 256U
#define BC_HTTP_CONNECTIONS_OF_ONE 64U	/* of an address that is not this host's */
#define BC_HTTP_BODY_MAX 8192U
#define BC_HTTP_HEAD_BYTES 16384U
#define BC_HTTP_PATIENCE_NS 10000000000ULL	/* for a request, and for a client that takes nothing of the answer */
#define BC_HTTP_IDLE_NS 30000000000ULL		/* between two requests */

struct bc_http;
struct bc_keyring;

struct bc_request {
	struct bc_http *http;
	struct MHD_Connection *connection;
	const char *path;
	enum bc_role role;
	char user[BC_USER_NAME_MAX];	/* "" without a name */
	char from[80];			/* "192.0.2.1:40000", "unix" */
	json_t *body;			/* of a POST: an object; NULL otherwise */
	void *ctx;			/* the table's */
};

struct bc_route {
	const char *path;
	bool post;			/* or else GET and HEAD */
	enum bc_role role;		/* who may; NOBODY: whoever may connect (what the page is made of) */
	enum MHD_Result (*handle)(const struct bc_request *q);
};

struct bc_http_config {
	const char *listen;		/* ADDRESS:PORT or unix:PATH */
	const char *const *hosts;	/* names beside localhost and addresses by which browsers may call us */
	uint32_t n_hosts;
	const struct bc_users *users;
	enum bc_role anybody;		/* the role of who has not said who he is */
	const char *cert, *key, *ca;	/* files, PEM; NULL: no TLS; it stands in cert; no certificates are asked for */
	struct bc_keyring *keyring;	/* with cert: of bc_http_identity_key() */
	const struct bc_route *route;
	size_t n_routes;
	const char *styles;		/* style sheets in pages, by their hashes, as a content security policy has them; may be NULL */
	const struct bc_log *log;
	void *ctx;
};

/* cfg and what it points at outlive it. 0 and *ret: it listens; or a negative errno with a line in err. */
int bc_http_start(const struct bc_http_config *cfg, struct bc_http **ret, struct bc_err *err);
/* Ends what is under way. Takes NULL. */
void bc_http_stop(struct bc_http *h);
/* "http://127.0.0.1:8080/", with the port that it has got. */
const char *bc_http_url(const struct bc_http *h);

/* ---- for handlers ---- */

/* An argument behind the '?', or NULL. */
const char *bc_request_arg(const struct bc_request *q, const char *name);

enum MHD_Result bc_reply(const struct bc_request *q, unsigned status, const char *type, const void *data, size_t len);
/* Bytes that live as long as the program; etag in quotes. */
enum MHD_Result bc_reply_static(const struct bc_request *q, const char *type, const void *data, size_t len, const char *etag);
/* Takes json; NULL: there was no memory. */
enum MHD_Result bc_reply_json(const struct bc_request *q, unsigned status, json_t *json);
/* {"error":"..."} */
enum MHD_Result bc_reply_error(const struct bc_request *q, unsigned status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * An answer in parts. next fills at most size bytes and returns their number, 0: there is nothing yet, after which it is
 * called again; -1: that was all; -2: it failed, and the connection is broken off. It may block, but returns soon once
 * bc_http_over(). done is called once, in any case. name: a file name to save it by, or NULL.
 */
struct bc_reply_stream {
	ssize_t (*next)(void *ctx, char *buf, size_t size);
	void (*done)(void *ctx);
	void *ctx;
	const char *type, *name;
	uint64_t size;		/* of all; 0: its end is not known */
};
enum MHD_Result bc_reply_stream(const struct bc_request *q, const struct bc_reply_stream *s);
/* The client is gone, or will send nothing more: nobody waits for the answer. On the thread that answers. */
bool bc_request_gone(const struct bc_request *q);
/* The server is stopping. */
bool bc_http_over(const struct bc_http *h);
/* Wait for ns, or until the server stops. */
void bc_http_sleep(struct bc_http *h, uint64_t ns);

#endif
