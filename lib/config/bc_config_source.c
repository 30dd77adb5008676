/* SPDX-License-Identifier: BSD-3-Clause */
/* One source spec, "KIND:TARGET[,key=value...]", into a struct bc_source_config. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_config_draft.h"
#include "bc_numbered.h"
#include "bc_reader.h"
#include "bc_source_kind.h"

#define SPEC_MAX 4096

/* DPDK virtual devices that need the number of queues, and the driver's key for it. */
static const struct { const char *device, *key; } queue_keys[] = {
	{ "net_vhost", "queues" }, { "eth_vhost", "queues" }, { "net_virtio_user", "queues" }, { "virtio_user", "queues" },
	{ "net_af_packet", "qpairs" }, { "eth_af_packet", "qpairs" }, { "net_af_xdp", "queue_count" },
};

/* What is being parsed. */
struct spec {
	const char *what;		/* where it was given */
	struct bc_source_config *c;
	unsigned seen;			/* keys of ours, by index in the kind's */
	struct bc_err *err;
};

static int no_memory(const struct spec *s)
{
	return bc_err_set(s->err, -ENOMEM, "%s: no memory", s->what);
}

/* A key of some kind of source. */
static bool is_key(const char *token)
{
	for (unsigned i = 0; i < BC_N_SOURCE_KINDS; i++)
		if (bc_source_kind_key(bc_source_kinds[i], token))
			return true;
	return false;
}

static int set_word(const struct spec *s, const struct bc_source_key *k, const char *what, const char *value)
{
	void *at = (char *)s->c + k->offset;
	char *copy;

	if (k->type != BC_KEY_TEXT && strcmp(value, k->words[0]) && strcmp(value, k->words[1]) && (!k->words[2] || strcmp(value, k->words[2])))
		return bc_err_set(s->err, -EINVAL, "%s: '%s' is neither %s nor %s%s%s", what, value, k->words[0], k->words[1],
				  k->words[2] ? " nor " : "", k->words[2] ? k->words[2] : "");
	if (k->type == BC_KEY_FIRST) {
		*(bool *)at = !strcmp(value, k->words[0]);
		return 0;
	}
	copy = strdup(value);
	*(char **)at = copy;
	return copy ? 0 : no_memory(s);
}

static int set_value(const struct spec *s, const struct bc_source_key *k, const char *what, const char *value)
{
	void *at = (char *)s->c + k->offset;
	uint64_t n;
	int rc;

	switch (k->type) {
	case BC_KEY_U32:
		rc = bc_number(what, value, k->zero, k->min, k->max, &n, s->err);
		if (!rc)
			*(uint32_t *)at = (uint32_t)n;
		return rc;
	case BC_KEY_U64:
		return bc_number(what, value, k->zero, k->min, k->max, at, s->err);
	case BC_KEY_YES:
		return bc_yes_no(what, value, at, s->err);
	case BC_KEY_FIRST:
	case BC_KEY_WORD:
	case BC_KEY_TEXT:
		return set_word(s, k, what, value);
	}
	return 0;
}

