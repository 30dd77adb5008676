/* SPDX-License-Identifier: BSD-3-Clause */
/* The checks that need more than one setting. */
#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_config_draft.h"
#include "bc_config_tap.h"
#include "bc_object_name.h"
#include "bc_ring.h"
#include "bc_source_kind.h"
#include "bc_tsa.h"
#include "bc_upload_key.h"

#define CPUS 4096

/* One absolute name for a path whose last part need not exist yet; NULL without memory. */
static char *canonical(const char *path)
{
	char *whole = realpath(path, NULL), *for_dir, *for_base, *dir;

	if (whole)
		return whole;
	for_dir = strdup(path);
	for_base = strdup(path);
	if (for_dir && for_base) {
		dir = realpath(dirname(for_dir), NULL);
		if (asprintf(&whole, "%s/%s", dir ? dir : for_dir, basename(for_base)) < 0)
			whole = NULL;
		free(dir);
	}
	free(for_dir);
	free(for_base);
	return whole;
}

/* 1: the same place; 0: not; -ENOMEM. */
static int same_place(const char *a, const char *b)
{
	char *x = canonical(a), *y = canonical(b);
	int rc = x && y ? !strcmp(x, y) : -ENOMEM;

	free(x);
	free(y);
	return rc;
}

static bool on_disk(const struct bc_output_config *o)
{
	return o->kind == BC_DEST_FILE || o->kind == BC_DEST_FOLDER;
}

static int refuse_same(const char *a, const char *b, const char *why, struct bc_err *err)
{
	int same = same_place(a, b);

	if (same < 0)
		return bc_err_set(err, same, "no memory");
	return same ? bc_err_set(err, -EINVAL, "'%s' and '%s': %s", a, b, why) : 0;
}

static int check_two_outputs(const struct bc_output_config *a, const struct bc_output_config *b, struct bc_err *err)
{
	if (a->kind == BC_DEST_STREAM && b->kind == BC_DEST_STREAM && !strcmp(a->dest, "-") && !strcmp(b->dest, "-"))
		return bc_err_set(err, -EINVAL, "-w -: only one output can be stdout");
	if ((a->kind == BC_DEST_PEER || a->kind == BC_DEST_STREAM) && !strcmp(a->dest, b->dest))
		return bc_err_set(err, -EINVAL, "-w: '%s' is given twice", a->dest);
	if (!on_disk(a) || !on_disk(b))
		return 0;
	return refuse_same(a->dest, b->dest, "two outputs cannot write to one place", err);
}

/* What else must not be written over by this output. */
static int check_output(const struct bc_config *c, const struct bc_output_config *o, struct bc_err *err)
{
	int rc = 0;

	if (o->kind != BC_DEST_FILE)
		return 0;
	for (uint32_t i = 0; !rc && i < c->n_sources; i++)
		if (c->sources[i].kind->target == BC_TARGET_PATH)
			rc = refuse_same(o->dest, c->sources[i].target, "an output would overwrite a source", err);
	if (!rc && c->report)
		rc = refuse_same(o->dest, c->report, "the report would overwrite an output", err);
	return rc;
}

static int check_completed(const struct bc_output_config *o, struct bc_err *err)
{
	char *folder;
	int rc;

	if (!o->completed)
		return 0;
	if (o->kind == BC_DEST_FOLDER)
		return refuse_same(o->dest, o->completed, "completed segments would be moved to where they are", err);
	folder = strdup(o->dest);
	if (!folder)
		return bc_err_set(err, -ENOMEM, "no memory");
	rc = refuse_same(dirname(folder), o->completed, "the completed file would be moved to where it is", err);
	free(folder);
	return rc;
}

