/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_upload_log.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_age_file.h"
#include "bc_file.h"
#include "bc_object_name.h"
#include "bc_time.h"

#define NEW ".uploads.new"
#define TRIES 3
#define MAGIC "braidcap-uploads 1 "
#define RECORD_MAX (3 * 256 + BC_OBJECT_TOKEN_MAX + 128)

struct record {
	char *name;
	uint64_t size, mtime_ns;
	bool done;
	char *text;	/* the ETag, or the upload's id */
};

struct bc_upload_log {
	pthread_mutex_t lock;	/* of what is known; never held while the disk or anybody else is waited for */
	pthread_mutex_t writing;	/* of fd */
	int folder;
	int fd;			/* to be written; -1: only read */
	char *where;
	void *records;		/* tsearch(3), by name */
	/* Read so far. */
	ino_t ino;
	off_t at;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct record *)a)->name, ((const struct record *)b)->name);
}

static void free_record(void *record)
{
	struct record *r = record;

	free(r->name);
	free(r->text);
	free(r);
}

static struct record *find(const struct bc_upload_log *l, const char *name)
{
	const struct record key = { .name = (char *)name };
	void *node = tfind(&key, &l->records, by_name);

	return node ? *(struct record **)node : NULL;
}

static int note(struct bc_upload_log *l, const struct bc_upload_file *f, bool done, const char *text)
{
	struct record *r = find(l, f->name);
	char *copy = strdup(text);

	if (!r && copy) {
		r = calloc(1, sizeof(*r));
		if (r)
			r->name = strdup(f->name);
		if (r && (!r->name || !tsearch(r, &l->records, by_name))) {
			free_record(r);
			r = NULL;
		}
	}
	if (!r || !copy) {
		free(copy);
		return -ENOMEM;
	}
	free(r->text);
	r->text = copy;
	r->size = f->size;
	r->mtime_ns = f->mtime_ns;
	r->done = done;
	return 0;
}

static bool is_it(const struct record *r, const struct bc_upload_file *f)
{
	return r && r->size == f->size && r->mtime_ns == f->mtime_ns;
}

/* "+ NAME SIZE MTIME TEXT": all of it there, or it is no record. */
static void take_line(struct bc_upload_log *l, char *line)
{
	char *word[5], *rest = line;
	struct bc_upload_file f;
	char *end;

	for (int i = 0; i < 5; i++) {
		word[i] = strsep(&rest, " ");
		if (!word[i])
			return;
	}
	if (rest || (strcmp(word[0], "+") && strcmp(word[0], ">")) || !bc_uri_decode(word[1]) || !word[1][0])
		return;
	f.name = word[1];
	f.size = strtoull(word[2], &end, 10);
	if (*end || !word[2][0])
		return;
	f.mtime_ns = strtoull(word[3], &end, 10);
	if (*end || !word[3][0])
		return;
	note(l, &f, word[0][0] == '+', strcmp(word[4], "-") ? word[4] : "");
}

static void forget_all(struct bc_upload_log *l)
{
	tdestroy(l->records, free_record);
	l->records = NULL;
	l->at = 0;
}

/* Whole lines of f from l->at on. */
static void read_lines(struct bc_upload_log *l, FILE *f)
{
	char line[RECORD_MAX];

	while (fgets(line, sizeof(line), f)) {
		size_t n = strlen(line);

		/* A line that is being written, or was when the power went, or is none of ours. */
		if (!n || line[n - 1] != '\n')
			break;
		line[n - 1] = '\0';
		if (l->at == 0 && strncmp(line, MAGIC, strlen(MAGIC)))
			break;
		if (l->at == 0) {
			free(l->where);
			l->where = strdup(line + strlen(MAGIC));
		} else {
			take_line(l, line);
		}
		l->at += (off_t)n;
	}
}

static int refresh(struct bc_upload_log *l)
{
	int fd = openat(l->folder, BC_UPLOAD_LOG, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	FILE *f;

	if (fd < 0 && errno == ENOENT) {
		forget_all(l);
		return 0;
	}
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		close(fd);
		return -EINVAL;
	}
	if (st.st_ino != l->ino || st.st_size < l->at)
		forget_all(l);
	l->ino = st.st_ino;
	f = fdopen(fd, "r");
	if (!f) {
		close(fd);
		return -ENOMEM;
	}
	if (fseeko(f, l->at, SEEK_SET) == 0)
		read_lines(l, f);
	fclose(f);
	return 0;
}

int bc_upload_log_new(int folder, struct bc_upload_log **ret)
{
	struct bc_upload_log *l = calloc(1, sizeof(*l));

	if (!l)
		return -ENOMEM;
	pthread_mutex_init(&l->lock, NULL);
	pthread_mutex_init(&l->writing, NULL);
	l->folder = folder;
	l->fd = -1;
	*ret = l;
	return 0;
}

int bc_upload_log_refresh(struct bc_upload_log *l)
{
	int r;

	pthread_mutex_lock(&l->lock);
	r = refresh(l);
	pthread_mutex_unlock(&l->lock);
	return r;
}

