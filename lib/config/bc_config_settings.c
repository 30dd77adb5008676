/* SPDX-License-Identifier: BSD-3-Clause */
/* The table of settings, from which the long options and the YAML schema are made, and the reading of one value. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "bc_config_draft.h"
#include "bc_number.h"

#define YEAR_S 31536000.0
#define CAP(member) offsetof(struct bc_config, member)
#define COL(member) offsetof(struct bc_collect_config, member)
#define OUT(member) offsetof(struct bc_output_config, member)

/*
 * 0 is legal where it means "none" or "no limit", which also lets the command line undo what a file says. It is refused
 * where one user would take it for "at once" and another for "never".
 */
const struct bc_setting bc_capture_settings[BC_CAP_N] = {
	[BC_CAP_COUNT] = { "count", "count", 'c', true, BC_SET_U64, CAP(count), 1, 999999999999999, .capture_only = true },
	[BC_CAP_DURATION] = { "duration", "duration", 'd', true, BC_SET_FRACTION, CAP(duration_s), 0.001, 10 * YEAR_S },
	[BC_CAP_IDLE_EXIT] = { "idle-exit", "idle_exit", 0, true, BC_SET_FRACTION, CAP(idle_exit_s), 0.001, YEAR_S },
	[BC_CAP_MAX_WAIT] = { "max-wait", "max_wait_ms", 0, false, BC_SET_U32, CAP(max_wait_ms), 1, 3600000 },
	[BC_CAP_FLUSH] = { "flush-ms", "flush_ms", 0, false, BC_SET_U32, CAP(flush_ms), 1, 60000 },
	[BC_CAP_CHUNK] = { "chunk", "chunk_kib", 0, false, BC_SET_U32, CAP(chunk_kib), 64, 4096 },
	[BC_CAP_MEMORY] = { "memory", "memory_mb", 0, false, BC_SET_U32, CAP(memory_mib), 8, 1048576 },
	[BC_CAP_MBUFS] = { "mbufs", "mbufs", 0, true, BC_SET_U32, CAP(mbufs), 512, 67108864 },
	[BC_CAP_LCORES] = { "lcores", "lcores", 0, false, BC_SET_TEXT, CAP(lcores), 1, 4096 },
	[BC_CAP_NO_HUGE] = { "no-huge", "no_huge", 0, false, BC_SET_NO_HUGE, CAP(huge), 0, 0 },
	[BC_CAP_BUSY_POLL] = { "busy-poll", "busy_poll", 0, false, BC_SET_YES, CAP(busy_poll), 0, 0 },
	[BC_CAP_BUFFER] = { "buffer-size", "buffer_mb", 'B', false, BC_SET_U32, CAP(buffer_mb), 1, 2047, .capture_only = true, .unit = "MB" },
	[BC_CAP_IMMEDIATE] = { "immediate-mode", "immediate_mode", 0, false, BC_SET_YES, CAP(immediate), 0, 0, .capture_only = true },
	[BC_CAP_DIRECTION] = { "direction", "direction", 'Q', false, BC_SET_TEXT, CAP(direction), 1, 16, .capture_only = true },
	[BC_CAP_LINKTYPE] = { "linktype", "linktype", 'y', false, BC_SET_TEXT, CAP(linktype), 1, 64, .capture_only = true },
	[BC_CAP_WAIT_INTERFACE] = { "wait-interface", "wait_interface", 0, true, BC_SET_FRACTION, CAP(wait_interface_s), 0.1, 10 * YEAR_S,
				    .capture_only = true },
	[BC_CAP_NO_PROMISC] = { "no-promisc", "no_promisc", 'p', false, BC_SET_NOT, CAP(promiscuous), 0, 0, .capture_only = true },
	[BC_CAP_NO_ACCELERATE] = { "no-accelerate", "no_accelerate", 0, false, BC_SET_NOT, CAP(accelerate), 0, 0 },
	[BC_CAP_BPF_JIT] = { "bpf-jit", "bpf_jit", 0, false, BC_SET_YES, CAP(bpf_jit), 0, 0, .capture_only = true },
	[BC_CAP_EAL] = { "eal", "eal", 0, false, BC_SET_TEXT, CAP(eal), 0, 4096 },
	[BC_CAP_PREFIX] = { "prefix", "prefix", 0, false, BC_SET_TEXT, CAP(prefix), 1, 64 },
	[BC_CAP_USER] = { "user", "user", 0, false, BC_SET_TEXT, CAP(user), 1, 256 },
	[BC_CAP_PCAP_OVER_IP] = { "pcap-over-ip", "pcap_over_ip", 0, false, BC_SET_TEXT, CAP(pcap_over_ip), 1, 1024 },
	[BC_CAP_ZMQ_PUBLISH] = { "zmq-publish", "zmq_publish", 0, false, BC_SET_TEXT, CAP(zmq_publish), 1, 1024 },
	[BC_CAP_ZMQ_CLIENT] = { "zmq-client", "zmq_client", 0, false, BC_SET_TEXT, CAP(zmq_client), 1, 128, .capture_only = true },
	[BC_CAP_ZMQ_NS] = { "zmq-ns", "zmq_ns", 0, false, BC_SET_YES, CAP(zmq_ns), 0, 0 },
	[BC_CAP_TLS_CERT] = { "tls-cert", "tls_cert", 0, false, BC_SET_TEXT, CAP(tls_cert), 1, 4095 },
	[BC_CAP_TLS_KEY] = { "tls-key", "tls_key", 0, false, BC_SET_TEXT, CAP(tls_key), 1, 4095 },
	[BC_CAP_TLS_CA] = { "tls-ca", "tls_ca", 0, false, BC_SET_TEXT, CAP(tls_ca), 1, 4095 },
	[BC_CAP_TLS_CRL] = { "tls-crl", "tls_crl", 0, false, BC_SET_TEXT, CAP(tls_crl), 1, 4095 },
	[BC_CAP_DRAIN_TIMEOUT] = { "drain-timeout", "drain_timeout", 0, true, BC_SET_FRACTION, CAP(drain_timeout_s), 0.001, 86400 },
	[BC_CAP_DETECT_LOOP] = { "detect-loop", "detect_loop", 0, false, BC_SET_YES, CAP(detect_loop), 0, 0, .capture_only = true },
	[BC_CAP_S3_ENDPOINT] = { "s3-endpoint", "s3_endpoint", 0, false, BC_SET_TEXT, CAP(s3_endpoint), 1, 255 },
	[BC_CAP_S3_REGION] = { "s3-region", "s3_region", 0, false, BC_SET_TEXT, CAP(s3_region), 1, 63 },
	[BC_CAP_S3_CA] = { "s3-ca", "s3_ca", 0, false, BC_SET_TEXT, CAP(s3_ca), 1, 4095 },
	[BC_CAP_S3_CREDENTIALS] = { "s3-credentials", "s3_credentials", 0, false, BC_SET_TEXT, CAP(s3_credentials), 1, 4095 },
	[BC_CAP_S3_PROFILE] = { "s3-profile", "s3_profile", 0, false, BC_SET_TEXT, CAP(s3_profile), 1, 255 },
	[BC_CAP_S3_PATH_STYLE] = { "s3-path-style", "s3_path_style", 0, false, BC_SET_YES, CAP(s3_path_style), 0, 0 },
	[BC_CAP_S3_PLAIN] = { "s3-plain", "s3_plain", 0, false, BC_SET_YES, CAP(s3_plain), 0, 0 },
	[BC_CAP_SIGN] = { "sign", "sign", 0, false, BC_SET_TEXT, CAP(sign), 1, 4095 },
	[BC_CAP_TIMESTAMP] = { "timestamp", "timestamp", 0, false, BC_SET_TEXT, CAP(timestamp), 1, 1024 },
	[BC_CAP_TIMESTAMP_SECONDS] = { "timestamp-seconds", "timestamp_seconds", 0, false, BC_SET_U32, CAP(timestamp_seconds), 1, 86400 },
	[BC_CAP_UPLOAD_NODE] = { "upload-node", "upload_node", 0, false, BC_SET_TEXT, CAP(upload_node), 1, 255 },
	[BC_CAP_UPLOAD_CONNECTIONS] = { "upload-connections", "upload_connections", 0, false, BC_SET_U32, CAP(upload_connections), 1, 64 },
	[BC_CAP_UPLOAD_RATE] = { "upload-rate", "upload_rate_mb", 0, true, BC_SET_MEGABYTES, CAP(upload_bytes_per_s), 0.01, 1e6 },
	[BC_CAP_REPORT] = { "report", "report", 0, false, BC_SET_TEXT, CAP(report), 1, 4095 },
	[BC_CAP_ROTATE_ON_HUP] = { "rotate-on-hup", "rotate_on_hup", 0, false, BC_SET_YES, CAP(rotate_on_hup), 0, 0 },
	[BC_CAP_NO_SANDBOX] = { "no-sandbox", "no_sandbox", 0, false, BC_SET_YES, CAP(no_sandbox), 0, 0 },
	[BC_CAP_VERBOSE] = { "verbose", "verbose", 'v', false, BC_SET_U32, CAP(verbose), 0, 9 },
	[BC_CAP_QUIET] = { "quiet", "quiet", 'q', false, BC_SET_YES, CAP(quiet), 0, 0 },
};

