/* SPDX-License-Identifier: BSD-3-Clause */
/* One source spec, "KIND:TARGET[,key=value...]", into a struct bc_source_config. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_config_draft.h"
#include "bc_reader.h"

#define SPEC_MAX 4096

#define DPDK (1U << BC_SOURCE_DPDK)
#define PCAP (1U << BC_SOURCE_PCAP)
#define FILES (1U << BC_SOURCE_FILE)
#define NONE (1U << BC_SOURCE_NULL)

static const char *const kind_names[] = {
	[BC_SOURCE_DPDK] = "dpdk", [BC_SOURCE_PCAP] = "pcap", [BC_SOURCE_FILE] = "file", [BC_SOURCE_NULL] = "null",
};

enum key_kind { KEY_U32, KEY_U64, KEY_YES, KEY_FULL, KEY_STAMP };

struct source_key {
	const char *name;
	unsigned kinds;		/* of source that it means something for */
	enum key_kind kind;
	size_t offset;
	bool zero;
	double min, max;
};

#define AT(member) offsetof(struct bc_source_config, member)

/* The NULL source's packets are whole mbufs of the usual size, hence 2048. libpcap counts its buffer's bytes in an int. */
static const struct source_key source_keys[] = {
	{ "queues", DPDK | NONE, KEY_U32, AT(queues), false, 1, 256 },
	{ "descriptors", DPDK, KEY_U32, AT(descriptors), true, 32, 65535 },
	{ "mtu", DPDK, KEY_U32, AT(mtu), true, 68, 65535 },
	{ "full", DPDK | PCAP | FILES | NONE, KEY_FULL, AT(wait), false, 0, 0 },
	{ "stamp", DPDK | PCAP, KEY_STAMP, AT(stamp), false, 0, 0 },
	{ "buffer_mb", PCAP, KEY_U32, AT(buffer_mb), false, 1, 2047 },
	{ "immediate", PCAP, KEY_YES, AT(immediate), false, 0, 0 },
	{ "lateness_us", DPDK | PCAP, KEY_U32, AT(lateness_us), true, 1, 60000000 },
	{ "count", NONE, KEY_U64, AT(count), true, 1, 999999999999999 },
	{ "size", NONE, KEY_U32, AT(size), false, 14, 2048 },
};

#define N_KEYS (sizeof(source_keys) / sizeof(source_keys[0]))

/* DPDK's virtual devices that must be told the number of queues, and the driver's word for it. */
static const struct { const char *device, *key; } queue_keys[] = {
	{ "net_vhost", "queues" }, { "eth_vhost", "queues" }, { "net_virtio_user", "queues" }, { "virtio_user", "queues" },
	{ "net_af_packet", "qpairs" }, { "eth_af_packet", "qpairs" }, { "net_af_xdp", "queue_count" },
};

/* What is being parsed. */
struct spec {
	const char *what;		/* where it was given */
	struct bc_source_config *c;
	unsigned seen;			/* keys of ours, by index in source_keys */
	struct bc_err *err;
};

static int no_memory(const struct spec *s)
{
	return bc_err_set(s->err, -ENOMEM, "%s: no memory", s->what);
}

/* The key of ours that the token "key=value" begins with; NULL: another's. */
static const struct source_key *find_key(const char *token, unsigned kinds)
{
	size_t n = strcspn(token, "=");

	if (token[n] != '=')
		return NULL;
	for (size_t i = 0; i < N_KEYS; i++)
		if ((source_keys[i].kinds & kinds) && strlen(source_keys[i].name) == n &&
		    !memcmp(source_keys[i].name, token, n))
			return &source_keys[i];
	return NULL;
}

static int set_full(const struct spec *s, const char *what, const char *value)
{
	if (strcmp(value, "wait") && strcmp(value, "drop"))
		return bc_err_set(s->err, -EINVAL, "%s: '%s' is neither wait nor drop", what, value);
	s->c->wait = !strcmp(value, "wait");
	return 0;
}

static int set_stamp(const struct spec *s, const char *what, const char *value)
{
	static const char *const words[][2] = {
		[BC_SOURCE_DPDK] = { "nic", "software" }, [BC_SOURCE_PCAP] = { "adapter", "host" },
	};
	const char *const *w = words[s->c->kind];

	if (strcmp(value, w[0]) && strcmp(value, w[1]))
		return bc_err_set(s->err, -EINVAL, "%s: '%s' is neither %s nor %s", what, value, w[0], w[1]);
	s->c->stamp = strdup(value);
	return s->c->stamp ? 0 : no_memory(s);
}

