/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_peer_queue.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bc_plural.h"
#include "bc_time.h"

/* What was put is on disk after so long; kill -9 costs no more. */
#define FLUSH_NS (1 * BC_NS_PER_S)

static void begin_left(struct bc_peer_queue *q)
{
	q->out = &q->run;
	if (!q->disk || !bc_spool_init_left(&q->left, q->disk))
		return;
	q->out = &q->left;
	q->left_first = q->left.at.number;
	bc_log(q->cfg.log, BC_NOTICE, "%s: sending first what an earlier run left in %s: %" PRIu64 " bytes", q->cfg.name,
	       q->cfg.folder, bc_spool_held(&q->left));
}

int bc_peer_queue_init(struct bc_peer_queue *q, const struct bc_peer_queue_config *cfg, struct bc_err *err)
{
	int r = 0;

	memset(q, 0, sizeof(*q));
	q->cfg = *cfg;
	q->out = &q->run;
	arc4random_buf(q->node, sizeof(q->node));
	if (cfg->folder)
		r = bc_err_prefix(err, bc_spool_disk_open(cfg->folder, cfg->folder_bytes, cfg->log, &q->disk, err), "%s", cfg->name);
	if (!r && bc_spool_init(&q->run, cfg->memory, q->disk))
		r = bc_err_set(err, -ENOMEM, "%s: no memory for a queue of %zu bytes", cfg->name, cfg->memory);
	if (r) {
		bc_peer_queue_fini(q);
		return r;
	}
	if (!q->disk)
		return 0;
	memcpy(q->node, bc_spool_disk_node(q->disk), sizeof(q->node));
	atomic_store(&q->folder_bytes, bc_spool_disk_bytes(q->disk));
	begin_left(q);
	return 0;
}

void bc_peer_queue_fini(struct bc_peer_queue *q)
{
	bc_spool_fini(&q->left);
	bc_spool_fini(&q->run);
	bc_spool_disk_close(q->disk);
	q->disk = NULL;
}

void bc_peer_queue_next(struct bc_peer_queue *q)
{
	if (q->out != &q->left || bc_spool_held(&q->left))
		return;
	bc_log(q->cfg.log, BC_NOTICE, "%s: %" PRIu64 " %s delivered", q->cfg.name, q->left.at.number - q->left_first,
	       bc_plural(q->left.at.number - q->left_first, "packet of an earlier run was", "packets of an earlier run were"));
	bc_spool_fini(&q->left);
	/* It is gone for good before the next one begins. */
	bc_spool_disk_sync(q->disk);
	begin_left(q);
}

static void log_trouble(struct bc_peer_queue *q, int r)
{
	if (r == q->trouble)
		return;
	if (r == -ENOBUFS)
		bc_log(q->cfg.log, BC_ERROR, "%s: the spool is full: what comes waits in memory, until there is room", q->cfg.name);
	else if (r)
		bc_log(q->cfg.log, BC_ERROR, "%s: cannot write into %s (%s): what comes waits in memory, until that is possible",
		       q->cfg.name, q->cfg.folder, strerror(-r));
	else
		bc_log(q->cfg.log, BC_NOTICE, "%s: the spool is written again", q->cfg.name);
	q->trouble = r;
}

/* Half of the memory is taken. */
static bool is_short(const struct bc_peer_queue *q)
{
	return atomic_load(&q->run.put) - atomic_load(&q->run.freed) > q->cfg.memory / 2;
}

static bool waits(const struct bc_peer_queue *q)
{
	return bc_spool_held(&q->run) || q->out == &q->left;
}

static void note_since(struct bc_peer_queue *q)
{
	uint64_t done = bc_spool_done(q->out), since_ns = atomic_load(&q->since_ns);

	if (!waits(q))
		since_ns = 0;
	else if (!since_ns && q->out == &q->left)
		since_ns = q->left.epoch;
	else if (!since_ns || done != q->seen)
		since_ns = bc_utc_ns();
	q->seen = done;
	atomic_store(&q->since_ns, since_ns);
}

void bc_peer_queue_look_after(struct bc_peer_queue *q, uint64_t now_ns, bool now)
{
	bool due = now || now_ns - q->stored_ns >= FLUSH_NS;
	int r;

	note_since(q);
	if (!q->disk || (!due && (q->trouble || !is_short(q))))
		return;
	r = bc_spool_store(&q->run);
	if (due) {
		int failed = bc_spool_disk_sync(q->disk);

		r = r ? r : failed;
		q->stored_ns = bc_mono_ns();
	}
	log_trouble(q, r);
	atomic_store(&q->folder_bytes, bc_spool_disk_bytes(q->disk));
}

uint64_t bc_peer_queue_due_ns(const struct bc_peer_queue *q)
{
	return q->disk && bc_spool_held(&q->run) ? q->stored_ns + FLUSH_NS : UINT64_MAX;
}

void bc_peer_queue_finish(struct bc_peer_queue *q)
{
	if (!q->disk)
		return;
	bc_peer_queue_look_after(q, 0, true);
	atomic_store(&q->kept, q->run.stored.pos);
}
