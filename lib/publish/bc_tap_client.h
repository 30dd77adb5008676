/* SPDX-License-Identifier: BSD-3-Clause */
/* Private to lib/publish: one client of a tap. The tap's thread, but for bc_tap_client_stats(). */
#ifndef BC_TAP_CLIENT_H
#define BC_TAP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_tap.h"
#include "bc_tap_form.h"
#include "bc_tap_log.h"

/* What all clients are sent. */
struct bc_tap_stream {
	struct bc_tap_form form;
	struct bc_tap_log log;
};

struct bc_tap_client;

/* For a socket that accept(2) returned, and that belongs to the client even if this fails. 0 and *ret, or a negative errno. */
int bc_tap_client_new(int fd, struct bc_tls *tls, struct bc_tap_client **ret, struct bc_err *err);
void bc_tap_client_free(struct bc_tap_client *c);

/*
 * Go on as far as is possible now. 0; or a negative errno, with a line in err, and the client is only to be freed:
 * -EPIPE when it has gone in good order, -EPROTO when no connection came about.
 */
int bc_tap_client_go(struct bc_tap_client *c, const struct bc_tap_stream *s, struct bc_err *err);

/* What it waits for: poll(2) bc_tap_client_fd() for *ret. */
int bc_tap_client_poll(const struct bc_tap_client *c, short *ret);

/* It is sent packets: the connection is up. */
bool bc_tap_client_up(const struct bc_tap_client *c);

/* The stream is over, and it has had all of it. */
bool bc_tap_client_finished(struct bc_tap_client *c, const struct bc_tap_stream *s);

/* When it last took something (bc_mono_ns()). */
uint64_t bc_tap_client_took_ns(const struct bc_tap_client *c);

/* It gets nothing more: what it has not had is lost to it. */
void bc_tap_client_give_up(struct bc_tap_client *c, const struct bc_tap_stream *s);

/* Any thread that keeps it from being freed. */
void bc_tap_client_stats(const struct bc_tap_client *c, struct bc_tap_client_stats *ret);

#endif
