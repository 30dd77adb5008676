/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_repeats.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bc_age_blob.h"
#include "bc_age_file.h"
#include "bc_time.h"

#define STAMP 15U	/* bytes: YYYYMMDD-HHMMSS, or _ in it */
#define LATER 16U
#define BEHIND 4U
#define BEFORE 2U

/* The first of those that were found so far, in this order: by time, then by name. */
struct first {
	bool backwards;
	uint32_t n, max;
	struct {
		uint64_t ns;
		char name[BC_SEGNAME_MAX];
	} at[LATER];
};

static bool precedes(const struct first *a, uint64_t ns, const char *name, uint32_t i)
{
	int by_name = strcmp(name, a->at[i].name);

	return ns != a->at[i].ns ? ns < a->at[i].ns : a->backwards ? by_name > 0 : by_name < 0;
}

static void insert(struct first *a, uint64_t ns, const char *name)
{
	uint32_t i = a->n;

	while (i > 0 && precedes(a, ns, name, i - 1))
		i--;
	if (i == a->max)
		return;
	if (a->n < a->max)
		a->n++;
	memmove(&a->at[i + 1], &a->at[i], (a->n - 1 - i) * sizeof(a->at[0]));
	a->at[i].ns = ns;
	snprintf(a->at[i].name, sizeof(a->at[i].name), "%s", name);
}

/* Those that were written later than the leftover; and by name, those from its second on, and before that. */
struct beside {
	struct first later, behind, before;
};

/* The name that it would have, up to the second; its length. */
static size_t own_name(const struct bc_leftover *l, uint64_t ns, bool utc, char dst[BC_SEGNAME_MAX])
{
	int r = l->series[0] ? bc_segname_series(dst, l->series, ns, utc, 0, "") : bc_segname_final(dst, ns, utc, 0, 0, "");
	size_t len;

	if (r == -ERANGE && !utc)
		return own_name(l, ns, true, dst);
	if (r)
		return 0;
	len = l->series[0] ? strlen(dst) : STAMP;
	dst[len] = '\0';
	return len;
}

/* Is it the name of an encrypted segment of the series that own is of? */
static bool is_of_series(const char *name, const char *own, size_t len)
{
	const size_t stamp = len - STAMP, n = strlen(name), ext = strlen(BC_AGE_EXT);

	if (n < len + ext || strncmp(name, own, stamp) != 0 || strcmp(name + n - ext, BC_AGE_EXT) != 0)
		return false;
	for (size_t i = 0; i < STAMP; i++)
		if (!isdigit((unsigned char)name[stamp + i]) != !isdigit((unsigned char)own[stamp + i]))
			return false;
	return true;
}

static uint64_t written_ns(const struct stat *st)
{
	return (uint64_t)st->st_mtim.tv_sec * BC_NS_PER_S + (uint64_t)st->st_mtim.tv_nsec;
}

static void list(DIR *d, const struct bc_leftover *l, const char *own, size_t len, struct beside *b)
{
	struct stat left, st;
	struct dirent *e;

	if (fstat(l->fd, &left) < 0)
		return;
	while ((e = readdir(d))) {
		if (!is_of_series(e->d_name, own, len) || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
			continue;
		if (written_ns(&st) >= written_ns(&left))
			insert(&b->later, written_ns(&st), e->d_name);
		insert(strncmp(e->d_name, own, len) < 0 ? &b->before : &b->behind, 0, e->d_name);
	}
}

static int take_item(void *ctx, const uint8_t *item, size_t len, const struct bc_record *rec)
{
	return bc_ack_found_item(ctx, item, len, rec != NULL);
}

static void look_into(const struct bc_leftover *l, const char *name, const struct bc_age_identities *ids, struct bc_ack_found *found)
{
	struct bc_blob *blob = NULL;
	char path[BC_STORE_PATH_MAX + BC_SEGNAME_MAX];
	struct bc_scan scan;
	struct bc_err err;
	int r;

	bc_ack_found_begin(found);
	snprintf(path, sizeof(path), "%s/%s", l->folder, name);
	r = bc_blob_open_file(path, &blob, &err);
	if (!r)
		r = bc_age_blob_wrap(&blob, ids, &err);
	if (!r)
		r = bc_scan_blob(blob, false, take_item, found, &scan, &err);
	if (r || scan.end != BC_SCAN_WHOLE)
		bc_ack_found_again(found);
	bc_blob_close(blob);
}

/* All but the first n of those that were written later, which were. */
static void look_into_each(const struct bc_leftover *l, const struct first *a, const struct bc_age_identities *ids, const struct first *later,
			   uint32_t n, struct bc_ack_found *found)
{
	for (uint32_t i = 0; i < a->n; i++) {
		uint32_t k = 0;

		while (k < n && strcmp(a->at[i].name, later->at[k].name) != 0)
			k++;
		if (k == n)
			look_into(l, a->at[i].name, ids, found);
	}
}

void bc_repeats_look(const struct bc_leftover *l, const struct bc_age_identities *ids, uint64_t first_ns, bool utc,
		     const struct bc_ack_found *have, struct bc_ack_found *found)
{
	struct beside b = { .later = { .max = LATER }, .behind = { .max = BEHIND }, .before = { .backwards = true, .max = BEFORE } };
	char own[BC_SEGNAME_MAX];
	size_t len = own_name(l, first_ns, utc, own);
	uint32_t n = 0;
	DIR *d;

	/* True of one without numbered packets. */
	if (!len || bc_ack_found_passed(have, found))
		return;
	d = opendir(l->folder);
	if (!d)
		return;
	list(d, l, own, len, &b);
	closedir(d);
	while (n < b.later.n && !bc_ack_found_passed(have, found))
		look_into(l, b.later.at[n++].name, ids, found);
	/* Others that were left and recovered may be written later than those that passed them. */
	look_into_each(l, &b.behind, ids, &b.later, n, found);
	look_into_each(l, &b.before, ids, &b.later, n, found);
}
