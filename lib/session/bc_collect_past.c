/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_collect_past.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_ack_block.h"
#include "bc_ack_file.h"
#include "bc_ack_found.h"
#include "bc_file.h"
#include "bc_plural.h"
#include "bc_recover.h"
#include "bc_segname.h"

enum { LOOK, FORGET, OPEN };

/* What the other process is asked; a descriptor to write a block into goes with LOOK. */
struct ask {
	uint32_t what;
	char folder[BC_STORE_PATH_MAX];
	char series[BC_SEGNAME_MAX];	/* "": none */
};

struct answer {
	int32_t r;
	uint32_t more;
};

/* One series: where it lies, and what is found of it. */
struct look {
	const struct bc_log *log;
	const char *folder;
	const char *series;	/* NULL: none */
	struct bc_ack_found *found;
};

static int take_item(void *ctx, const uint8_t *item, size_t len, const struct bc_record *rec)
{
	return bc_ack_found_item(((struct look *)ctx)->found, item, len, rec != NULL);
}

/* Is this leftover one that may be of the series? */
static bool may_be_ours(const struct look *l, const char *name)
{
	const char *tilde = strchr(name, '~');
	size_t len = l->series ? strlen(l->series) : 0;

	if (!tilde != !l->series)
		return false;
	return !l->series || (!strncmp(tilde + 1, l->series, len) && (!tilde[1 + len] || tilde[1 + len] == '.'));
}

static bool ends_in_slash(const char *path)
{
	size_t len = strlen(path);

	return len && path[len - 1] == '/';
}

static void look_into(struct look *l, const char *name)
{
	const struct bc_recover_config cfg = { .dry_run = true, .item = take_item, .ctx = l };
	struct bc_recovered *r = malloc(sizeof(*r));
	char path[BC_STORE_PATH_MAX];
	struct bc_err err = { "no memory" };
	int what = -ENOMEM;

	bc_ack_found_begin(l->found);
	if (r && snprintf(path, sizeof(path), "%s%s%s", l->folder, ends_in_slash(l->folder) ? "" : "/", name) <
	    (int)sizeof(path))
		what = bc_recover(path, &cfg, r, &err);
	if (!what && r->scan.records)
		bc_log(l->log, BC_NOTICE, "%s was left behind with %" PRIu64 " packet%s: 'braidcap recover' completes it", path,
		       r->scan.records, bc_plural(r->scan.records, "", "s"));
	else if (what && what != -EBUSY && what != -ENODATA && what != -EMLINK && what != -ENOENT)
		bc_log(l->log, BC_WARN, "cannot look for acknowledged packets: %s", err.msg);
	free(r);
}

static int is_tmp(const struct dirent *e)
{
	uint64_t seq;

	return bc_segname_is_tmp(e->d_name, &seq);
}

static void forget_here(struct bc_collect_past *p)
{
	for (int i = 0; i < p->n; i++)
		free(p->entry[i]);
	free(p->entry);
	p->entry = NULL;
	p->folder[0] = '\0';
	p->n = 0;
}

/* Thousands of clients may share a large folder, which is read once. */
static void look_into_leftovers(struct bc_collect_past *p, struct look *l)
{
	if (strcmp(p->folder, l->folder) != 0) {
		forget_here(p);
		p->n = scandir(l->folder, &p->entry, is_tmp, NULL);
		snprintf(p->folder, sizeof(p->folder), "%s", l->folder);
	}
	for (int i = 0; i < p->n; i++)
		if (may_be_ours(l, p->entry[i]->d_name))
			look_into(l, p->entry[i]->d_name);
}

/* Leftovers become segments, which are not looked into any more: the file has to know what is in them. */
static int look_at(struct bc_collect_past *p, struct look *l, int fd, struct bc_ack_table *ret, bool *ret_more)
{
	uint32_t apart;
	int r = bc_ack_file_read(fd, l->series, ret);

	if (r && r != -ENOENT)
		bc_log(l->log, BC_WARN, "%s: cannot read what was acknowledged (%s): nodes may send packets again", l->folder,
		       strerror(-r));
	l->found = bc_ack_found_new();
	if (!l->found)
		return -ENOMEM;
	look_into_leftovers(p, l);
	*ret_more = bc_ack_found_enter(l->found, ret, &apart);
	if (apart)
		bc_log(l->log, BC_WARN, "%s: packets are missing before %u run%s of packets in leftovers: their nodes are asked "
		       "for these", l->folder, apart, bc_plural(apart, "", "s"));
	bc_ack_found_free(l->found);
	return 0;
}

static int look_here(struct bc_collect_past *p, const char *folder, const char *series, struct bc_ack_table *ret, bool *ret_more)
{
	struct look l = { .log = p->cfg.log, .folder = folder, .series = series };
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

	if (fd < 0)
		return -errno;
	r = look_at(p, &l, fd, ret, ret_more);
	close(fd);
	return r;
}

/* In the other process. */

