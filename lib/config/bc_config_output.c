/* SPDX-License-Identifier: BSD-3-Clause */
/* One output: what kind of destination it is, and what follows from its name where nothing was said. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "bc_age_file.h"
#include "bc_anonymise_key.h"
#include "bc_codec_text.h"
#include "bc_config_draft.h"
#include "bc_file.h"
#include "bc_retention_parse.h"
#include "bc_number.h"
#include "bc_object_name.h"
#include "bc_padding.h"
#include "bc_store.h"
#include "bc_wire.h"

#define FILE_EXT_MAX 64

/* The output being built. */
struct build {
	const struct bc_draft *cli;
	const struct bc_draft *from;	/* where the output itself stands: cli, or the file */
	uint32_t index;
	struct bc_output_config *o;
	struct bc_err *err;
};

static const char *text_of(const struct build *b, enum bc_output_setting i)
{
	return b->cli->all.v[i] ? b->cli->all.v[i] : b->from->outputs[b->index].v[i];
}

static const char *label_of(const struct build *b, enum bc_output_setting i, char label[BC_LABEL_MAX])
{
	const struct bc_setting *s = &bc_output_settings[i];
	char path[BC_PATH_MAX];

	snprintf(path, sizeof(path), "outputs[%u].%s", b->index, s->key);
	bc_draft_setting_label(label, b->cli->all.v[i] ? b->cli : b->from, s, path);
	return label;
}

static bool ends_with(const char *s, size_t len, const char *end)
{
	size_t n = strlen(end);

	return len > n && !strncasecmp(s + len - n, end, n);
}

static const char *stream(const struct bc_output_config *o)
{
	return strcmp(o->dest, "-") ? "a stream" : "stdout";
}

static int find_kind(struct build *b)
{
	const char *dest = b->o->dest;
	char label[BC_LABEL_MAX];
	struct stat st;

	label_of(b, BC_OUT_DEST, label);
	if (!strcmp(dest, "-"))
		b->o->kind = BC_DEST_STREAM;
	else if (!strcmp(dest, "null:"))
		b->o->kind = BC_DEST_NULL;
	else if (!strncmp(dest, "null:", 5))
		return bc_err_set(b->err, -EINVAL, "%s: '%s': nothing may follow null:", label, dest);
	else if (bc_remote_is(dest))
		b->o->kind = BC_DEST_PEER;
	else if (strstr(dest, "://"))
		return bc_err_set(b->err, -EINVAL, "%s: '%s' has an unknown prefix: give a folder, a file, - for "
				  "stdout, osmo:// or ipip:// for a remote peer, or null:", label, dest);
	else if (dest[strlen(dest) - 1] == '/' || (!stat(dest, &st) && S_ISDIR(st.st_mode)))
		b->o->kind = BC_DEST_FOLDER;
	else
		b->o->kind = bc_file_is_stream(dest) ? BC_DEST_STREAM : BC_DEST_FILE;
	return 0;
}

/*
 * What the framing of a remote peer implies. Of the command line's options, which hold for all outputs, those on compression and
 * rotation may be meant for others.
 */
static int set_remote(struct build *b)
{
	static const enum bc_output_setting alien[] = {
		BC_OUT_COMPRESS, BC_OUT_LEVEL, BC_OUT_ROTATE_SECONDS, BC_OUT_ROTATE_CLOCK, BC_OUT_ROTATE_SIZE, BC_OUT_ROTATE_PACKETS,
		BC_OUT_STOP_FILES, BC_OUT_STOP_SIZE,
	};
	struct bc_output_config *o = b->o;
	char label[BC_LABEL_MAX];

	if (o->kind != BC_DEST_PEER)
		return 0;
	for (size_t i = 0; i < sizeof(alien) / sizeof(alien[0]); i++)
		if (text_of(b, alien[i]) && (b->from->n_outputs == 1 || !b->cli->all.v[alien[i]]))
			return bc_err_set(b->err, -EINVAL, "%s: '%s' is a remote peer: nothing is compressed or "
					  "rotated there",
					  label_of(b, alien[i], label), o->dest);
	o->codec = BC_CODEC_NONE;
	o->rotate_seconds = 0;
	o->rotate_bytes = o->rotate_packets = o->stop_bytes = o->stop_segments = 0;
	if (o->snaplen > BC_WIRE_SNAPLEN)
		o->snaplen = BC_WIRE_SNAPLEN;
	o->framing = o->dest[0] == 'i' ? BC_FRAMING_IPIP : BC_FRAMING_OSMO;
	return bc_remote_parse(label_of(b, BC_OUT_DEST, label), o->dest, &o->remote, b->err);
}

