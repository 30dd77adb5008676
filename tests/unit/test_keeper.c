/* SPDX-License-Identifier: BSD-3-Clause */
/* The process that keeps an output's folder: what it does for a store, and what it refuses to one that has been taken over. */
#include "bc_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "bc_keeper_priv.h"
#include "bc_sandbox.h"
#include "store_fixture.h"

#define LACKING 100	/* the kernel has not what the test is about */

/* The server without a process of its own: what it answers to these bytes. */
static struct bc_keeper_answer ask_bytes(struct bc_keeper_server *s, const void *data, size_t len, int *ret_fd)
{
	struct bc_apart_message request = { .len = len }, answer = { .len = 0 };
	struct bc_keeper_answer a;

	memcpy(request.data, data, len);
	bc_keeper_serve(s, &request, &answer);
	assert_int_equal(answer.len, sizeof(a));
	memcpy(&a, answer.data, sizeof(a));
	assert_true(answer.n_fds <= 1);
	if (ret_fd)
		*ret_fd = answer.n_fds ? answer.fd[0] : -1;
	else
		assert_int_equal(answer.n_fds, 0);
	return a;
}

static struct bc_keeper_answer ask(struct bc_keeper_server *s, const struct bc_keeper_ask *q)
{
	return ask_bytes(s, q, sizeof(*q), NULL);
}

static int ask_fd(struct bc_keeper_server *s, const struct bc_keeper_ask *q)
{
	int fd;
	struct bc_keeper_answer a = ask_bytes(s, q, sizeof(*q), &fd);

	return a.r < 0 ? a.r : fd;
}

static struct bc_keeper_config keeper_of(const struct fixture *f)
{
	return (struct bc_keeper_config){ .dest = f->dir, .ext = ".x", .utc = true, .pid = PID };
}

/* A server lives as long as its process: what stays known here is no leak. */
static struct bc_keeper_server *server(const struct bc_keeper_config *cfg)
{
	static struct bc_keeper_server *made[32];
	static unsigned n;
	struct bc_keeper_server *s = bc_keeper_server_new(cfg);

	assert_non_null(s);
	assert_true(n < sizeof(made) / sizeof(made[0]));
	made[n++] = s;
	return s;
}

/* One with a place for all. */
static struct bc_keeper_server *server_with_place(const struct bc_keeper_config *cfg)
{
	struct bc_keeper_server *s = server(cfg);
	struct bc_keeper_answer a = ask(s, &(struct bc_keeper_ask){ .what = BC_KEEPER_PLACE });

	assert_int_equal(a.r, 0);
	assert_int_equal(a.number, 0);
	return s;
}

static int place_of(struct bc_keeper_server *s, const char *client)
{
	struct bc_keeper_ask q = { .what = BC_KEEPER_PLACE };
	struct bc_keeper_answer a;

	memcpy(q.client, client, strnlen(client, sizeof(q.client)));
	a = ask(s, &q);
	return a.r < 0 ? a.r : (int)a.number;
}

static struct bc_keeper *keeper(const struct bc_keeper_config *cfg)
{
	struct bc_keeper *k = NULL;

	assert_int_equal(bc_keeper_new(cfg, &k, NULL), 0);
	return k;
}

static struct bc_store *kept_store(struct fixture *f, struct bc_keeper *k, const char *client)
{
	struct bc_store_config cfg = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_store *s = NULL;

	cfg.keeper = k;
	assert_int_equal(bc_keeper_place(k, client, &cfg.place), 0);
	if (client)
		cfg.series = client;
	if (bc_store_open(&cfg, &s, &f->err))
		fail_msg("%s", f->err.msg);
	return s;
}

static void segments_are_made_and_named(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper *k = keeper(&cfg);
	struct bc_store *s = kept_store(f, k, NULL);

	segment(s, "one");
	segment(s, "two");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "one");
	assert_holds(in_dir(f, STAMP "-00000001.x"), "two");
	assert_int_equal(count(f->dir, "tmp-"), 0);
	assert_string_equal(f->lines, "");
	bc_keeper_free(k);
}

