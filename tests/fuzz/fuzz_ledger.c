/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sequence of packets, rotations, pauses and faults, drawn from the input, through merge, lanes, committer and a folder's store: what
 * the ledger says is compared with what is found on disk. All threads are this one, and time is what the sequence makes of it, so that
 * each input does the same every time. What a file holds after a failure is what it was synced with.
 */
#include "chain.h"

#include <dirent.h>
#include <ucontext.h>

#define PACKETS_MAX 1500U
#define ROTATIONS_MAX 60U
#define TASKS 2U
#define FILES 256U
#define REMOVED 8U
#define STACK (1U << 20)
#define SLOW_NS (100 * BC_NS_PER_MS)

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

struct file {
	ino_t inode;
	uint64_t synced;	/* bytes that are on disk for good */
	bool failed;		/* a sync of it failed, and none is believed any more */
	bool uncut;		/* half a block may be left behind its end, whose packets went into another file */
};

/* In place of a crew's: it runs whenever the main context lets it, until its task has no more to do, or sleeps. */
struct thread {
	struct bc_task *task;
	uint64_t due_ns;	/* it is run again then, unless it is woken before; or, as it sleeps, not before */
	bool sleeps;
	ucontext_t at;
};

/* Calls that fail: so many of them, after skip others. */
struct trouble {
	uint32_t skip, times;
	int err;
};

static struct {
	const uint8_t *input;
	size_t left;
	bool on;		/* a sequence runs; the sanitizers and the fuzzer use some of these functions, too */
	uint64_t now_ns;
	struct chain *chain;	/* whose data plane goes on while the main context waits; NULL: there is none */
	uint32_t rotations;
	bool aborted;
	struct thread thread[TASKS], *now;	/* now: NULL: the main context runs */
	uint32_t n_threads;
	ucontext_t main;
	struct trouble sync, rename, truncate, allocate, open, write;
	struct file file[FILES];
	uint32_t n_files;
	int removed[REMOVED];	/* files that have no name any more */
	uint32_t n_removed;
} t;

/* 0 to n - 1; 0 when the input is used up. */
static uint32_t draw(uint32_t n)
{
	if (!t.left)
		return 0;
	t.left--;
	return *t.input++ % n;
}

static bool strikes(struct trouble *a)
{
	if (a->skip) {
		a->skip--;
		return false;
	}
	if (!t.on || !a->times)
		return false;
	a->times--;
	errno = -a->err;
	return true;
}

/* The linker puts what follows in place of the libraries' functions. First threads and time. */
int __wrap_bc_crew_new(const char *name, uint32_t threads, struct bc_crew **ret);
void __wrap_bc_crew_free(struct bc_crew *c);
int __wrap_bc_task_start(struct bc_task *task, struct bc_crew *c);
void __wrap_bc_task_wake(struct bc_task *task);
void __wrap_bc_task_join(struct bc_task *task);
int __real_clock_gettime(clockid_t id, struct timespec *ret);
int __wrap_clock_gettime(clockid_t id, struct timespec *ret);
int __real_nanosleep(const struct timespec *ns, struct timespec *left);
int __wrap_nanosleep(const struct timespec *ns, struct timespec *left);
int __real_sched_yield(void);
int __wrap_sched_yield(void);
int __real_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t id, const struct timespec *until);
int __wrap_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t id, const struct timespec *until);

int __wrap_bc_crew_new(const char *name, uint32_t threads, struct bc_crew **ret)
{
	*ret = (struct bc_crew *)&t;
	return 0;
}

void __wrap_bc_crew_free(struct bc_crew *c)
{
}

/* One for all sequences. */
static void *stack_of(const struct thread *h)
{
	static char *stacks[TASKS];
	char **stack = &stacks[h - t.thread];

	if (!*stack)
		*stack = malloc(STACK);
	assert_non_null(*stack);
	return *stack;
}

static void serve(void)
{
	for (;;) {
		struct thread *me = t.now;
		struct bc_task *task = me->task;
		uint64_t ns;

		task->state = BC_TASK_RUNS;
		ns = task->run(task->ctx);
		if (ns == BC_TASK_OVER)
			task->state = BC_TASK_ENDED;
		else
			task->state = !ns || task->state == BC_TASK_RUNS_WOKEN ? BC_TASK_QUEUED : BC_TASK_IDLE;
		me->due_ns = ns < BC_TASK_OVER ? t.now_ns + ns : UINT64_MAX;
		swapcontext(&me->at, &t.main);
	}
}