/* What the extensions of a name say. */
struct name {
	bool has_format, has_codec;
	enum bc_format format;
	enum bc_codec codec;
	bool encrypted;
	size_t whole;		/* without encryption's extension */
	size_t len;		/* without the compression's extension */
	size_t stem;		/* nor the format's */
};

/* x.pcap, x.cap, x.dmp, x.pcapng, x.erf, followed by .lz4 or the like, and .age. */
static struct name read_name(const char *path)
{
	static const struct { const char *ext; enum bc_format format; } exts[] = {
		{ ".pcap", BC_FORMAT_PCAP_NS }, { ".cap", BC_FORMAT_PCAP_NS }, { ".dmp", BC_FORMAT_PCAP_NS },
		{ ".pcapng", BC_FORMAT_PCAPNG }, { ".erf", BC_FORMAT_ERF },
	};
	struct name n = { .format = BC_FORMAT_PCAPNG, .len = strlen(path) };
	char name[BC_STORE_PATH_MAX];

	n.encrypted = ends_with(path, n.len, BC_AGE_EXT);
	if (n.encrypted)
		n.len -= strlen(BC_AGE_EXT);
	n.whole = n.len;
	snprintf(name, sizeof(name), "%.*s", (int)n.len, path);
	n.codec = bc_codec_of_path(name);
	n.has_codec = n.codec != BC_CODEC_NONE;
	if (n.has_codec)
		n.len -= strlen(bc_codec_ext(n.codec));
	for (size_t i = 0; i < sizeof(exts) / sizeof(exts[0]); i++)
		if (ends_with(name, n.len, exts[i].ext)) {
			n.has_format = true;
			n.format = exts[i].format;
			n.stem = n.len - strlen(exts[i].ext);
		}
	return n;
}

/* A file is what its name says; one whose name says nothing is pcapng, not compressed. */
static int choose_by_name(struct build *b)
{
	struct bc_output_config *o = b->o;
	struct name n;

	if (o->kind != BC_DEST_FILE && o->kind != BC_DEST_STREAM)
		return 0;
	n = read_name(o->dest);
	o->codec = n.codec;
	o->format = n.format;
	return 0;
}

static const char *family(enum bc_format f)
{
	return f == BC_FORMAT_PCAPNG ? "pcapng" : f == BC_FORMAT_ERF ? "erf" : "pcap";
}

/* Extensions of what compresses or packs elsewhere. */
static const char *alien_ext(const char *name, size_t len)
{
	static const char *const exts[] = { ".zip", ".rar", ".7z", ".tar", ".tgz", ".br", ".Z", ".lzma" };

	for (size_t i = 0; i < sizeof(exts) / sizeof(exts[0]); i++)
		if (ends_with(name, len, exts[i]))
			return exts[i];
	return NULL;
}