static void a_file_that_cannot_be_taken_over_is_not_left_there(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper *k = keeper(&cfg);
	struct bc_folder_file file = { .seq = 0 };
	struct rlimit most, none;
	uint32_t place;
	int r;

	assert_int_equal(bc_keeper_place(k, NULL, &place), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &most), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = most.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	r = bc_keeper_create(k, place, 0, &file);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &most), 0);
	assert_int_equal(r, -EMFILE);
	assert_int_equal(count(f->dir, "tmp-"), 0);
	bc_keeper_free(k);
}

static void a_series_has_its_names(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper *k;
	struct bc_store *s;

	cfg.clients = BC_KEEPER_SERIES;
	k = keeper(&cfg);
	s = kept_store(f, k, "node-1");
	segment(s, "one");
	segment(s, "two");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, "trace-node-1-20261025_003000.x"), "one");
	assert_holds(in_dir(f, "trace-node-1-20261025_003000_1.x"), "two");
	bc_keeper_free(k);
}

static void a_file_is_published_once(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	const char *path = in_dir(f, "out.x");
	struct bc_store_config sc = config_of(f, BC_STORE_FILE, path);
	struct bc_store *s = NULL;

	cfg.dest = path;
	cfg.file = true;
	sc.keeper = keeper(&cfg);
	assert_int_equal(bc_keeper_place(sc.keeper, NULL, &sc.place), 0);
	assert_int_equal(bc_store_open(&sc, &s, &f->err), 0);
	segment(s, "one");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(path, "one");
	bc_keeper_free(sc.keeper);
}

/* As before a segment there may be one from an earlier run. */
static void what_is_there_keeps_its_name(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper *k = keeper(&cfg);
	struct bc_store *s;

	put_file(in_dir(f, STAMP "-00000000.x"), "old");
	put_file(in_dir(f, "tmp-77-00000000.x"), "left");
	s = kept_store(f, k, NULL);
	segment(s, "new");
	assert_int_equal(bc_store_close(s), 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "old");
	assert_holds(in_dir(f, "tmp-77-00000000.x"), "left");
	assert_holds(in_dir(f, STAMP "-00000001.x"), "new");
	bc_keeper_free(k);
}

static void another_folder_takes_its_place(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	char moved[sizeof(f->dir) + 8];
	struct bc_keeper *k;
	struct bc_store *s;

	cfg.clients = BC_KEEPER_FOLDERS;
	k = keeper(&cfg);
	{
		struct bc_store_config sc = config_of(f, BC_STORE_DIR, in_dir(f, "node"));

		sc.keeper = k;
		assert_int_equal(bc_keeper_place(k, "node", &sc.place), 0);
		assert_int_equal(bc_store_open(&sc, &s, &f->err), 0);
	}
	segment(s, "one");
	snprintf(moved, sizeof(moved), "%s/moved", f->dir);
	while (count(in_dir(f, "node"), STAMP) < 1)
		nap();
	assert_int_equal(rename(in_dir(f, "node"), moved), 0);
	assert_int_equal(mkdir(in_dir(f, "node"), 0755), 0);
	segment(s, "two");
	assert_int_equal(bc_store_close(s), 0);
	assert_int_equal(count(in_dir(f, "node"), STAMP), 1);
	assert_int_equal(count(moved, STAMP), 1);
	bc_keeper_free(k);
}

static void a_full_disk_says_so(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_store_config sc = config_of(f, BC_STORE_DIR, f->dir);
	struct bc_store *s = NULL;

	/* Room for the folder alone. */
	if (mount("bc", f->dir, "tmpfs", 0, "nr_inodes=1,mode=0755") < 0)
		skip();
	sc.keeper = keeper(&cfg);
	assert_int_equal(bc_keeper_place(sc.keeper, NULL, &sc.place), 0);
	assert_int_equal(bc_store_open(&sc, &s, &f->err), -ENOSPC);
	assert_non_null(strstr(f->err.msg, "no space left there"));
	bc_keeper_free(sc.keeper);
}

static void one_that_is_killed_is_missed(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper *k = keeper(&cfg);
	struct bc_store *s = kept_store(f, k, NULL);

	assert_int_equal(bc_store_begin(s), 0);
	assert_int_equal(bc_store_write(s, "one", 3), 0);
	assert_int_equal(kill(bc_keeper_pid(k), SIGKILL), 0);
	while (!bc_keeper_has_ended(k))
		nap();
	/* What was begun is written all the same, and is there to be recovered. */
	assert_int_equal(bc_store_write(s, "two", 3), 0);
	assert_int_equal(finish(s), 0);
	assert_int_equal(bc_store_close(s), -EOWNERDEAD);
	assert_int_equal(f->errs[0], -EOWNERDEAD);
	assert_holds(in_dir(f, "tmp-77-00000000.x"), "onetwo");
	bc_keeper_free(k);
}

