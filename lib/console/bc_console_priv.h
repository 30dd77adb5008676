/* SPDX-License-Identifier: BSD-3-Clause */
/* What the handlers of the console share. */
#ifndef BC_CONSOLE_PRIV_H
#define BC_CONSOLE_PRIV_H

#include <stdatomic.h>

#include "bc_audit.h"
#include "bc_catalogue.h"
#include "bc_console.h"
#include "bc_http.h"
#include "bc_ctl_watch.h"
#include "bc_jobs.h"

/* So many searches and verifications at once. */
#define BC_CONSOLE_SEARCHES 4

struct bc_console {
	struct bc_console_config cfg;
	struct bc_http_config http_cfg;
	struct bc_users users;
	struct bc_audit audit;
	struct bc_ctl_watch *watch;
	struct bc_catalogue *catalogue;	/* NULL: there are no paths */
	struct bc_jobs *jobs;		/* NULL: finds are not queued */
	struct bc_http *http;
	atomic_uint searches;
	atomic_uint adding;		/* flows are added up, which takes up to 2 GB */
};

/* An entry of the audit log; more, which is taken, says what is done. As bc_audit_write. */
int bc_console_audit(const struct bc_request *q, const char *what, json_t *more, struct bc_err *err);

/* bc_console_now.c */
enum MHD_Result bc_console_me(const struct bc_request *q);
enum MHD_Result bc_console_now(const struct bc_request *q);
enum MHD_Result bc_console_events(const struct bc_request *q);
enum MHD_Result bc_console_metrics(const struct bc_request *q);

/* bc_console_find.c */
enum MHD_Result bc_console_estimate(const struct bc_request *q);
enum MHD_Result bc_console_packets(const struct bc_request *q);
enum MHD_Result bc_console_flows(const struct bc_request *q);

/* bc_console_jobs.c */
enum MHD_Result bc_console_jobs(const struct bc_request *q);
enum MHD_Result bc_console_job_packets(const struct bc_request *q);
enum MHD_Result bc_console_job_add(const struct bc_request *q);
enum MHD_Result bc_console_job_remove(const struct bc_request *q);
/* Into the audit log of console; as struct bc_jobs_config has it. */
void bc_console_job_told(void *console, const char *what, const struct bc_job *job);

/* bc_console_segments.c */
enum MHD_Result bc_console_segments(const struct bc_request *q);
enum MHD_Result bc_console_verify(const struct bc_request *q);
enum MHD_Result bc_console_hold(const struct bc_request *q);

/* bc_console_timeline.c */
enum MHD_Result bc_console_timeline(const struct bc_request *q);

/* bc_console_action.c */
enum MHD_Result bc_console_action(const struct bc_request *q);

/* bc_console_asset.c: what the page is made of, a route each */
enum MHD_Result bc_console_asset(const struct bc_request *q);

#endif
