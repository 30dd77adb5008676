/* SPDX-License-Identifier: BSD-3-Clause */
/* The processes that do what is done with published segments, beside a keeper: which does what; made, asked, and heard of when they end. */
#include <stdio.h>
#include <string.h>

#include "bc_credentials.h"
#include "bc_retention_rules.h"
#include "bc_session_priv.h"

static int settle_tender(const struct bc_session *s, int which, struct bc_err *err)
{
	int r = bc_session_settle(s, err);

	return r ? r : bc_session_confine_tender(s, which, err);
}

static int begin_on_disk(void *ctx, struct bc_err *err)
{
	bc_session_forget_store(ctx);
	return settle_tender(ctx, BC_TENDER_DISK, err);
}

static int begin_on_net(void *ctx, struct bc_err *err)
{
	return settle_tender(ctx, BC_TENDER_NET, err);
}

/* What there is to do for one with these rights; with a stamp authority is asked over the network. */
static bool is_to_sign(const struct bc_config *c, int which)
{
	return c->sign && which == (c->timestamp ? BC_TENDER_NET : BC_TENDER_DISK);
}

static bool is_to_keep(const struct bc_config *c, int which)
{
	return bc_retention_wanted(&c->outputs[0].keep) && which == BC_TENDER_DISK;
}

static bool is_to_move(const struct bc_config *c, int which)
{
	return c->outputs[0].completed && which == BC_TENDER_DISK;
}

static bool is_to_upload(const struct bc_config *c, int which)
{
	return c->outputs[0].upload && which == BC_TENDER_NET;
}

static int new_tender(struct bc_session *s, int which, struct bc_err *err)
{
	const struct bc_config *c = s->cfg;
	const bool sign = is_to_sign(c, which), keep = is_to_keep(c, which), move = is_to_move(c, which), upload = is_to_upload(c, which);

	return !sign && !keep && !move && !upload ? 0 : bc_tender_new(&(struct bc_tender_config){
		.name = which == BC_TENDER_DISK ? "bc-tender" : "bc-tender-net",
		.where = &s->keeping,
		.completed = c->outputs[0].completed,
		.moves = move,
		.keep = keep ? &c->outputs[0].keep : NULL,
		.sign = sign ? c->sign : NULL,
		.keyring = sign ? bc_session_signing(s) : NULL,
		.timestamp = c->timestamp,
		.timestamp_seconds = bc_session_stamp_seconds(s),
		.upload = upload ? &s->uploading : NULL,
		.url = c->outputs[0].upload,
		.node = bc_session_node(s),
		.log = &s->log,
		.begin = which == BC_TENDER_DISK ? begin_on_disk : begin_on_net,
		.ctx = s,
	}, &s->tender[which], err);
}

int bc_session_new_tenders(struct bc_session *s, struct bc_err *err)
{
	int r = 0;

	for (int i = 0; !r && i < BC_TENDERS; i++)
		r = new_tender(s, i, err);
	if (!r)
		bc_session_forget_store(s);
	return r;
}

void bc_session_forget_store(const struct bc_session *s)
{
	if (s->cfg->outputs[0].upload)
		bc_credentials_wipe_environment();
}

/* One thing more. */
static void say(char undone[64], const char *word)
{
	size_t len = strlen(undone);

	snprintf(undone + len, 64 - len, "%s%s", len ? " or " : "", word);
}

static void tell_lost(const struct bc_session *s, int which)
{
	const struct bc_config *c = s->cfg;
	char undone[64] = "";

	if (is_to_move(c, which))
		say(undone, "moved");
	if (is_to_keep(c, which))
		say(undone, "removed");
	if (is_to_sign(c, which))
		say(undone, "recorded");
	if (is_to_upload(c, which))
		say(undone, "uploaded");
	bc_log(&s->log, BC_ERROR, "a process that tends the segments of %s has ended: nothing is %s any more; start again when it suits",
	       s->keeping.dest, undone);
}

void bc_session_look_at_tenders(struct bc_session *s)
{
	for (int i = 0; i < BC_TENDERS; i++)
		if (s->tender[i] && !s->tender_lost[i] && bc_tender_has_ended(s->tender[i])) {
			s->tender_lost[i] = true;
			tell_lost(s, i);
		}
}

bool bc_session_tenders_idle(const struct bc_session *s, uint64_t patience_ns)
{
	bool idle = true;

	for (int i = 0; i < BC_TENDERS; i++)
		idle &= !s->tender[i] || bc_tender_finish(s->tender[i], patience_ns);
	return idle;
}