static void it_ends_with_whom_it_serves(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	int fd[2], status;
	char c;
	pid_t pid;

	assert_int_equal(pipe2(fd, 0), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		struct bc_keeper *k = keeper(&cfg);
		int its = bc_keeper_pid(k);

		(void)!write(fd[1], &its, sizeof(its));
		pause();
		_exit(0);
	}
	close(fd[1]);
	assert_int_equal(read(fd[0], &status, sizeof(status)), sizeof(status));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* It holds no end of the pipe. */
	assert_int_equal(read(fd[0], &c, 1), 0);
	while (kill(status, 0) == 0) {
		char path[64], text[256] = "";
		FILE *p;

		snprintf(path, sizeof(path), "/proc/%d/stat", status);
		p = fopen(path, "re");
		if (!p)
			break;
		(void)!fread(text, 1, sizeof(text) - 1, p);
		fclose(p);
		/* Dead, but for whoever is to wait for it. */
		if (strstr(text, ") Z "))
			break;
		nap();
	}
	close(fd[0]);
}

static void each_client_has_a_place_of_its_own(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper_server *s;

	cfg.clients = BC_KEEPER_SERIES;
	s = server(&cfg);
	assert_int_equal(place_of(s, "a-1"), 0);
	assert_int_equal(place_of(s, "b_2.c"), 1);
	assert_int_equal(place_of(s, "a-1"), 0);
	assert_int_equal(place_of(s, "b_2.c"), 1);
}

static void what_it_refuses_is_an_error_of_the_client(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper *k = keeper(&cfg);
	char name[BC_KEEPER_CLIENT_MAX + 1] = "";
	struct bc_folder_file file = { .seq = 3 };
	uint32_t place = 7;

	memset(name, 'a', BC_KEEPER_CLIENT_MAX);
	assert_int_equal(bc_keeper_place(k, name, &place), -ENAMETOOLONG);
	assert_int_equal(bc_keeper_place(k, "client", &place), -EINVAL);
	assert_int_equal(place, 7);
	assert_int_equal(bc_keeper_folder(k, 0), -EINVAL);
	assert_int_equal(bc_keeper_place(k, NULL, &place), 0);
	assert_int_equal(bc_keeper_remove(k, place, &file), -ENOENT);
	assert_int_equal(bc_keeper_seqfile(k), -EINVAL);
	assert_int_equal(bc_keeper_report_begin(k), -EINVAL);
	assert_string_equal(bc_keeper_error(-ENOENT), strerror(ENOENT));
	bc_keeper_free(k);
	bc_keeper_free(NULL);
}

/* From here on: whoever asks has been taken over. */

static void no_client_leads_elsewhere(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	static const char *const names[] = {
		"", ".", "..", "../elsewhere", "/tmp", "a/b", ".hidden", ".acknowledged", "-x", "_x", "a b", "a\nb", "a\\b", "\xc3\xa4",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};

	for (int clients = BC_KEEPER_FOLDERS; clients <= BC_KEEPER_SERIES; clients++) {
		struct bc_keeper_server *s;

		cfg.clients = (enum bc_keeper_clients)clients;
		s = server(&cfg);
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			assert_int_equal(place_of(s, names[i]), -EINVAL);
	}
	assert_int_equal(count(f->dir, ""), 0);
}

static void no_link_is_followed(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	char elsewhere[SCRATCH_MAX];

	scratch_folder(elsewhere, "bc-elsewhere");
	assert_int_equal(symlink(elsewhere, in_dir(f, "node")), 0);
	cfg.clients = BC_KEEPER_FOLDERS;
	assert_int_equal(place_of(server(&cfg), "node"), -ENOTDIR);
	assert_int_equal(count(elsewhere, ""), 0);
	rmdir(elsewhere);
}

