/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What the processes apart are asked by a program that was taken over: any requests. They are served in this process, and what they made is
 * looked at behind them. The first byte says which of them; requests follow, each {kind, length in two bytes} and its bytes. Bit 0 of
 * kind: zeros follow, up to the length of a question. Bits 1 and 2: how many descriptors go with it; the first has the next
 * request's bytes.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>

#include "bc_apart.h"
#include "bc_chain_key.h"
#include "bc_collect_past.h"
#include "bc_keeper_priv.h"
#include "bc_keyring_priv.h"
#include "bc_spawn.h"
#include "bc_spawner.h"
#include "bc_tender_priv.h"

#if __has_include(<sanitizer/asan_interface.h>)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, len)
#define ASAN_UNPOISON_MEMORY_REGION(at, len)
#endif

/* Only the linker calls them by their names. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#define BLOCKS 65536U
#define DESCRIPTORS 1024
#define PUBLISHED "out/published.pcapng"
#define CONTENT "packets"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

enum server { FOLDERS, SERIES, ONE_FILE, TENDER, READER, KEYRING, SPAWNER, SERVERS };

static struct {
	enum server server;
	const uint8_t *at;
	size_t left;
	bool playing;
	void *block[BLOCKS];	/* a server's, which it never frees: it ends with its process */
	unsigned n_blocks;
	int children;
	bool is_open[DESCRIPTORS];	/* before */
	char folder[256];
	EVP_PKEY *key[2];
} t;

static void say_nothing(void *ctx, enum bc_level level, const char *line)
{
}

static const struct bc_log silent = { .emit = say_nothing };

