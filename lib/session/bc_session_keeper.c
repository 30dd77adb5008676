/* SPDX-License-Identifier: BSD-3-Clause */
/* The process that has the rights to a session's output folder: made where the duty is to receive, and heard of when it ends. */
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "bc_file.h"
#include "bc_keeper.h"
#include "bc_privileges.h"
#include "bc_session_priv.h"
#include "bc_thread.h"

int bc_session_settle(const struct bc_session *s, struct bc_err *err)
{
	int r = s->cfg->user ? bc_privileges_drop(s->cfg->user, err) : 0;

	pthread_setaffinity_np(pthread_self(), sizeof(s->plan->control), &s->plan->control);
	if (!r && geteuid())
		bc_thread_shed();
	return r;
}

static int begin(void *ctx, struct bc_err *err)
{
	const struct bc_session *s = ctx;
	int r = bc_session_settle(s, err);

	bc_session_forget_store(s);
	return r ? r : bc_session_confine_keeper(s, err);
}

/* Who may make a socket beside the output may do more there. */
static bool publishes_beside(const struct bc_session *s)
{
	const char *to = bc_session_zmq_socket(s);
	char copy[PATH_MAX];

	if (!to)
		return false;
	snprintf(copy, sizeof(copy), "%s", to);
	return bc_session_holds_output(s, dirname(copy));
}

static bool is_wanted(const struct bc_session *s)
{
	const struct bc_config *c = s->cfg;
	const struct bc_output_config *o = &c->outputs[0];

	if (!s->ops->kept || c->no_sandbox || bc_environment_needs_eal(c) || publishes_beside(s))
		return false;
	/* Only this process has the descriptors that a key may come through. */
	if (c->sign && bc_file_descriptor(c->sign) >= 0)
		return false;
	return c->n_outputs == 1 && (o->kind == BC_DEST_FOLDER || o->kind == BC_DEST_FILE);
}

int bc_session_new_keeper(struct bc_session *s, struct bc_err *err)
{
	const struct bc_output_config *o = &s->cfg->outputs[0];
	int r;

	if (!is_wanted(s))
		return 0;
	s->keeping = (struct bc_keeper_config){
		.dest = o->dest,
		.file = o->kind == BC_DEST_FILE,
		.ext = bc_output_ext(o, s->keeping_ext),
		.utc = o->utc,
		.mode = o->mode,
		.pid = (uint32_t)getpid(),
		.readable = o->io != BC_IO_BUFFERED && !o->encrypt,
		.seqfile = o->seqfile,
		.report = s->cfg->report,
		.begin = begin,
		.ctx = s,
	};
	s->ops->kept(s->ctx, &s->keeping);
	r = bc_keeper_new(&s->keeping, &s->keeper, err);
	if (!r)
		r = bc_session_new_tenders(s, err);
	return r ? r : s->ops->apart(s->ctx, err);
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