/* Take one "key=value" that is a key of some kind. */
static int take_key(struct spec *s, const char *token)
{
	const struct bc_source_key *k = bc_source_kind_key(s->c->kind, token);
	const char *value = strchr(token, '=') + 1;
	char what[BC_LABEL_MAX];
	unsigned bit;

	snprintf(what, sizeof(what), "%s: %.*s", s->what, (int)(value - 1 - token), token);
	if (!k)
		return bc_err_set(s->err, -EINVAL, "%s= does not apply to a %s: source", what, s->c->kind->name);
	bit = 1U << (k - s->c->kind->keys);
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
 * A driver with queues that nobody polls silently loses the packets it spreads to them. So its number and ours are
 * made one. own is the value of the driver's key, or NULL; target has room for one more key.
 */
static int align_queues(struct spec *s, const char *key, const char *own, char *target)
{
	const struct bc_source_key *k = bc_source_kind_key(s->c->kind, "queues=");
	bool ours = s->seen & 1U << (k - s->c->kind->keys);
	char what[BC_LABEL_MAX + 64];
	uint64_t n;
	int rc;

	if (!own) {
		if (ours)
			sprintf(target + strlen(target), ",%s=%u", key, s->c->queues);
		return 0;
	}
	snprintf(what, sizeof(what), "%s: %s", s->what, key);
	rc = bc_number(what, own, false, k->min, k->max, &n, s->err);
	if (!rc && ours && n != s->c->queues)
		rc = bc_err_set(s->err, -EINVAL, "%s: %s=%s of the driver contradicts queues=%u: give only one of them",
				s->what, key,
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
		if (bc_source_kind_key(s->c->kind, token)) {
			rc = take_key(s, token);
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

	while ((comma = memrchr(text, ',', n)) && is_key(comma + 1))
		n = (size_t)(comma - text);
	return n;
}

/* "key=value,key=value": nothing but keys of ours. text is cut up. */
static int take_keys(struct spec *s, char *text)
{
	char *token;
	int rc = 0;

	while (!rc && (token = strsep(&text, ","))) {
		if (is_key(token))
			rc = take_key(s, token);
		else if (token[0])
			rc = bc_err_set(s->err, -EINVAL, "%s: '%s' is not a key=value of a %s: source", s->what, token,
					s->c->kind->name);
	}
	return rc;
}

/* A word more in a list of at most size bytes. */
static void append(char *list, size_t size, const char *between, const char *word)
{
	size_t n = strlen(list);

	snprintf(list + n, size - n, "%s%s", between, word);
}

/* "dpdk:, pcap: and null", for the command line's kinds. */
static void name_kinds(char *text, size_t size)
{
	const char *names[2 * BC_N_SOURCE_KINDS];
	unsigned n = 0;

	for (unsigned i = 0; i < BC_N_SOURCE_KINDS; i++) {
		if (bc_source_kinds[i]->target == BC_TARGET_PEER)
			continue;
		names[n++] = bc_source_kinds[i]->name;
		if (bc_source_kinds[i]->erf_name)
			names[n++] = bc_source_kinds[i]->erf_name;
	}
	text[0] = '\0';
	for (unsigned i = 0; i < n; i++)
		append(text, size, i == 0 ? "" : i < n - 1 ? ":, " : ": and ", names[i]);
}

/* tcpdump and dumpcap take an interface's number; but it is another one's when interfaces have come or gone. */
static int refuse_number(const struct spec *s, const char *number)
{
	char name[BC_LABEL_MAX];

	if (bc_numbered_interface(strtoull(number, NULL, 10), name, sizeof(name)))
		return bc_err_set(s->err, -EINVAL, "%s: interfaces have names here, since their numbers change: for tcpdump -D and dumpcap -D "
				  "this is %s", s->what, name);
	return bc_err_set(s->err, -EINVAL, "%s: interfaces have names here, and no numbers: 'braidcap capture -D' lists them", s->what);
}

/* A name without a kind. */
static int guess_kind(struct spec *s, const char *name)
{
	char kinds[128];

	/* YAML's [eth0,full=wait] is a list of two. */
	if (is_key(name))
		return bc_err_set(s->err, -EINVAL, "%s: is a source's key without the source; in a YAML list, quote "
				  "the whole source",
				  s->what);
	if (if_nametoindex(name)) {
		s->c->kind = &bc_source_pcap;
	} else if (name[0] && !name[strspn(name, "0123456789")] && access(name, F_OK)) {
		return refuse_number(s, name);
	} else if (!strcmp(name, "-") || !access(name, F_OK) || strchr(name, '/')) {
		s->c->kind = &bc_source_file;
	} else if (strchr(name, ':')) {
		name_kinds(kinds, sizeof(kinds));
		return bc_err_set(s->err, -EINVAL, "%s: '%s' is neither an interface nor a file; the kinds of source "
				  "are %s: (a DPDK port is dpdk:0000:3b:00.0)", s->what, name, kinds);
	} else {
		s->c->kind = &bc_source_pcap;
	}
	return 0;
}

/* A key that is misspelt must not become part of an interface's name. */
static int check_interface(const struct spec *s)
{
	const struct bc_source_kind *kind = s->c->kind;
	const char *comma = strchr(s->c->target, ',');
	char keys[256] = "";

	if (!comma || !strchr(comma, '='))
		return 0;
	for (uint32_t i = 0; i < kind->n_keys; i++)
		append(keys, sizeof(keys), i ? ", " : "", kind->keys[i].name);
	return bc_err_set(s->err, -EINVAL, "%s: '%s' is not a key=value of a %s: source (%s)", s->what, comma + 1,
			  kind->name, keys);
}

/* Only a ring of the kernel can be one of several. */
int bc_source_check_queues(const char *what, const struct bc_source_config *c, struct bc_err *err)
{
	const char *other = c->immediate ? "immediate=1" : c->stamp && !strcmp(c->stamp, "adapter") ? "stamp=adapter" :
			    c->linktype && strcmp(c->linktype, "EN10MB") ? "a linktype" : NULL;

	if (c->queues > 1 && other)
		return bc_err_set(err, -EINVAL, "%s: queues=%u cannot be had with %s: leave out one of them", what, c->queues, other);
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
	s->c->erf |= s->c->kind->target == BC_TARGET_PATH && bc_reader_is_erf_name(text, bc_codec_ext(bc_codec_of_path(text)));
	s->c->wait = s->c->kind->blocking;
	rc = take_keys(s, keys);
	if (!rc && s->c->kind->target == BC_TARGET_INTERFACE)
		rc = check_interface(s);
	if (!rc && s->c->kind->target == BC_TARGET_INTERFACE)
		rc = bc_source_check_queues(s->what, s->c, s->err);
	return rc;
}

/* What follows "NAME:"; NULL: text does not begin so. */
static char *after_name(char *text, const char *name)
{
	size_t n = name ? strlen(name) : 0;

	return n && !strncmp(text, name, n) && text[n] == ':' ? text + n + 1 : NULL;
}

/* Without the kind's name in front, if there is one. */
static char *strip_kind(struct spec *s, char *text)
{
	for (unsigned i = 0; i < BC_N_SOURCE_KINDS; i++) {
		const struct bc_source_kind *kind = bc_source_kinds[i];
		char *erf = after_name(text, kind->erf_name), *rest = erf ? erf : after_name(text, kind->name);

		if (!rest || kind->target == BC_TARGET_PEER)
			continue;
		s->c->kind = kind;
		s->c->erf = erf;
		return rest;
	}
	return text;
}

static int parse_text(struct spec *s, char *text)
{
	char *rest = strip_kind(s, text);
	int rc;

	if (rest != text && s->c->kind->target == BC_TARGET_NONE)
		return take_keys(s, rest);
	if (rest != text && s->c->kind->target == BC_TARGET_PORT)
		rc = parse_dpdk(s, rest);
	else
		rc = parse_named(s, rest, rest == text);
	if (!rc && !s->c->target[0])
		rc = bc_err_set(s->err, -EINVAL, "%s: a source has no name: give one, as in eth0, file:trace.pcap or "
				"dpdk:0000:3b:00.0",
				s->what);
	return rc;
}

int bc_source_parse(const char *what, const char *spec, struct bc_source_config *ret, struct bc_err *err)
{
	size_t n = strlen(spec);
	char label[BC_LABEL_MAX], *text;
	struct spec s = { .what = label, .c = ret, .err = err };
	int rc;

	*ret = (struct bc_source_config){ .queues = 1, .size = 64 };
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
	free(s->direction);
	free(s->linktype);
	memset(s, 0, sizeof(*s));
}
