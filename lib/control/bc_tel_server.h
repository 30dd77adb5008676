/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The telemetry socket of a capture without EAL. It speaks DPDK's protocol (the "v2" socket of rte_telemetry, of type SOCK_SEQPACKET):
 * a greeting, then for each request, "/command" or "/command,parameter", {"/command": answer}. So its clients need not
 * know the difference. At most 10 clients, as there, each with a thread.
 */
#ifndef BC_TEL_SERVER_H
#define BC_TEL_SERVER_H

#include <jansson.h>

#include "bc_err.h"

/* Of the socket, in the folder of the capture's prefix. */
#define BC_TEL_SOCKET "dpdk_telemetry.v2"

struct bc_tel_server;

/*
 * The socket exists when this returns; who connects waits until it is served. 0 and *ret, or a negative errno with a
 * line in err.
 */
int bc_tel_server_new(const char *folder, struct bc_tel_server **ret, struct bc_err *err);

/*
 * Answer every request by a new object or array that bc_tel_data_prepare made, or NULL: there is no such command. param
 * is NULL, or lies behind cmd's end; both are as hostile as the client likes. Any thread, several at a time.
 */
typedef json_t *(*bc_tel_answer_fn)(void *ctx, const char *cmd, const char *param);

/* Once. 0, or a negative errno with a line in err. */
int bc_tel_server_start(struct bc_tel_server *s, bc_tel_answer_fn answer, void *ctx, struct bc_err *err);

/* Waits for answers under way; the socket's file is left. Takes NULL. */
void bc_tel_server_free(struct bc_tel_server *s);

#endif
