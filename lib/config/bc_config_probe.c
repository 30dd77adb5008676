/* SPDX-License-Identifier: BSD-3-Clause */
/* --check: what settings name, looked at without starting anything. */
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_config.h"
#include "bc_filter.h"
#include "bc_source_kind.h"

/* Link types of which a filter is for one, at least: Ethernet, IP, the kernel's for all interfaces. */
static const uint16_t linktypes[] = { 1, 101, 276 };

static int probe_filter(const char *expression, struct bc_err *err)
{
	struct bc_err other;
	int rc = -EINVAL;

	for (size_t i = 0; rc && i < sizeof(linktypes) / sizeof(linktypes[0]); i++) {
		struct bc_filter *f = NULL;

		rc = bc_filter_compile(expression, linktypes[i], BC_FILTER_MAX_SNAPLEN, 0, &f, i ? &other : err);
		if (!rc)
			bc_filter_destroy(f);
	}
	return rc;
}

static int probe_path(const char *what, const char *path, int mode, struct bc_err *err)
{
	return access(path, mode) == 0 ? 0 : bc_err_set(err, -EINVAL, "%s: '%s': %s", what, path, strerror(errno));
}

static int probe_folder(const char *what, const char *path, int mode, struct bc_err *err)
{
	if (access(path, mode) && errno == ENOENT)
		return bc_err_set(err, -EINVAL, "%s: '%s': no such folder: create it, or name another", what, path);
	return probe_path(what, path, mode, err);
}

/* The folder in which the file is to be. */
static int probe_folder_of(const char *what, const char *path, int mode, struct bc_err *err)
{
	char *copy = strdup(path);
	int rc = copy ? probe_folder(what, dirname(copy), mode, err) : bc_err_set(err, -ENOMEM, "no memory");

	free(copy);
	return rc;
}

static int probe_output(const struct bc_output_config *o, int mode, struct bc_err *err)
{
	int rc = o->filter ? probe_filter(o->filter, err) : 0;

	if (!rc && o->kind == BC_DEST_FOLDER)
		rc = probe_folder("-w", o->dest, mode, err);
	if (!rc && o->kind == BC_DEST_FILE)
		rc = probe_folder_of("-w", o->dest, mode, err);
	if (!rc && o->completed)
		rc = probe_folder("--completed", o->completed, mode, err);
	return rc;
}

static int probe_files(const struct bc_config *c, int mode, struct bc_err *err)
{
	const struct { const char *what, *path; } files[] = {
		{ "--tls-cert", c->tls_cert }, { "--tls-key", c->tls_key }, { "--tls-ca", c->tls_ca }, { "--tls-crl", c->tls_crl },
		{ "--s3-ca", c->s3_ca }, { "--s3-credentials", c->s3_credentials }, { "--sign", c->sign },
	};
	int rc = 0;

	for (size_t i = 0; !rc && i < sizeof(files) / sizeof(files[0]); i++)
		if (files[i].path)
			rc = probe_path(files[i].what, files[i].path, R_OK, err);
	return rc || !c->report ? rc : probe_folder_of("--report", c->report, mode, err);
}

int bc_config_probe(const struct bc_config *c, struct bc_err *err)
{
	/* What another user may do is not asked. */
	const int mode = c->user ? F_OK : W_OK | X_OK;
	int rc = probe_files(c, mode, err);

	for (uint32_t i = 0; !rc && i < c->n_sources; i++)
		if (c->sources[i].kind->target == BC_TARGET_PATH && strcmp(c->sources[i].target, "-") && !strstr(c->sources[i].target, "://"))
			rc = probe_path("-i", c->sources[i].target, c->user ? F_OK : R_OK, err);
	for (uint32_t i = 0; !rc && i < c->n_outputs; i++)
		rc = probe_output(&c->outputs[i], mode, err);
	return rc;
}
