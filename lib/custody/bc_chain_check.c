/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_chain_check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_age_blob.h"
#include "bc_age_file.h"
#include "bc_chain.h"
#include "bc_series.h"

#define PIECE (256U * 1024)

struct check {
	int folder, fd;
	const struct bc_chain_asked *asked;
	struct bc_chain_result *res;
	struct bc_chain_record *record;
	size_t n, room;
	uint64_t lines;
};

static const char *const texts[BC_CHAIN_FAULTS] = {
	[BC_CHAIN_DAMAGED] = "is damaged",
	[BC_CHAIN_LINK] = "does not follow the one before: records were taken out, exchanged or altered",
	[BC_CHAIN_NOT_SIGNED] = "is not signed by this key",
	[BC_CHAIN_CHANGED] = "is not what was recorded",
	[BC_CHAIN_MISSING] = "is missing, though older segments are there",
	[BC_CHAIN_UNREADABLE] = "cannot be read",
	[BC_CHAIN_ENCRYPTED] = "is encrypted, and no key for it was given (--identity): it was not compared",
	[BC_CHAIN_ADDED] = "has no record",
	[BC_CHAIN_CUT] = "has no end: it was cut off",
};

const char *bc_chain_fault_text(enum bc_chain_fault fault)
{
	return texts[fault];
}

static void tell(struct check *c, enum bc_chain_fault fault, uint64_t number, const char *name)
{
	c->res->faults++;
	c->asked->tell(c->asked->ctx, fault, number, name);
}

static int keep(struct check *c, const struct bc_chain_record *r)
{
	if (c->n == c->room) {
		size_t room = c->room ? 2 * c->room : 1024;
		struct bc_chain_record *more = realloc(c->record, room * sizeof(*more));

		if (!more)
			return -ENOMEM;
		c->record = more;
		c->room = room;
	}
	c->record[c->n++] = *r;
	return 0;
}

static int damaged(struct check *c, const char *line, size_t len)
{
	tell(c, BC_CHAIN_DAMAGED, c->lines++, "");
	return bc_chain_hash(line, len, c->res->head);
}

/* A line without its newline. */
static int check_line(struct check *c, const char *line, size_t len)
{
	struct bc_chain_record r;
	uint64_t number = c->lines;

	if (bc_chain_record_parse(line, len, &r))
		return damaged(c, line, len);
	c->lines++;
	if (r.number != number || memcmp(r.previous, c->res->head, sizeof(r.previous)))
		tell(c, BC_CHAIN_LINK, number, "");
	if (!bc_chain_signed_by(c->asked->key, &r))
		tell(c, BC_CHAIN_NOT_SIGNED, number, "");
	/* A gap is one fault. */
	if (r.number > number)
		c->lines = r.number + 1;
	c->res->records++;
	return bc_chain_hash(line, len, c->res->head) ? -EIO : keep(c, &r);
}

/* What is too long, or has a zero in it, is no record, even where it begins like one. */
static int check_lines(struct check *c, FILE *f)
{
	char line[BC_CHAIN_LINE_MAX + 1];
	int r = 0;

	while (!r && fgets(line, sizeof(line), f)) {
		size_t len = strlen(line);

		if (len && line[len - 1] == '\n')
			r = check_line(c, line, len - 1);
		else if (feof(f) && len < BC_CHAIN_LINE_MAX)
			tell(c, BC_CHAIN_CUT, c->lines, "");
		else
			r = damaged(c, line, len);
	}
	return r ? r : ferror(f) ? -EIO : 0;
}

static int hash_blob(struct bc_blob *b, uint8_t *ret)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t *piece = malloc(PIECE);
	int r = ctx && piece && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 ? 0 : -ENOMEM;

	for (uint64_t at = 0; !r && at < b->bytes; at += PIECE) {
		ptrdiff_t n = bc_blob_read(b, piece, PIECE, at, NULL);

		r = n < 0 ? (int)n : EVP_DigestUpdate(ctx, piece, (size_t)n) == 1 ? 0 : -EIO;
	}
	if (!r && EVP_DigestFinal_ex(ctx, ret, NULL) != 1)
		r = -EIO;
	free(piece);
	EVP_MD_CTX_free(ctx);
	return r;
}

