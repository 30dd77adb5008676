/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_measure.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bc_sys.h"
#include "bc_time.h"

#define REPORT_MAX 65536U
#define GRACE_NS (30 * BC_NS_PER_S)
/* Around each packet in pcapng. */
#define RECORD 32

extern char **environ;

int bc_measured_parse(const char *report, size_t len, struct bc_measured *ret)
{
	json_t *r = json_loadb(report, len, JSON_REJECT_DUPLICATES, NULL), *o = json_array_get(json_object_get(r, "outputs"), 0);
	double ns = (double)json_integer_value(json_object_get(r, "stopped_ns")) -
		    (double)json_integer_value(json_object_get(r, "started_ns"));
	double packets = (double)json_integer_value(json_object_get(o, "written"));
	double dense = (double)json_integer_value(json_object_get(o, "written_bytes"));
	double file = (double)json_integer_value(json_object_get(o, "file_bytes"));
	const json_t *balance = json_object_get(r, "balance");
	double came = (double)json_integer_value(json_object_get(balance, "received"));
	double lost = (double)json_integer_value(json_object_get(balance, "dropped"));

	json_decref(r);
	if (!(ns > 0 && packets > 0 && dense > 0 && file > 0 && came > 0))
		return -EBADMSG;
	*ret = (struct bc_measured){ packets * 1e9 / ns, lost / came, dense / file, file * 1e9 / ns };
	return 0;
}

/* The capture's first words about what went wrong. */
static int refused(int errors, int status, struct bc_err *err)
{
	char text[512];
	ssize_t n = pread(errors, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (WIFSIGNALED(status))
		return bc_err_set(err, -EINTR, "the capture to measure with was ended by signal %d", WTERMSIG(status));
	return bc_err_set(err, -EREMOTEIO, "the capture to measure with failed: %s", text[0] ? text : "it does not say why");
}

/* All that fd gives until its other end is closed; -ETIMEDOUT. */
static ssize_t read_until(int fd, uint64_t deadline_ns, char *buf, size_t size)
{
	size_t n = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now_ns = bc_mono_ns();
		ssize_t r;

		if (now_ns >= deadline_ns)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)((deadline_ns - now_ns) / BC_NS_PER_MS) + 1) <= 0)
			continue;
		r = read(fd, buf + n, size - n);
		if (r <= 0)
			return r < 0 ? -errno : (ssize_t)n;
		n += (size_t)r;
	}
}

/* Start it with its report going into report, and its words into errors. */
static int start(char *const argv[], int report, int errors, pid_t *ret)
{
	posix_spawn_file_actions_t files;
	int r = posix_spawn_file_actions_init(&files);

	if (r)
		return -r;
	r = posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&files, report, STDOUT_FILENO);
	if (!r)
		r = posix_spawn_file_actions_adddup2(&files, errors, STDERR_FILENO);
	if (!r)
		r = posix_spawn(ret, "/proc/self/exe", &files, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

static int run(char *const argv[], double seconds, struct bc_measured *ret, struct bc_err *err)
{
	int report[2], errors = memfd_create("doctor", MFD_CLOEXEC), status = 0, r;
	char text[REPORT_MAX];
	ssize_t n = 0;
	pid_t pid;

	if (errors < 0 || pipe2(report, O_CLOEXEC) < 0) {
		r = bc_err_set(err, -errno, "cannot start a capture to measure with: %s", strerror(errno));
		if (errors >= 0)
			close(errors);
		return r;
	}
	r = start(argv, report[1], errors, &pid);
	close(report[1]);
	if (r) {
		bc_err_set(err, r, "cannot start a capture to measure with: %s", strerror(-r));
	} else {
		n = read_until(report[0], bc_mono_ns() + (uint64_t)(seconds * 1e9) + GRACE_NS, text, sizeof(text));
		if (n < 0)
			kill(pid, SIGKILL);
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
		if (n == -ETIMEDOUT)
			r = bc_err_set(err, -ETIMEDOUT, "the capture to measure with did not end in time: the disk is stuck, or very slow");
		else if (n < 0 || status || bc_measured_parse(text, (size_t)n, ret))
			r = refused(errors, status, err);
	}
	close(report[0]);
	close(errors);
	return r;
}

static void remove_folder(const char *path)
{
	struct bc_sys_list l = bc_sys_list("", "%s", path);

	for (uint32_t i = 0; i < l.n; i++) {
		char name[PATH_MAX];

		if (snprintf(name, sizeof(name), "%s/%s", path, l.name[i]) < PATH_MAX)
			unlink(name);
	}
	bc_sys_list_free(&l);
	rmdir(path);
}

/* Without a rate, few buffers: what they would take in a short time is not what a disk takes. */
static void add_pace(char *source, size_t size, char **argv, const struct bc_measure_request *req)
{
	size_t len = strlen(source), n = 0;

	while (argv[n])
		n++;
	if (req->pps > 0) {
		snprintf(source + len, size - len, ",rate=%" PRIu64, (uint64_t)(req->pps / req->queues) + 1);
		return;
	}
	argv[n] = "--memory";
	argv[n + 1] = "64";
}

static int run_into(const struct bc_measure_request *req, const char *dest, struct bc_measured *ret, struct bc_err *err)
{
	char source[128], seconds[32], count[32], codec[8];
	char *argv[] = { "braidcap", "capture", "-i", source, "-w", (char *)dest, "-Z", codec, "-d", seconds, "-c", count,
			 "--no-accelerate", "--quiet", "--report", "/dev/fd/1", NULL, NULL, NULL };

	snprintf(source, sizeof(source), "null:payload=text,size=%" PRIu32 ",queues=%" PRIu32, req->packet, req->queues);
	add_pace(source, sizeof(source), argv, req);
	snprintf(codec, sizeof(codec), "%s", req->lz4 ? "lz4" : "none");
	snprintf(seconds, sizeof(seconds), "%.3f", req->seconds);
	snprintf(count, sizeof(count), "%" PRIu64, req->max_bytes / (req->packet + RECORD) + 1);
	return run(argv, req->seconds, ret, err);
}

int bc_measure(const struct bc_measure_request *req, struct bc_measured *ret, struct bc_err *err)
{
	char folder[PATH_MAX], dest[PATH_MAX + 1];
	sigset_t ends, before;
	int r;

	if (!req->folder)
		return run_into(req, "null:", ret, err);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	if (snprintf(folder, sizeof(folder), "%s/.braidcap-doctor-XXXXXX", req->folder) >= PATH_MAX)
		return bc_err_set(err, -ENAMETOOLONG, "the folder's name is too long to write into it");
	sigprocmask(SIG_BLOCK, &ends, &before);
	if (mkdtemp(folder)) {
		snprintf(dest, sizeof(dest), "%s/", folder);
		r = run_into(req, dest, ret, err);
		remove_folder(folder);
	} else {
		r = bc_err_set(err, -errno, "cannot write into %.160s: %s", req->folder, strerror(errno));
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}
