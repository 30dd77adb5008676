/* SPDX-License-Identifier: BSD-3-Clause */
/* From the two drafts, the file's and the command line's, to the one checked struct. */
#include "bc_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_config_draft.h"
#include "bc_object_place.h"
#include "bc_source_kind.h"

void bc_config_defaults(struct bc_config *c)
{
	*c = (struct bc_config){
		.max_wait_ms = 1000,
		.chunk_kib = 256,
		.memory_mib = 256,
		.huge = BC_HUGE_AUTO,
		.drain_timeout_s = 10,
		.promiscuous = true,
		.buffer_mb = 64,
		.accelerate = true,
	};
}

int bc_settings_build(const struct bc_setting *table, unsigned n, const struct bc_draft *cli, char *const *cli_v,
		      const struct bc_draft *file, char *const *file_v, void *base, struct bc_err *err)
{
	char label[BC_LABEL_MAX];
	int rc = 0;

	for (unsigned i = 0; !rc && i < n; i++) {
		const char *text = cli_v[i] ? cli_v[i] : file_v[i];

		if (!text)
			continue;
		bc_draft_setting_label(label, cli_v[i] ? cli : file, &table[i], NULL);
		rc = bc_setting_store(&table[i], label, text, base, err);
	}
	return rc;
}

static int set_default(char **at, const char *text, struct bc_err *err)
{
	if (*at || !text)
		return 0;
	*at = strdup(text);
	return *at ? 0 : bc_err_set(err, -ENOMEM, "no memory for the sources");
}

/* What the capture says of all kernel interfaces. */
static int set_kernel(const struct bc_config *c, const char *label, struct bc_source_config *s, struct bc_err *err)
{
	int rc;

	if (s->kind->target != BC_TARGET_INTERFACE)
		return 0;
	if (!s->buffer_mb)
		s->buffer_mb = c->buffer_mb;
	s->immediate |= c->immediate;
	rc = set_default(&s->direction, c->direction, err);
	if (!rc)
		rc = set_default(&s->linktype, c->linktype, err);
	return rc ? rc : bc_source_check_queues(label, s, err);
}

static int build_sources(const struct bc_draft *d, struct bc_config *c, struct bc_err *err)
{
	char label[BC_LABEL_MAX];
	int rc = 0;

	if (d->n_sources)
		c->sources = calloc(d->n_sources, sizeof(*c->sources));
	if (d->n_sources && !c->sources)
		return bc_err_set(err, -ENOMEM, "no memory for the sources");
	for (uint32_t i = 0; !rc && i < d->n_sources; i++) {
		bc_draft_label(label, d, d->dialect ? d->dialect->source : "-i", "sources[%u]", i);
		c->n_sources++;
		rc = bc_source_parse(label, d->sources[i], &c->sources[i], err);
		if (!rc)
			rc = set_kernel(c, label, &c->sources[i], err);
	}
	return rc;
}

int bc_config_build_outputs(const struct bc_draft *cli, const struct bc_draft *d, struct bc_config *c, struct bc_err *err)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < d->n_outputs; i++) {
		c->n_outputs++;
		rc = bc_output_build(cli, d, i, &c->outputs[i], err);
	}
	return rc;
}

static int check_listed(const struct bc_config *c, struct bc_err *err)
{
	if (!c->n_sources)
		return bc_err_set(err, -EINVAL, "-L: whose link types? Name an interface with -i, for example -i eth0");
	for (uint32_t i = 0; i < c->n_sources; i++)
		if (c->sources[i].kind->target != BC_TARGET_INTERFACE)
			return bc_err_set(err, -EINVAL, "-L: '%.128s' is no kernel interface: only these offer link types", c->sources[i].spec);
	return 0;
}

int bc_config_build(const struct bc_draft *cli, const struct bc_draft *file, struct bc_config *c, struct bc_err *err)
{
	int rc = bc_settings_build(bc_capture_settings, BC_CAP_N, cli, cli->v, file, file->v, c, err);

	if (!rc)
		rc = build_sources(cli->n_sources ? cli : file, c, err);
	c->check_only = cli->check_only;
	c->list_linktypes = cli->list_linktypes;
	if (!rc && c->list_linktypes)
		return check_listed(c, err);
	if (!rc)
		rc = bc_config_build_outputs(cli, cli->n_outputs ? cli : file, c, err);
	return rc ? rc : bc_config_check(c, err);
}