/* What is asked for must not contradict a file's name; a command's output may be anything. */
static int check_name(struct build *b)
{
	const struct bc_output_config *o = b->o;
	char label[BC_LABEL_MAX], names[BC_CODEC_TEXT_MAX];
	struct name n = read_name(o->dest);
	const char *alien = alien_ext(o->dest, n.len);

	if (o->kind != BC_DEST_FILE || o->pipeout || b->from->dialect)
		return 0;
	if (n.has_format && strcmp(family(n.format), family(o->format)))
		return bc_err_set(b->err, -EINVAL, "%s: '%s' is named as %s, and %s is asked for: name it '%.*s.%s', or leave out the format",
				  label_of(b, BC_OUT_FORMAT, label), o->dest, family(n.format), family(o->format),
				  (int)n.stem, o->dest, family(o->format));
	if (n.codec != o->codec && (n.has_codec || n.has_format))
		return bc_err_set(b->err, -EINVAL, "%s: '%s' is named as %s, and %s is asked for: name it '%.*s%s', or leave out the "
				  "compression", label_of(b, BC_OUT_COMPRESS, label), o->dest,
				  n.has_codec ? bc_codec_name(n.codec) : "not compressed",
				  o->codec == BC_CODEC_NONE ? "no compression" : bc_codec_name(o->codec),
				  (int)n.len, o->dest, bc_codec_ext(o->codec));
	if (n.encrypted != !!o->encrypt)
		return bc_err_set(b->err, -EINVAL, n.encrypted ? "%s: '%s' is named as encrypted, which it is only with capture --encrypt: else name it '%.*s'" :
				  "%s: '%s' becomes encrypted: name it '%.*s" BC_AGE_EXT "'", label_of(b, BC_OUT_DEST, label), o->dest,
				  (int)n.whole, o->dest);
	if (alien)
		return bc_err_set(b->err, -EINVAL, "%s: '%s': %s files cannot be written; compressions are %s",
				  label_of(b, BC_OUT_DEST, label), o->dest, alien, bc_codec_names(", ", names));
	return 0;
}

/* What a command compresses is not compressed before, unless that is asked for. */
static int set_pipeout(struct build *b)
{
	char label[BC_LABEL_MAX];

	if (!b->o->pipeout)
		return 0;
	label_of(b, BC_OUT_PIPEOUT, label);
	if (b->o->kind == BC_DEST_STREAM)
		return bc_err_set(b->err, -EINVAL, "%s: '%s' is %s: pipe it through the command in the shell",
				  label, b->o->dest, stream(b->o));
	if (b->o->kind == BC_DEST_NULL || b->o->kind == BC_DEST_PEER)
		return bc_err_set(b->err, -EINVAL, "%s: '%s' takes no command", label, b->o->dest);
	b->o->codec = BC_CODEC_NONE;
	return 0;
}

/* One ",port=N" from *p on, over which it moves. */
static int take_port(const char **p, struct bc_gprs *g)
{
	static const char key[] = ",port=";
	uint64_t port;
	char number[8];
	size_t len;

	if (strncmp(*p, key, sizeof(key) - 1) || g->n_ports == BC_GPRS_PORTS)
		return -EINVAL;
	*p += sizeof(key) - 1;
	len = strcspn(*p, ",");
	if (len >= sizeof(number))
		return -EINVAL;
	memcpy(number, *p, len);
	number[len] = '\0';
	*p += len;
	if (bc_parse_u64("port", number, 1, UINT16_MAX, &port, NULL))
		return -EINVAL;
	g->port[g->n_ports++] = (uint16_t)port;
	return 0;
}

/* "gprs-user-data[,port=N ...]". */
static int set_exclude(struct build *b)
{
	static const char what[] = "gprs-user-data";
	struct bc_output_config *o = b->o;
	const char *p = o->exclude;
	char label[BC_LABEL_MAX];
	int rc = -EINVAL;

	if (!p)
		return 0;
	if (!strncmp(p, what, sizeof(what) - 1))
		for (rc = 0, p += sizeof(what) - 1; !rc && *p;)
			rc = take_port(&p, &o->gprs);
	if (rc)
		return bc_err_set(b->err, rc, "%s: '%s' cannot be excluded: use gprs-user-data, with up to %d times "
				  ",port=N", label_of(b, BC_OUT_EXCLUDE, label), o->exclude, BC_GPRS_PORTS);
	o->no_gprs_user_data = true;
	return 0;
}