const struct bc_setting bc_output_settings[BC_OUT_N] = {
	[BC_OUT_DEST] = { NULL, "dest", 0, false, BC_SET_TEXT, OUT(dest), 1, 4095 },
	[BC_OUT_FILTER] = { "filter", "filter", 'f', false, BC_SET_TEXT, OUT(filter), 0, 65535, .capture_only = true },
	[BC_OUT_EXCLUDE] = { "exclude", "exclude", 0, false, BC_SET_TEXT, OUT(exclude), 0, 255, .capture_only = true },
	[BC_OUT_ANONYMISE] = { "anonymise", "anonymise", 0, false, BC_SET_SPECIAL, 0, 0, 0, .capture_only = true },
	[BC_OUT_ENCRYPT] = { "encrypt", "encrypt", 0, false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_ENCRYPT_FILE] = { "encrypt-file", "encrypt_file", 0, false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_SNAPLEN] = { "snaplen", "snaplen", 's', true, BC_SET_U32, OUT(snaplen), 1, BC_SNAPLEN_MAX },
	[BC_OUT_FORMAT] = { "format", "format", 0, false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_COMPRESS] = { "compress", "compress", 'Z', false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_LEVEL] = { "compress-level", "level", 'z', false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_ROTATE_SECONDS] = { "rotate-seconds", "rotate_seconds", 'G', true, BC_SET_FRACTION, OUT(rotate_seconds), 0.1,
				    YEAR_S },
	[BC_OUT_ROTATE_CLOCK] = { "rotate-clock", "rotate_clock", 0, false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_ROTATE_SIZE] = { "rotate-size", "rotate_size_mb", 'S', true, BC_SET_MEGABYTES, OUT(rotate_bytes), 0.001, 16e6 },
	[BC_OUT_ROTATE_PACKETS] = { "rotate-packets", "rotate_packets", 0, true, BC_SET_U64, OUT(rotate_packets), 1, 999999999999999,
				    .capture_only = true },
	[BC_OUT_STOP_FILES] = { "stop-files", "stop_files", 0, true, BC_SET_U32, OUT(stop_segments), 1, 4000000000, .capture_only = true },
	[BC_OUT_STOP_SIZE] = { "stop-size", "stop_size_mb", 0, true, BC_SET_MEGABYTES, OUT(stop_bytes), 0.001, 16e6, .capture_only = true },
	[BC_OUT_SKIP_EMPTY] = { "skip-empty", "skip_empty", 0, false, BC_SET_YES, OUT(skip_empty), 0, 0, .capture_only = true },
	[BC_OUT_COMMENT] = { "comment", "comment", 0, false, BC_SET_TEXT, OUT(comment), 0, 4096, .capture_only = true },
	[BC_OUT_UTC] = { "utc", "utc", 'U', false, BC_SET_YES, OUT(utc), 0, 0 },
	[BC_OUT_MODE] = { "mode", "mode", 0, false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_QUEUE_OPTION] = { "queue-option", "queue_option", 0, false, BC_SET_YES, OUT(queue_option), 0, 0, .capture_only = true },
	[BC_OUT_FILE_EXT] = { "file-ext", "file_ext", 0, false, BC_SET_SPECIAL, 0, 0, 0, .capture_only = true },
	[BC_OUT_SEQFILE] = { "seqfile", "seqfile", 'N', false, BC_SET_TEXT, OUT(seqfile), 1, 4095, .capture_only = true },
	[BC_OUT_WATCHFILE] = { "watchfile", "watchfile", 'W', false, BC_SET_TEXT, OUT(watchfile), 1, 4095, .capture_only = true },
	[BC_OUT_PIPEOUT] = { "pipeout", "pipeout", 0, false, BC_SET_TEXT, OUT(pipeout), 1, 65535, .capture_only = true },
	[BC_OUT_COMPLETED] = { "completed", "completed", 0, false, BC_SET_TEXT, OUT(completed), 1, 4095 },
	[BC_OUT_ON_SEGMENT] = { "on-segment", "on_segment", 0, false, BC_SET_TEXT, OUT(on_segment), 1, 65535 },
	[BC_OUT_ON_SEGMENT_SECONDS] = { "on-segment-seconds", "on_segment_seconds", 0, false, BC_SET_U32, OUT(on_segment_seconds),
					1, 86400 },
	[BC_OUT_KEEP_AGE] = { "keep-age", "keep_age", 0, false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_KEEP_NUMBER] = { "keep-number", "keep_number", 0, true, BC_SET_U64, OUT(keep.number), 1, UINT32_MAX },
	[BC_OUT_KEEP_SIZE] = { "keep-size", "keep_size", 0, false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_KEEP_FREE] = { "keep-free", "keep_free", 0, false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_UPLOAD] = { "upload", "upload", 0, false, BC_SET_TEXT, OUT(upload), 1, 1400 },
	[BC_OUT_KEEP_UPLOADED] = { "keep-uploaded", "keep_uploaded", 0, false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_RECOMPRESS] = { "recompress", "recompress", 0, false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_EXPIRE_UNMARKED] = { "expire-unmarked", "expire_unmarked", 0, false, BC_SET_YES, OUT(keep.unmarked), 0, 0 },
	[BC_OUT_WRITERS] = { "writers", "writers", 0, true, BC_SET_U32, OUT(writers), 1, 128 },
	[BC_OUT_IO] = { "io", "io", 0, false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_OUT_INDEX] = { "index", "index", 0, false, BC_SET_SPECIAL, 0, 0, 0, .capture_only = true },
};

