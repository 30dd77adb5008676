/* SPDX-License-Identifier: BSD-3-Clause */
/* The series of segments of `collect`: where a client's go, and when one ends that gets no packets. */
#include "bc_collect_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

const char *bc_collect_series_name(const struct bc_collect_session *c, uint32_t i)
{
	return c->cfg->merge ? "merged" : c->name[i];
}

/* The client's own folder, inside the one given by -w. A keeper makes it when it hears of its place. */
static int own_folder(const struct bc_collect_session *c, char dst[BC_STORE_PATH_MAX], const char *folder, const char *name,
		      struct bc_err *err)
{
	if (snprintf(dst, BC_STORE_PATH_MAX, "%s/%s", folder, name) >= BC_STORE_PATH_MAX)
		return bc_err_set(err, -ENAMETOOLONG, "'%.64s...': the path is too long", folder);
	if (!c->session.keeper && mkdir(dst, 0750) < 0 && errno != EEXIST)
		return bc_err_set(err, -errno, "cannot create the folder %s: %s", dst, strerror(errno));
	return 0;
}

static int find_place(const struct bc_collect_session *c, struct bc_collect_series *s, const char *client, struct bc_err *err)
{
	struct bc_keeper *k = c->session.keeper;
	int r = k ? bc_keeper_place(k, client, &s->place) : 0;

	if (r == -ENOENT)
		return bc_err_set(err, r, "%s: no such folder: create it, or name another", s->output.dest);
	if (r == -ENOTDIR)
		return bc_err_set(err, r, "%s: not a folder, or a link to one: make it a folder", s->output.dest);
	return r ? bc_err_set(err, r, "cannot use the folder %s: %s", s->output.dest, strerror(-r)) : 0;
}

/* Nothing from this client is stored. */
static void store_nothing(struct bc_output_config *o)
{
	o->kind = BC_DEST_NULL;
	o->completed = o->on_segment = o->upload = NULL;
	o->keep = (struct bc_retention_rules){ .age_ns = 0 };
}

int bc_collect_series_new(struct bc_collect_session *c, uint32_t i, struct bc_err *err)
{
	struct bc_collect_series *s = &c->series[i];
	bool merge = c->cfg->merge;
	int r = 0;

	s->output = c->cfg->common.outputs[0];
	if (!merge && c->no_store[i])
		store_nothing(&s->output);
	if (s->output.kind != BC_DEST_FOLDER)
		return s->output.kind == BC_DEST_FILE ? find_place(c, s, NULL, err) : 0;
	/* Direct writing keeps megabytes ready for each file. */
	if (!merge && s->output.io == BC_IO_AUTO)
		s->output.io = BC_IO_BUFFERED;
	if (c->cfg->names == BC_NAMES_OSMO) {
		s->output.series = bc_collect_series_name(c, i);
		/* One looks after the folder that all share. */
		if (c->kept)
			s->output.keep = (struct bc_retention_rules){ .age_ns = 0 };
		c->kept = true;
		return find_place(c, s, s->output.series, err);
	}
	if (merge)
		return find_place(c, s, NULL, err);
	r = own_folder(c, s->dest, s->output.dest, c->name[i], err);
	if (!r && s->output.completed)
		r = own_folder(c, s->completed, s->output.completed, c->name[i], err);
	s->output.dest = s->dest;
	if (s->output.completed)
		s->output.completed = s->completed;
	return r ? r : find_place(c, s, c->name[i], err);
}

void bc_collect_series_label(struct bc_collect_session *c, uint32_t i)
{
	struct bc_output_account *a = &c->pipeline[i]->ledger->output[0];

	if (!c->cfg->merge)
		snprintf(a->name, sizeof(a->name), "%.63s: %.180s", c->name[i], c->series[i].output.dest);
}

/* When a segment whose last packet comes now is over by the clock; 0: never. */
static uint64_t due_ns(const struct bc_output_config *o, uint64_t now_ns)
{
	if (o->rotate_clock.unit)
		return bc_calendar_next(&o->rotate_clock, now_ns);
	return o->rotate_seconds > 0 ? now_ns + (uint64_t)(o->rotate_seconds * (double)BC_NS_PER_S) : 0;
}

void bc_collect_series_cut(struct bc_collect_session *c, uint32_t i, uint64_t now_ns)
{
	struct bc_collect_series *s = &c->series[i];
	uint64_t n;

	if (!s->output.rotate_clock.unit && s->output.rotate_seconds <= 0)
		return;
	n = bc_pipeline_received(c->pipeline[i]);
	if (n != s->received) {
		s->received = n;
		s->due_ns = due_ns(&s->output, now_ns);
		s->cut = !s->due_ns;
	} else if (n && !s->cut && (now_ns >= s->due_ns || due_ns(&s->output, now_ns) < s->due_ns)) {
		/* The period is over, or the clock was set back to before it. */
		bc_pipeline_rotate(c->pipeline[i]);
		s->cut = true;
	}
}