/* The file may be one that only who starts the capture can read. */
static int set_anonymise(struct build *b)
{
	const char *file = text_of(b, BC_OUT_ANONYMISE);
	struct bc_output_config *o = b->o;
	char label[BC_LABEL_MAX];

	if (!file)
		return 0;
	label_of(b, BC_OUT_ANONYMISE, label);
	o->anonymise = malloc(sizeof(*o->anonymise));
	if (!o->anonymise)
		return bc_err_set(b->err, -ENOMEM, "%s: no memory", label);
	return bc_anonymise_key_read(label, file, o->anonymise, b->err);
}

/* Words, of which each is a recipient. */
static int add_recipients(struct build *b, const char *text, struct bc_age_recipients *to)
{
	char *copy = strdup(text), *rest = copy, *word;
	int rc = copy ? 0 : bc_err_set(b->err, -ENOMEM, "no memory for the options");

	while (!rc && (word = strsep(&rest, " \t\r\n,")))
		rc = *word ? bc_age_recipient_add(to, word, b->err) : 0;
	free(copy);
	return rc;
}

static int set_encrypt(struct build *b)
{
	const char *text = text_of(b, BC_OUT_ENCRYPT), *file = text_of(b, BC_OUT_ENCRYPT_FILE);
	enum bc_output_setting given = text ? BC_OUT_ENCRYPT : BC_OUT_ENCRYPT_FILE;
	char label[BC_LABEL_MAX];
	int rc = 0;

	if (!text && !file)
		return 0;
	b->o->encrypt = calloc(1, sizeof(*b->o->encrypt));
	if (!b->o->encrypt)
		return bc_err_set(b->err, -ENOMEM, "no memory for the options");
	if (text)
		rc = add_recipients(b, text, b->o->encrypt);
	if (rc)
		return bc_err_prefix(b->err, rc, "%s", label_of(b, given, label));
	rc = file ? bc_age_recipients_read(b->o->encrypt, file, b->err) : 0;
	if (rc)
		return bc_err_prefix(b->err, rc, "%s", label_of(b, BC_OUT_ENCRYPT_FILE, label));
	return b->o->encrypt->n ? 0 : bc_err_set(b->err, -EINVAL, "%s: no recipient is in it, so nobody could read '%s'",
						 label_of(b, given, label), b->o->dest);
}

/* What cannot be encrypted as it is written. */
static int check_encrypt(struct build *b)
{
	const struct bc_output_config *o = b->o;
	char label[BC_LABEL_MAX];

	if (!o->encrypt)
		return 0;
	label_of(b, text_of(b, BC_OUT_ENCRYPT) ? BC_OUT_ENCRYPT : BC_OUT_ENCRYPT_FILE, label);
	if (o->kind == BC_DEST_PEER)
		return bc_err_set(b->err, -EINVAL, "%s: '%s' is a remote peer: encrypt where it stores what it gets, and use ,tls on the way", label,
				  o->dest);
	if (!bc_padding_possible(o->format, o->codec))
		return bc_err_set(b->err, -EINVAL, "%s: %s, %s, cannot be encrypted while it is written: use pcapng with lz4, zstd or no "
				  "compression, or zstd", label, bc_format_name(o->format),
				  o->codec == BC_CODEC_NONE ? "not compressed" : bc_codec_name(o->codec));
	if (o->io == BC_IO_DIRECT)
		return bc_err_set(b->err, -EINVAL, "%s: the end of an encrypted segment is written where the next bytes will go, which --io direct "
				  "cannot: leave it out", label);
	if (o->pipeout || o->file_ext || o->keep.recompress)
		return bc_err_set(b->err, -EINVAL, "%s: not with %s: '%s' is encrypted before that could see it", label,
				  o->pipeout ? "--pipeout" : o->file_ext ? "--file-ext" : "--recompress", o->dest);
	return 0;
}

