/* SPDX-License-Identifier: BSD-3-Clause */
/* What the handlers of the console share. */
#ifndef BC_CONSOLE_PRIV_H
#define BC_CONSOLE_PRIV_H

#include "bc_audit.h"
#include "bc_catalogue.h"
#include "bc_console.h"
#include "bc_http.h"
#include "bc_watch.h"

struct bc_console {
	struct bc_console_config cfg;
	struct bc_http_config http_cfg;
	struct bc_users users;
	struct bc_audit audit;
	struct bc_watch *watch;
	struct bc_catalogue *catalogue;	/* NULL: there are no paths */
	struct bc_http *http;
};

/* An entry of the audit log; more, which is taken, says what is done. As bc_audit_write. */
int bc_console_audit(const struct bc_request *q, const char *what, json_t *more, struct bc_err *err);

/* bc_console_now.c */
enum MHD_Result bc_console_me(const struct bc_request *q);
enum MHD_Result bc_console_now(const struct bc_request *q);
enum MHD_Result bc_console_events(const struct bc_request *q);
enum MHD_Result bc_console_metrics(const struct bc_request *q);

/* bc_console_asset.c: what the page is made of, a route each */
enum MHD_Result bc_console_asset(const struct bc_request *q);

#endif
