/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session gives up before packets come: system calls that its duty does not need, and writing beside its outputs. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_sandbox.h"
#include "bc_session_priv.h"
#include "bc_source_kind.h"

/* Of each output: where segments are, are moved, are spooled, and their number is. Then report, control socket, ZeroMQ's. */
#define PLACES (4 * BC_MAX_OUTPUTS + 3)

struct places {
	char *path[PLACES];
	size_t n;
	bool anywhere;		/* it is not known where something is written */
	bool failed;		/* no memory */
};

/* Takes path. */
static void take(struct places *p, char *path)
{
	if (path)
		p->path[p->n++] = path;
	else
		p->failed = true;
}

static void add(struct places *p, const char *folder)
{
	if (folder)
		take(p, strdup(folder));
}

/* What a device or an open descriptor stands for is not seen by its name. */
static void add_parent(struct places *p, const char *file)
{
	char *copy = file ? strdup(file) : NULL;

	if (file && (!strncmp(file, "/dev/", 5) || !strncmp(file, "/proc/", 6)))
		p->anywhere = true;
	else if (file)
		take(p, copy ? strdup(dirname(copy)) : NULL);
	free(copy);
}

static void add_output(struct places *p, const struct bc_output_config *o)
{
	if (o->kind == BC_DEST_FOLDER)
		add(p, o->dest);
	else if (o->kind == BC_DEST_FILE || (o->kind == BC_DEST_STREAM && strcmp(o->dest, "-") != 0))
		add_parent(p, o->dest);
	add(p, o->remote.spool);
	add_parent(p, o->seqfile);
}

/* What a keeper has, where there is one. */
static void find_outputs(const struct bc_session *s, struct places *p)
{
	const struct bc_config *c = s->cfg;

	for (uint32_t i = 0; i < c->n_outputs; i++)
		add_output(p, &c->outputs[i]);
	add_parent(p, c->report);
}

/* And a tender has, where there is one. */
static void find_completed(const struct bc_session *s, struct places *p)
{
	for (uint32_t i = 0; i < s->cfg->n_outputs; i++)
		add(p, s->cfg->outputs[i].completed);
}

const char *bc_session_zmq_socket(const struct bc_session *s)
{
	static const char ipc[] = "ipc://";
	const char *to = s->cfg->zmq_publish;

	return to && !strncmp(to, ipc, strlen(ipc)) ? to + strlen(ipc) : NULL;
}

static void find_control(const struct bc_session *s, struct places *p)
{
	add_parent(p, s->env.runtime.folder);
	add_parent(p, bc_session_zmq_socket(s));
}

static int end(struct places *p, struct bc_err *err)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->path[i]);
	return p->failed ? bc_err_set(err, -ENOMEM, "no memory for the sandbox") : 0;
}

static bool uses_xdp(const struct bc_config *cfg)
{
	for (uint32_t i = 0; i < cfg->n_sources; i++)
		if (cfg->sources[i].kind->target == BC_TARGET_PORT && strstr(cfg->sources[i].target, "af_xdp"))
			return true;
	return cfg->eal && strstr(cfg->eal, "af_xdp");
}

/* Without links; of a file that is not there yet, its folder. */
static bool whole_path(const char *path, char buf[PATH_MAX])
{
	char copy[PATH_MAX];

	if (realpath(path, buf))
		return true;
	return snprintf(copy, sizeof(copy), "%s", path) < (int)sizeof(copy) && realpath(dirname(copy), buf);
}

static bool holds(const char *whole, const char *path)
{
	char whole_of[PATH_MAX];
	size_t len = strlen(whole);

	if (!path)
		return false;
	/* What cannot be told is not given away. */
	if (len == 1 || !whole_path(path, whole_of))
		return true;
	return !strncmp(whole_of, whole, len) && (whole_of[len] == '/' || !whole_of[len]);
}

bool bc_session_holds_output(const struct bc_session *s, const char *folder)
{
	const struct bc_output_config *o = &s->cfg->outputs[0];
	char whole[PATH_MAX];

	return !realpath(folder, whole) || holds(whole, o->dest) || holds(whole, o->completed);
}

static void add_read_at(const struct bc_session *s, struct places *p, const char *file)
{
	char copy[PATH_MAX];
	const char *folder;

	snprintf(copy, sizeof(copy), "%s", file);
	folder = dirname(copy);
	add(p, bc_session_holds_output(s, folder) ? file : folder);
}

/* What is read again while it runs, by its name, whatever file has it then; a link may lead on. */
static void add_read(const struct bc_session *s, struct places *p, const char *file)
{
	char whole[PATH_MAX];

	if (file)
		add_read_at(s, p, file);
	if (file && realpath(file, whole))
		add_read_at(s, p, whole);
}

