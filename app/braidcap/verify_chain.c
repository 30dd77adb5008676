/* SPDX-License-Identifier: BSD-3-Clause */
#include "verify_chain.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "answer.h"
#include "bc_chain_check.h"
#include "bc_plural.h"
#include "bc_time.h"
#include "folder.h"

struct folder {
	const char *path;
	json_t *faults;		/* NULL: they are told; so it is with stamps */
	json_t *stamps;
};

/* A name that is no UTF-8 cannot stand in JSON. */
static json_t *text(const char *name)
{
	json_t *t = json_string(name);

	return t ? t : json_string("?");
}

static void list(json_t *faults, enum bc_chain_fault fault, uint64_t number, const char *name)
{
	json_t *f = json_pack("{s:s}", "fault", bc_chain_fault_text(fault));

	if (number != UINT64_MAX)
		json_object_set_new(f, "record", json_integer((json_int_t)number));
	if (*name)
		json_object_set_new(f, "name", text(name));
	json_array_append_new(faults, f);
}

static void tell(void *ctx, enum bc_chain_fault fault, uint64_t number, const char *name)
{
	const struct folder *f = ctx;

	if (f->faults)
		list(f->faults, fault, number, name);
	else if (!*name)
		fprintf(stderr, "braidcap: %s: record %" PRIu64 " %s\n", f->path, number, bc_chain_fault_text(fault));
	else if (number == UINT64_MAX)
		fprintf(stderr, "braidcap: %s%s%s: %s%s\n", f->path, folder_joint(f->path), name, bc_chain_fault_text(fault),
			fault == BC_CHAIN_ADDED ? ": added, or recovered after a crash, and not yet recorded by the next capture with --sign" : "");
	else
		fprintf(stderr, "braidcap: %s%s%s: %s (record %" PRIu64 ")\n", f->path, folder_joint(f->path), name,
			bc_chain_fault_text(fault), number);
}

static void stamp_fault(void *ctx, uint64_t n, const char *why)
{
	const struct folder *f = ctx;

	if (f->faults)
		json_array_append_new(f->faults, json_pack("{s:s, s:I, s:o}", "fault", "time stamp", "line", (json_int_t)n, "why", text(why)));
	else
		fprintf(stderr, "braidcap: %s: time stamp %" PRIu64 ": %s\n", f->path, n, why);
}

static void list_range(json_t *stamps, const struct bc_stamped *s, const char *kind, const char *time)
{
	json_t *range = json_pack("{s:s, s:I, s:I, s:o, s:o}", "kind", kind, "from", (json_int_t)s->from, "to", (json_int_t)s->to, "first",
				  text(s->first), "last", text(s->last));

	if (s->time_s) {
		json_object_set_new(range, "time", json_string(time));
		json_object_set_new(range, "authority", text(s->authority));
	}
	json_array_append_new(stamps, range);
}

static void stamp_range(void *ctx, const struct bc_stamped *s)
{
	static const char *const kinds[] = { [BC_STAMPED_PROVEN] = "proven", [BC_STAMPED_EXPIRED] = "expired", [BC_STAMPED_MISSING] = "missing",
					     [BC_STAMPED_WAITING] = "waiting" };
	const struct folder *f = ctx;
	const time_t t = (time_t)s->time_s;
	char time[32] = "?", range[2 * BC_CHAIN_NAME_MAX + 64];
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(time, sizeof(time), "%Y-%m-%dT%H:%M:%SZ", &tm);
	if (s->from == s->to)
		snprintf(range, sizeof(range), "record %" PRIu64 " (%s)", s->from, s->first);
	else
		snprintf(range, sizeof(range), "records %" PRIu64 " to %" PRIu64 " (%s to %s)", s->from, s->to, s->first, s->last);
	if (f->stamps)
		list_range(f->stamps, s, kinds[s->kind], time);
	else if (s->kind == BC_STAMPED_PROVEN)
		printf("%s: %s: there by %s, as %s says\n", f->path, range, time, s->authority);
	else if (s->kind == BC_STAMPED_WAITING)
		printf("%s: %s: no time stamp yet\n", f->path, range);
	else if (s->kind == BC_STAMPED_EXPIRED)
		fprintf(stderr, "braidcap: %s: %s: there by %s, as %s said, whose certificate has expired since\n", f->path, range,
			time, s->authority);
	else
		fprintf(stderr, "braidcap: %s: %s: no time stamp\n", f->path, range);
}

static void say(const struct folder *f, const struct bc_chain_result *res, json_t *folders)
{
	char head[2 * BC_CHAIN_HASH + 1];

	bc_chain_hex(res->head, BC_CHAIN_HASH, head);
	if (folders)
		json_array_append_new(folders, json_pack("{s:o, s:I, s:I, s:I, s:I, s:O, s:b, s:s, s:O*}", "path", text(f->path), "records",
							 (json_int_t)res->records, "whole", (json_int_t)res->whole, "found", (json_int_t)res->found, "removed",
							 (json_int_t)res->removed, "faults", f->faults, "running", res->running, "head", head,
							 "stamps", f->stamps));
	else
		printf("%s: chain of custody: %" PRIu64 " record%s, %" PRIu64 " segment%s as %s, %" PRIu64 " older one%s removed, %" PRIu64
		       " fault%s; %" PRIu64 " recorded only when a later capture began%s; the last record is %s\n", f->path, res->records,
		       bc_plural(res->records, "", "s"), res->whole, bc_plural(res->whole, "", "s"), bc_plural(res->whole, "it was", "they were"),
		       res->removed, bc_plural(res->removed, "", "s"), res->faults, bc_plural(res->faults, "", "s"), res->found,
		       res->running ? "; a capture adds to it" : "", head);
}

/* folders: NULL, or a list to add to. */
static int verify_one(const char *path, const struct bc_chain_asked *wanted, struct bc_stamp_trust *trust, json_t *folders)
{
	struct folder f = { .path = path, .faults = folders ? json_array() : NULL, .stamps = folders && trust ? json_array() : NULL };
	const struct bc_stamps_asked stamps = { trust, bc_utc_ns() / BC_NS_PER_S, stamp_range, stamp_fault, &f };
	struct bc_chain_asked asked = *wanted;
	struct bc_chain_result res;
	struct bc_err err;
	int r;

	asked.stamps = trust ? &stamps : NULL;
	asked.tell = tell;
	asked.ctx = &f;
	r = bc_chain_check(path, &asked, &res, &err);
	if (r)
		fprintf(stderr, "braidcap: %s\n", err.msg);
	else
		say(&f, &res, folders);
	json_decref(f.faults);
	json_decref(f.stamps);
	return r || res.faults || (res.records && !res.whole) ? 1 : 0;
}

int verify_chains(char *const *folder, int n, const struct bc_chain_asked *asked, struct bc_stamp_trust *trust, bool json)
{
	json_t *folders = json ? json_array() : NULL;
	int status = 0;

	for (int i = 0; i < n; i++)
		status |= verify_one(folder[i], asked, trust, folders);
	return json ? status | answer_print(json_pack("{s:i, s:o}", "version", 1, "folders", folders)) : status;
}