int bc_config_drafts(int argc, char **argv, enum bc_command what, struct bc_draft *ret_cli, struct bc_draft **ret_file,
		     struct bc_err *err)
{
	int rc = bc_config_cli(argc, argv, what, ret_cli, err);

	*ret_file = NULL;
	if (!rc && ret_cli->file)
		rc = bc_config_yaml(ret_cli->file, -1, what, ret_file, err);
	if (!rc && !*ret_file) {
		*ret_file = calloc(1, sizeof(**ret_file));
		rc = *ret_file ? 0 : bc_err_set(err, -ENOMEM, "no memory for the options");
	}
	return rc;
}

/* Something is lost when it is kept waiting, so that nothing waits for the index. */
static bool has_live_source(const struct bc_config *c)
{
	for (uint32_t i = 0; i < c->n_sources; i++)
		if (c->sources[i].kind->live)
			return true;
	return false;
}

/* A capture into a folder is one to search in. Files would wait for their flows to be indexed. */
static void index_folders(struct bc_config *c)
{
	enum bc_index_mode mode = has_live_source(c) ? BC_INDEX_FLOWS : BC_INDEX_TIME;

	for (uint32_t i = 0; i < c->n_outputs; i++) {
		struct bc_output_config *o = &c->outputs[i];

		if (o->index == BC_INDEX_AUTO && o->kind == BC_DEST_FOLDER && bc_output_can_have_index(o))
			o->index = mode;
	}
}

static bool has_folder(const struct bc_config *c)
{
	for (uint32_t i = 0; i < c->n_outputs; i++)
		if (c->outputs[i].kind == BC_DEST_FOLDER)
			return true;
	return false;
}

int bc_config_parse(int argc, char **argv, struct bc_config *ret, struct bc_err *err)
{
	struct bc_draft cli = { .file = NULL }, *file = NULL;
	int rc;

	bc_config_defaults(ret);
	rc = bc_config_drafts(argc, argv, BC_COMMAND_CAPTURE, &cli, &file, err);
	if (!rc)
		rc = bc_config_build(&cli, file, ret, err);
	if (!rc)
		index_folders(ret);
	if (!rc && cli.all.v[BC_OUT_UTC] && !has_folder(ret))
		ret->remark = "-U is for the names of segments in a folder, and there is none; tcpdump's -U is --flush-ms 1 here";
	bc_draft_free(file);
	free(file);
	bc_draft_free(&cli);
	return rc;
}

void bc_config_free(struct bc_config *c)
{
	for (uint32_t i = 0; i < c->n_sources; i++)
		bc_source_free(&c->sources[i]);
	for (uint32_t i = 0; i < c->n_outputs; i++)
		bc_output_config_free(&c->outputs[i]);
	free(c->sources);
	free(c->lcores);
	free(c->eal);
	free(c->prefix);
	free(c->direction);
	free(c->linktype);
	free(c->user);
	free(c->tls_cert);
	free(c->tls_key);
	free(c->tls_ca);
	free(c->tls_crl);
	free(c->s3_endpoint);
	free(c->s3_region);
	free(c->s3_ca);
	free(c->s3_credentials);
	free(c->s3_profile);
	free(c->sign);
	free(c->timestamp);
	free(c->upload_node);
	free(c->report);
	free(c->pcap_over_ip);
	free(c->zmq_publish);
	free(c->zmq_client);
	memset(c, 0, sizeof(*c));
}

void bc_config_store(const struct bc_config *c, struct bc_object_settings *ret)
{
	*ret = (struct bc_object_settings){
		.endpoint = c->s3_endpoint, .region = c->s3_region, .ca = c->s3_ca, .credentials = c->s3_credentials, .profile = c->s3_profile,
		.addressing = c->s3_path_style ? BC_ADDRESSING_PATH : BC_ADDRESSING_AUTO, .plain = c->s3_plain,
	};
}