static int set_format(struct build *b)
{
	const char *text = text_of(b, BC_OUT_FORMAT);
	char label[BC_LABEL_MAX];

	if (text && bc_format_from_name(text, &b->o->format))
		return bc_err_set(b->err, -EINVAL, "%s: '%s' is not a format: pcapng, pcap, pcap-us or erf",
				  label_of(b, BC_OUT_FORMAT, label), text);
	if (b->o->framing != BC_FRAMING_FILE && b->o->format == BC_FORMAT_ERF)
		return bc_err_set(b->err, -EINVAL, "%s: '%s' is a remote peer: use pcapng, pcap or pcap-us",
				  label_of(b, BC_OUT_FORMAT, label), b->o->dest);
	if (b->o->queue_option && b->o->format != BC_FORMAT_PCAPNG)
		return bc_err_set(b->err, -EINVAL, "%s: '%s' is written as %s, which has no place for the queue: use pcapng",
				  label_of(b, BC_OUT_QUEUE_OPTION, label), b->o->dest, bc_format_name(b->o->format));
	return 0;
}

static int set_codec(struct build *b)
{
	const char *text = text_of(b, BC_OUT_COMPRESS);
	char label[BC_LABEL_MAX], names[BC_CODEC_TEXT_MAX];

	if (b->o->kind == BC_DEST_PEER)
		return 0;
	if (text && bc_codec_from_name(text, &b->o->codec))
		return bc_err_set(b->err, -EINVAL, "%s: '%s' is not a compression: %s%s", label_of(b, BC_OUT_COMPRESS, label),
				  text, bc_codec_names(" or ", names), b->cli->all.v[BC_OUT_COMPRESS] && !b->cli->dialect ?
				  "; a user to become is named with --user" : "");
	if (!bc_codec_is_built(b->o->codec))
		return bc_err_set(b->err, -EINVAL, "cannot compress '%s' with %s: this program was built without it",
				  b->o->dest,
				  bc_codec_name(b->o->codec));
	return 0;
}

static int set_io(struct build *b)
{
	static const char *const words[] = {
		[BC_IO_BUFFERED] = "buffered", [BC_IO_DIRECT] = "direct", [BC_IO_AUTO] = "auto",
	};
	const char *text = text_of(b, BC_OUT_IO);
	char label[BC_LABEL_MAX];

	for (size_t i = 0; text && i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(text, words[i])) {
			b->o->io = (enum bc_io)i;
			return 0;
		}
	return text ? bc_err_set(b->err, -EINVAL, "%s: '%s' is not auto, direct or buffered",
				 label_of(b, BC_OUT_IO, label), text) : 0;
}

bool bc_output_can_have_index(const struct bc_output_config *o)
{
	return o->format == BC_FORMAT_PCAPNG && !bc_codec_is_stream(o->codec) && !o->pipeout &&
	       (o->kind == BC_DEST_FOLDER || o->kind == BC_DEST_FILE || o->kind == BC_DEST_NULL);
}

static int set_index(struct build *b)
{
	static const char *const words[] = { [BC_INDEX_NONE] = "none", [BC_INDEX_TIME] = "time", [BC_INDEX_FLOWS] = "flows" };
	const char *text = text_of(b, BC_OUT_INDEX);
	char label[BC_LABEL_MAX];
	int i = BC_INDEX_FLOWS;

	if (!text)
		return 0;
	while (i > BC_INDEX_AUTO && strcmp(text, words[i]))
		i--;
	if (i == BC_INDEX_AUTO)
		return bc_err_set(b->err, -EINVAL, "%s: '%s' is not flows, time or none", label_of(b, BC_OUT_INDEX, label), text);
	if (i != BC_INDEX_NONE && !bc_output_can_have_index(b->o))
		return bc_err_set(b->err, -EINVAL, "%s: '%s' can have no index: use a folder or a file, pcapng, and lz4 or no "
				  "compression", label_of(b, BC_OUT_INDEX, label), b->o->dest);
	b->o->index = (enum bc_index_mode)i;
	return 0;
}