static enum bc_chain_fault check_blob(struct bc_blob **b, const struct check *c, const struct bc_chain_record *r)
{
	uint8_t hash[BC_CHAIN_HASH];
	int rc = c->asked->identities ? bc_age_blob_wrap(b, c->asked->identities, NULL) : -EACCES;

	if (!rc && (*b)->bytes != r->bytes)
		return BC_CHAIN_CHANGED;
	rc = rc ? rc : hash_blob(*b, hash);
	if (rc == -EACCES)
		return BC_CHAIN_ENCRYPTED;
	if (rc == -EBADMSG || rc == -ENODATA)
		return BC_CHAIN_CHANGED;
	return rc ? BC_CHAIN_UNREADABLE : memcmp(hash, r->hash, sizeof(hash)) ? BC_CHAIN_CHANGED : BC_CHAIN_FAULTS;
}

/* What is encrypted has another name, and the same in it. */
static enum bc_chain_fault check_encrypted(const struct check *c, const struct bc_chain_record *r)
{
	char name[BC_CHAIN_NAME_MAX + sizeof(BC_AGE_EXT)];
	enum bc_chain_fault fault;
	struct bc_blob *b;
	int fd;

	snprintf(name, sizeof(name), "%s" BC_AGE_EXT, r->name);
	fd = openat(c->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? BC_CHAIN_MISSING : BC_CHAIN_UNREADABLE;
	if (bc_blob_open_fd(fd, name, &b, NULL))
		return BC_CHAIN_UNREADABLE;
	fault = check_blob(&b, c, r);
	bc_blob_close(b);
	return fault;
}

/* Is it there and as it was? */
static enum bc_chain_fault check_file(const struct check *c, const struct bc_chain_record *r)
{
	int fd = openat(c->folder, r->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC), rc;
	uint8_t hash[BC_CHAIN_HASH];
	uint64_t bytes;
	struct stat st;

	if (fd < 0)
		return errno == ENOENT ? check_encrypted(c, r) : BC_CHAIN_UNREADABLE;
	/* Of another length it is not read: it may seem to have exabytes. */
	if (fstat(fd, &st) == 0 && (!S_ISREG(st.st_mode) || (uint64_t)st.st_size != r->bytes)) {
		close(fd);
		return BC_CHAIN_CHANGED;
	}
	rc = bc_chain_hash_file(fd, NULL, &bytes, hash);
	close(fd);
	if (rc)
		return BC_CHAIN_UNREADABLE;
	return bytes == r->bytes && !memcmp(hash, r->hash, sizeof(hash)) ? BC_CHAIN_FAULTS : BC_CHAIN_CHANGED;
}

static bool is_gone(const struct check *c, const char *name, const char *ext)
{
	char file[BC_CHAIN_NAME_MAX + sizeof(BC_AGE_EXT)];
	struct stat st;

	snprintf(file, sizeof(file), "%s%s", name, ext);
	return fstatat(c->folder, file, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT;
}

/* From record i on the first of a file that is there at present: retention goes on meanwhile, from the oldest on. */
static size_t oldest(const struct check *c, size_t i)
{
	while (i < c->n && is_gone(c, c->record[i].name, "") && is_gone(c, c->record[i].name, BC_AGE_EXT))
		i++;
	return i;
}

static void check_files(struct check *c)
{
	size_t there = 0;

	for (size_t i = 0; i < c->n; i++) {
		const struct bc_chain_record *r = &c->record[i];
		enum bc_chain_fault fault = check_file(c, r);

		if (fault == BC_CHAIN_MISSING && i >= there)
			there = oldest(c, there);
		if (fault == BC_CHAIN_FAULTS) {
			c->res->whole++;
			c->res->found += r->kind == BC_CHAIN_FOUND;
		} else if (fault == BC_CHAIN_MISSING && i < there) {
			c->res->removed++;
		} else {
			tell(c, fault, r->number, r->name);
		}
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct bc_chain_record *)a)->name, ((const struct bc_chain_record *)b)->name);
}

