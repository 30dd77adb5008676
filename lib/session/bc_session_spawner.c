/* SPDX-License-Identifier: BSD-3-Clause */
/* The process that starts a session's commands: made where there are any, and heard of when it ends. */
#include <pthread.h>
#include <unistd.h>

#include "bc_privileges.h"
#include "bc_session_priv.h"
#include "bc_spawner.h"
#include "bc_thread.h"

/* As the outputs' other threads: their user, their CPUs. Commands that gain rights are of no use to a capture. */
static int begin(void *ctx, struct bc_err *err)
{
	const struct bc_session *s = ctx;
	int r = s->cfg->user ? bc_privileges_drop(s->cfg->user, err) : 0;

	pthread_setaffinity_np(pthread_self(), sizeof(s->plan->control), &s->plan->control);
	if (!r && geteuid())
		bc_thread_shed();
	return r;
}

int bc_session_new_spawner(struct bc_session *s, struct bc_err *err)
{
	struct bc_spawner_config c = { .command = s->command, .begin = begin, .ctx = s };

	for (uint32_t i = 0; i < s->cfg->n_outputs; i++) {
		const struct bc_output_config *o = &s->cfg->outputs[i];

		if (o->on_segment)
			s->command[c.n++] = o->on_segment;
		if (o->pipeout)
			s->command[c.n++] = o->pipeout;
	}
	return c.n ? bc_spawner_new(&c, &s->spawner, err) : 0;
}

void bc_session_look_at_spawner(struct bc_session *s)
{
	if (!s->spawner || s->spawner_lost || !bc_spawner_has_ended(s->spawner))
		return;
	s->spawner_lost = true;
	bc_log(&s->log, BC_ERROR, "the process that starts commands has ended: none is run from now on, and packets for --pipeout are lost; "
	       "start again when it suits");
}
