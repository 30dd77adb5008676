/* SPDX-License-Identifier: BSD-3-Clause */
/* From the two drafts to what `braidcap collect` does. */
#include "bc_config_collect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_config_draft.h"
#include "bc_config_tap.h"

/* Clients of one series: their packets in memory are ordered together. */

static int build_listen(const struct bc_draft *d, struct bc_collect_config *c, struct bc_err *err)
{
	char label[BC_LABEL_MAX];
	int rc = 0;

	if (!d->n_listen)
		return bc_err_set(err, -EINVAL, "no address to listen on: name one with -l, for example -l 6001 or -l "
				  "192.0.2.1:6001");
	c->listen = calloc(d->n_listen, sizeof(*c->listen));
	if (!c->listen)
		return bc_err_set(err, -ENOMEM, "no memory for the options");
	for (; !rc && c->n_listen < d->n_listen; c->n_listen++) {
		bc_draft_label(label, d, "-l", "listen[%u]", c->n_listen);
		rc = bc_listen_parse(label, d->listen[c->n_listen], &c->listen[c->n_listen], err);
	}
	return rc;
}

/* The entries of a draft, which has some; *ret is to be freed on every return. */
static int parse_allow(const struct bc_draft *d, struct bc_allow **ret, uint32_t *ret_n, struct bc_err *err)
{
	char label[BC_LABEL_MAX];
	int rc = 0;

	if (!d->n_allow)
		return bc_err_set(err, -EINVAL, "no clients: name each with --allow NAME=ADDRESS[/PREFIX]");
	*ret = calloc(d->n_allow, sizeof(**ret));
	if (!*ret)
		return bc_err_set(err, -ENOMEM, "no memory for the options");
	for (; !rc && *ret_n < d->n_allow; ++*ret_n) {
		bc_draft_label(label, d, "--allow", "allow[%u]", *ret_n);
		rc = bc_allow_parse(label, d->allow[*ret_n], &(*ret)[*ret_n], err);
	}
	return rc;
}

static int build_allow(const struct bc_draft *d, struct bc_collect_config *c, struct bc_err *err)
{
	int rc = parse_allow(d, &c->allow, &c->n_allow, err);

	if (!rc)
		rc = bc_allow_number(c->allow, c->n_allow, NULL, 0, err);
	if (rc > 0)
		c->n_clients = (uint32_t)rc;
	return rc < 0 ? rc : 0;
}

/* The file that names the clients, unless the command line does. */
static int keep_allow_file(const struct bc_draft *cli, struct bc_collect_config *c, struct bc_err *err)
{
	if (cli->n_allow || !cli->file)
		return 0;
	c->allow_file = strdup(cli->file);
	return c->allow_file ? 0 : bc_err_set(err, -ENOMEM, "no memory for the options");
}

int bc_config_collect_reread(const char *file, int fd, struct bc_allow **ret, uint32_t *ret_n, struct bc_err *err)
{
	struct bc_draft *d = NULL;
	struct bc_allow *list = NULL;
	uint32_t n = 0;
	int rc = bc_config_yaml(file, fd, BC_COMMAND_COLLECT, &d, err);

	if (!rc)
		rc = parse_allow(d, &list, &n, err);
	bc_draft_free(d);
	free(d);
	if (rc) {
		free(list);
		return rc;
	}
	*ret = list;
	*ret_n = n;
	return 0;
}

static int set_names(const struct bc_draft *cli, const struct bc_draft *file, struct bc_collect_config *c, struct bc_err *err)
{
	const struct bc_draft *d = cli->collect[BC_COL_NAMES] ? cli : file;
	const char *text = d->collect[BC_COL_NAMES];
	char label[BC_LABEL_MAX];

	bc_draft_label(label, d, "--names", "names");
	if (!text)
		c->names = c->merge ? BC_NAMES_OWN : BC_NAMES_OSMO;
	else if (!strcmp(text, "osmo"))
		c->names = BC_NAMES_OSMO;
	else if (!strcmp(text, "braidcap"))
		c->names = BC_NAMES_OWN;
	else
		return bc_err_set(err, -EINVAL, "%s: '%s' is neither osmo nor braidcap", label, text);
	return 0;
}