int __wrap_bc_task_start(struct bc_task *task, struct bc_crew *c)
{
	struct thread *h = &t.thread[t.n_threads];

	assert_true(t.n_threads < TASKS);
	t.n_threads++;
	task->crew = c;
	task->state = BC_TASK_QUEUED;
	h->task = task;
	getcontext(&h->at);
	h->at.uc_stack.ss_sp = stack_of(h);
	h->at.uc_stack.ss_size = STACK;
	makecontext(&h->at, serve, 0);
	return 0;
}

void __wrap_bc_task_wake(struct bc_task *task)
{
	if (task->state == BC_TASK_IDLE && task->crew)
		task->state = BC_TASK_QUEUED;
	else if (task->state == BC_TASK_RUNS)
		task->state = BC_TASK_RUNS_WOKEN;
}

static bool is_due(const struct thread *h)
{
	if (h->sleeps)
		return t.now_ns >= h->due_ns;
	return h->task->state == BC_TASK_QUEUED || (h->task->state == BC_TASK_IDLE && t.now_ns >= h->due_ns);
}

static void run_thread(struct thread *h)
{
	if (!h->task || !is_due(h))
		return;
	h->sleeps = false;
	t.now = h;
	swapcontext(&t.main, &h->at);
	t.now = NULL;
}

static void run_threads(void)
{
	for (uint32_t i = 0; i < t.n_threads; i++)
		run_thread(&t.thread[i]);
}

/* Time passes: in a thread, by itself. */
static void pass(uint64_t ns)
{
	struct thread *h = t.now;

	if (h) {
		h->due_ns = t.now_ns + ns;
		h->sleeps = true;
		swapcontext(&h->at, &t.main);
		return;
	}
	t.now_ns += ns;
	if (t.chain)
		chain_barrier(t.chain);
	run_threads();
}

void __wrap_bc_task_join(struct bc_task *task)
{
	while (task->crew && task->state != BC_TASK_ENDED)
		pass(BC_NS_PER_MS);
}

int __wrap_clock_gettime(clockid_t id, struct timespec *ret)
{
	uint64_t ns;

	if (!t.on)
		return __real_clock_gettime(id, ret);
	ns = ++t.now_ns + (id == CLOCK_REALTIME ? 1792888200ULL * BC_NS_PER_S : 0);
	*ret = (struct timespec){ .tv_sec = (time_t)(ns / BC_NS_PER_S), .tv_nsec = (long)(ns % BC_NS_PER_S) };
	return 0;
}

int __wrap_nanosleep(const struct timespec *ns, struct timespec *left)
{
	if (!t.on)
		return __real_nanosleep(ns, left);
	pass((uint64_t)ns->tv_sec * BC_NS_PER_S + (uint64_t)ns->tv_nsec);
	return 0;
}

int __wrap_sched_yield(void)
{
	if (!t.on || t.now)
		return __real_sched_yield();
	t.now_ns += BC_NS_PER_MS;
	run_threads();
	return 0;
}

int __wrap_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *lock, clockid_t id, const struct timespec *until)
{
	if (!t.on)
		return __real_pthread_cond_clockwait(cond, lock, id, until);
	pthread_mutex_unlock(lock);
	pass(BC_NS_PER_MS);
	pthread_mutex_lock(lock);
	return ETIMEDOUT;
}

/* And the disk. */
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __real_bc_rename_noreplace(int from_folder, const char *from, int to_folder, const char *to);
int __wrap_bc_rename_noreplace(int from_folder, const char *from, int to_folder, const char *to);
int __real_ftruncate64(int fd, off_t size);
int __wrap_ftruncate64(int fd, off_t size);
int __real_fallocate64(int fd, int mode, off_t at, off_t len);
int __wrap_fallocate64(int fd, int mode, off_t at, off_t len);
ssize_t __real_pwrite64(int fd, const void *data, size_t len, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *data, size_t len, off_t at);
int __real_openat64(int folder, const char *path, int flags, ...);
int __wrap_openat64(int folder, const char *path, int flags, ...);
int __wrap_io_uring_queue_init(unsigned entries, void *ring, unsigned flags);

static struct file *file_of(const struct stat *st)
{
	uint32_t i = 0;

	while (i < t.n_files && t.file[i].inode != st->st_ino)
		i++;
	assert_true(i < FILES);
	if (i == t.n_files)
		t.file[t.n_files++] = (struct file){ .inode = st->st_ino };
	return &t.file[i];
}

