/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_extcap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bc_extcap.h"
#include "bc_extcap_fifo.h"
#include "bc_filter.h"
#include "cmd_find.h"

#define ETHERNET 1
#define FIND_ARGS 24

enum { EXIT_DONE, EXIT_FAILED, EXIT_USAGE };

static int fail(const struct bc_err *err, int r)
{
	fprintf(stderr, "braidcap extcap: %s\n", err->msg);
	return r == -EINVAL ? EXIT_USAGE : EXIT_FAILED;
}

/* Wireshark asks while somebody types; what is printed is what is wrong. */
static int check_filter(const struct bc_extcap_request *q)
{
	struct bc_filter *f = NULL;
	struct bc_err err;

	if (bc_filter_compile(q->filter, ETHERNET, BC_FILTER_MAX_SNAPLEN, 0, &f, &err))
		puts(err.msg);
	bc_filter_destroy(f);
	return EXIT_DONE;
}

/* The pipe becomes stdout. Nothing is to be ended in good order yet: a signal may end the process while it waits for a reader. */
static int open_stdout(const char *fifo, struct bc_err *err)
{
	int fd, r = bc_extcap_fifo_open(fifo, -1, BC_EXTCAP_READER_NS, &fd, err);

	if (r)
		return r;
	if (fcntl(fd, F_SETFL, 0) < 0 || dup2(fd, STDOUT_FILENO) < 0)
		r = bc_err_set(err, -errno, "--fifo: %s", strerror(errno));
	close(fd);
	return r;
}

static void add(char **argv, int *n, const char *option, const char *value)
{
	if (!value)
		return;
	argv[(*n)++] = (char *)option;
	argv[(*n)++] = (char *)value;
}

static int find(const struct bc_extcap_request *q, struct bc_err *err)
{
	char *argv[FIND_ARGS + 1] = { "find", "--quiet" };
	int n = 2, r;

	if (!q->folder)
		return fail(err, bc_err_set(err, -EINVAL, "--folder is missing: a folder, a capture file, or s3://BUCKET/PREFIX/"));
	r = open_stdout(q->fifo, err);
	if (r)
		return fail(err, r);
	add(argv, &n, "--from", q->from);
	add(argv, &n, "--to", q->to);
	add(argv, &n, "--last", q->last);
	add(argv, &n, "--priority", q->priority);
	add(argv, &n, "--s3-endpoint", q->s3_endpoint);
	add(argv, &n, "--s3-profile", q->s3_profile);
	add(argv, &n, "-w", "-");
	/* Neither of the two can be taken for an option. */
	argv[n++] = "--";
	argv[n++] = (char *)(q->filter ? q->filter : "");
	argv[n++] = (char *)q->folder;
	return cmd_find(n, argv);
}

static int capture(const struct bc_extcap_request *q, struct bc_err *err)
{
	int r;

	if (q->iface == BC_EXTCAP_FIND)
		return find(q, err);
	r = bc_extcap_live(q, err);
	return r ? fail(err, r) : EXIT_DONE;
}

int cmd_extcap(int argc, char **argv)
{
	struct bc_extcap_request q;
	struct bc_err err;
	int r = bc_extcap_parse(argc, argv, &q, &err);

	if (r)
		return fail(&err, r);
	if (q.task == BC_EXTCAP_CAPTURE)
		return capture(&q, &err);
	if (q.task == BC_EXTCAP_CHECK)
		return check_filter(&q);
	bc_extcap_tell(stdout, &q);
	return EXIT_DONE;
}
