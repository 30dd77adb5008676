/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A capture and a collection are started again and again; each time another of the allocations and threads that the start needs
 * is refused. Each must end with exit status 1 and one line, and leave nothing behind. The functions are replaced by the linker,
 * so that only what the program itself calls is refused, and only in the thread that starts it.
 */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <search.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_clock.h"
#include "bc_direct.h"
#include "bc_session.h"
#include "cmd_capture.h"
#include "cmd_collect.h"
#include "net.h"
#include "scratch.h"

#define MAX_ARGS 64
#define SPOILED 4096U	/* bytes at the begin of what is freed; buffers are large, and there are many starts */

/* Only the linker calls them by their names. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

extern char __executable_start[];

static struct {
	pthread_t starter;
	bool counting;
	bool started;
	bool spares;			/* what a start can do without is asked for now */
	bool spared;			/* and that was refused */
	uint16_t port;
	uint32_t n;			/* calls so far */
	uint32_t refused;		/* the number of the one that is refused; 0: none */
	void *caller;			/* whose call that was */
	pthread_mutex_t lock;		/* of live */
	void *live;			/* tsearch's tree of struct block */
	uint32_t n_live;
	struct bc_clock *clock;
} t = { .lock = PTHREAD_MUTEX_INITIALIZER };

struct block {
	void *p;
	void *caller;
};

static int compare(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	return x->p < y->p ? -1 : x->p > y->p;
}

static bool refuse(void *caller)
{
	if (!t.counting || !pthread_equal(pthread_self(), t.starter) || ++t.n != t.refused)
		return false;
	t.caller = caller;
	t.spared = t.spares;
	errno = ENOMEM;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
int __real_vasprintf(char **ret, const char *fmt, va_list ap);
void __real_free(void *p);
FILE *__real_open_memstream(char **buf, size_t *size);
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset);
int __real_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *), void *arg);
pid_t __real_fork(void);
int __real_bc_direct_new(uint32_t depth, struct bc_direct **ret);
struct bc_display *__real_bc_display_new(const struct bc_pipeline *p, bool quiet, bool verbose);
void __real_bc_publisher_event(struct bc_publisher *p, const char *event, const char *client, const char *text);
unsigned __wrap_bc_sandbox_enter_files(const struct bc_sandbox *s);
unsigned __wrap_bc_sandbox_enter_calls(const struct bc_sandbox *s);
void __real_bc_session_control(struct bc_session *s);
void __real_bc_clock_init(struct bc_clock *c);

static void *keep(void *p, void *caller)
{
	struct block *b;

	if (!p)
		return p;
	b = __real_malloc(sizeof(*b));
	*b = (struct block){ p, caller };
	pthread_mutex_lock(&t.lock);
	tsearch(b, &t.live, compare);
	t.n_live++;
	pthread_mutex_unlock(&t.lock);
	return p;
}

static bool forget(void *p)
{
	struct block **found;

	pthread_mutex_lock(&t.lock);
	found = p ? tfind(&(struct block){ .p = p }, &t.live, compare) : NULL;
	if (found) {
		struct block *b = *found;

		tdelete(b, &t.live, compare);
		__real_free(b);
		t.n_live--;
	}
	pthread_mutex_unlock(&t.lock);
	return found != NULL;
}

#define CALLER __builtin_return_address(0)

void *__wrap_malloc(size_t size)
{
	return refuse(CALLER) ? NULL : keep(__real_malloc(size), CALLER);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return refuse(CALLER) ? NULL : keep(__real_calloc(n, size), CALLER);
}

void *__wrap_realloc(void *p, size_t size)
{
	if (refuse(CALLER))
		return NULL;
	forget(p);
	return keep(__real_realloc(p, size), CALLER);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	return refuse(CALLER) ? NULL : keep(__real_aligned_alloc(align, size), CALLER);
}

char *__wrap_strdup(const char *s)
{
	return refuse(CALLER) ? NULL : keep(__real_strdup(s), CALLER);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return refuse(CALLER) ? NULL : keep(__real_strndup(s, n), CALLER);
}

