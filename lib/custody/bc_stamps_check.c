/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_stamps_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_chain_key.h"
#include "bc_stamp_line.h"

/* What stamps say of a record: the earliest time of each kind; NULL: none does. */
struct proof {
	uint8_t hash[BC_CHAIN_HASH];	/* of its line */
	const struct bc_stamp_said *valid, *expired;
};

struct kept {
	struct kept *next;
	struct bc_stamp_said stamp;
};

struct stamps {
	const struct bc_chain_record *record;
	size_t n;
	struct proof *proof;		/* of each record */
	size_t *by_hash;
	const struct bc_stamps_asked *asked;
	uint64_t *faults;
	struct bc_stamp_line *line;
	struct kept *kept;
};

static int hash_of(const struct bc_chain_record *r, uint8_t *ret)
{
	char line[BC_CHAIN_LINE_MAX];

	return bc_chain_hash(line, bc_chain_record_line(r, line), ret);
}

static int by_hash(const void *a, const void *b, void *ctx)
{
	const struct stamps *s = ctx;

	return memcmp(s->proof[*(const size_t *)a].hash, s->proof[*(const size_t *)b].hash, BC_CHAIN_HASH);
}

static int prepare(struct stamps *s)
{
	s->proof = calloc(s->n + 1, sizeof(*s->proof));
	s->by_hash = malloc((s->n + 1) * sizeof(*s->by_hash));
	s->line = malloc(sizeof(*s->line));
	if (!s->proof || !s->by_hash || !s->line)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++) {
		s->by_hash[i] = i;
		if (hash_of(&s->record[i], s->proof[i].hash))
			return -EIO;
	}
	qsort_r(s->by_hash, s->n, sizeof(*s->by_hash), by_hash, s);
	return 0;
}

/* The record with that hash and number, or NULL. */
static struct proof *find(struct stamps *s)
{
	size_t low = 0, high = s->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2, i = s->by_hash[mid];
		int c = memcmp(s->line->hash, s->proof[i].hash, BC_CHAIN_HASH);

		if (!c)
			return s->record[i].number == s->line->number ? &s->proof[i] : NULL;
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

static void fault(struct stamps *s, uint64_t n, const char *why)
{
	++*s->faults;
	s->asked->fault(s->asked->ctx, n, why);
}

static void earlier(const struct bc_stamp_said **of, const struct bc_stamp_said *stamp)
{
	if (stamp && (!*of || stamp->time_s < (*of)->time_s))
		*of = stamp;
}

static int take_stamp(struct stamps *s, struct proof *p, uint64_t n)
{
	struct kept *k = malloc(sizeof(*k));
	struct bc_err err;

	if (!k)
		return -ENOMEM;
	if (bc_stamp_check(s->asked->trust, p->hash, s->line->answer, s->line->len, s->asked->now_s, &k->stamp, &err)) {
		fault(s, n, err.msg);
		free(k);
		return 0;
	}
	k->next = s->kept;
	s->kept = k;
	earlier(k->stamp.expired ? &p->expired : &p->valid, &k->stamp);
	return 0;
}

static int take_line(struct stamps *s, const char *text, size_t len, uint64_t n)
{
	struct proof *p;

	if (!len || text[len - 1] != '\n' || bc_stamp_line_parse(text, len - 1, s->line)) {
		fault(s, n, "it is damaged");
		return 0;
	}
	p = find(s);
	if (p)
		return take_stamp(s, p, n);
	fault(s, n, "no record of the chain is what was stamped");
	return 0;
}

/* A line that is too long is several, none of which is a stamp. */
static int read_stamps(struct stamps *s, FILE *f)
{
	char *text = malloc(BC_STAMP_LINE_MAX + 1);
	uint64_t n = 0;
	int r = text ? 0 : -ENOMEM;

	while (!r && fgets(text, BC_STAMP_LINE_MAX + 1, f))
		r = take_line(s, text, strlen(text), ++n);
	free(text);
	return r ? r : ferror(f) ? -EIO : 0;
}

/* No file is as good as none in it. */
static int open_stamps(struct stamps *s, int folder)
{
	int fd = openat(folder, BC_STAMPS_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), r;
	FILE *f;

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	r = read_stamps(s, f);
	fclose(f);
	return r;
}

/* A record's hash covers all before it, as far as each follows the one before. */
static void spread(struct stamps *s)
{
	for (size_t i = s->n; i > 1; i--) {
		const struct proof *p = &s->proof[i - 1];

		if (memcmp(s->record[i - 1].previous, s->proof[i - 2].hash, BC_CHAIN_HASH))
			continue;
		earlier(&s->proof[i - 2].valid, p->valid);
		earlier(&s->proof[i - 2].expired, p->expired);
	}
}

static const struct bc_stamp_said *best(const struct proof *p)
{
	return p->valid ? p->valid : p->expired;
}

static void tell(struct stamps *s, size_t from, size_t to, bool running)
{
	const struct bc_stamp_said *stamp = best(&s->proof[from]);
	struct bc_stamped range = {
		.kind = stamp ? (stamp->expired ? BC_STAMPED_EXPIRED : BC_STAMPED_PROVEN) :
			running && to == s->n - 1 ? BC_STAMPED_WAITING : BC_STAMPED_MISSING,
		.from = s->record[from].number, .to = s->record[to].number, .first = s->record[from].name, .last = s->record[to].name,
		.time_s = stamp ? stamp->time_s : 0, .authority = stamp ? stamp->authority : "",
	};

	*s->faults += range.kind == BC_STAMPED_EXPIRED || range.kind == BC_STAMPED_MISSING;
	s->asked->range(s->asked->ctx, &range);
}

static void tell_ranges(struct stamps *s, bool running)
{
	size_t from = 0;

	for (size_t i = 0; i < s->n; i++)
		if (i + 1 == s->n || best(&s->proof[i]) != best(&s->proof[i + 1])) {
			tell(s, from, i, running);
			from = i + 1;
		}
}

int bc_stamps_check(int folder, const struct bc_chain_record *record, size_t n, bool running, const struct bc_stamps_asked *asked,
		    uint64_t *faults)
{
	struct stamps s = { .record = record, .n = n, .asked = asked, .faults = faults };
	int r = prepare(&s);

	if (!r)
		r = open_stamps(&s, folder);
	if (!r) {
		spread(&s);
		tell_ranges(&s, running);
	}
	for (struct kept *k = s.kept, *next; k; k = next) {
		next = k->next;
		free(k);
	}
	free(s.proof);
	free(s.by_hash);
	free(s.line);
	return r;
}