bool bc_config_collect_uses_tls(const struct bc_collect_config *c)
{
	bool uses = c->tls;

	for (uint32_t i = 0; i < c->n_allow; i++)
		uses |= c->allow[i].tls;
	return uses;
}

static int check_tls(const struct bc_collect_config *c, struct bc_err *err)
{
	const struct bc_config *f = &c->common;
	bool uses = bc_config_collect_uses_tls(c);

	if (uses && !f->tls_cert)
		return bc_err_set(err, -EINVAL, "TLS needs a certificate: name it with --tls-cert, and its key with --tls-key");
	if (!uses && !f->outputs[0].remote.tls && !bc_config_tap_uses_tls(f->pcap_over_ip) && (f->tls_cert || f->tls_key || f->tls_ca || f->tls_crl || c->tls_bind))
		return bc_err_set(err, -EINVAL, "TLS is configured, but no client uses it: add --tls, or ',tls' to a "
				  "client");
	if (c->tls_bind && !f->tls_ca)
		return bc_err_set(err, -EINVAL, "--tls-bind-names: needs --tls-ca, without which clients present no "
				  "certificates");
	return 0;
}

static int check_output(const struct bc_collect_config *c, struct bc_err *err)
{
	const struct bc_output_config *o = &c->common.outputs[0];

	if (c->common.n_outputs != 1)
		return bc_err_set(err, -EINVAL, c->common.n_outputs ? "collect writes to one place: give only one -w" :
				  "no output: name one with -w, for example -w /srv/capture/");
	if (!c->merge && o->kind != BC_DEST_FOLDER && o->kind != BC_DEST_NULL)
		return bc_err_set(err, -EINVAL, "-w: '%s' is not a folder, but each client has its own files: end its "
				  "name with /, or use --merge", o->dest);
	if (c->merge && c->n_clients > BC_MAX_SOURCES)
		return bc_err_set(err, -EINVAL, "--merge: %u clients, but one series can have %u at most", c->n_clients,
				  BC_MAX_SOURCES);
	for (uint32_t i = 0; c->merge && i < c->n_allow; i++)
		if (c->allow[i].no_store)
			return bc_err_set(err, -EINVAL, "--allow: '%s' has no-store, which cannot be combined with "
					  "--merge", c->allow[i].name);
	return 0;
}

static int build(const struct bc_draft *cli, const struct bc_draft *file, struct bc_collect_config *c, struct bc_err *err)
{
	int rc = bc_settings_build(bc_capture_settings, BC_CAP_N, cli, cli->v, file, file->v, &c->common, err);

	if (!rc)
		rc = bc_settings_build(bc_collect_settings, BC_COL_N, cli, cli->collect, file, file->collect, c, err);
	if (!rc)
		rc = bc_config_build_outputs(cli, cli->n_outputs ? cli : file, &c->common, err);
	if (!rc)
		rc = build_listen(cli->n_listen ? cli : file, c, err);
	if (!rc)
		rc = build_allow(cli->n_allow ? cli : file, c, err);
	if (!rc)
		rc = keep_allow_file(cli, c, err);
	if (!rc)
		rc = set_names(cli, file, c, err);
	if (!rc)
		rc = check_output(c, err);
	if (!rc)
		rc = check_tls(c, err);
	c->common.check_only = cli->check_only;
	return rc ? rc : bc_config_check_machine(&c->common, err);
}

int bc_config_collect_parse(int argc, char **argv, struct bc_collect_config *ret, struct bc_err *err)
{
	struct bc_draft cli = { .file = NULL }, *file = NULL;
	int rc;

	memset(ret, 0, sizeof(*ret));
	bc_config_defaults(&ret->common);
	ret->handshake_s = 10;
	rc = bc_config_drafts(argc, argv, BC_COMMAND_COLLECT, &cli, &file, err);
	if (!rc)
		rc = build(&cli, file, ret, err);
	bc_draft_free(file);
	free(file);
	bc_draft_free(&cli);
	return rc;
}

void bc_config_collect_free(struct bc_collect_config *c)
{
	bc_config_free(&c->common);
	free(c->listen);
	free(c->allow);
	free(c->allow_file);
	memset(c, 0, sizeof(*c));
}