static int sync_file(int fd)
{
	struct stat st;
	struct file *f;

	assert_int_equal(fstat(fd, &st), 0);
	f = file_of(&st);
	if (strikes(&t.sync)) {
		f->failed = true;
		return -1;
	}
	if (!f->failed)
		f->synced = (uint64_t)st.st_size;
	return 0;
}

int __wrap_fsync(int fd)
{
	return sync_file(fd);
}

int __wrap_fdatasync(int fd)
{
	return sync_file(fd);
}

int __wrap_bc_rename_noreplace(int from_folder, const char *from, int to_folder, const char *to)
{
	return strikes(&t.rename) ? -errno : __real_bc_rename_noreplace(from_folder, from, to_folder, to);
}

int __wrap_ftruncate64(int fd, off_t size)
{
	struct stat st;
	struct file *f;

	assert_int_equal(fstat(fd, &st), 0);
	f = file_of(&st);
	if (strikes(&t.truncate)) {
		f->uncut = true;
		return -1;
	}
	if (f->synced > (uint64_t)size)
		f->synced = (uint64_t)size;
	return __real_ftruncate64(fd, size);
}

int __wrap_fallocate64(int fd, int mode, off_t at, off_t len)
{
	return strikes(&t.allocate) ? -1 : __real_fallocate64(fd, mode, at, len);
}

ssize_t __wrap_pwrite64(int fd, const void *data, size_t len, off_t at)
{
	return strikes(&t.write) ? -1 : __real_pwrite64(fd, data, len, at);
}

/* A new file may have the number of one that is gone. */
int __wrap_openat64(int folder, const char *path, int flags, ...)
{
	struct stat st;
	int fd;

	if (strikes(&t.open))
		return -1;
	fd = __real_openat64(folder, path, flags, 0640);
	if (fd >= 0 && flags & O_CREAT && fstat(fd, &st) == 0)
		*file_of(&st) = (struct file){ .inode = st.st_ino };
	return fd;
}

/* Syncs are made one by one, where they can be seen. */
int __wrap_io_uring_queue_init(unsigned entries, void *ring, unsigned flags)
{
	return -ENOSYS;
}

/* Sources that wait: what has no room stays with them. */
static void send(struct chain *c)
{
	uint32_t n = 1 + draw(32), len = 4 + 8 * draw(256);

	for (uint32_t i = 0; i < n && c->n_sent < PACKETS_MAX; i++) {
		uint32_t source = i % c->cfg.sources;

		if (!bc_link_room(c->link[source], 1) || !rte_mempool_avail_count(chain_pool))
			return;
		chain_send_as(c, (struct chain_packet){ .source = source, .iface = source, .len = len });
	}
}

static struct trouble draw_trouble(void)
{
	static const int errs[] = { -EIO, -ENOSPC, -EACCES, -EDQUOT, -EROFS };

	return (struct trouble){ .skip = draw(4), .times = 1 + draw(6), .err = errs[draw(sizeof(errs) / sizeof(errs[0]))] };
}

static void mend(struct chain *c)
{
	bool settling = c->fault.settling;

	c->fault = (struct bc_fault)BC_FAULT_NONE;
	c->fault.settling = settling;
	t.sync = t.rename = t.truncate = t.allocate = t.open = t.write = (struct trouble){ .times = 0 };
}

static void refuse_begin(struct chain *c)
{
	static const int errs[] = { -ENOSPC, -EIO, -EACCES, -EMFILE, -ENOENT, -EDQUOT };

	atomic_store(&c->fault.begin_err, errs[draw(sizeof(errs) / sizeof(errs[0]))]);
}

static void remove_current(struct chain *c)
{
	struct bc_store_stats s;

	bc_store_stats(c->store, &s);
	if (!*s.path || t.n_removed == REMOVED)
		return;
	t.removed[t.n_removed] = open(s.path, O_RDWR | O_CLOEXEC);
	if (t.removed[t.n_removed] >= 0) {
		t.n_removed++;
		unlink(s.path);
	}
}