static struct bc_chain_record *record_of(const struct check *c, const struct bc_chain_record *key)
{
	return c->n ? bsearch(key, c->record, c->n, sizeof(*key), by_name) : NULL;
}

/* A file of the folder: has it a record, of its bytes or of what is in it? The records are sorted by name. */
static void check_for_record(struct check *c, const char *name, const char *newest)
{
	const size_t len = strlen(name), ext = strlen(BC_AGE_EXT);
	const bool encrypted = len > ext && !strcmp(name + len - ext, BC_AGE_EXT);
	struct bc_chain_record key = { .number = 0 }, *r;
	enum bc_chain_fault fault = BC_CHAIN_FAULTS;
	struct bc_series series;

	snprintf(key.name, sizeof(key.name), "%.*s", (int)(encrypted ? len - ext : len), name);
	if (!bc_series_parse(key.name, &series))
		return;
	r = record_of(c, &key);
	/* It was encrypted while it was captured: its own bytes were compared. */
	if (!r && encrypted && len < sizeof(key.name)) {
		memcpy(key.name, name, len + 1);
		if (record_of(c, &key))
			return;
	}
	if (!r && !(c->res->running && strcmp(key.name, newest) > 0))
		tell(c, BC_CHAIN_ADDED, UINT64_MAX, name);
	/* Beside the file itself, which was compared, it was not looked at yet. */
	if (r && encrypted && c->asked->identities && !is_gone(c, r->name, ""))
		fault = check_encrypted(c, r);
	if (fault != BC_CHAIN_FAULTS && fault != BC_CHAIN_MISSING)
		tell(c, fault, r->number, name);
}

static int look_for_more(struct check *c, const char *newest)
{
	struct dirent **entry;
	int n = scandirat(c->folder, ".", &entry, NULL, alphasort);

	if (n < 0)
		return -errno;
	for (int i = 0; i < n; i++) {
		check_for_record(c, entry[i]->d_name, newest);
		free(entry[i]);
	}
	free(entry);
	return 0;
}

/* The lock is given back at once: a capture that begins meanwhile needs it. */
static bool is_running(int fd)
{
	if (flock(fd, LOCK_SH | LOCK_NB) < 0)
		return true;
	flock(fd, LOCK_UN);
	return false;
}

static int check_all(struct check *c)
{
	FILE *f = fdopen(c->fd, "r");
	char newest[BC_CHAIN_NAME_MAX] = "";
	int r;

	if (!f)
		return -ENOMEM;
	c->res->running = is_running(c->fd);
	c->fd = -1;
	r = check_lines(c, f);
	if (!r) {
		check_files(c);
		if (c->n)
			memcpy(newest, c->record[c->n - 1].name, sizeof(newest));
		c->res->running |= is_running(fileno(f));
		if (c->asked->stamps)
			r = bc_stamps_check(c->folder, c->record, c->n, c->res->running, c->asked->stamps, &c->res->faults);
		if (c->n)
			qsort(c->record, c->n, sizeof(*c->record), by_name);
		r = r ? r : look_for_more(c, newest);
	}
	fclose(f);
	return r;
}

int bc_chain_check(const char *folder, const struct bc_chain_asked *asked, struct bc_chain_result *ret, struct bc_err *err)
{
	struct check c = { .folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC), .fd = -1, .asked = asked, .res = ret };
	int r;

	memset(ret, 0, sizeof(*ret));
	if (c.folder < 0)
		return bc_err_set(err, -errno, "%s: %s", folder, strerror(errno));
	c.fd = openat(c.folder, BC_CHAIN_FILE, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (c.fd < 0)
		r = bc_err_set(err, -errno, "%s: no chain of custody in it: %s: %s", folder, BC_CHAIN_FILE, strerror(errno));
	else if ((r = check_all(&c)))
		bc_err_set(err, r, "%s: the chain of custody cannot be read: %s", folder, strerror(-r));
	if (c.fd >= 0)
		close(c.fd);
	close(c.folder);
	free(c.record);
	return r;
}
