/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_console.h"

#include <errno.h>
#include <stdlib.h>

#include "bc_console_asset.h"
#include "bc_console_priv.h"

static const struct bc_route routes[] = {
	{ "/", false, BC_ROLE_NOBODY, bc_console_asset },
	{ "/icon.svg", false, BC_ROLE_NOBODY, bc_console_asset },
	{ "/console.js", false, BC_ROLE_NOBODY, bc_console_asset },
	{ "/base.js", false, BC_ROLE_NOBODY, bc_console_asset },
	{ "/find.js", false, BC_ROLE_NOBODY, bc_console_asset },
	{ "/segments.js", false, BC_ROLE_NOBODY, bc_console_asset },
	{ "/timeline.js", false, BC_ROLE_NOBODY, bc_console_asset },
	{ "/jobs.js", false, BC_ROLE_NOBODY, bc_console_asset },
	{ "/now.js", false, BC_ROLE_NOBODY, bc_console_asset },
	{ "/metrics", false, BC_ROLE_VIEWER, bc_console_metrics },
	{ "/api/me", false, BC_ROLE_VIEWER, bc_console_me },
	{ "/api/now", false, BC_ROLE_VIEWER, bc_console_now },
	{ "/api/events", false, BC_ROLE_VIEWER, bc_console_events },
	{ "/api/segments", false, BC_ROLE_VIEWER, bc_console_segments },
	{ "/api/find/estimate", false, BC_ROLE_ANALYST, bc_console_estimate },
	{ "/api/find/packets", false, BC_ROLE_ANALYST, bc_console_packets },
	{ "/api/flows", false, BC_ROLE_ANALYST, bc_console_flows },
	{ "/api/jobs", false, BC_ROLE_ANALYST, bc_console_jobs },
	{ "/api/jobs/packets", false, BC_ROLE_ANALYST, bc_console_job_packets },
	{ "/api/jobs/add", true, BC_ROLE_ANALYST, bc_console_job_add },
	{ "/api/jobs/remove", true, BC_ROLE_ANALYST, bc_console_job_remove },
	{ "/api/timeline", false, BC_ROLE_VIEWER, bc_console_timeline },
	{ "/api/action", true, BC_ROLE_OPERATOR, bc_console_action },
	{ "/api/segments/verify", true, BC_ROLE_ANALYST, bc_console_verify },
	{ "/api/segments/hold", true, BC_ROLE_OPERATOR, bc_console_hold },
};

int bc_console_audit(const struct bc_request *q, const char *what, json_t *more, struct bc_err *err)
{
	const struct bc_console *c = q->ctx;
	json_t *entry = json_pack("{s:s, s:s, s:s, s:s}", "user", q->user, "role", bc_role_name(q->role), "from", q->from, "what", what);

	json_object_update(entry, more);
	json_decref(more);
	return bc_audit_write(&c->audit, entry, err);
}

static int start_jobs(struct bc_console *c, struct bc_err *err)
{
	const struct bc_jobs_config jobs = {
		.folder = c->cfg.jobs_folder, .job_bytes = c->cfg.job_bytes, .keep_ns = c->cfg.job_keep_ns, .paths = c->cfg.paths,
		.n_paths = c->cfg.n_paths, .log = c->cfg.log, .told = bc_console_job_told, .ctx = c,
	};

	return bc_jobs_start(&jobs, &c->jobs, err);
}

static int start(struct bc_console *c, struct bc_err *err)
{
	const struct bc_console_config *cfg = &c->cfg;
	int r = cfg->users ? bc_users_read(cfg->users, &c->users, err) : 0;

	if (r)
		return bc_err_prefix(err, r, "--users");
	c->watch = bc_ctl_watch_new(cfg->prefixes, cfg->n_prefixes, false);
	if (!c->watch)
		return bc_err_set(err, -ENOMEM, "no memory");
	r = cfg->n_paths ? bc_catalogue_start(cfg->paths, cfg->n_paths, cfg->store, cfg->log, &c->catalogue, err) : 0;
	if (r)
		return r;
	r = cfg->jobs_folder ? start_jobs(c, err) : 0;
	if (r)
		return r;
	c->audit = (struct bc_audit){ .path = cfg->audit, .log = cfg->log };
	c->http_cfg = (struct bc_http_config){
		.listen = cfg->listen, .hosts = cfg->hosts, .n_hosts = cfg->n_hosts, .users = &c->users, .anybody = cfg->anybody,
		.cert = cfg->cert, .key = cfg->key, .ca = cfg->ca, .keyring = cfg->keyring, .route = routes, .n_routes = sizeof(routes) / sizeof(routes[0]),
		.styles = bc_console_styles,
		.log = cfg->log, .ctx = c,
	};
	return bc_http_start(&c->http_cfg, &c->http, err);
}

int bc_console_start(const struct bc_console_config *cfg, struct bc_console **ret, struct bc_err *err)
{
	struct bc_console *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return bc_err_set(err, -ENOMEM, "no memory");
	c->cfg = *cfg;
	r = start(c, err);
	if (r) {
		bc_console_stop(c);
		return r;
	}
	*ret = c;
	return 0;
}

void bc_console_stop(struct bc_console *c)
{
	if (!c)
		return;
	bc_http_stop(c->http);
	bc_jobs_stop(c->jobs);
	bc_catalogue_stop(c->catalogue);
	bc_ctl_watch_free(c->watch);
	bc_users_free(&c->users);
	free(c);
}

const char *bc_console_url(const struct bc_console *c)
{
	return bc_http_url(c->http);
}