static void a_place_is_one_that_was_given(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper_server *s = server_with_place(&cfg);

	assert_int_equal(place_of(s, "node"), -EINVAL);
	for (uint32_t what = 0; what < 64; what++) {
		if (what == BC_KEEPER_PLACE)
			continue;
		assert_int_equal(ask_fd(s, &(struct bc_keeper_ask){ .what = what, .place = 1, .seq = 1 }), what == BC_KEEPER_REPORT_END ? -1 : -EINVAL);
		assert_int_equal(ask_fd(s, &(struct bc_keeper_ask){ .what = what, .place = UINT32_MAX }), what == BC_KEEPER_REPORT_END ? -1 : -EINVAL);
	}
	assert_int_equal(count(f->dir, ""), 0);
}

static void a_request_has_its_length(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper_server *s = server_with_place(&cfg);
	uint8_t bytes[BC_APART_BYTES] = { BC_KEEPER_CREATE };
	struct bc_apart_message request = { .len = sizeof(struct bc_keeper_ask), .n_fds = 1, .fd = { 0 } }, answer = { .len = 0 };
	struct bc_keeper_answer a;

	for (size_t len = 1; len <= sizeof(bytes); len += len < 256 ? 1 : 1000)
		if (len != sizeof(struct bc_keeper_ask))
			assert_int_equal(ask_bytes(s, bytes, len, NULL).r, -EINVAL);
	/* Nothing takes a descriptor. */
	request.data[0] = BC_KEEPER_CREATE;
	bc_keeper_serve(s, &request, &answer);
	memcpy(&a, answer.data, sizeof(a));
	assert_int_equal(a.r, -EINVAL);
	assert_int_equal(count(f->dir, ""), 0);
}

static void only_what_was_made_here_is_removed_or_named(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper_server *s = server_with_place(&cfg);
	const struct bc_keeper_ask create = { .what = BC_KEEPER_CREATE, .seq = 5 };
	struct bc_keeper_ask publish = { .what = BC_KEEPER_PUBLISH, .seq = 5, .ns = BEGIN_NS };
	struct bc_keeper_ask remove = { .what = BC_KEEPER_REMOVE, .seq = 5 };
	struct bc_keeper_answer a;

	/* Of an earlier run, with the same process number. */
	put_file(in_dir(f, "tmp-77-00000004.x"), "left");
	put_file(in_dir(f, "tmp-77-00000005.x"), "left");
	for (uint64_t seq = 0; seq < 8; seq++) {
		remove.seq = publish.seq = seq;
		assert_int_equal(ask(s, &remove).r, -ENOENT);
		assert_int_equal(ask(s, &publish).r, -ENOENT);
	}
	remove.seq = publish.seq = 5;
	close(ask_fd(s, &create));
	assert_holds(in_dir(f, "tmp-77-00000005-1.x"), "");
	assert_int_equal(ask(s, &publish).r, -ENOENT);
	publish.again = remove.again = 1;
	a = ask(s, &publish);
	assert_int_equal(a.r, 0);
	assert_string_equal(a.name, STAMP "-00000005.x");
	/* It has its name for good. */
	assert_int_equal(ask(s, &publish).r, -ENOENT);
	assert_int_equal(ask(s, &remove).r, -ENOENT);
	assert_holds(in_dir(f, STAMP "-00000005.x"), "");
	assert_holds(in_dir(f, "tmp-77-00000004.x"), "left");
	assert_holds(in_dir(f, "tmp-77-00000005.x"), "left");
}

static void any_time_and_number_give_a_name_of_ours(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper_server *s = server_with_place(&cfg);
	static const uint64_t ends[] = { 0, 1, UINT32_MAX, INT64_MAX, UINT64_MAX };

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct bc_keeper_answer a;
		int fd;

		a = ask_bytes(s, &(struct bc_keeper_ask){ .what = BC_KEEPER_CREATE, .seq = ends[i] }, sizeof(struct bc_keeper_ask), &fd);
		assert_int_equal(a.r, 0);
		close(fd);
		a = ask(s, &(struct bc_keeper_ask){ .what = BC_KEEPER_PUBLISH, .seq = ends[i], .again = a.number, .ns = ends[i] });
		assert_true(a.r == 0 || a.r == -ERANGE);
		assert_null(strchr(a.name, '/'));
	}
}