static void step(struct chain *c)
{
	uint32_t what = draw(52);

	switch (what / 2) {
	case 0:
		if (++t.rotations < ROTATIONS_MAX)
			bc_chunker_rotate(&c->chunker);
		break;
	case 1:
		pass((1 + draw(256)) * BC_NS_PER_MS);
		c->ahead_ns += c->cfg.flush_ns;
		break;
	case 2:
		run_thread(&t.thread[draw(TASKS)]);
		break;
	case 3:
		atomic_store(&c->fault.space, 256 * draw(256));
		break;
	case 4:
		atomic_store(&c->fault.eio_call, 1 + draw(16));
		break;
	case 5:
		atomic_store(&c->fault.eio_settle, 1 + draw(4));
		break;
	case 6:
		atomic_store(&c->fault.short_max, 1 + 16 * draw(256));
		break;
	case 7:
		atomic_store(&c->fault.delay_ns, draw(2) * SLOW_NS);
		break;
	case 8:
		atomic_store(&c->fault.busy, draw(4));
		break;
	case 9:
		refuse_begin(c);
		break;
	case 10:
		t.sync = draw_trouble();
		break;
	case 11:
		t.rename = draw_trouble();
		break;
	case 12:
		t.truncate = draw_trouble();
		break;
	case 13:
		t.allocate = draw_trouble();
		break;
	case 14:
		t.open = draw_trouble();
		break;
	case 15:
		t.write = draw_trouble();
		break;
	case 16:
		remove_current(c);
		break;
	case 17:
	case 18:
		mend(c);
		break;
	case 19:
		t.aborted = draw(8) == 1;
		break;
	default:
		send(c);
	}
	if (what % 2)
		pass(BC_NS_PER_MS);
}

/* What a file holds, as it is found. */
struct found {
	uint64_t packets, from[2];
	uint32_t first, next;	/* numbers */
	uint32_t gaps;
};

/* Bytes of a file, as far as they can be decompressed. */
static uint8_t *load(const char *path, bool whole, size_t *ret_len)
{
	struct bc_decoder *d = NULL;
	struct bc_err err = { "" };
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0, cap = 1 << 16;
	uint8_t *p = malloc(cap);
	ptrdiff_t n;

	assert_true(fd >= 0);
	assert_int_equal(bc_decoder_open(fd, &d, &err), 0);
	while ((n = bc_decoder_read(d, p + len, cap - len, &err)) > 0) {
		len += (size_t)n;
		if (len == cap)
			p = realloc(p, cap *= 2);
	}
	if (n < 0 && whole)
		fail_msg("%s: %s", path, err.msg);
	bc_decoder_close(d);
	*ret_len = len;
	return p;
}

static void take_record(struct chain *c, const struct bc_reader *r, const struct bc_record *rec, bool *seen, struct found *f)
{
	uint32_t number;

	memcpy(&number, rec->data, 4);
	assert_true(number < c->n_sent);
	if (seen[number])
		fail_msg("packet %u was written twice", number);
	seen[number] = true;
	assert_true(!f->packets || number >= f->next);
	f->gaps += f->packets && number > f->next;
	f->next = number + 1;
	f->packets++;
	f->from[c->sent[number].source]++;
	chain_compare(c, number, rec, bc_reader_iface(r, rec->iface)->name);
}

/* whole: of a published segment; of another one what can be read counts. */
static struct found read_file(struct chain *c, const char *path, bool whole, bool *seen)
{
	struct bc_reader *r = bc_reader_new();
	struct bc_err err = { "" };
	struct found f = { 0 };
	size_t len, at = 0;
	uint8_t *bytes = load(path, whole, &len);

	while (at < len) {
		struct bc_record rec;
		size_t used = 0, need;
		int what = bc_reader_next(r, bytes + at, len - at, &used, &need, &rec, &err);

		/* Space that was taken ahead is zeros, which may look like a record of pcap. */
		if (what < 0 || what == BC_READ_MORE || (what == BC_READ_RECORD && !whole && rec.caplen < 4)) {
			if (whole)
				fail_msg("%s: at %zu of %zu: %s", path, at, len, what < 0 ? err.msg : "it ends inside a record");
			break;
		}
		if (what == BC_READ_RECORD)
			take_record(c, r, &rec, seen, &f);
		at += used;
	}
	free(bytes);
	bc_reader_free(r);
	return f;
}

static void add(struct found *to, const struct found *f)
{
	to->packets += f->packets;
	for (uint32_t s = 0; s < 2; s++)
		to->from[s] += f->from[s];
}

/* A published segment is on disk, whole, and holds what was said of it; packets follow those of the ones before it. */
static void check_published(struct chain *c, const struct chain_segment *s, bool *seen, uint32_t *next, struct found *sum)
{
	struct found f = read_file(c, s->path, true, seen);
	struct stat st;

	assert_int_equal(stat(s->path, &st), 0);
	assert_int_equal(s->file_bytes, st.st_size);
	assert_false(file_of(&st)->failed);
	assert_int_equal(file_of(&st)->synced, st.st_size);
	assert_int_equal(f.packets, s->info.packets);
	if (f.packets) {
		assert_true(f.next > *next);
		assert_int_equal(c->sent[f.next - 1].ts_ns, s->info.last_ns);
		*next = f.next;
	}
	if (f.gaps && c->cfg.format == BC_FORMAT_PCAPNG)
		assert_true(chain_count_text(s->path, " lost here: ") >= f.gaps);
	add(sum, &f);
	unlink(s->path);
}