static int check_outputs(const struct bc_config *c, struct bc_err *err)
{
	int rc = 0;

	for (uint32_t i = 0; !rc && i < c->n_outputs; i++) {
		if (c->outputs[i].stop_segments && c->n_outputs > 1)
			return bc_err_set(err, -EINVAL, "--stop-files, --stop-size: need a capture with a single output");
		rc = check_output(c, &c->outputs[i], err);
		if (!rc)
			rc = check_completed(&c->outputs[i], err);
		for (uint32_t j = 0; !rc && j < i; j++)
			rc = check_two_outputs(&c->outputs[j], &c->outputs[i], err);
	}
	return rc;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* Each gets all packets of its interface. A clock, a link type or a direction of its own may be what a second one is for. */
static bool take_same(const struct bc_source_config *a, const struct bc_source_config *b)
{
	return a->kind->target == BC_TARGET_INTERFACE && b->kind->target == BC_TARGET_INTERFACE && !strcmp(a->target, b->target) &&
	       bc_direction_of(a->direction) == bc_direction_of(b->direction) && same_text(a->linktype, b->linktype) &&
	       same_text(a->stamp, b->stamp);
}

static int check_distinct(const struct bc_config *c, struct bc_err *err)
{
	for (uint32_t i = 0; i < c->n_sources; i++)
		for (uint32_t j = 0; j < i; j++)
			if (take_same(&c->sources[j], &c->sources[i]))
				return bc_err_set(err, -EINVAL, "-i: '%s' and '%s' take the same packets: leave one out, or each is stored twice",
						  c->sources[j].spec, c->sources[i].spec);
	return 0;
}

static int check_sources(const struct bc_config *c, struct bc_err *err)
{
	uint32_t streams = 0, stdins = 0;

	for (uint32_t i = 0; i < c->n_sources; i++) {
		const struct bc_source_config *s = &c->sources[i];

		streams += s->queues;
		stdins += s->kind->target == BC_TARGET_PATH && !strcmp(s->target, "-");
	}
	if (stdins > 1)
		return bc_err_set(err, -EINVAL, "-i -: only one source can be stdin");
	if (c->direction && strcmp(c->direction, "in") && strcmp(c->direction, "out") && strcmp(c->direction, "inout"))
		return bc_err_set(err, -EINVAL, "--direction: '%s' is neither in nor out nor inout", c->direction);
	if (streams > BC_MAX_SOURCES)
		return bc_err_set(err, -EINVAL, "the sources have %u queues in total; the limit is %d", streams,
				  BC_MAX_SOURCES);
	return check_distinct(c, err);
}

static int check_tls(const struct bc_config *c, struct bc_err *err)
{
	bool used = bc_config_tap_uses_tls(c->pcap_over_ip);

	for (uint32_t i = 0; i < c->n_outputs; i++)
		used |= c->outputs[i].remote.tls;
	if (!used && (c->tls_cert || c->tls_key || c->tls_ca || c->tls_crl))
		return bc_err_set(err, -EINVAL, "--tls-...: nothing uses TLS: add ,tls to the address, as in "
				  "osmo://HOST:PORT,tls");
	if (c->tls_key && !c->tls_cert)
		return bc_err_set(err, -EINVAL, "--tls-key: a key needs its certificate: name it with --tls-cert");
	return 0;
}

/* Memory for less than a few chunks per output would stall the pipeline, not slow it. */
static int check_memory(const struct bc_config *c, struct bc_err *err)
{
	uint64_t need = (uint64_t)c->chunk_kib * 4 * c->n_outputs;

	if ((uint64_t)c->memory_mib * 1024 < need)
		return bc_err_set(err, -EINVAL, "--memory: %u MiB is too small for 4 chunks of %u KiB per output: use "
				  "%llu",
				  c->memory_mib, c->chunk_kib, (unsigned long long)(need + 1023) / 1024);
	return 0;
}

/* One CPU number; -1 if there is none. */
static int take_cpu(const char **p)
{
	int v = 0;

	if (!isdigit((unsigned char)**p))
		return -1;
	for (; isdigit((unsigned char)**p) && v < CPUS; (*p)++)
		v = v * 10 + (**p - '0');
	return v < CPUS ? v : -1;
}

/* "2-5,8". */
static int check_lcores(const char *list, struct bc_err *err)
{
	bool seen[CPUS] = { false };
	const char *p = list;

	do {
		int lo = take_cpu(&p), hi = lo;

		if (lo >= 0 && *p == '-') {
			p++;
			hi = take_cpu(&p);
		}
		if (lo < 0 || hi < lo || (*p && *p != ','))
			return bc_err_set(err, -EINVAL, "--lcores: '%s' is not a list of CPUs below %d such as 2-5,8", list, CPUS);
		for (int i = lo; i <= hi; i++) {
			if (seen[i])
				return bc_err_set(err, -EINVAL, "--lcores: '%s' has CPU %d twice", list, i);
			seen[i] = true;
		}
	} while (*p++ == ',');
	return 0;
}

/* It becomes part of file names. */
static int check_prefix(const char *prefix, struct bc_err *err)
{
	for (const char *p = prefix; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr("_-", *p))
			return bc_err_set(err, -EINVAL, "--prefix: '%s': only letters, digits, _ and - are allowed",
					  prefix);
	return 0;
}

/* It becomes part of topics. */
static int check_client(const char *client, struct bc_err *err)
{
	for (const char *p = client; *p; p++)
		if (!isgraph((unsigned char)*p))
			return bc_err_set(err, -EINVAL, "--zmq-client: '%s': only printable ASCII without spaces is "
					  "allowed", client);
	return 0;
}

static int check_tap(const struct bc_config *c, struct bc_err *err)
{
	struct bc_config_tap t;
	int rc = bc_config_tap_parse("--pcap-over-ip", c->pcap_over_ip, &t, err);

	if (!rc && t.tls && !c->tls_cert)
		return bc_err_set(err, -EINVAL, "--pcap-over-ip: TLS needs a certificate: name it with --tls-cert, and its key with --tls-key");
	if (!rc && bc_config_mirrored(c) == c->n_outputs)
		return bc_err_set(err, -EINVAL, "--pcap-over-ip: needs an output that is not a remote peer: add one, such as -w null:");
	return rc;
}

static int check_upload(const struct bc_config *c, struct bc_err *err)
{
	bool uploads = false, reads = false;

	for (uint32_t i = 0; i < c->n_outputs; i++)
		uploads |= c->outputs[i].upload != NULL;
	for (uint32_t i = 0; i < c->n_sources; i++)
		reads |= c->sources[i].kind->target == BC_TARGET_PATH && bc_object_is_name(c->sources[i].target);
	if (!uploads && (c->upload_node || c->upload_connections || c->upload_bytes_per_s))
		return bc_err_set(err, -EINVAL, "--upload-...: nothing is uploaded: add --upload s3://BUCKET/PREFIX/");
	if (!uploads && !reads && (c->s3_endpoint || c->s3_region || c->s3_ca || c->s3_credentials || c->s3_profile || c->s3_path_style || c->s3_plain))
		return bc_err_set(err, -EINVAL, "--s3-...: no source is an object, and nothing is uploaded: add --upload s3://BUCKET/PREFIX/");
	if (c->upload_node && !bc_upload_node_ok(c->upload_node))
		return bc_err_set(err, -EINVAL, "--upload-node: '%s' cannot stand between two slashes", c->upload_node);
	return 0;
}

static int check_sign(const struct bc_config *c, struct bc_err *err)
{
	const char *tls = c->tls_key ? c->tls_key : c->tls_cert;
	bool folder = false;

	for (uint32_t i = 0; i < c->n_outputs; i++) {
		folder |= c->outputs[i].kind == BC_DEST_FOLDER;
		if (c->sign && c->outputs[i].keep.recompress)
			return bc_err_set(err, -EINVAL, "--sign: a signed segment keeps its bytes: not with --recompress");
	}
	/* The process that keeps it would sign with it what TLS signs: anything. */
	if (c->sign && tls && !strcmp(c->sign, tls))
		return bc_err_set(err, -EINVAL, "--sign: '%s' is the key of TLS, too: make one of its own (openssl genpkey -algorithm ed25519)", tls);
	if (!c->sign && (c->timestamp || c->timestamp_seconds))
		return bc_err_set(err, -EINVAL, "--timestamp: only a chain of custody is stamped: add --sign KEY.pem");
	if (!c->timestamp && c->timestamp_seconds)
		return bc_err_set(err, -EINVAL, "--timestamp-seconds: nobody is asked for time stamps: add --timestamp URL");
	if (c->timestamp && bc_tsa_url_check(c->timestamp, err))
		return -EINVAL;
	return !c->sign || folder ? 0 : bc_err_set(err, -EINVAL, "--sign: only the segments of a folder are signed: -w FOLDER/");
}

int bc_config_check_machine(const struct bc_config *c, struct bc_err *err)
{
	int rc = check_memory(c, err);

	if (!rc && c->lcores)
		rc = check_lcores(c->lcores, err);
	if (!rc && c->prefix)
		rc = check_prefix(c->prefix, err);
	if (!rc && c->pcap_over_ip)
		rc = check_tap(c, err);
	if (!rc)
		rc = check_sign(c, err);
	return rc ? rc : check_upload(c, err);
}

int bc_config_check(const struct bc_config *c, struct bc_err *err)
{
	int rc = 0;

	if (!c->n_sources)
		return bc_err_set(err, -EINVAL, "no source: name one with -i, for example -i eth0");
	if (!c->n_outputs)
		return bc_err_set(err, -EINVAL, "no output: name one with -w, for example -w /srv/capture/ or -w "
				  "trace.pcapng");
	rc = check_sources(c, err);
	if (!rc)
		rc = check_outputs(c, err);
	if (!rc)
		rc = check_tls(c, err);
	if (!rc)
		rc = bc_config_check_machine(c, err);
	if (!rc && c->zmq_publish && bc_config_mirrored(c) == c->n_outputs)
		rc = bc_err_set(err, -EINVAL, "--zmq-publish: needs an output that is not a remote peer: add one, "
				"such as -w null:");
	if (!rc && c->zmq_client)
		rc = check_client(c->zmq_client, err);
	return rc;
}