const struct bc_setting bc_collect_settings[BC_COL_N] = {
	[BC_COL_MERGE] = { "merge", "merge", 0, false, BC_SET_YES, COL(merge), 0, 0 },
	[BC_COL_NAMES] = { "names", "names", 0, false, BC_SET_SPECIAL, 0, 0, 0 },
	[BC_COL_MAX_SNAPLEN] = { "max-snaplen", "max_snaplen", 0, true, BC_SET_U32, COL(max_caplen), 1, BC_SNAPLEN_MAX },
	[BC_COL_HANDSHAKE] = { "handshake-timeout", "handshake_timeout", 0, false, BC_SET_FRACTION, COL(handshake_s), 0.1, 3600 },
	[BC_COL_TLS] = { "tls", "tls", 0, false, BC_SET_YES, COL(tls), 0, 0 },
	[BC_COL_TLS_BIND] = { "tls-bind-names", "tls_bind_names", 0, false, BC_SET_YES, COL(tls_bind), 0, 0 },
};

bool bc_setting_is_flag(const struct bc_setting *s)
{
	return s->kind == BC_SET_YES || s->kind == BC_SET_NOT || s->kind == BC_SET_NO_HUGE;
}

static int out_of_range(const char *what, const char *text, const char *a_number, const struct bc_setting *s,
			struct bc_err *err)
{
	return bc_err_set(err, -EINVAL, "%s: '%s' is not %s from %.15g to %.15g%s", what, text, a_number, s->min, s->max,
			  s->zero ? ", or 0" : "");
}

