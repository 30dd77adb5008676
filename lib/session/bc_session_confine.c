/* SPDX-License-Identifier: BSD-3-Clause */
/* What a session gives up before packets come: system calls that its duty does not need, and writing beside its outputs. */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bc_credentials.h"
#include "bc_file.h"
#include "bc_object_place.h"
#include "bc_paths.h"
#include "bc_port_paths.h"
#include "bc_privileges.h"
#include "bc_sandbox.h"
#include "bc_session_priv.h"
#include "bc_source_kind.h"

static int make_folder(const char *path)
{
	return mkdir(path, 0700) < 0 ? -errno : 0;
}

/* What is open already needs no right, wherever it is; /dev/null anybody has. */
static void add_file(struct bc_paths *p, const char *file)
{
	if (file && bc_file_descriptor(file) < 0 && strcmp(file, "/dev/null") != 0)
		bc_paths_add_parent(p, file);
}

static void add_output(const struct bc_session *s, struct bc_paths *p, const struct bc_output_config *o)
{
	if (o->kind == BC_DEST_FOLDER)
		bc_paths_add(p, o->dest);
	else if (o->kind == BC_DEST_FILE || (o->kind == BC_DEST_STREAM && strcmp(o->dest, "-") != 0))
		add_file(p, o->dest);
	/* One that is not there yet would be made later, by whom the session runs as then. */
	if (o->remote.spool)
		bc_privileges_try(s->cfg->user, make_folder, o->remote.spool, "", NULL);
	bc_paths_add(p, o->remote.spool);
	bc_paths_add_parent(p, o->seqfile);
}

/* What a keeper has, where there is one. */
static void find_outputs(const struct bc_session *s, struct bc_paths *p)
{
	const struct bc_config *c = s->cfg;

	for (uint32_t i = 0; i < c->n_outputs; i++)
		add_output(s, p, &c->outputs[i]);
	add_file(p, c->report);
}

/* And a tender has, where there is one. */
static void find_completed(const struct bc_session *s, struct bc_paths *p)
{
	for (uint32_t i = 0; i < s->cfg->n_outputs; i++)
		bc_paths_add(p, s->cfg->outputs[i].completed);
}

const char *bc_session_zmq_socket(const struct bc_session *s)
{
	static const char ipc[] = "ipc://";
	const char *to = s->cfg->zmq_publish;

	return to && !strncmp(to, ipc, strlen(ipc)) ? to + strlen(ipc) : NULL;
}

/* What may be written. */
struct writes {
	struct bc_paths folder, socket, device;
};

static void find_control(const struct bc_session *s, struct writes *w)
{
	bc_paths_add_parent(&w->folder, s->env.runtime.folder);
	bc_paths_add_parent(&w->socket, bc_session_zmq_socket(s));
}