static int set_level(struct build *b)
{
	const char *text = text_of(b, BC_OUT_LEVEL);
	char label[BC_LABEL_MAX], what[BC_LABEL_MAX + 64];
	int min, max, rc;
	uint64_t level;

	bc_codec_levels(b->o->codec, &min, &max, &b->o->level);
	if (!text || b->o->kind == BC_DEST_PEER)
		return 0;
	label_of(b, BC_OUT_LEVEL, label);
	if (b->o->codec == BC_CODEC_NONE && strcmp(text, "0"))
		return bc_err_set(b->err, -EINVAL, "%s: '%s' is not compressed, so there is no level: choose a "
				  "compression",
				  label, b->o->dest);
	snprintf(what, sizeof(what), "%s: level of %s", label, bc_codec_name(b->o->codec));
	rc = bc_number(what, text, false, min, max, &level, b->err);
	if (!rc)
		b->o->level = (int)level;
	return rc;
}

static int set_clock(struct build *b)
{
	const char *text = text_of(b, BC_OUT_ROTATE_CLOCK);
	char label[BC_LABEL_MAX];

	if (b->o->kind == BC_DEST_PEER)
		return 0;
	b->o->rotate_clock.utc = b->o->utc;
	return text ? bc_calendar_parse(label_of(b, BC_OUT_ROTATE_CLOCK, label), text, &b->o->rotate_clock, b->err) : 0;
}

/* Octal, as chmod has it. */
static int set_mode(struct build *b)
{
	const char *text = text_of(b, BC_OUT_MODE);
	char label[BC_LABEL_MAX];
	size_t len = text ? strspn(text, "01234567") : 0;

	if (!text)
		return 0;
	if (len < 3 || len > 4 || text[len] || strtoul(text, NULL, 8) > 0777)
		return bc_err_set(b->err, -EINVAL, "%s: '%s' is not a file mode such as 0640", label_of(b, BC_OUT_MODE,
													label),
				  text);
	b->o->mode = (uint32_t)strtoul(text, NULL, 8);
	return 0;
}

static bool rotates(const struct bc_output_config *o)
{
	return o->rotate_clock.unit || o->rotate_seconds > 0 || o->rotate_bytes || o->rotate_packets;
}

static int check_rotation(struct build *b)
{
	const struct bc_output_config *o = b->o;
	enum bc_output_setting asked = o->rotate_clock.unit ? BC_OUT_ROTATE_CLOCK : o->rotate_seconds > 0 ? BC_OUT_ROTATE_SECONDS :
				       o->rotate_bytes ? BC_OUT_ROTATE_SIZE : BC_OUT_ROTATE_PACKETS;
	char label[BC_LABEL_MAX];

	if (o->rotate_clock.unit && o->rotate_seconds > 0)
		return bc_err_set(b->err, -EINVAL, "%s: rotate either by the clock or every N seconds "
				  "(rotate-seconds), not both",
				  label_of(b, asked, label));
	if (rotates(o) && (o->kind == BC_DEST_FILE || o->kind == BC_DEST_STREAM))
		return bc_err_set(b->err, -EINVAL, "%s: rotation needs a folder, and '%s' is %s", label_of(b, asked, label),
				  o->dest, o->kind == BC_DEST_STREAM ? stream(o) : "a file: end its name with / to make it one");
	return 0;
}

/* To stop at a size is to stop when the first segment is as large. */
static int set_stop(struct build *b)
{
	struct bc_output_config *o = b->o;
	char label[BC_LABEL_MAX];

	if (o->stop_bytes && (rotates(o) || o->stop_segments))
		return bc_err_set(b->err, -EINVAL, "%s: is for a capture that does not rotate: with rotation use stop-files",
				  label_of(b, BC_OUT_STOP_SIZE, label));
	if (o->stop_segments && !rotates(o))
		return bc_err_set(b->err, -EINVAL, "%s: nothing ends a file: add --rotate-size, --rotate-seconds, --rotate-clock or "
				  "--rotate-packets", label_of(b, BC_OUT_STOP_FILES, label));
	if (o->stop_bytes) {
		o->rotate_bytes = o->stop_bytes;
		o->stop_segments = 1;
	}
	return 0;
}