/* One that was not published, as far as it is on disk; after an abort, as far as it can be read. */
static void check_unpublished(struct chain *c, const char *path, bool aborted, bool *seen, struct found *sum)
{
	bool *seen_here = calloc(PACKETS_MAX, sizeof(*seen_here));
	struct found f;
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	if (!aborted)
		assert_int_equal(truncate(path, (off_t)file_of(&st)->synced), 0);
	f = read_file(c, path, false, file_of(&st)->uncut ? seen_here : seen);
	add(sum, &f);
	free(seen_here);
}

/* What lies in the folder besides, or did. */
static struct found check_left(struct chain *c, bool aborted, bool *seen)
{
	DIR *folder = opendir(c->dir);
	struct found sum = { 0 };
	struct dirent *e;
	char path[512];

	while ((e = readdir(folder))) {
		snprintf(path, sizeof(path), "%s/%s", c->dir, e->d_name);
		if (e->d_name[0] != '.')
			check_unpublished(c, path, aborted, seen, &sum);
	}
	closedir(folder);
	for (uint32_t i = 0; i < t.n_removed; i++) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", t.removed[i]);
		check_unpublished(c, path, aborted, seen, &sum);
		close(t.removed[i]);
	}
	return sum;
}

/* The ledger against what was found: what counts as written is there, and what is lost is in no published segment. */
static void check(struct chain *c, bool aborted)
{
	bool *seen = calloc(PACKETS_MAX, sizeof(*seen));
	struct found published = { 0 }, left;
	struct bc_balance b;
	uint32_t next = 0;

	for (uint32_t i = 0; i < c->n_segments; i++)
		if (!c->segment[i].err)
			check_published(c, &c->segment[i], seen, &next, &published);
	left = check_left(c, aborted, seen);
	for (uint32_t s = 0; s < c->cfg.sources; s++) {
		bc_ledger_balance(c->ledger, 0, s, &b);
		assert_true(b.unaccounted >= 0 && (aborted || !b.unaccounted));
		assert_true(aborted || b.written >= published.from[s]);
		assert_true(b.written <= published.from[s] + left.from[s]);
	}
	free(seen);
}

static struct chain_config draw_config(const char *folder)
{
	static const enum bc_codec codecs[] = { BC_CODEC_LZ4, BC_CODEC_NONE, BC_CODEC_ZSTD, BC_CODEC_GZIP };

	return (struct chain_config){
		.folder = folder, .lanes = 1 + draw(2), .sources = 1 + draw(2), .codec = codecs[draw(4)], .settling = draw(2),
		.format = draw(4) ? BC_FORMAT_PCAPNG : BC_FORMAT_PCAP_NS, .buffers = 6 + draw(8), .chunk_bytes = 1024 << draw(7),
		.flush_ns = BC_NS_PER_MS << draw(10), .sync_ns = BC_NS_PER_MS << draw(10),
		.rotate_bytes = draw(2) * (20000 + 1000 * draw(256)), .rotate_packets = draw(2) * (25 + draw(256)),
		.rotate_ns = draw(2) * (25 + draw(256)), .io = draw(4) == 1 ? BC_IO_DIRECT : BC_IO_BUFFERED, .depth = 1,
	};
}

static void begin_once(char folder[SCRATCH_MAX])
{
	if (chain_pool)
		return;
	setenv("CMOCKA_TEST_ABORT", "1", 1);
	chain_begin(NULL);
	scratch_folder(folder, "bc-ledger");
	rmdir(folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static char folder[SCRATCH_MAX];
	struct chain *c;

	begin_once(folder);
	memset(&t, 0, sizeof(t));
	t.input = input;
	t.left = len;
	t.now_ns = BC_NS_PER_S;
	t.on = true;
	c = chain_new(draw_config(folder));
	t.chain = c;
	while (t.left && !t.aborted)
		step(c);
	atomic_store(&c->fault.delay_ns, 0);
	if (t.aborted)
		chain_abort(c);
	else
		chain_end(c);
	t.chain = NULL;
	check(c, t.aborted);
	chain_free(c);
	t.on = false;
	return 0;
}