void bc_upload_log_free(struct bc_upload_log *l)
{
	if (!l)
		return;
	if (l->fd >= 0)
		close(l->fd);
	forget_all(l);
	pthread_mutex_destroy(&l->writing);
	pthread_mutex_destroy(&l->lock);
	free(l->where);
	free(l);
}

/* With its newline; the length, or a negative errno. */
static int print_record(char line[RECORD_MAX], const char *name, uint64_t size, uint64_t mtime_ns, bool done, const char *text)
{
	char encoded[3 * 256];
	int n = bc_uri_encode(name, false, encoded, sizeof(encoded));

	if (n < 0)
		return n;
	n = snprintf(line, RECORD_MAX, "%c %s %" PRIu64 " %" PRIu64 " %s\n", done ? '+' : '>', encoded, size, mtime_ns, text[0] ? text : "-");
	return n < RECORD_MAX && !strchr(text, ' ') ? n : -ENAMETOOLONG;
}

/* Those of files that are there, and of begun uploads: these are for bc_upload_log_orphans(). */
struct copy {
	const struct bc_upload_log *l;
	FILE *to;
};

static bool is_here(const struct bc_upload_log *l, const char *name)
{
	char encrypted[NAME_MAX + 1];
	struct stat st;

	if (fstatat(l->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	return snprintf(encrypted, sizeof(encrypted), "%s" BC_AGE_EXT, name) < (int)sizeof(encrypted) &&
	       fstatat(l->folder, encrypted, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void copy_record(const void *node, VISIT visit, void *ctx)
{
	const struct record *r = *(struct record *const *)node;
	const struct copy *c = ctx;
	char line[RECORD_MAX];

	if ((visit != postorder && visit != leaf) || !(r->done ? is_here(c->l, r->name) : r->text[0]))
		return;
	if (print_record(line, r->name, r->size, r->mtime_ns, r->done, r->text) > 0)
		fputs(line, c->to);
}

/* The file anew, without what is of no use any more; l->fd writes to it, and holds its lock. */
static int rewrite(struct bc_upload_log *l, const char *where)
{
	int fd = bc_open_temporary(l->folder, NEW), copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0), r;
	struct copy c = { l, copy < 0 ? NULL : fdopen(copy, "w") };

	if (!c.to) {
		r = fd < 0 ? fd : -ENOMEM;
		if (copy >= 0)
			close(copy);
		if (fd >= 0)
			close(fd);
		return r;
	}
	fprintf(c.to, "%s%s\n", MAGIC, where);
	twalk_r(l->records, copy_record, &c);
	r = fflush(c.to) || ferror(c.to) || fsync(fd) < 0 ? -errno : 0;
	if (fclose(c.to) && !r)
		r = -errno;
	if (!r && renameat(l->folder, NEW, l->folder, BC_UPLOAD_LOG) < 0)
		r = -errno;
	if (r) {
		unlinkat(l->folder, NEW, 0);
		close(fd);
		return r;
	}
	l->fd = fd;
	return 0;
}

/* Does it still have its name? Another process may have made it anew before we had its lock. */
static bool is_named(const struct bc_upload_log *l, int fd)
{
	struct stat st, named;

	return fstat(fd, &st) == 0 && fstatat(l->folder, BC_UPLOAD_LOG, &named, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == named.st_ino &&
	       st.st_dev == named.st_dev;
}

/* The one that is there, or an empty one, with its lock: until it is made anew nobody else does that. */
static int hold_old(const struct bc_upload_log *l)
{
	for (int i = 0; i < TRIES; i++) {
		int fd = openat(l->folder, BC_UPLOAD_LOG, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		bool locked;

		if (fd < 0)
			return -errno;
		locked = flock(fd, LOCK_EX | LOCK_NB) == 0;
		if (locked && is_named(l, fd))
			return fd;
		close(fd);
		if (!locked)
			break;
	}
	return -EBUSY;
}

static int load(struct bc_upload_log *l, const char *where)
{
	int old = hold_old(l), r;

	if (old < 0)
		return old;
	r = refresh(l);
	if (!r && (!l->where || strcmp(l->where, where)))
		forget_all(l);
	if (!r)
		r = rewrite(l, where);
	close(old);
	return r;
}

int bc_upload_log_open(int folder, const char *folder_name, const char *where, struct bc_upload_log **ret, struct bc_err *err)
{
	struct bc_upload_log *l;
	int r = bc_upload_log_new(folder, &l);

	if (r)
		return bc_err_set(err, r, "%s: no memory", folder_name);
	r = load(l, where);
	if (!r) {
		*ret = l;
		return 0;
	}
	bc_upload_log_free(l);
	if (r == -EBUSY)
		return bc_err_set(err, r, "%s: another braidcap uploads from this folder", folder_name);
	return bc_err_set(err, r, "cannot write %s/%s: %s", folder_name, BC_UPLOAD_LOG, strerror(-r));
}

bool bc_upload_log_has(struct bc_upload_log *l, const struct bc_upload_file *f)
{
	const struct record *r;
	bool has;

	pthread_mutex_lock(&l->lock);
	r = find(l, f->name);
	has = is_it(r, f) && r->done;
	pthread_mutex_unlock(&l->lock);
	return has;
}

bool bc_upload_log_knows(struct bc_upload_log *l, const char *name)
{
	const struct record *r;
	bool knows;

	pthread_mutex_lock(&l->lock);
	r = find(l, name);
	knows = r && r->done;
	pthread_mutex_unlock(&l->lock);
	return knows;
}

bool bc_upload_log_etag(struct bc_upload_log *l, const struct bc_upload_file *f, char ret[BC_ETAG_MAX])
{
	const struct record *r;
	bool has;

	pthread_mutex_lock(&l->lock);
	r = find(l, f->name);
	has = is_it(r, f) && r->done && r->text[0] && strlen(r->text) < BC_ETAG_MAX;
	if (has)
		strcpy(ret, r->text);
	pthread_mutex_unlock(&l->lock);
	return has;
}

struct walk {
	void (*each)(void *ctx, const struct bc_upload_file *f, const char *etag);
	void *ctx;
};

static void tell_of_done(const void *node, VISIT visit, void *ctx)
{
	const struct record *r = *(struct record *const *)node;
	const struct walk *w = ctx;

	if ((visit == postorder || visit == leaf) && r->done)
		w->each(w->ctx, &(struct bc_upload_file){ r->name, r->size, r->mtime_ns }, r->text);
}

void bc_upload_log_each(struct bc_upload_log *l, void (*each)(void *ctx, const struct bc_upload_file *f, const char *etag), void *ctx)
{
	struct walk w = { each, ctx };

	pthread_mutex_lock(&l->lock);
	twalk_r(l->records, tell_of_done, &w);
	pthread_mutex_unlock(&l->lock);
}

/* What found no room for all of it is cut off again: the next line would go on with it. */
static int write_line(struct bc_upload_log *l, const char *line, size_t len, bool sync)
{
	off_t end;
	int r;

	pthread_mutex_lock(&l->writing);
	end = lseek(l->fd, 0, SEEK_END);
	r = end < 0 ? -errno : bc_write_all(l->fd, line, len);
	if (r && end >= 0)
		(void)!ftruncate(l->fd, end);
	if (!r && sync && fdatasync(l->fd) < 0)
		r = -errno;
	pthread_mutex_unlock(&l->writing);
	return r;
}

static int append(struct bc_upload_log *l, const struct bc_upload_file *f, bool done, const char *text)
{
	char line[RECORD_MAX];
	int n = print_record(line, f->name, f->size, f->mtime_ns, done, text), r;

	pthread_mutex_lock(&l->lock);
	r = note(l, f, done, text);
	pthread_mutex_unlock(&l->lock);
	return r ? r : n < 0 ? n : write_line(l, line, (size_t)n, !done);
}

int bc_upload_log_done(struct bc_upload_log *l, const struct bc_upload_file *f, const char *etag)
{
	return append(l, f, true, etag);
}

bool bc_upload_log_begun(struct bc_upload_log *l, const struct bc_upload_file *f, char ret_id[BC_OBJECT_TOKEN_MAX])
{
	const struct record *r;
	bool begun;

	pthread_mutex_lock(&l->lock);
	r = find(l, f->name);
	begun = is_it(r, f) && !r->done && r->text[0] && strlen(r->text) < BC_OBJECT_TOKEN_MAX;
	if (begun)
		strcpy(ret_id, r->text);
	pthread_mutex_unlock(&l->lock);
	return begun;
}

int bc_upload_log_begin(struct bc_upload_log *l, const struct bc_upload_file *f, const char *id)
{
	return append(l, f, false, id);
}

struct orphan {
	struct orphan *next;
	char *id;		/* behind the name */
	char name[];
};

struct orphans {
	int folder;
	struct orphan *first;
};

/* Without memory it is left for another time. */
static void look_for_orphan(const void *node, VISIT visit, void *ctx)
{
	const struct record *r = *(struct record *const *)node;
	struct orphans *o = ctx;
	size_t len = strlen(r->name) + 1;
	struct orphan *found;
	struct stat st;

	if ((visit != postorder && visit != leaf) || r->done || !r->text[0] || fstatat(o->folder, r->name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    errno != ENOENT || !(found = malloc(sizeof(*found) + len + strlen(r->text) + 1)))
		return;
	found->id = found->name + len;
	memcpy(found->name, r->name, len);
	strcpy(found->id, r->text);
	found->next = o->first;
	o->first = found;
}

void bc_upload_log_orphans(struct bc_upload_log *l, void (*gone)(void *ctx, const char *name, const char *id), void *ctx)
{
	struct orphans o = { .folder = l->folder };
	struct orphan *f;

	pthread_mutex_lock(&l->lock);
	twalk_r(l->records, look_for_orphan, &o);
	pthread_mutex_unlock(&l->lock);
	while ((f = o.first)) {
		o.first = f->next;
		gone(ctx, f->name, f->id);
		free(f);
	}
}