static void descriptors_are_for_writing(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper_server *s = server_with_place(&cfg);
	int fd = ask_fd(s, &(struct bc_keeper_ask){ .what = BC_KEEPER_CREATE });
	char c;

	assert_int_equal(write(fd, "x", 1), 1);
	assert_int_equal(pread(fd, &c, 1, 0), -1);
	assert_int_equal(errno, EBADF);
	close(fd);
	cfg.readable = true;
	fd = ask_fd(server_with_place(&cfg), &(struct bc_keeper_ask){ .what = BC_KEEPER_CREATE });
	assert_int_equal(pread(fd, &c, 1, 0), 0);
	close(fd);
}

static void files_have_the_mode_that_was_wanted(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper_server *s;
	struct stat st;
	int fd;

	cfg.mode = 0604;
	s = server_with_place(&cfg);
	fd = ask_fd(s, &(struct bc_keeper_ask){ .what = BC_KEEPER_CREATE });
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0604);
	close(fd);
}

static void too_many_files_are_forgotten(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper_server *s = server_with_place(&cfg);

	for (uint64_t seq = 0; seq <= BC_KEEPER_FILES; seq++)
		close(ask_fd(s, &(struct bc_keeper_ask){ .what = BC_KEEPER_CREATE, .seq = seq }));
	assert_int_equal(ask(s, &(struct bc_keeper_ask){ .what = BC_KEEPER_REMOVE, .seq = 0 }).r, -ENOENT);
	assert_int_equal(ask(s, &(struct bc_keeper_ask){ .what = BC_KEEPER_REMOVE, .seq = 1 }).r, 0);
	assert_holds(in_dir(f, "tmp-77-00000000.x"), "");
}

static void only_a_file_that_was_begun_takes_a_place(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper_server *s = server_with_place(&cfg);
	const struct bc_keeper_ask begin = { .what = BC_KEEPER_ACKS_BEGIN }, good = { .what = BC_KEEPER_ACKS_END, .good = 1 },
				   bad = { .what = BC_KEEPER_ACKS_END };
	int fd;

	put_file(in_dir(f, ".acknowledged"), "old");
	assert_int_equal(ask(s, &good).r, -EINVAL);
	fd = ask_fd(s, &begin);
	assert_int_equal(write(fd, "new", 3), 3);
	assert_int_equal(ask(s, &bad).r, 0);
	close(fd);
	assert_holds(in_dir(f, ".acknowledged"), "old");
	assert_int_equal(ask(s, &good).r, -EINVAL);
	fd = ask_fd(s, &begin);
	assert_int_equal(write(fd, "new", 3), 3);
	assert_int_equal(ask(s, &good).r, 0);
	close(fd);
	assert_holds(in_dir(f, ".acknowledged"), "new");
}

static void there_is_a_report_if_it_was_told_of(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper_server *s = server_with_place(&cfg);
	const struct bc_keeper_ask begin = { .what = BC_KEEPER_REPORT_BEGIN }, good = { .what = BC_KEEPER_REPORT_END, .good = 1 };
	int fd;

	assert_int_equal(ask(s, &begin).r, -EINVAL);
	assert_int_equal(ask(s, &(struct bc_keeper_ask){ .what = BC_KEEPER_SEQFILE }).r, -EINVAL);
	put_file(in_dir(f, "report.json"), "old");
	cfg.report = in_dir(f, "report.json");
	fd = ask_fd(s, &begin);
	assert_int_equal(write(fd, "new", 3), 3);
	close(fd);
	assert_holds(cfg.report, "old");
	assert_int_equal(ask(s, &good).r, 0);
	assert_holds(cfg.report, "new");
	assert_int_equal(count(f->dir, ""), 1);
}

static void a_report_is_begun_once(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper_server *s = server(&cfg);
	const struct bc_keeper_ask begin = { .what = BC_KEEPER_REPORT_BEGIN }, bad = { .what = BC_KEEPER_REPORT_END };

	cfg.report = in_dir(f, "report.json");
	close(ask_fd(s, &begin));
	assert_int_equal(ask(s, &begin).r, -EINVAL);
	assert_int_equal(ask(s, &bad).r, 0);
	assert_int_equal(count(f->dir, ""), 0);
	close(ask_fd(s, &begin));
}