static int set_value(const struct spec *s, const struct source_key *k, const char *what, const char *value)
{
	void *at = (char *)s->c + k->offset;
	uint64_t n;
	int rc;

	switch (k->kind) {
	case KEY_U32:
		rc = bc_number(what, value, k->zero, k->min, k->max, &n, s->err);
		if (!rc)
			*(uint32_t *)at = (uint32_t)n;
		return rc;
	case KEY_U64:
		return bc_number(what, value, k->zero, k->min, k->max, at, s->err);
	case KEY_YES:
		return bc_yes_no(what, value, at, s->err);
	case KEY_FULL:
		return set_full(s, what, value);
	case KEY_STAMP:
		return set_stamp(s, what, value);
	}
	return 0;
}

/* Take one "key=value" of ours. */
static int take_key(struct spec *s, const struct source_key *k, const char *value)
{
	unsigned bit = 1U << (k - source_keys);
	char what[BC_LABEL_MAX];

	snprintf(what, sizeof(what), "%s: %s", s->what, k->name);
	if (!(k->kinds & (1U << s->c->kind)))
		return bc_err_set(s->err, -EINVAL, "%s= means nothing to a %s: source", what, kind_names[s->c->kind]);
	if (s->seen & bit)
		return bc_err_set(s->err, -EINVAL, "%s= is given twice", what);
	s->seen |= bit;
	return set_value(s, k, what, value);
}

/* A device's name begins with the driver's. */
static const char *driver_queue_key(const char *devargs)
{
	for (size_t i = 0; i < sizeof(queue_keys) / sizeof(queue_keys[0]); i++)
		if (!strncmp(devargs, queue_keys[i].device, strlen(queue_keys[i].device)))
			return queue_keys[i].key;
	return NULL;
}

/*
 * A driver that has queues which nobody polls loses what it spreads to them, without a word. So its number and ours are
 * made one. own is the value of the driver's key, or NULL; target has room for one more key.
 */
static int align_queues(struct spec *s, const char *key, const char *own, char *target)
{
	bool ours = s->seen & 1U;
	char what[BC_LABEL_MAX];
	uint64_t n;
	int rc;

	if (!own) {
		if (ours)
			sprintf(target + strlen(target), ",%s=%u", key, s->c->queues);
		return 0;
	}
	snprintf(what, sizeof(what), "%s: %s", s->what, key);
	rc = bc_number(what, own, false, source_keys[0].min, source_keys[0].max, &n, s->err);
	if (!rc && ours && n != s->c->queues)
		rc = bc_err_set(s->err, -EINVAL, "%s: %s=%s of the driver contradicts queues=%u: give one of them", s->what, key,
				own, s->c->queues);
	if (!rc)
		s->c->queues = (uint32_t)n;
	return rc;
}

/* Devargs: our keys may stand anywhere, all else stays as it is. text is cut up. */
static int parse_dpdk(struct spec *s, char *text)
{
	char own[32] = "", *target = s->c->target, *token;
	const char *key;
	int rc = 0;

	target[0] = '\0';
	while (!rc && (token = strsep(&text, ","))) {
		const struct source_key *k = find_key(token, DPDK);

		if (k) {
			rc = take_key(s, k, strchr(token, '=') + 1);
			continue;
		}
		if (target[0])
			strcat(target, ",");
		strcat(target, token);
		key = driver_queue_key(target);
		if (key && !strncmp(token, key, strlen(key)) && token[strlen(key)] == '=')
			snprintf(own, sizeof(own), "%s", token + strlen(key) + 1);
	}
	key = rc ? NULL : driver_queue_key(target);
	if (key)
		rc = align_queues(s, key, own[0] ? own : NULL, target);
	return rc;
}

/*
 * A path or an interface may hold a comma, so that only a tail of ",key=value" with keys of ours (of whatever kind of
 * source, to say so if it is the wrong one) is taken from it. Returns the length of what is before the tail.
 */
static size_t before_keys(const char *text)
{
	size_t n = strlen(text);
	const char *comma;

	while ((comma = memrchr(text, ',', n)) && find_key(comma + 1, ~0U))
		n = (size_t)(comma - text);
	return n;
}

/* "key=value,key=value": nothing but keys of ours. text is cut up. */
static int take_keys(struct spec *s, char *text)
{
	char *token;
	int rc = 0;

	while (!rc && (token = strsep(&text, ","))) {
		const struct source_key *k = find_key(token, ~0U);

		if (!k && token[0])
			return bc_err_set(s->err, -EINVAL, "%s: '%s' is no key=value of a %s: source", s->what, token,
					  kind_names[s->c->kind]);
		if (k)
			rc = take_key(s, k, strchr(token, '=') + 1);
	}
	return rc;
}