static int set_comment(struct build *b)
{
	const struct bc_output_config *o = b->o;
	char label[BC_LABEL_MAX];

	if (o->comment && (o->format != BC_FORMAT_PCAPNG || o->framing != BC_FRAMING_FILE))
		return bc_err_set(b->err, -EINVAL, "%s: only a pcapng file has a place for it, and '%s' is none", label_of(b, BC_OUT_COMMENT, label),
				  o->dest);
	if (o->skip_empty && o->kind != BC_DEST_FOLDER && o->kind != BC_DEST_NULL)
		return bc_err_set(b->err, -EINVAL, "%s: applies to segments in a folder, and '%s' is not a folder",
				  label_of(b, BC_OUT_SKIP_EMPTY, label), o->dest);
	return 0;
}

/* "" is one too: names then end with their numbers. */
static int set_file_ext(struct build *b)
{
	const char *text = text_of(b, BC_OUT_FILE_EXT);
	char label[BC_LABEL_MAX];

	if (!text)
		return 0;
	label_of(b, BC_OUT_FILE_EXT, label);
	if (strlen(text) > FILE_EXT_MAX)
		return bc_err_set(b->err, -EINVAL, "%s: is longer than %d bytes", label, FILE_EXT_MAX);
	for (const char *p = text; *p; p++)
		if (*p == '/' || iscntrl((unsigned char)*p))
			return bc_err_set(b->err, -EINVAL, "%s: not usable as a file name extension", label);
	b->o->file_ext = strdup(text);
	return b->o->file_ext ? 0 : bc_err_set(b->err, -ENOMEM, "%s: no memory", label);
}

/* What only numbered names can have. */
static int check_numbered(struct build *b)
{
	static const enum bc_output_setting numbered[] = { BC_OUT_FILE_EXT, BC_OUT_SEQFILE };
	char label[BC_LABEL_MAX];

	for (size_t i = 0; i < sizeof(numbered) / sizeof(numbered[0]); i++)
		if (text_of(b, numbered[i]) && b->o->kind != BC_DEST_FOLDER)
			return bc_err_set(b->err, -EINVAL, "%s: applies to names in a folder, and '%s' is not a folder",
					  label_of(b, numbered[i], label), b->o->dest);
	return 0;
}

static int set_keep(struct build *b)
{
	const char *age = text_of(b, BC_OUT_KEEP_AGE), *size = text_of(b, BC_OUT_KEEP_SIZE), *space = text_of(b, BC_OUT_KEEP_FREE);
	const char *recompress = text_of(b, BC_OUT_RECOMPRESS), *uploaded = text_of(b, BC_OUT_KEEP_UPLOADED);
	struct bc_retention_rules *k = &b->o->keep;
	char label[BC_LABEL_MAX];
	int rc = 0;

	if (age)
		rc = bc_parse_age(label_of(b, BC_OUT_KEEP_AGE, label), age, &k->age_ns, b->err);
	if (!rc && size)
		rc = bc_parse_size(label_of(b, BC_OUT_KEEP_SIZE, label), size, &k->bytes, b->err);
	if (!rc && space)
		rc = bc_parse_size(label_of(b, BC_OUT_KEEP_FREE, label), space, &k->free_bytes, b->err);
	if (!rc && uploaded)
		rc = bc_parse_age(label_of(b, BC_OUT_KEEP_UPLOADED, label), uploaded, &k->uploaded_age_ns, b->err);
	if (!rc && recompress)
		rc = bc_parse_recompress(label_of(b, BC_OUT_RECOMPRESS, label), recompress, k, b->err);
	return rc;
}