int __wrap_vasprintf(char **ret, const char *fmt, va_list ap)
{
	int n = refuse(CALLER) ? -1 : __real_vasprintf(ret, fmt, ap);

	if (n >= 0)
		keep(*ret, CALLER);
	return n;
}

int __wrap_asprintf(char **ret, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = refuse(CALLER) ? -1 : __real_vasprintf(ret, fmt, ap);
	va_end(ap);
	if (n >= 0)
		keep(*ret, CALLER);
	return n;
}

/* What is used after this is not what it was, with a sanitizer or without. */
void __wrap_free(void *p)
{
	size_t size = malloc_usable_size(p);

	if (forget(p))
		memset(p, 0xa5, size < SPOILED ? size : SPOILED);
	__real_free(p);
}

FILE *__wrap_open_memstream(char **buf, size_t *size)
{
	return refuse(CALLER) ? NULL : __real_open_memstream(buf, size);
}

void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t offset)
{
	return refuse(CALLER) ? MAP_FAILED : __real_mmap(at, len, prot, flags, fd, offset);
}

int __wrap_pthread_create(pthread_t *ret, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
	return refuse(CALLER) ? EAGAIN : __real_pthread_create(ret, attr, run, arg);
}

/* Another process's calls are its own. */
pid_t __wrap_fork(void)
{
	pid_t pid = __real_fork();

	if (pid == 0)
		t.counting = false;
	return pid;
}

/* One calibration is enough for all. */
void __wrap_bc_clock_init(struct bc_clock *c)
{
	memcpy(c, t.clock, sizeof(*c));
}

/* Without it files go through the page cache. */
int __wrap_bc_direct_new(uint32_t depth, struct bc_direct **ret)
{
	int r;

	t.spares = true;
	r = __real_bc_direct_new(depth, ret);
	t.spares = false;
	return r;
}

struct bc_display *__wrap_bc_display_new(const struct bc_pipeline *p, bool quiet, bool verbose)
{
	struct bc_display *d;

	t.spares = true;
	d = __real_bc_display_new(p, quiet, verbose);
	t.spares = false;
	return d;
}

/* It would hold for all that is still to be tried. */
unsigned __wrap_bc_sandbox_enter_files(const struct bc_sandbox *s)
{
	return BC_SANDBOX_FILES;
}

unsigned __wrap_bc_sandbox_enter_calls(const struct bc_sandbox *s)
{
	return BC_SANDBOX_CALLS;
}

void __wrap_bc_publisher_event(struct bc_publisher *p, const char *event, const char *client, const char *text)
{
	t.spares = true;
	__real_bc_publisher_event(p, event, client, text);
	t.spares = false;
}

/* The start is over. */
void __wrap_bc_session_control(struct bc_session *s)
{
	t.counting = false;
	t.started = true;
	__real_bc_session_control(s);
}

static void print_live(const void *node, VISIT which, int depth)
{
	const struct block *b = *(struct block *const *)node;

	if (which == postorder || which == leaf)
		printf("  left behind by the call at %#tx\n", (char *)b->caller - __executable_start);
}