/* A name without a kind. */
static int guess_kind(struct spec *s, const char *name)
{
	/* YAML's [eth0,full=wait] is a list of two. */
	if (find_key(name, ~0U))
		return bc_err_set(s->err, -EINVAL, "%s: is a key of a source without the source; in a list of YAML it needs quotes",
				  s->what);
	if (if_nametoindex(name)) {
		s->c->kind = BC_SOURCE_PCAP;
	} else if (!strcmp(name, "-") || !access(name, F_OK) || strchr(name, '/')) {
		s->c->kind = BC_SOURCE_FILE;
	} else if (strchr(name, ':')) {
		return bc_err_set(s->err, -EINVAL, "%s: '%s' is no interface and no file here; the kinds of source are "
				  "dpdk:, pcap:, file:, erf: and null: (a port of DPDK is dpdk:0000:3b:00.0)", s->what, name);
	} else {
		s->c->kind = BC_SOURCE_PCAP;
	}
	return 0;
}

/* A key that is misspelt must not become part of an interface's name. */
static int check_interface(const struct spec *s)
{
	const char *comma = strchr(s->c->target, ',');

	if (comma && strchr(comma, '='))
		return bc_err_set(s->err, -EINVAL, "%s: '%s' is no key=value of a pcap: source (full, stamp, buffer_mb, "
				  "immediate, lateness_us)", s->what, comma + 1);
	return 0;
}

/* An interface or a path, then our keys. text is cut up. */
static int parse_named(struct spec *s, char *text, bool guess)
{
	size_t n = before_keys(text);
	char *keys = text[n] ? text + n + 1 : text + n;
	int rc = 0;

	text[n] = '\0';
	if (guess)
		rc = guess_kind(s, text);
	if (rc)
		return rc;
	strcpy(s->c->target, text);
	s->c->erf |= s->c->kind == BC_SOURCE_FILE && bc_reader_is_erf_name(text, bc_codec_ext(bc_codec_of_path(text)));
	s->c->wait = s->c->kind == BC_SOURCE_FILE;
	rc = take_keys(s, keys);
	if (!rc && s->c->kind == BC_SOURCE_PCAP)
		rc = check_interface(s);
	return rc;
}

/* Without the kind's prefix in front. */
static char *strip_kind(char *text, enum bc_source_kind *ret, bool *ret_erf)
{
	if (!strncmp(text, "erf:", 4)) {
		*ret = BC_SOURCE_FILE;
		*ret_erf = true;
		return text + 4;
	}
	for (unsigned i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
		size_t n = strlen(kind_names[i]);

		if (!strncmp(text, kind_names[i], n) && text[n] == ':') {
			*ret = i;
			return text + n + 1;
		}
	}
	return text;
}

static int parse_text(struct spec *s, char *text)
{
	char *rest = strip_kind(text, &s->c->kind, &s->c->erf);
	int rc;

	if (rest != text && s->c->kind == BC_SOURCE_NULL)
		return take_keys(s, rest);
	if (rest != text && s->c->kind == BC_SOURCE_DPDK)
		rc = parse_dpdk(s, rest);
	else
		rc = parse_named(s, rest, rest == text);
	if (!rc && !s->c->target[0])
		rc = bc_err_set(s->err, -EINVAL, "%s: a source has no name, as in eth0, file:trace.pcap or dpdk:0000:3b:00.0",
				s->what);
	return rc;
}

int bc_source_parse(const char *what, const char *spec, struct bc_source_config *ret, struct bc_err *err)
{
	size_t n = strlen(spec);
	char label[BC_LABEL_MAX], *text;
	struct spec s = { .what = label, .c = ret, .err = err };
	int rc;

	*ret = (struct bc_source_config){ .queues = 1, .buffer_mb = 64, .size = 64 };
	snprintf(label, sizeof(label), "%s '%.160s'", what, spec);
	if (n > SPEC_MAX)
		return bc_err_set(err, -EINVAL, "%s: is longer than %d bytes", label, SPEC_MAX);
	text = strdup(spec);
	ret->spec = strdup(spec);
	ret->target = calloc(1, n + sizeof(",queue_count=4294967295"));
	if (text && ret->spec && ret->target)
		rc = parse_text(&s, text);
	else
		rc = no_memory(&s);
	free(text);
	return rc;
}

void bc_source_free(struct bc_source_config *s)
{
	free(s->spec);
	free(s->target);
	free(s->stamp);
	memset(s, 0, sizeof(*s));
}