/* What is done with published segments needs some. */
static int check_post_publish(struct build *b)
{
	static const enum bc_output_setting hooks[] = { BC_OUT_COMPLETED, BC_OUT_ON_SEGMENT };
	static const enum bc_output_setting keeps[] = { BC_OUT_KEEP_AGE, BC_OUT_KEEP_NUMBER, BC_OUT_KEEP_SIZE, BC_OUT_KEEP_FREE,
							BC_OUT_RECOMPRESS, BC_OUT_UPLOAD, BC_OUT_KEEP_UPLOADED };
	char label[BC_LABEL_MAX];

	for (size_t i = 0; i < sizeof(keeps) / sizeof(keeps[0]); i++)
		if (text_of(b, keeps[i]) && b->o->kind != BC_DEST_FOLDER && !b->o->completed)
			return bc_err_set(b->err, -EINVAL, "%s: applies to segments in a folder, and '%s' is not a "
					  "folder",
					  label_of(b, keeps[i], label), b->o->dest);

	for (size_t i = 0; i < sizeof(hooks) / sizeof(hooks[0]); i++)
		if (text_of(b, hooks[i]) && b->o->kind != BC_DEST_FOLDER && b->o->kind != BC_DEST_FILE)
			return bc_err_set(b->err, -EINVAL, "%s: applies to segments on disk, and '%s' has none",
					  label_of(b, hooks[i], label), b->o->dest);
	return 0;
}

/* A segment has one name, here and there, that a later start knows again. */
static int check_upload(struct build *b)
{
	struct bc_object_name name;
	char label[BC_LABEL_MAX];

	if (!b->o->upload && b->o->keep.uploaded_age_ns)
		return bc_err_set(b->err, -EINVAL, "%s: nothing is uploaded from here: add --upload s3://BUCKET/PREFIX/",
				  label_of(b, BC_OUT_KEEP_UPLOADED, label));
	if (!b->o->upload)
		return 0;
	if (b->o->keep.recompress || b->o->file_ext)
		return bc_err_set(b->err, -EINVAL, "%s: a segment keeps its name and its bytes where it is uploaded: not with %s",
				  label_of(b, BC_OUT_UPLOAD, label), b->o->file_ext ? "--file-ext" : "--recompress");
	return bc_object_name_parse(label_of(b, BC_OUT_UPLOAD, label), b->o->upload, &name, b->err);
}

static int store_all(struct build *b)
{
	char label[BC_LABEL_MAX];
	int rc = 0;

	for (unsigned i = 0; !rc && i < BC_OUT_N; i++) {
		const char *text = text_of(b, i);

		if (text)
			rc = bc_setting_store(&bc_output_settings[i], label_of(b, i, label), text, b->o, b->err);
	}
	if (b->o->snaplen == 0)
		b->o->snaplen = BC_SNAPLEN_MAX;
	return rc;
}

int bc_output_build(const struct bc_draft *cli, const struct bc_draft *d, uint32_t i, struct bc_output_config *ret,
		    struct bc_err *err)
{
	static int (*const steps[])(struct build *b) = {
		store_all, find_kind, set_remote, choose_by_name, set_pipeout, set_exclude, set_anonymise, set_encrypt, set_format,
		set_codec, set_level, set_io, set_index, check_name, set_file_ext, set_mode, set_clock, check_rotation, set_stop, set_comment, check_numbered,
		set_keep, check_post_publish, check_upload, check_encrypt,
	};
	struct build b = { .cli = cli, .from = d, .index = i, .o = ret, .err = err };
	int rc = 0;

	*ret = (struct bc_output_config){ .snaplen = BC_SNAPLEN_MAX, .format = BC_FORMAT_PCAPNG, .codec = BC_CODEC_DEFAULT,
					  .io = BC_IO_AUTO };
	for (size_t k = 0; !rc && k < sizeof(steps) / sizeof(steps[0]); k++)
		rc = steps[k](&b);
	return rc;
}

uint32_t bc_config_mirrored(const struct bc_config *c)
{
	uint32_t i = 0;

	while (i < c->n_outputs && c->outputs[i].kind == BC_DEST_PEER)
		i++;
	return i;
}

void bc_output_config_free(struct bc_output_config *o)
{
	bc_anonymise_key_free(o->anonymise);
	free(o->encrypt);
	free(o->dest);
	free(o->filter);
	free(o->file_ext);
	free(o->seqfile);
	free(o->pipeout);
	free(o->watchfile);
	free(o->exclude);
	free(o->comment);
	free(o->completed);
	free(o->on_segment);
	free(o->upload);
	bc_remote_free(&o->remote);
	memset(o, 0, sizeof(*o));
}
