/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * All that the keeper of a folder is asked for, of which each allocation and each system call fails in turn: what it said it did is
 * done, it can be asked for the rest, and no descriptor stays open.
 */
#include "store_fixture.h"

#include "refusal.h"

#include <signal.h>

#include "bc_folder.h"
#include "bc_keeper_priv.h"

/* What a server has lives as long as its process. */
static struct made {
	struct made *next;
	struct bc_keeper_server *server;
} *made;

struct bed {
	struct fixture *f;
	struct bc_keeper_config cfg;
	const char *client;
	const char *folder;	/* where segments are */
	const char *name;	/* of the segment */
};

static struct bc_keeper_server *new_server(const struct bc_keeper_config *cfg)
{
	struct bc_keeper_server *s = bc_keeper_server_new(cfg);
	bool on = refusal.on;

	refusal.on = false;
	if (s) {
		struct made *m = malloc(sizeof(*m));

		*m = (struct made){ made, s };
		made = m;
	}
	refusal.on = on;
	return s;
}

/* Where a descriptor is wanted it is there, exactly if the answer is not an error. */
static struct bc_keeper_answer ask(struct bc_keeper_server *s, const struct bc_keeper_ask *q, int *ret_fd)
{
	struct bc_apart_message request = { .len = sizeof(*q) }, answer = { .len = 0 };
	struct bc_keeper_answer a;

	memcpy(request.data, q, sizeof(*q));
	bc_keeper_serve(s, &request, &answer);
	memcpy(&a, answer.data, sizeof(a));
	refusal_check(answer.n_fds == (ret_fd && !a.r ? 1 : 0));
	if (ret_fd)
		*ret_fd = answer.n_fds ? answer.fd[0] : -1;
	refusal_check(refusal.name || !a.r);
	return a;
}