static int end(struct writes *w, struct bc_err *err)
{
	int of[] = { bc_paths_end(&w->folder, err), bc_paths_end(&w->socket, err), bc_paths_end(&w->device, err) };

	return of[0] ? of[0] : of[1] ? of[1] : of[2];
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

static void add_read_at(const struct bc_session *s, struct bc_paths *p, const char *file)
{
	char copy[PATH_MAX];
	const char *folder;

	snprintf(copy, sizeof(copy), "%s", file);
	folder = dirname(copy);
	bc_paths_add(p, bc_session_holds_output(s, folder) ? file : folder);
}

/* What is read again while it runs, by its name, whatever file has it then; a link may lead on. */
static void add_read(const struct bc_session *s, struct bc_paths *p, const char *file)
{
	char whole[PATH_MAX];

	if (file)
		add_read_at(s, p, file);
	if (file && realpath(file, whole))
		add_read_at(s, p, whole);
}

/* Where others' packets are it may not read either. */
static void find_reads(const struct bc_session *s, struct bc_paths *p)
{
	const struct bc_config *c = s->cfg;

	bc_paths_add(p, "/etc");
	add_read(s, p, c->tls_cert);
	add_read(s, p, c->tls_ca);
	add_read(s, p, c->tls_crl);
}

/* read: NULL, all is. */
static void enter(const struct bc_session *s, const struct writes *w, const struct bc_paths *read)
{
	const struct bc_sandbox box = {
		.read = read ? read->path : NULL, .n_read = read ? read->n : 0, .write = w->folder.path, .n_write = w->folder.n,
		.socket = w->socket.path, .n_socket = w->socket.n, .device = w->device.path, .n_device = w->device.n,
	};

	if (w->folder.failed || w->socket.failed || w->device.failed || (read && read->failed))
		return;
	if (w->folder.anywhere) {
		bc_log(&s->log, BC_INFO, "files are not restricted: what is written below /dev or /proc may be anywhere");
		return;
	}
	if (!bc_sandbox_enter_files(&box))
		bc_log(&s->log, BC_INFO, "files are not restricted: this kernel has no Landlock");
}

static int confine_kept(const struct bc_session *s, struct writes *w, struct bc_err *err)
{
	struct bc_paths read = { .n = 0 };

	find_reads(s, &read);
	enter(s, w, &read);
	return bc_paths_end(&read, err);
}

/* libpcap asks the devices of a bus what they are when it opens that. */
static void find_buses(const struct bc_config *c, struct bc_paths *device)
{
	for (uint32_t i = 0; i < c->n_sources; i++)
		if (c->sources[i].kind->target == BC_TARGET_INTERFACE && !strncmp(c->sources[i].target, "usbmon", 6))
			bc_paths_add(device, "/dev/bus/usb");
}

static void confine_capture(const struct bc_session *s, struct writes *w)
{
	find_outputs(s, &w->folder);
	find_completed(s, &w->folder);
	find_buses(s->cfg, &w->device);
	if (s->env.eal)
		bc_port_paths_find(s->cfg, &(struct bc_port_paths){ &w->device, &w->socket, &w->folder });
	enter(s, w, NULL);
}

int bc_session_confine_files(const struct bc_session *s, struct bc_err *err)
{
	struct writes w = { .folder = { .n = 0 } };
	int r = 0, e;

	if (s->cfg->no_sandbox)
		return 0;
	find_control(s, &w);
	if (s->keeper)
		r = confine_kept(s, &w, err);
	else
		confine_capture(s, &w);
	e = end(&w, err);
	return r ? r : e;
}

/* Where another may take the output's place, as that of a disk which is mounted again. The root folder would be all that there is. */
static void add_place(const struct bc_session *s, struct bc_paths *p)
{
	const struct bc_output_config *o = &s->cfg->outputs[0];
	char whole[PATH_MAX];
	const char *place = o->kind == BC_DEST_FOLDER && realpath(o->dest, whole) ? dirname(whole) : "/";

	if (strcmp(place, "/") != 0)
		bc_paths_add(p, place);
}

int bc_session_confine_keeper(const struct bc_session *s, struct bc_err *err)
{
	struct bc_paths p = { .n = 0 };

	find_outputs(s, &p);
	add_place(s, &p);
	if (!p.failed && !p.anywhere)
		bc_sandbox_enter_files(&(struct bc_sandbox){ .read = p.path, .n_read = p.n, .write = p.path, .n_write = p.n });
	bc_sandbox_enter_calls(&(struct bc_sandbox){ .duty = BC_DUTY_KEEP });
	return bc_paths_end(&p, err);
}

/* Often a link to where a file is that takes the place of another as the network changes. */
static void find_resolver_reads(const struct bc_session *s, struct bc_paths *p)
{
	bc_paths_add(p, "/etc");
	add_read(s, p, "/etc/resolv.conf");
}

/* What an upload reads again: keys, which change, and who signs the store's certificate. */
static void find_store_reads(const struct bc_session *s, struct bc_paths *p)
{
	char keys[BC_OBJECT_PATH_MAX];

	add_read(s, p, s->store.credentials);
	if (!bc_aws_file_path("AWS_SHARED_CREDENTIALS_FILE", "credentials", keys, sizeof(keys)))
		add_read(s, p, keys);
	add_read(s, p, s->store.ca ? s->store.ca : getenv("AWS_CA_BUNDLE"));
}

static void add_dest(struct bc_paths *p, const struct bc_output_config *o)
{
	if (o->kind == BC_DEST_FOLDER)
		bc_paths_add(p, o->dest);
	else
		bc_paths_add_parent(p, o->dest);
}

int bc_session_confine_tender(const struct bc_session *s, int which, struct bc_err *err)
{
	const struct bc_output_config *o = &s->cfg->outputs[0];
	const bool net = which == BC_TENDER_NET;
	struct bc_paths write = { .n = 0 }, read = { .n = 0 };
	int r, e;

	/* Over the network segments are sent from where they stay. */
	if (!net || !o->completed)
		add_dest(&write, o);
	bc_paths_add(&write, o->completed);
	for (size_t i = 0; i < write.n; i++)
		bc_paths_add(&read, write.path[i]);
	if (net)
		find_resolver_reads(s, &read);
	if (net && o->upload)
		find_store_reads(s, &read);
	if (!write.failed && !read.failed && !write.anywhere)
		bc_sandbox_enter_files(&(struct bc_sandbox){ .read = read.path, .n_read = read.n, .write = write.path, .n_write = write.n });
	bc_sandbox_enter_calls(&(struct bc_sandbox){ .duty = net ? BC_DUTY_UPLOAD : BC_DUTY_KEEP });
	r = bc_paths_end(&write, err);
	e = bc_paths_end(&read, err);
	return r ? r : e;
}

int bc_session_confine_reader(const struct bc_session *s, const char *file, struct bc_err *err)
{
	struct bc_paths p = { .n = 0 };
	struct bc_sandbox box = { .duty = BC_DUTY_LOOK };
	char whole[PATH_MAX];

	bc_paths_add(&p, s->cfg->outputs[0].dest);
	bc_paths_add_parent(&p, file);
	if (file && realpath(file, whole))
		bc_paths_add_parent(&p, whole);
	box.read = p.path;
	box.n_read = p.n;
	if (!p.failed && !p.anywhere)
		bc_sandbox_enter_files(&box);
	bc_sandbox_enter_calls(&box);
	return bc_paths_end(&p, err);
}

void bc_session_confine_calls(struct bc_session *s)
{
	const struct bc_sandbox box = {
		.duty = s->env.eal ? BC_DUTY_PORTS : s->keeper ? BC_DUTY_RECEIVE : s->ops->duty,
		.xdp = bc_port_paths_xdp(s->cfg),
		/* ZeroMQ's threads block all signals. */
		.tell = !s->cfg->zmq_publish,
	};

	if (s->cfg->no_sandbox)
		bc_log(&s->log, BC_WARN, "--no-sandbox: a fault in reading packets could be used for all that this user may do");
	else if (!bc_sandbox_enter_calls(&box))
		bc_log(&s->log, BC_INFO, "system calls are not restricted: this kernel has no seccomp, or it is not allowed");
}
