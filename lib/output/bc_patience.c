/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_patience.h"

#include <errno.h>
#include <stddef.h>

/*
 * For how long a call is repeated. QUIETLY: while packets can wait too, and nothing is logged until they cannot. BUSY:
 * until it succeeds, because the store is working, and a slow store loses nothing.
 */
enum repeated { FINAL, WHILE_PACKETS_CAN_WAIT, QUIETLY, BUSY };

/* Everything a store may answer, except errors that are final and disk_error. */
static const struct refusal {
	int err;
	enum bc_loss loss;
	enum repeated repeated;
	enum bc_trouble trouble;
} refusals[] = {
	{ -ENOSPC, BC_LOSS_DISK_FULL, WHILE_PACKETS_CAN_WAIT, BC_TROUBLE_FULL },
	{ -EDQUOT, BC_LOSS_DISK_FULL, WHILE_PACKETS_CAN_WAIT, BC_TROUBLE_FULL },
	{ -EACCES, BC_LOSS_DISK_ERROR, WHILE_PACKETS_CAN_WAIT, BC_TROUBLE_FOLDER },
	{ -EPERM, BC_LOSS_DISK_ERROR, WHILE_PACKETS_CAN_WAIT, BC_TROUBLE_FOLDER },
	{ -EROFS, BC_LOSS_DISK_ERROR, WHILE_PACKETS_CAN_WAIT, BC_TROUBLE_FOLDER },
	{ -ENOENT, BC_LOSS_DISK_ERROR, WHILE_PACKETS_CAN_WAIT, BC_TROUBLE_FOLDER },
	{ -ENOTDIR, BC_LOSS_DISK_ERROR, WHILE_PACKETS_CAN_WAIT, BC_TROUBLE_FOLDER },
	{ -EAGAIN, BC_LOSS_ABORTED, BUSY, BC_TROUBLE_NONE },
	{ -EPIPE, BC_LOSS_READER_GONE, FINAL, BC_TROUBLE_NONE },
	{ -ECOMM, BC_LOSS_PIPE_ERROR, FINAL, BC_TROUBLE_NONE },
	{ -ENOBUFS, BC_LOSS_PEER_SLOW, FINAL, BC_TROUBLE_SLOW },
	{ -EXFULL, BC_LOSS_PEER_SLOW, QUIETLY, BC_TROUBLE_SLOW },
	{ -ECANCELED, BC_LOSS_ABORTED, FINAL, BC_TROUBLE_NONE },
};

static const struct refusal any_other = { 0, BC_LOSS_DISK_ERROR, FINAL, BC_TROUBLE_NONE };

/* kept: the same as begins, where the senders keep packets until they are on disk. */
static const struct {
	const char *begins, *kept, *over;
} words[BC_TROUBLE_COUNT] = {
	[BC_TROUBLE_FULL] = { "no space left: buffering, then losing packets as disk_full, until there is room",
			      "no space left: buffering, then leaving packets with the nodes, until there is room",
			      "there is space again: the capture goes on" },
	[BC_TROUBLE_FOLDER] = { "no file can be made in the folder: buffering, then losing packets as disk_error, until one can",
				"no file can be made in the folder: buffering, then leaving packets with the nodes, until one can",
				"files can be made in the folder again: the capture goes on" },
	[BC_TROUBLE_SLOW] = { "the peer's queue is full: losing packets as peer_slow, until it has caught up",
			      NULL, "the peer has caught up" },
};

static const struct refusal *find(int err)
{
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		if (refusals[i].err == err)
			return &refusals[i];
	return &any_other;
}

enum bc_loss bc_patience_loss(int err)
{
	return find(err)->loss;
}

bool bc_patience_passes(int err)
{
	return find(err)->repeated != FINAL;
}

bool bc_patience_is_out(struct bc_patience *p, const struct bc_pressure *at)
{
	if (at->aborted)
		return true;
	if (at->draining) {
		if (!p->drain_since_ns)
			p->drain_since_ns = at->now_ns;
		return at->now_ns - p->drain_since_ns > BC_PATIENCE_DRAIN_NS;
	}
	/* One buffer is always left, see open_buffer() in bc_lane.c. */
	return !at->keepers && at->buffers_free <= at->buffers / 8 + 1;
}

static void over(struct bc_patience *p, enum bc_trouble trouble)
{
	if (p->in[trouble] && p->told[trouble])
		bc_log(p->log, BC_NOTICE, "%s: %s", p->output, words[trouble].over);
	p->in[trouble] = NULL;
}

static void begins(struct bc_patience *p, enum bc_trouble trouble, const struct bc_pressure *at)
{
	const char *text = at->keepers && words[trouble].kept ? words[trouble].kept : words[trouble].begins;
	uint64_t untold;

	p->in[trouble] = text;
	p->told[trouble] = bc_log_limit(&p->limit[trouble], at->now_ns, &untold);
	if (p->told[trouble])
		bc_log(p->log, BC_ERROR, "%s: %s", p->output, text);
}

bool bc_patience_again(struct bc_patience *p, int err, const struct bc_pressure *at)
{
	const struct refusal *f = find(err);
	bool again = f->repeated != FINAL && (f->repeated == BUSY ? !at->aborted : !bc_patience_is_out(p, at));

	if (f->trouble && !p->in[f->trouble] && !(again && f->repeated == QUIETLY))
		begins(p, f->trouble, at);
	return again;
}

void bc_patience_succeeded(struct bc_patience *p)
{
	over(p, BC_TROUBLE_FULL);
	over(p, BC_TROUBLE_FOLDER);
}

void bc_patience_caught_up(struct bc_patience *p)
{
	over(p, BC_TROUBLE_SLOW);
}

const char *bc_patience_trouble(const struct bc_patience *p)
{
	for (int i = 0; i < BC_TROUBLE_COUNT; i++) {
		const char *text = p->in[i];

		if (text)
			return text;
	}
	return NULL;
}
