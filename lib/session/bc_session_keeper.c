/* SPDX-License-Identifier: BSD-3-Clause */
/* The process that has the rights to a session's output folder: made where the duty is to receive, and heard of when it ends. */
#include <pthread.h>
#include <unistd.h>

#include "bc_keeper.h"
#include "bc_privileges.h"
#include "bc_retention_rules.h"
#include "bc_session_priv.h"
#include "bc_thread.h"

/* As the outputs' threads, on their CPUs, as their user; and with rights to nothing else. */
static int begin(void *ctx, struct bc_err *err)
{
	const struct bc_session *s = ctx;
	int r = s->cfg->user ? bc_privileges_drop(s->cfg->user, err) : 0;

	pthread_setaffinity_np(pthread_self(), sizeof(s->plan->control), &s->plan->control);
	if (!r && geteuid())
		bc_thread_shed();
	return r ? r : bc_session_confine_keeper(s, err);
}

/* What else is done with published segments is done by this process, and takes the rights that it would give up. */
static bool needs_rights(const struct bc_output_config *o)
{
	return o->upload || o->completed || bc_retention_wanted(&o->keep);
}

static bool is_wanted(const struct bc_session *s)
{
	const struct bc_config *c = s->cfg;
	const struct bc_output_config *o = &c->outputs[0];

	if (!s->ops->kept || c->no_sandbox || bc_environment_needs_eal(c) || c->sign)
		return false;
	return c->n_outputs == 1 && (o->kind == BC_DEST_FOLDER || o->kind == BC_DEST_FILE) && !needs_rights(o);
}

int bc_session_new_keeper(struct bc_session *s, struct bc_err *err)
{
	const struct bc_output_config *o = &s->cfg->outputs[0];

	if (!is_wanted(s))
		return 0;
	s->keeping = (struct bc_keeper_config){
		.dest = o->dest,
		.file = o->kind == BC_DEST_FILE,
		.ext = bc_output_ext(o, s->keeping_ext),
		.utc = o->utc,
		.pid = (uint32_t)getpid(),
		.readable = o->io != BC_IO_BUFFERED,
		.seqfile = o->seqfile,
		.report = s->cfg->report,
		.begin = begin,
		.ctx = s,
	};
	s->ops->kept(s->ctx, &s->keeping);
	return bc_keeper_new(&s->keeping, &s->keeper, err);
}

bool bc_session_has_lost_keeper(struct bc_session *s)
{
	if (!s->keeper || s->keeper_lost || !bc_keeper_has_ended(s->keeper))
		return s->keeper_lost;
	s->keeper_lost = true;
	bc_log(&s->log, BC_ERROR, "the process that keeps %s has ended: no segment can be made or named any more; 'braidcap recover' completes "
	       "what keeps a temporary name", s->keeping.dest);
	return true;
}