static void require(bool holds)
{
	if (!holds)
		abort();
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
char *__real_strdup(const char *s);
void __real_free(void *p);

static void *keep(void *p)
{
	if (t.playing && p) {
		require(t.n_blocks < BLOCKS);
		t.block[t.n_blocks++] = p;
	}
	return p;
}

void *__wrap_malloc(size_t size)
{
	return keep(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return keep(__real_calloc(n, size));
}

char *__wrap_strdup(const char *s)
{
	return keep(__real_strdup(s));
}

void __wrap_free(void *p)
{
	for (unsigned i = t.n_blocks; p && i-- > 0;)
		if (t.block[i] == p) {
			t.block[i] = t.block[--t.n_blocks];
			break;
		}
	__real_free(p);
}

/* A command of the user's: it is one that was named, and finds nothing in its environment that changes what it loads or runs. */
int __wrap_bc_spawn_shell(char *const argv[], char *const envp[], int in_fd, int out_fd, pid_t *ret_pid)
{
	size_t n = 0;

	require(!strcmp(argv[2], "true") || !strcmp(argv[2], "false"));
	for (size_t i = 0; argv[i]; i++)
		n += strlen(argv[i]);
	while (*envp) {
		bool ours = !strncmp(*envp, "BRAIDCAP_", strlen("BRAIDCAP_"));

		for (char **e = environ; *e && !ours; e++)
			ours = !strcmp(*e, *envp);
		require(ours);
		envp++;
	}
	require(n < BC_APART_BYTES);
	*ret_pid = ++t.children;
	return 0;
}

/* Only those that it started are told anything. */
int __wrap_kill(pid_t pid, int sig)
{
	require(pid < 0 && -pid <= t.children);
	return 0;
}

static size_t question(void)
{
	switch (t.server) {
	case TENDER:
		return sizeof(struct bc_tender_ask);
	case READER:
		return 4 + BC_STORE_PATH_MAX + BC_SEGNAME_MAX;
	case KEYRING:
		return sizeof(struct bc_keyring_ask);
	case SPAWNER:
		return 12;
	default:
		return sizeof(struct bc_keeper_ask);
	}
}

/* 0: there is none. */
static size_t next(uint8_t *kind, const uint8_t **bytes)
{
	size_t n;

	if (t.left < 3)
		return 0;
	*kind = t.at[0];
	n = (size_t)t.at[1] << 8 | t.at[2];
	n = n < t.left - 3 ? n : t.left - 3;
	n = n < BC_APART_BYTES ? n : BC_APART_BYTES;
	*bytes = t.at + 3;
	t.at += 3 + n;
	t.left -= 3 + n;
	return 3 + n;
}

static int with_bytes(void)
{
	int fd = memfd_create("request", MFD_CLOEXEC);
	const uint8_t *bytes;
	uint8_t kind;
	size_t n = next(&kind, &bytes);

	require(fd >= 0 && (n <= 3 || write(fd, bytes, n - 3) == (ssize_t)n - 3));
	return fd;
}

/* False: there is none. */
static bool next_request(struct bc_apart_message *m)
{
	const uint8_t *bytes;
	uint8_t kind;
	size_t n = next(&kind, &bytes);

	/* A socket tells nothing of one that is empty. */
	if (n <= 3)
		return false;
	m->len = n - 3;
	memcpy(m->data, bytes, m->len);
	if (kind & 1 && m->len < question()) {
		memset(m->data + m->len, 0, question() - m->len);
		m->len = question();
	}
	m->n_fds = kind >> 1 & 3;
	for (unsigned i = 0; i < m->n_fds; i++)
		m->fd[i] = i ? dup(STDERR_FILENO) : with_bytes();
	return true;
}

/* What is behind a request's end is not to be looked at. */
static void serve(const struct bc_apart_config *cfg, struct bc_apart_message *m, struct bc_apart_message *answer)
{
	int fd[BC_APART_FDS];
	const unsigned n = m->n_fds;

	ASAN_POISON_MEMORY_REGION(m->data + m->len, sizeof(m->data) - m->len);
	memcpy(fd, m->fd, sizeof(fd));
	answer->len = 0;
	answer->n_fds = 0;
	cfg->serve(cfg->ctx, m, answer);
	ASAN_UNPOISON_MEMORY_REGION(m->data, sizeof(m->data));
	require(answer->len <= sizeof(answer->data) && answer->n_fds <= BC_APART_FDS);
	/* Those that the server keeps, too. */
	for (unsigned i = 0; i < n; i++)
		close(fd[i]);
	for (unsigned i = 0; i < answer->n_fds; i++) {
		require(answer->fd[i] >= 0);
		close(answer->fd[i]);
	}
}

/* What OpenSSL and the C library allocate is not seen by its blocks. */
static void forget_keys(const struct bc_apart_config *cfg, struct bc_apart_message *m, struct bc_apart_message *answer)
{
	for (uint32_t i = 0; i < BC_KEYRING_KEYS;) {
		const struct bc_keyring_ask ask = { .what = BC_KEYRING_FORGET, .key = i };
		struct bc_keyring_answer a;

		*m = (struct bc_apart_message){ .len = sizeof(ask) };
		memcpy(m->data, &ask, sizeof(ask));
		serve(cfg, m, answer);
		memcpy(&a, answer->data, sizeof(a));
		i += a.result != 0;
	}
}

static void end_report(const struct bc_apart_config *cfg, struct bc_apart_message *m, struct bc_apart_message *answer)
{
	const struct bc_keeper_ask ask = { .what = BC_KEEPER_REPORT_END };

	*m = (struct bc_apart_message){ .len = sizeof(ask) };
	memcpy(m->data, &ask, sizeof(ask));
	serve(cfg, m, answer);
}

/* In place of another process. */
int __wrap_bc_apart_new(const struct bc_apart_config *cfg, struct bc_apart **ret, struct bc_err *err)
{
	static struct bc_apart_message m, answer;

	t.playing = true;
	if (t.server != KEYRING && t.server != READER && cfg->begin)
		require(cfg->begin(cfg->ctx, err) == 0);
	while (next_request(&m))
		serve(cfg, &m, &answer);
	if (t.server == KEYRING)
		forget_keys(cfg, &m, &answer);
	else if (t.server < TENDER)
		end_report(cfg, &m, &answer);
	t.playing = false;
	while (t.n_blocks)
		__real_free(t.block[--t.n_blocks]);
	return -ECANCELED;
}

static int read_key(const char *path, const char *owner, int fd, EVP_PKEY **ret, struct bc_err *err)
{
	*ret = fd < 0 ? t.key[path[0] - '0'] : bc_keyring_pem(path, fd);
	if (fd < 0)
		EVP_PKEY_up_ref(*ret);
	return *ret ? 0 : bc_err_set(err, -EINVAL, "%s: no key", owner);
}

static void ask_keyring(void)
{
	const struct bc_key_purpose tls = { .read = read_key };
	const struct bc_key_purpose chain = { .read = read_key, .may_sign = bc_chain_key_kept("").purpose->may_sign };
	const struct bc_keyring_key key[] = { { "0", "tls", &tls }, { "1", "chain", &chain } };
	const struct bc_keyring_config cfg = { .key = key, .n = 2 };
	struct bc_keyring *k;
	struct bc_err err;

	bc_keyring_new(&cfg, &k, &err);
}

static struct bc_keeper_config places(void)
{
	return (struct bc_keeper_config){
		.dest = t.server == ONE_FILE ? "out/one.pcapng" : "out", .file = t.server == ONE_FILE, .ext = ".pcapng", .mode = 0640, .pid = 1,
		.clients = t.server == SERIES ? BC_KEEPER_SERIES : t.server == ONE_FILE ? BC_KEEPER_ONE : BC_KEEPER_FOLDERS,
		.seqfile = "out/seq", .report = "out/report",
	};
}

static void ask_keeper(void)
{
	const struct bc_keeper_config cfg = places();
	struct bc_keeper *k;
	struct bc_err err;

	bc_keeper_new(&cfg, &k, &err);
}

static void ask_tender(void)
{
	const struct bc_keeper_config where = places();
	const struct bc_tender_config cfg = { .name = "bc-tender", .where = &where, .log = &silent };
	struct bc_tender *tender;
	struct bc_err err;

	bc_tender_new(&cfg, &tender, &err);
}

static void ask_reader(void)
{
	struct bc_collect_past p = { .cfg = { .log = &silent, .file = PUBLISHED } };
	struct bc_err err;

	bc_collect_past_apart(&p, &err);
	bc_collect_past_fini(&p);
}

static void ask_spawner(void)
{
	const char *const command[] = { "true", "false" };
	const struct bc_spawner_config cfg = { .command = command, .n = 2 };
	struct bc_spawner *s;
	struct bc_err err;

	t.children = 0;
	bc_spawner_new(&cfg, &s, &err);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	if (at->level && strcmp(path, PUBLISHED) != 0)
		remove(path);
	return 0;
}

static int each_descriptor(void (*act)(int fd))
{
	DIR *d = opendir("/proc/self/fd");
	const struct dirent *e;

	require(d != NULL);
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && atoi(e->d_name) < DESCRIPTORS && atoi(e->d_name) != dirfd(d))
			act(atoi(e->d_name));
	return closedir(d);
}

static void note_open(int fd)
{
	t.is_open[fd] = true;
}

/* A server's, which it never closes. */
static void close_new(int fd)
{
	if (!t.is_open[fd])
		close(fd);
}

/* What was published stays as it is, and nothing is made but in the folder. */
static void look(void)
{
	struct dirent **entry;
	char text[sizeof(CONTENT)];
	int fd = open(PUBLISHED, O_RDONLY | O_CLOEXEC), n;

	require(fd >= 0 && read(fd, text, sizeof(text)) == sizeof(text) - 1 && !memcmp(text, CONTENT, sizeof(text) - 1));
	close(fd);
	n = scandir(".", &entry, NULL, NULL);
	/* Both names of folders, and the one. */
	require(n == 3);
	for (int i = 0; i < n; i++)
		free(entry[i]);
	free(entry);
	nftw("out", remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void end(void)
{
	unlink(PUBLISHED);
	rmdir("out");
	rmdir(t.folder);
	EVP_PKEY_free(t.key[0]);
	EVP_PKEY_free(t.key[1]);
}

static void begin(void)
{
	const char *tmp = getenv("TMPDIR");
	int fd;

	snprintf(t.folder, sizeof(t.folder), "%s/bc-apart-XXXXXX", tmp ? tmp : "/tmp");
	require(mkdtemp(t.folder) && !chdir(t.folder) && !mkdir("out", 0700));
	fd = open(PUBLISHED, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	require(write(fd, CONTENT, strlen(CONTENT)) == (ssize_t)strlen(CONTENT));
	close(fd);
	t.key[0] = EVP_EC_gen("P-256");
	t.key[1] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	require(t.key[0] && t.key[1]);
	atexit(end);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static void (*const ask[SERVERS])(void) = {
		ask_keeper, ask_keeper, ask_keeper, ask_tender, ask_reader, ask_keyring, ask_spawner,
	};

	if (!t.key[0])
		begin();
	if (!len)
		return 0;
	t.server = input[0] % SERVERS;
	t.at = input + 1;
	t.left = len - 1;
	memset(t.is_open, 0, sizeof(t.is_open));
	each_descriptor(note_open);
	ask[t.server]();
	each_descriptor(close_new);
	look();
	return 0;
}
