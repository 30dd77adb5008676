/* SPDX-License-Identifier: BSD-3-Clause */
/* A capture driven: started, watched, stopped, joined. */
#include "bc_pipeline.h"

#include <errno.h>
#include <string.h>

#include "bc_filters.h"

int bc_pipeline_start(struct bc_pipeline *p, struct bc_err *err)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++) {
		int r = bc_committer_start(p->output[o]->committer);

		if (r)
			return bc_err_set(err, r, "cannot start a writing thread (%s)", strerror(-r));
	}
	return 0;
}

static bool all_sources(const struct bc_pipeline *p, enum bc_source_state at_least)
{
	for (uint32_t i = 0; i < p->n_sources; i++)
		if (bc_source_state(p->source[i]) < at_least)
			return false;
	return true;
}

static void command(struct bc_pipeline *p, enum bc_source_command c)
{
	for (uint32_t i = 0; i < p->n_sources; i++)
		bc_source_command(p->source[i], c);
}

static bool all_written(const struct bc_pipeline *p)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		if (!bc_committer_done(p->output[o]->committer))
			return false;
	return true;
}

static void end(struct bc_pipeline *p)
{
	/* Read the devices' loss counters once more, so that the last segment has the final numbers. */
	for (uint32_t i = 0; i < p->n_sources; i++)
		bc_source_stats(p->source[i]);
	command(p, BC_SOURCE_END);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		bc_committer_draining(p->output[o]->committer);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		if (p->peer[o])
			bc_peer_last(p->peer[o]);
	p->ended = true;
	p->stop_ns = bc_utc_ns();
}

bool bc_pipeline_control(struct bc_pipeline *p)
{
	bool gone = false;

	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		gone |= bc_committer_reader_gone(p->output[o]->committer);
	if (!p->stopping && (gone || atomic_load(&p->limit_reached)))
		bc_pipeline_stop(p);
	if (!p->ended) {
		for (uint32_t i = 0; i < p->n_sources; i++)
			bc_source_stats(p->source[i]);
		if (all_sources(p, BC_SOURCE_ENDED) || (p->stopping && all_sources(p, BC_SOURCE_QUIET)))
			end(p);
	}
	return all_written(p);
}

void bc_pipeline_pause(struct bc_pipeline *p, bool pause)
{
	if (p->stopping)
		return;
	p->paused = pause;
	command(p, pause ? BC_SOURCE_PAUSE : BC_SOURCE_RUN);
}

void bc_pipeline_rotate(struct bc_pipeline *p)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		if (p->cfg.outputs[o].kind == BC_DEST_FOLDER || p->cfg.outputs[o].kind == BC_DEST_NULL)
			bc_chunker_rotate(&p->output[o]->chunker);
}

void bc_pipeline_reload(struct bc_pipeline *p)
{
	struct bc_err err;

	if (!p->tls)
		return;
	if (bc_tls_reload(p->tls, &err))
		bc_log(p->cfg.log, BC_ERROR, "%s: keeping what was read before", err.msg);
	else
		bc_log(p->cfg.log, BC_NOTICE, "TLS files were read again; new connections use them");
}

void bc_pipeline_stop(struct bc_pipeline *p)
{
	if (p->stopping)
		return;
	p->stopping = true;
	command(p, BC_SOURCE_STOP);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		bc_committer_stopping(p->output[o]->committer);
}

void bc_pipeline_abort(struct bc_pipeline *p)
{
	p->aborted = true;
	for (uint32_t i = 0; i < p->n_sources; i++)
		atomic_store(&p->source[i]->filters.give_up, true);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		bc_committer_abort(p->output[o]->committer);
}

/* After an abort, packets that were neither written nor lost under another name count as aborted. */
static void enter_aborted(struct bc_pipeline *p)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		for (uint32_t s = 0; s < p->n_sources; s++) {
			struct bc_balance b;

			bc_ledger_balance(p->ledger, o, s, &b);
			if (b.unaccounted > 0)
				bc_counter_add(&p->ledger->output[o].source[s].dropped[BC_LOSS_ABORTED], (uint64_t)b.unaccounted);
		}
}

void bc_pipeline_join(struct bc_pipeline *p)
{
	if (p->joined)
		return;
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++) {
		bc_committer_join(p->output[o]->committer);
		bc_output_close(p->output[o], p->aborted);
	}
	if (p->aborted)
		enter_aborted(p);
	if (!p->stop_ns)
		p->stop_ns = bc_utc_ns();
	p->joined = true;
}

bool bc_pipeline_idle(const struct bc_pipeline *p)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		if (!bc_output_idle(p->output[o]))
			return false;
	return true;
}

void bc_pipeline_end_post_publish(struct bc_pipeline *p, bool now)
{
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++)
		bc_output_end_post_publish(p->output[o], now || p->aborted);
}

int bc_pipeline_set_filter(struct bc_pipeline *p, uint32_t output, const char *expression, struct bc_err *err)
{
	int r = 0;

	if (p->change && !bc_filters_change_is(p->change, output, expression))
		return bc_err_set(err, -EBUSY, "another filter is being compiled: try again later");
	if (!p->change)
		r = bc_filters_begin(p->filters, output, expression, &p->change, err);
	if (!r)
		r = bc_filters_finish(p->filters, p->change, err);
	if (r <= 0)
		p->change = NULL;
	/* The interface descriptions of the next segment name the new filter. */
	if (!r && p->cfg.outputs[output].kind == BC_DEST_FOLDER)
		bc_chunker_rotate(&p->output[output]->chunker);
	return r;
}

const char *bc_pipeline_filter(const struct bc_pipeline *p, uint32_t output)
{
	return bc_filters_text(p->filters, output);
}

uint64_t bc_pipeline_received(const struct bc_pipeline *p)
{
	uint64_t n = 0;

	for (uint32_t i = 0; i < p->n_sources; i++)
		n += bc_counter_get(&p->source[i]->account->ingress.received);
	return n;
}

bool bc_pipeline_failed(const struct bc_pipeline *p)
{
	bool failed = p->aborted;

	for (uint32_t i = 0; i < p->n_sources; i++)
		failed |= atomic_load(&p->source[i]->failed);
	for (uint32_t o = 0; o < p->cfg.n_outputs; o++) {
		const struct bc_output *out = p->output[o];

		failed |= bc_committer_reader_gone(out->committer) || bc_seglog_failed(out->segments) || bc_ledger_failed(p->ledger, o);
	}
	return failed;
}