/* Where others' packets are it may not read either. */
static void find_reads(const struct bc_session *s, struct places *p)
{
	const struct bc_config *c = s->cfg;

	add(p, "/etc");
	add_read(s, p, c->tls_cert);
	add_read(s, p, c->tls_ca);
	add_read(s, p, c->tls_crl);
}

static void enter(const struct bc_session *s, const struct bc_sandbox *box)
{
	if (!bc_sandbox_enter_files(box))
		bc_log(&s->log, BC_INFO, "files are not restricted: this kernel has no Landlock");
}

static int confine_kept(const struct bc_session *s, struct bc_err *err)
{
	struct places write = { .n = 0 }, read = { .n = 0 };
	int r, e;

	find_control(s, &write);
	find_reads(s, &read);
	if (!write.failed && !read.failed)
		enter(s, &(struct bc_sandbox){ .read = read.path, .n_read = read.n, .write = write.path, .n_write = write.n });
	r = end(&write, err);
	e = end(&read, err);
	return r ? r : e;
}

int bc_session_confine_files(struct bc_session *s, struct bc_err *err)
{
	struct places p = { .n = 0 };

	/* DPDK writes to devices and hugepages, by threads that are there already. */
	if (s->cfg->no_sandbox || s->env.eal)
		return 0;
	if (s->keeper)
		return confine_kept(s, err);
	find_outputs(s, &p);
	find_completed(s, &p);
	find_control(s, &p);
	if (!p.failed && !p.anywhere)
		enter(s, &(struct bc_sandbox){ .write = p.path, .n_write = p.n });
	return end(&p, err);
}

int bc_session_confine_keeper(const struct bc_session *s, struct bc_err *err)
{
	struct places p = { .n = 0 };

	find_outputs(s, &p);
	if (!p.failed && !p.anywhere)
		bc_sandbox_enter_files(&(struct bc_sandbox){ .read = p.path, .n_read = p.n, .write = p.path, .n_write = p.n });
	bc_sandbox_enter_calls(&(struct bc_sandbox){ .duty = BC_DUTY_KEEP });
	return end(&p, err);
}

static void add_dest(struct places *p, const struct bc_output_config *o)
{
	if (o->kind == BC_DEST_FOLDER)
		add(p, o->dest);
	else
		add_parent(p, o->dest);
}

int bc_session_confine_tender(const struct bc_session *s, int which, struct bc_err *err)
{
	const struct bc_output_config *o = &s->cfg->outputs[0];
	const bool net = which == BC_TENDER_NET;
	struct places write = { .n = 0 }, read = { .n = 0 };
	int r, e;

	/* Over the network segments are sent from where they stay. */
	if (!net || !o->completed)
		add_dest(&write, o);
	add(&write, o->completed);
	for (size_t i = 0; i < write.n; i++)
		add(&read, write.path[i]);
	if (net)
		add(&read, "/etc");
	if (!write.failed && !read.failed && !write.anywhere)
		bc_sandbox_enter_files(&(struct bc_sandbox){ .read = read.path, .n_read = read.n, .write = write.path, .n_write = write.n });
	bc_sandbox_enter_calls(&(struct bc_sandbox){ .duty = net ? BC_DUTY_UPLOAD : BC_DUTY_KEEP });
	r = end(&write, err);
	e = end(&read, err);
	return r ? r : e;
}

int bc_session_confine_reader(const struct bc_session *s, const char *file, struct bc_err *err)
{
	struct places p = { .n = 0 };
	struct bc_sandbox box = { .duty = BC_DUTY_LOOK, .read = p.path };

	add(&p, s->cfg->outputs[0].dest);
	add_parent(&p, file);
	box.n_read = p.n;
	if (!p.failed && !p.anywhere)
		bc_sandbox_enter_files(&box);
	bc_sandbox_enter_calls(&box);
	return end(&p, err);
}

void bc_session_confine_calls(struct bc_session *s)
{
	const struct bc_sandbox box = {
		.duty = s->env.eal ? BC_DUTY_PORTS : s->keeper ? BC_DUTY_RECEIVE : s->ops->duty,
		.xdp = uses_xdp(s->cfg),
		/* ZeroMQ's threads block all signals. */
		.tell = !s->cfg->zmq_publish,
	};

	if (s->cfg->no_sandbox)
		bc_log(&s->log, BC_WARN, "--no-sandbox: a fault in reading packets could be used for all that this user may do");
	else if (!bc_sandbox_enter_calls(&box))
		bc_log(&s->log, BC_INFO, "system calls are not restricted: this kernel has no seccomp, or it is not allowed");
}