/* line with its @ for folder and # for the port. The exit status; *ret_text, what it said, is for the caller to free. */
static int run(int (*command)(int, char **), const char *line, const char *folder, char **ret_text)
{
	char text[4096], *argv[MAX_ARGS], *save = NULL;
	FILE *console = stderr;
	size_t size, at = 0;
	int argc = 0, status;

	for (; *line && at < sizeof(text) - 64; line++)
		if (*line == '@')
			at += (size_t)sprintf(text + at, "%s", folder);
		else if (*line == '#')
			at += (size_t)sprintf(text + at, "%u", t.port);
		else
			text[at++] = *line;
	snprintf(text + at, sizeof(text) - at, " --memory 8 --mbufs 4096 --no-huge --quiet");
	for (char *w = strtok_r(text, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	argv[argc] = NULL;
	stderr = __real_open_memstream(ret_text, &size);
	t.n = 0;
	t.caller = NULL;
	t.started = t.spared = false;
	t.starter = pthread_self();
	t.counting = true;
	status = command(argc, argv);
	t.counting = false;
	fclose(stderr);
	stderr = console;
	return status;
}

/* One line, beside the one by which the peer's thread says that it is connected. */
static bool one_line(const char *text)
{
	uint32_t n = 0;

	for (const char *end; (end = strchr(text, '\n')); text = end + 1) {
		bool connected = memmem(text, (size_t)(end - text), ": connected to ", 15);

		n += !strncmp(text, "braidcap: ", 10) && end > text + 10 ? !connected : 2;
	}
	return n == 1 && !*text;
}

static void refuse_each(int (*command)(int, char **), const char *line)
{
	static const char *const folders[] = { "a", "b", "done", NULL };
	char folder[SCRATCH_MAX], path[SCRATCH_MAX + 8], *text;
	uint32_t wrong = 0, n;

	scratch_folder(folder, "bc-startup");
	for (const char *const *f = folders; *f; f++) {
		snprintf(path, sizeof(path), "%s/%s", folder, *f);
		assert_int_equal(mkdir(path, 0700), 0);
	}
	setenv("RUNTIME_DIRECTORY", folder, 1);
	for (n = 1;; n++) {
		int status;

		t.refused = n;
		status = run(command, line, folder, &text);
		if (!t.caller)
			break;
		if (t.n_live || (t.spared ? status != 0 : status != 1 || !one_line(text))) {
			printf("%u, the call at %#tx: status %d, %u left behind: %s", n, (char *)t.caller - __executable_start,
			       status, t.n_live, text);
			twalk(t.live, print_live);
			wrong++;
			t.n_live = 0;
			t.live = NULL;
		}
		__real_free(text);
	}
	printf("%u calls refused: %s", n - 1, text);
	__real_free(text);
	assert_int_equal(wrong, 0);
	assert_true(t.started);
}

static void capture_into_folders(void **state)
{
	refuse_each(cmd_capture, "capture -i null:,count=10 -i null:,queues=2,count=10 -w @/a/ -w @/b/ -f ip -Z zstd -G 60 "
		    "--completed @/done --on-segment true --keep-age 1h --zmq-publish ipc://@/zmq");
}

/* A port that was free a moment ago. */
static void find_port(void)
{
	t.port = 0;
	close(net_listen(&t.port));
}

static void capture_for_clients(void **state)
{
	find_port();
	refuse_each(cmd_capture, "capture -i null:,count=10 -w @/a/ --pcap-over-ip #");
}

/* A collector that takes all and keeps nothing. */
static void *take_all(void *listener)
{
	char buf[4096];
	int fd;

	while ((fd = accept(*(int *)listener, NULL, NULL)) >= 0) {
		while (read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
	}
	return NULL;
}

static void capture_to_a_peer(void **state)
{
	pthread_t thread;
	int listener;

	t.port = 0;
	listener = net_listen(&t.port);
	assert_int_equal(__real_pthread_create(&thread, NULL, take_all, &listener), 0);
	refuse_each(cmd_capture, "capture -i null:,count=10 -w osmo://127.0.0.1:# -w @/a/ --detect-loop");
	shutdown(listener, SHUT_RDWR);
	pthread_join(thread, NULL);
	close(listener);
}

static void collect(void **state)
{
	find_port();
	refuse_each(cmd_collect, "collect -l 127.0.0.1:# --allow a=127.0.0.1 --allow b=127.0.0.2 -w @/a/ -d 0.01");
}

static void collect_merged(void **state)
{
	find_port();
	refuse_each(cmd_collect, "collect -l 127.0.0.1:# --allow a=127.0.0.1 --allow b=127.0.0.2 --merge -w @/a/ -d 0.01 "
		    "--zmq-publish ipc://@/zmq");
}

static int calibrate(void **state)
{
	t.clock = __real_aligned_alloc(BC_CACHE_LINE, (sizeof(*t.clock) + BC_CACHE_LINE - 1) / BC_CACHE_LINE * BC_CACHE_LINE);
	memset(t.clock, 0, sizeof(*t.clock));
	__real_bc_clock_init(t.clock);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(capture_into_folders),
		cmocka_unit_test(capture_for_clients),
		cmocka_unit_test(capture_to_a_peer),
		cmocka_unit_test(collect),
		cmocka_unit_test(collect_merged),
	};

	return cmocka_run_group_tests(tests, calibrate, NULL);
}
