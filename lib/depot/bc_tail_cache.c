/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tail_cache.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_file.h"

/* magic, length of the key, length of the data; the key; the data; a checksum of all this. */
static const uint8_t magic[8] = "bctail1";
#define HEAD 16U
#define SUM 8U
#define KEY_MOST 4096U
#define NAME_LEN 32U	/* of a file: a hash of the key in hex */

struct bc_tail_cache {
	int folder;
	uint64_t most;
	pthread_mutex_t lock;
	uint64_t bytes;		/* under the lock; others may change them, too */
	uint64_t serial;	/* under the lock: of temporary names */
};

/* What may be removed, the oldest first. */
struct entry {
	char name[NAME_LEN + 1];
	uint64_t bytes;
	struct timespec used;
};

struct entries {
	struct entry *at;
	size_t n, cap;
	uint64_t bytes;
};

static int make_folders(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return mkdir(path, 0700) && errno != EEXIST ? -errno : 0;
}

static char *default_folder(void)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *path = NULL;

	if (base && *base == '/')
		return asprintf(&path, "%s/braidcap", base) < 0 ? NULL : path;
	if (home && *home == '/')
		return asprintf(&path, "%s/.cache/braidcap", home) < 0 ? NULL : path;
	return NULL;
}

/* A descriptor, or a negative errno. */
static int open_folder(const char *path, struct bc_err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return bc_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & 022))
		return fd;
	close(fd);
	return bc_err_set(err, -EPERM, "%s: others may write it: take a folder of your own for the cache", path);
}

static bool is_name(const char *name)
{
	return strlen(name) == NAME_LEN && strspn(name, "0123456789abcdef") == NAME_LEN;
}