static int look_for(struct bc_collect_past *p, const struct ask *q, int to, struct answer *a)
{
	struct bc_ack_table table = { .n = 0 };
	bool more = false;
	uint8_t *block;
	size_t len;
	int r = look_here(p, q->folder, *q->series ? q->series : NULL, &table, &more);

	if (!r)
		r = bc_ack_table_to_block(&table, &block, &len);
	bc_ack_table_fini(&table);
	if (r)
		return r;
	a->more = more;
	r = bc_write_all(to, block, len);
	free(block);
	return r;
}

static bool is_whole(const struct bc_apart_message *m, struct ask *ret)
{
	if (m->len != sizeof(*ret))
		return false;
	memcpy(ret, m->data, sizeof(*ret));
	return memchr(ret->folder, '\0', sizeof(ret->folder)) && memchr(ret->series, '\0', sizeof(ret->series));
}

static void serve(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	struct bc_collect_past *p = ctx;
	struct answer a = { .r = -EINVAL };
	struct ask q;
	int fd;

	if (!is_whole(request, &q)) {
		a.r = -EINVAL;
	} else if (q.what == LOOK && request->n_fds == 1) {
		a.r = look_for(p, &q, request->fd[0], &a);
	} else if (q.what == FORGET) {
		forget_here(p);
		a.r = 0;
	} else if (q.what == OPEN && p->cfg.file) {
		fd = open(p->cfg.file, O_RDONLY | O_NOCTTY | O_CLOEXEC);
		a.r = fd < 0 ? -errno : 0;
		if (fd >= 0)
			answer->fd[answer->n_fds++] = fd;
	}
	answer->len = sizeof(a);
	memcpy(answer->data, &a, sizeof(a));
}

static int begin(void *ctx, struct bc_err *err)
{
	const struct bc_collect_past *p = ctx;

	return p->cfg.begin(p->cfg.ctx, err);
}

/* In this one. */

int bc_collect_past_apart(struct bc_collect_past *p, struct bc_err *err)
{
	return bc_apart_new(&(struct bc_apart_config){ .name = "bc-reader", .begin = begin, .serve = serve, .ctx = p }, &p->reader, err);
}

/* fd: see bc_apart_call(). */
static int ask(struct bc_collect_past *p, const struct ask *q, struct answer *ret, int *fd)
{
	int r;

	_Static_assert(sizeof(*q) <= BC_APART_BYTES, "a question is one message");
	r = bc_apart_call(p->reader, q, sizeof(*q), ret, sizeof(*ret), fd);
	return r ? r : ret->r;
}

/* It was parsed from what others sent: it is checked as what a file says is. */
static int read_block(int fd, struct bc_ack_table *ret)
{
	struct stat st;
	uint8_t *block;
	int r = -EBADMSG;

	if (fstat(fd, &st) < 0 || (uint64_t)st.st_size > bc_ack_block_size(BC_ACK_ENTRIES_MAX))
		return -EBADMSG;
	block = malloc((size_t)st.st_size + 1);
	if (!block)
		return -ENOMEM;
	if (pread(fd, block, (size_t)st.st_size, 0) == st.st_size)
		r = bc_ack_table_from_block(block, (size_t)st.st_size, ret);
	free(block);
	return r;
}

static int look_by_reader(struct bc_collect_past *p, const char *folder, const char *series, struct bc_ack_table *ret, bool *ret_more)
{
	struct ask q = { .what = LOOK };
	struct answer a;
	int fd, with, r;

	if (snprintf(q.folder, sizeof(q.folder), "%s", folder) >= (int)sizeof(q.folder) ||
	    snprintf(q.series, sizeof(q.series), "%s", series ? series : "") >= (int)sizeof(q.series))
		return -ENAMETOOLONG;
	fd = memfd_create("past", MFD_CLOEXEC);
	if (fd < 0)
		return -errno;
	with = fd;
	r = ask(p, &q, &a, &with);
	if (!r)
		r = read_block(fd, ret);
	if (!r)
		*ret_more = a.more;
	close(fd);
	return r;
}

int bc_collect_past_look(struct bc_collect_past *p, const char *folder, const char *series, struct bc_ack_table *ret, bool *ret_more)
{
	*ret_more = false;
	return p->reader ? look_by_reader(p, folder, series, ret, ret_more) : look_here(p, folder, series, ret, ret_more);
}

void bc_collect_past_forget(struct bc_collect_past *p)
{
	struct answer a;

	forget_here(p);
	if (p->reader)
		ask(p, &(struct ask){ .what = FORGET }, &a, NULL);
}

int bc_collect_past_file(struct bc_collect_past *p, int *ret)
{
	struct answer a;

	*ret = -1;
	return p->reader ? ask(p, &(struct ask){ .what = OPEN }, &a, ret) : 0;
}

void bc_collect_past_fini(struct bc_collect_past *p)
{
	forget_here(p);
	bc_apart_free(p->reader);
	p->reader = NULL;
}