static void close_it(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void ask_descriptor(struct bc_keeper_server *s, uint32_t what)
{
	int fd;

	ask(s, &(struct bc_keeper_ask){ .what = what }, &fd);
	close_it(fd);
}

static bool is_there(const struct bed *b, const char *name)
{
	char path[1024];

	snprintf(path, sizeof(path), "%s/%s", b->folder, name);
	return access(path, F_OK) == 0;
}

static void make_segments(const struct bed *b, struct bc_keeper_server *s)
{
	struct bc_keeper_ask q = { .what = BC_KEEPER_CREATE, .seq = 1 };
	struct bc_keeper_answer a;
	int fd;

	a = ask(s, &q, &fd);
	close_it(fd);
	if (!a.r) {
		q.what = BC_KEEPER_PUBLISH;
		q.again = a.number;
		q.ns = BEGIN_NS;
		a = ask(s, &q, NULL);
		refusal_check(a.r || is_there(b, b->name));
		refusal_check(a.r || !strcmp(a.name, b->name));
		/* It can be tried again. */
		if (a.r) {
			a = ask(s, &q, NULL);
			refusal_check(refusal.kind == REFUSE_DISK || !a.r);
		}
	}
	q = (struct bc_keeper_ask){ .what = BC_KEEPER_CREATE, .seq = 2 };
	a = ask(s, &q, &fd);
	close_it(fd);
	if (!a.r) {
		q.what = BC_KEEPER_REMOVE;
		q.again = a.number;
		a = ask(s, &q, NULL);
		refusal_check(a.r || count(b->folder, "tmp-") <= 1);
	}
}

/* What takes the place of another file when it is whole: before, and if it fails, that is as it was. */
static void replace(struct bc_keeper_server *s, uint32_t begin, uint32_t end, const char *path)
{
	for (uint32_t good = 0; good < 2; good++) {
		struct bc_keeper_answer a;
		int fd;

		a = ask(s, &(struct bc_keeper_ask){ .what = begin }, &fd);
		close_it(fd);
		if (a.r)
			continue;
		a = ask(s, &(struct bc_keeper_ask){ .what = end, .good = good }, NULL);
		refusal_check((access(path, F_OK) == 0) == (good && !a.r));
	}
}

static void note_open(bool open[256])
{
	for (int fd = 0; fd < 256; fd++)
		open[fd] = fcntl(fd, F_GETFD) >= 0;
}

/* Those that were not open then: how many there were. */
static int close_others(const bool then[256])
{
	bool now[256];
	int n = 0;

	note_open(now);
	for (int fd = 0; fd < 256; fd++)
		if (now[fd] && !then[fd]) {
			close(fd);
			n++;
		}
	return n;
}

static void serve_it(void *ctx)
{
	struct bed *b = ctx;
	struct bc_keeper_ask q = { .what = BC_KEEPER_PLACE };
	struct bc_keeper_server *s;
	bool open_before[256];
	char acks[1024];
	int tries = 0, r;

	if (b->folder != b->f->dir)
		nftw(b->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
	fixture_clear(b->f);
	note_open(open_before);
	snprintf(acks, sizeof(acks), "%s/.acknowledged%s", b->folder, b->cfg.clients == BC_KEEPER_SERIES ? "~node" : "");
	strcpy(q.client, b->client);
	refusal_begin();
	do
		s = new_server(&b->cfg);
	while (!s && ++tries < 2);
	do
		r = ask(s, &q, NULL).r;
	while (r && ++tries < 2);
	if (!r) {
		/* What is known has its number still. */
		refusal_check(!ask(s, &q, NULL).r);
		ask_descriptor(s, BC_KEEPER_FOLDER);
		make_segments(b, s);
		replace(s, BC_KEEPER_ACKS_BEGIN, BC_KEEPER_ACKS_END, acks);
	}
	ask_descriptor(s, BC_KEEPER_SEQFILE);
	replace(s, BC_KEEPER_REPORT_BEGIN, BC_KEEPER_REPORT_END, b->cfg.report);
	refusal_end();
	/* The folder of the place, and none else. */
	refusal_check(close_others(open_before) == !r);
	if (!refusal.name) {
		refusal_check(is_there(b, b->name) && count(b->folder, "tmp-") == 0);
		refusal_check(access(b->cfg.seqfile, F_OK) == 0);
	}
}

static struct bed bed_of(void **state)
{
	struct fixture *f = *state;

	return (struct bed){
		.f = f, .client = "", .folder = f->dir, .name = STAMP "-00000001.x",
		.cfg = { .dest = f->dir, .ext = ".x", .utc = true, .pid = PID, .mode = 0644, .seqfile = strdup(in_dir(f, "seq")),
			 .report = strdup(in_dir(f, "report.json")) },
	};
}

static void refuse_all(struct bed *b)
{
	assert_true(refuse_each(serve_it, b, 1) > 25);
	free((void *)(uintptr_t)b->cfg.seqfile);
	free((void *)(uintptr_t)b->cfg.report);
}

static void one_folder(void **state)
{
	struct bed b = bed_of(state);

	refuse_all(&b);
}

static void a_folder_for_each_client(void **state)
{
	struct bed b = bed_of(state);
	char folder[512];

	snprintf(folder, sizeof(folder), "%s/node", b.f->dir);
	b.cfg.clients = BC_KEEPER_FOLDERS;
	b.client = "node";
	b.folder = folder;
	refuse_all(&b);
}

static void a_series_for_each_client(void **state)
{
	struct bed b = bed_of(state);

	b.cfg.clients = BC_KEEPER_SERIES;
	b.client = "node";
	b.name = "trace-node-20261025_003000.x";
	refuse_all(&b);
}

static void a_single_file(void **state)
{
	struct bed b = bed_of(state);
	char path[512];

	snprintf(path, sizeof(path), "%s/out.x", b.f->dir);
	b.cfg.dest = path;
	b.cfg.file = true;
	b.name = "out.x";
	refuse_all(&b);
}

static void put_again(const char *path)
{
	unlink(path);
	put_file(path, "old");
}

/* Asked by a store, whose own calls fail. */
static void acknowledge_it(void *ctx)
{
	const struct bc_folder *folder = ctx;
	uint32_t descriptors = refusal_descriptors();
	int r;

	refusal_begin();
	r = bc_folder_acknowledge(folder, (const uint8_t *)"new", 3);
	refusal_end();
	refusal_check(refusal_descriptors() == descriptors);
	refusal_check(refusal.name || !r);
	assert_holds(folder->path, r ? "old" : "new");
	put_again(folder->path);
}

static void what_is_acknowledged_is_replaced_as_a_whole(void **state)
{
	struct bed b = bed_of(state);
	struct bc_folder folder = { .path = strdup(in_dir(b.f, ".acknowledged")) };

	assert_int_equal(bc_keeper_new(&b.cfg, &folder.keeper, NULL), 0);
	assert_int_equal(bc_keeper_place(folder.keeper, NULL, &folder.place), 0);
	put_again(folder.path);
	assert_true(refuse_each(acknowledge_it, &folder, 1) > 1);
	kill(bc_keeper_pid(folder.keeper), SIGKILL);
	while (!bc_keeper_has_ended(folder.keeper))
		nap();
	assert_int_equal(bc_folder_acknowledge(&folder, (const uint8_t *)"new", 3), -EOWNERDEAD);
	bc_keeper_free(folder.keeper);
	free((void *)(uintptr_t)folder.path);
	free((void *)(uintptr_t)b.cfg.seqfile);
	free((void *)(uintptr_t)b.cfg.report);
}

/* The process itself, in which the server begins. */
static void a_process_without_memory_is_told(void **state)
{
	struct bed b = bed_of(state);
	uint32_t descriptors = refusal_descriptors(), failed = 0;

	refusal.kind = REFUSE_MEMORY;
	for (refusal.number = 1; refusal.number < 8; refusal.number++) {
		struct bc_keeper *k = NULL;
		struct bc_err err = { .msg = "" };
		int r;

		refusal.calls = 0;
		refusal_begin();
		r = bc_keeper_new(&b.cfg, &k, &err);
		refusal_end();
		assert_true(r == 0 || r == -ENOMEM);
		assert_int_equal(r < 0, err.msg[0] != '\0');
		assert_int_equal(r < 0, k == NULL);
		bc_keeper_free(k);
		assert_int_equal(refusal_descriptors(), descriptors);
		failed += r < 0;
	}
	assert_true(failed > 1);
	free((void *)(uintptr_t)b.cfg.seqfile);
	free((void *)(uintptr_t)b.cfg.report);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_folder, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_folder_for_each_client, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_series_for_each_client, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_single_file, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_is_acknowledged_is_replaced_as_a_whole, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_process_without_memory_is_told, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