static int add(struct entries *e, const char *name, const struct stat *st)
{
	if (e->n == e->cap) {
		size_t cap = e->cap ? 2 * e->cap : 256;
		struct entry *grown = realloc(e->at, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		e->at = grown;
		e->cap = cap;
	}
	e->at[e->n] = (struct entry){ .bytes = (uint64_t)st->st_size, .used = st->st_mtim };
	memcpy(e->at[e->n++].name, name, NAME_LEN);
	e->bytes += (uint64_t)st->st_size;
	return 0;
}

/* All files of ours. Temporary ones that are older than a day are remains of a crash. */
static void look(struct bc_tail_cache *c, struct entries *e)
{
	int fd = openat(c->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *d;
	struct stat st;

	while (dir && (d = readdir(dir))) {
		if (fstatat(c->folder, d->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
			continue;
		if (!strncmp(d->d_name, "tmp-", 4) && st.st_mtim.tv_sec < time(NULL) - 86400)
			unlinkat(c->folder, d->d_name, 0);
		else if (is_name(d->d_name) && add(e, d->d_name, &st))
			break;
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
}

static int by_use(const void *a, const void *b)
{
	const struct timespec *s = &((const struct entry *)a)->used, *t = &((const struct entry *)b)->used;

	if (s->tv_sec != t->tv_sec)
		return s->tv_sec < t->tv_sec ? -1 : 1;
	return s->tv_nsec < t->tv_nsec ? -1 : s->tv_nsec > t->tv_nsec;
}

/* With the lock: count what is there, and remove some if it is too much. */
static void tidy(struct bc_tail_cache *c)
{
	struct entries e = { .n = 0 };

	look(c, &e);
	if (e.bytes > c->most) {
		qsort(e.at, e.n, sizeof(*e.at), by_use);
		for (size_t i = 0; i < e.n && e.bytes > c->most / 4 * 3; i++)
			if (!unlinkat(c->folder, e.at[i].name, 0))
				e.bytes -= e.at[i].bytes;
	}
	c->bytes = e.bytes;
	free(e.at);
}

int bc_tail_cache_open(const char *folder, uint64_t most, struct bc_tail_cache **ret, struct bc_err *err)
{
	struct bc_tail_cache *c = calloc(1, sizeof(*c));
	char *path = folder ? strdup(folder) : default_folder();
	int r;

	if (!c || !path) {
		r = bc_err_set(err, -ENOENT, "no folder for the cache: set XDG_CACHE_HOME or HOME");
	} else {
		r = make_folders(path);
		r = r ? bc_err_set(err, r, "cannot make the folder %s: %s", path, strerror(-r)) : open_folder(path, err);
	}
	free(path);
	if (r < 0) {
		free(c);
		return r;
	}
	c->folder = r;
	c->most = most;
	pthread_mutex_init(&c->lock, NULL);
	tidy(c);
	*ret = c;
	return 0;
}

void bc_tail_cache_free(struct bc_tail_cache *c)
{
	if (!c)
		return;
	close(c->folder);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

static void name_of(const char *key, char name[NAME_LEN + 1])
{
	XXH128_hash_t h = XXH3_128bits(key, strlen(key));

	snprintf(name, NAME_LEN + 1, "%016" PRIx64 "%016" PRIx64, h.high64, h.low64);
}

/* The whole file: its length; 0: it is no file of ours, or too long. */
static size_t read_file(const struct bc_tail_cache *c, const char *name, uint8_t *buf, size_t cap)
{
	int fd = openat(c->folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	size_t len = 0;
	ssize_t n = 1;

	if (fd < 0)
		return 0;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_uid == geteuid() && (uint64_t)st.st_size <= cap) {
		while (n > 0 && len < cap) {
			n = read(fd, buf + len, cap - len);
			len += n > 0 ? (size_t)n : 0;
		}
		futimens(fd, NULL);
	}
	close(fd);
	return n < 0 ? 0 : len;
}

bool bc_tail_cache_may_have(struct bc_tail_cache *c, const char *key)
{
	char name[NAME_LEN + 1];

	name_of(key, name);
	return !faccessat(c->folder, name, R_OK, 0);
}

size_t bc_tail_cache_get(struct bc_tail_cache *c, const char *key, uint8_t *to, size_t cap)
{
	const size_t key_len = strlen(key), around = HEAD + key_len + SUM;
	uint8_t *buf = malloc(around + cap);
	char name[NAME_LEN + 1];
	size_t len, found = 0;

	name_of(key, name);
	len = buf ? read_file(c, name, buf, around + cap) : 0;
	if (len > around && !memcmp(buf, magic, sizeof(magic)) && bc_get_le32(buf + 8) == key_len && bc_get_le32(buf + 12) == len - around &&
	    !memcmp(buf + HEAD, key, key_len) && XXH3_64bits(buf, len - SUM) == bc_get_be64(buf + len - SUM)) {
		found = len - around;
		memcpy(to, buf + HEAD + key_len, found);
	}
	free(buf);
	return found;
}

static int write_file(struct bc_tail_cache *c, uint64_t serial, const char *name, const uint8_t *buf, size_t len)
{
	char tmp[64];
	int fd, r;

	snprintf(tmp, sizeof(tmp), "tmp-%d-%" PRIu64, (int)getpid(), serial);
	fd = openat(c->folder, tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = bc_write_all(fd, buf, len);
	close(fd);
	if (!r && renameat(c->folder, tmp, c->folder, name))
		r = -errno;
	if (r)
		unlinkat(c->folder, tmp, 0);
	return r;
}

void bc_tail_cache_put(struct bc_tail_cache *c, const char *key, const uint8_t *data, size_t len)
{
	const size_t key_len = strlen(key), total = HEAD + key_len + len + SUM;
	uint8_t *buf = key_len > KEY_MOST || total > c->most / 4 ? NULL : malloc(total);
	char name[NAME_LEN + 1];
	uint64_t serial;

	if (!buf)
		return;
	memcpy(buf, magic, sizeof(magic));
	bc_put_le32(buf + 8, (uint32_t)key_len);
	bc_put_le32(buf + 12, (uint32_t)len);
	memcpy(buf + HEAD, key, key_len);
	memcpy(buf + HEAD + key_len, data, len);
	bc_put_be64(buf + total - SUM, XXH3_64bits(buf, total - SUM));
	name_of(key, name);
	pthread_mutex_lock(&c->lock);
	serial = c->serial++;
	pthread_mutex_unlock(&c->lock);
	if (!write_file(c, serial, name, buf, total)) {
		pthread_mutex_lock(&c->lock);
		c->bytes += total;
		if (c->bytes > c->most)
			tidy(c);
		pthread_mutex_unlock(&c->lock);
	}
	free(buf);
}