int bc_number(const char *what, const char *text, bool zero, double min, double max, uint64_t *ret, struct bc_err *err)
{
	const struct bc_setting range = { .zero = zero, .min = min, .max = max };
	uint64_t v;

	if (bc_parse_u64(what, text, 0, (uint64_t)max, &v, NULL) || (v < (uint64_t)min && !(zero && v == 0)))
		return out_of_range(what, text, "a whole number", &range, err);
	*ret = v;
	return 0;
}

static int fraction(const struct bc_setting *s, const char *what, const char *text, double *ret, struct bc_err *err)
{
	double v;

	if (bc_parse_double(what, text, 0, s->max, &v, NULL) || (v < s->min && !(s->zero && v == 0)))
		return out_of_range(what, text, "a number", s, err);
	*ret = v;
	return 0;
}

int bc_yes_no(const char *what, const char *text, bool *ret, struct bc_err *err)
{
	static const char *const words[][2] = { { "no", "yes" }, { "false", "true" }, { "off", "on" }, { "0", "1" } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		for (int v = 0; v < 2; v++)
			if (!strcmp(text, words[i][v])) {
				*ret = v;
				return 0;
			}
	return bc_err_set(err, -EINVAL, "%s: '%s' is neither yes nor no", what, text);
}

static int store_text(const struct bc_setting *s, const char *what, const char *text, char **at, struct bc_err *err)
{
	size_t n = strlen(text);
	char *copy;

	if (n < (size_t)s->min)
		return bc_err_set(err, -EINVAL, "%s: is empty", what);
	if (n > (size_t)s->max)
		return bc_err_set(err, -EINVAL, "%s: is longer than %.0f bytes", what, s->max);
	copy = n ? strdup(text) : NULL;
	if (n && !copy)
		return bc_err_set(err, -ENOMEM, "%s: no memory", what);
	free(*at);
	*at = copy;
	return 0;
}

int bc_setting_store(const struct bc_setting *s, const char *what, const char *text, void *base, struct bc_err *err)
{
	void *at = (char *)base + s->offset;
	uint64_t n = 0;
	double v = 0;
	bool yes;
	int rc;

	switch (s->kind) {
	case BC_SET_U32:
		rc = bc_number(what, text, s->zero, s->min, s->max, &n, err);
		if (rc && s->unit)
			return bc_err_set(err, rc, "%s: '%s' is not a whole number of %s from %.15g to %.15g", what, text, s->unit, s->min, s->max);
		if (!rc)
			*(uint32_t *)at = (uint32_t)n;
		return rc;
	case BC_SET_U64:
		return bc_number(what, text, s->zero, s->min, s->max, at, err);
	case BC_SET_FRACTION:
		return fraction(s, what, text, at, err);
	case BC_SET_MEGABYTES:
		rc = fraction(s, what, text, &v, err);
		if (!rc)
			*(uint64_t *)at = (uint64_t)llround(v * 1e6);
		return rc;
	case BC_SET_YES:
	case BC_SET_NOT:
		rc = bc_yes_no(what, text, &yes, err);
		if (!rc)
			*(bool *)at = yes == (s->kind == BC_SET_YES);
		return rc;
	case BC_SET_NO_HUGE:
		rc = bc_yes_no(what, text, &yes, err);
		if (!rc)
			*(enum bc_huge *)at = yes ? BC_HUGE_NEVER : BC_HUGE_AUTO;
		return rc;
	case BC_SET_TEXT:
		return store_text(s, what, text, at, err);
	case BC_SET_SPECIAL:
		break;
	}
	return 0;
}