static void what_is_no_file_is_not_replaced_by_a_report(void **state)
{
	struct fixture *f = *state;
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper_server *s = server(&cfg);
	const struct bc_keeper_ask begin = { .what = BC_KEEPER_REPORT_BEGIN }, good = { .what = BC_KEEPER_REPORT_END, .good = 1 };
	struct stat st;
	int fd;

	cfg.report = in_dir(f, "link");
	assert_int_equal(symlink("/dev/null", cfg.report), 0);
	fd = ask_fd(s, &begin);
	assert_int_equal(write(fd, "new", 3), 3);
	close(fd);
	assert_int_equal(ask(s, &good).r, 0);
	assert_int_equal(lstat(cfg.report, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	cfg.report = f->dir;
	assert_int_equal(ask_fd(s, &begin), -EISDIR);
}

/* What the process that asks can still do by itself. */
static int try_by_itself(const struct fixture *f)
{
	const char *published = in_dir((struct fixture *)(uintptr_t)f, STAMP "-00000000.x");
	char *nowhere = (char *)(uintptr_t)"/nowhere";
	const struct bc_sandbox box = { .duty = BC_DUTY_RECEIVE, .write = &nowhere, .n_write = 1 };
	struct bc_keeper_config cfg = keeper_of(f);
	struct bc_keeper *k = keeper(&cfg);
	uint32_t place;
	int fd;

	if (bc_sandbox_enter(&box) != (BC_SANDBOX_FILES | BC_SANDBOX_CALLS))
		return LACKING;
	if (open(published, O_WRONLY | O_CLOEXEC) >= 0 || errno != EACCES)
		return 1;
	if (unlink(published) == 0 || errno != EACCES)
		return 2;
	if (truncate(published, 0) == 0)
		return 3;
	if (rename(published, in_dir((struct fixture *)(uintptr_t)f, "gone")) == 0)
		return 4;
	if (open(in_dir((struct fixture *)(uintptr_t)f, "made"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0)
		return 5;
	/* And by the other process, with the folder's descriptor in its hands. */
	if (bc_keeper_place(k, NULL, &place))
		return 6;
	fd = bc_keeper_folder(k, place);
	if (fd < 0 || openat(fd, STAMP "-00000000.x", O_WRONLY | O_CLOEXEC) >= 0 || unlinkat(fd, STAMP "-00000000.x", 0) == 0)
		return 7;
	if (fchmod(fd, 0777) == 0 || fsetxattr(fd, "user.x", "x", 1, 0) == 0)
		return 10;
	if (fsync(fd) < 0)
		return 8;
	fd = bc_keeper_create(k, place, 1, &(struct bc_folder_file){ .seq = 1 });
	return fd >= 0 && write(fd, "x", 1) == 1 ? 0 : 9;
}

static void who_asks_has_no_rights(void **state)
{
	struct fixture *f = *state;
	int status = 0;
	pid_t pid;

	put_file(in_dir(f, STAMP "-00000000.x"), "published");
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(try_by_itself(f));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == LACKING)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
	assert_holds(in_dir(f, STAMP "-00000000.x"), "published");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_FOLDER(segments_are_made_and_named),
		IN_FOLDER(a_file_that_cannot_be_taken_over_is_not_left_there),
		IN_FOLDER(a_series_has_its_names),
		IN_FOLDER(a_file_is_published_once),
		IN_FOLDER(what_is_there_keeps_its_name),
		IN_FOLDER(another_folder_takes_its_place),
		IN_FOLDER(a_full_disk_says_so),
		IN_FOLDER(one_that_is_killed_is_missed),
		IN_FOLDER(it_ends_with_whom_it_serves),
		IN_FOLDER(each_client_has_a_place_of_its_own),
		IN_FOLDER(what_it_refuses_is_an_error_of_the_client),
		IN_FOLDER(no_client_leads_elsewhere),
		IN_FOLDER(no_link_is_followed),
		IN_FOLDER(a_place_is_one_that_was_given),
		IN_FOLDER(a_request_has_its_length),
		IN_FOLDER(only_what_was_made_here_is_removed_or_named),
		IN_FOLDER(any_time_and_number_give_a_name_of_ours),
		IN_FOLDER(descriptors_are_for_writing),
		IN_FOLDER(files_have_the_mode_that_was_wanted),
		IN_FOLDER(too_many_files_are_forgotten),
		IN_FOLDER(only_a_file_that_was_begun_takes_a_place),
		IN_FOLDER(there_is_a_report_if_it_was_told_of),
		IN_FOLDER(a_report_is_begun_once),
		IN_FOLDER(what_is_no_file_is_not_replaced_by_a_report),
		IN_FOLDER(who_asks_has_no_rights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
