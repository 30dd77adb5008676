/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_series.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_age_file.h"
#include "bc_bytes.h"
#include "bc_decoder.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "bc_reader.h"

#define HEAD (64U * 1024)	/* of a file; the section header is at its begin */
#define HEAD_MAX (1024U * 1024)	/* as far as its first packet is looked for */
#define MAGIC_LE 0x1A2B3C4DU
#define OPT_APPLICATION 4
static const char application[] = "braidcap ";

static bool digits(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isdigit((unsigned char)s[i]))
			return false;
	return true;
}

/* YYYYMMDD, sep, HHMMSS */
static bool is_stamp(const char *s, size_t len, char sep)
{
	return len >= 15 && digits(s, 8) && s[8] == sep && digits(s + 9, 6);
}

/* "-" and at least min digits at s, of which len bytes are there; the length, or 0. */
static size_t number(const char *s, size_t len, size_t min)
{
	size_t n = 1;

	if (!len || *s != '-')
		return 0;
	while (n < len && isdigit((unsigned char)s[n]))
		n++;
	return n > min && n < 21 ? n : 0;
}

/* The extension's length, of format and compression; 0: none of ours. */
static size_t parse_extension(const char *file, struct bc_series *ret)
{
	static const enum bc_format formats[] = { BC_FORMAT_PCAPNG, BC_FORMAT_PCAP_NS, BC_FORMAT_ERF };
	size_t len = strlen(file);

	for (size_t f = 0; f < sizeof(formats) / sizeof(formats[0]); f++)
		for (enum bc_codec c = 0; c < BC_CODEC_COUNT; c++) {
			char ext[32];
			size_t n = (size_t)snprintf(ext, sizeof(ext), "%s%s", bc_format_ext(formats[f]), bc_codec_ext(c));

			if (len <= n || strcmp(file + len - n, ext))
				continue;
			ret->format = formats[f];
			ret->codec = c;
			ret->stem = len - strlen(bc_codec_ext(c));
			return n;
		}
	return 0;
}

/* YYYYMMDD-HHMMSS-SEQ[-N] */
static bool is_numbered(const char *file, size_t len)
{
	size_t n;

	if (!is_stamp(file, len, '-'))
		return false;
	n = number(file + 15, len - 15, 8);
	if (!n)
		return false;
	file += 15 + n;
	len -= 15 + n;
	return len == 0 || number(file, len, 1) == len;
}

/* trace-NAME-YYYYMMDD_HHMMSS[_N] (or -N, as what is moved is called): the length of NAME, or 0. */
static size_t trace_name(const char *file, size_t len)
{
	static const char prefix[] = "trace-";
	const size_t from = sizeof(prefix) - 1;
	size_t at = len;

	if (len < from || memcmp(file, prefix, from))
		return 0;
	if (at >= 15 && !is_stamp(file + at - 15, 15, '_')) {
		while (at && isdigit((unsigned char)file[at - 1]))
			at--;
		if (at == len || !at || (file[at - 1] != '_' && file[at - 1] != '-'))
			return 0;
		at--;
	}
	if (at < from + 1 + 1 + 15 || !is_stamp(file + at - 15, 15, '_') || file[at - 16] != '-')
		return 0;
	return at - 16 - from;
}

bool bc_series_parse(const char *file, struct bc_series *ret)
{
	struct bc_series s = { .name = "" };
	size_t ext = parse_extension(file, &s), len = strlen(file) - ext, name;

	if (!ext || strlen(file) >= BC_SERIES_MAX)
		return false;
	if (!is_numbered(file, len)) {
		name = trace_name(file, len);
		if (!name)
			return false;
		memcpy(s.name, file + sizeof("trace-") - 1, name);
	}
	*ret = s;
	return true;
}

bool bc_series_parse_any(const char *file, struct bc_series *ret, bool *ret_encrypted)
{
	const size_t len = strlen(file), ext = strlen(BC_AGE_EXT);
	char plain[BC_SERIES_MAX];

	*ret_encrypted = len > ext && len < BC_SERIES_MAX && !strcmp(file + len - ext, BC_AGE_EXT);
	if (!*ret_encrypted)
		return bc_series_parse(file, ret);
	snprintf(plain, sizeof(plain), "%.*s", (int)(len - ext), file);
	return bc_series_parse(plain, ret);
}

/* Does the section header name us as the application? */
static bool made_by_us(const uint8_t *p, size_t len)
{
	const size_t n = sizeof(application) - 1;
	bool big;
	size_t end, at = 24;

	if (len < 28 || bc_get_le32(p) != BC_PCAPNG_SHB)
		return false;
	big = bc_get32(p + 8, true) == MAGIC_LE;
	if (!big && bc_get32(p + 8, false) != MAGIC_LE)
		return false;
	end = bc_get32(p + 4, big);
	if (end > len || end < 28)
		return false;
	for (end -= 4; at + 4 <= end;) {
		uint16_t code = bc_get16(p + at, big), size = bc_get16(p + at + 2, big);

		at += 4;
		if (code == 0 || size > end - at)
			break;
		if (code == OPT_APPLICATION)
			return size >= n && !memcmp(p + at, application, n);
		at += (size + 3U) & ~3U;
	}
	return false;
}

static bool is_pcap(const uint8_t *p, size_t len)
{
	uint32_t magic = len >= BC_PCAP_FILE_HEADER ? bc_get_le32(p) : 0;

	return magic == BC_PCAP_MAGIC_NS || magic == BC_PCAP_MAGIC_US;
}

/* Decompressed bytes behind the *have that are there, until there are want. 0, or a negative errno. */
static int read_to(struct bc_decoder *d, uint8_t *buf, size_t *have, size_t want)
{
	ptrdiff_t n = 1;

	while (n > 0 && *have < want) {
		n = bc_decoder_read(d, buf + *have, want - *have, NULL);
		*have += n > 0 ? (size_t)n : 0;
	}
	/* Damage further behind is not looked for here. */
	return n >= 0 || *have || n == -ENODATA || n == -EBADMSG ? 0 : (int)n;
}

static enum bc_origin origin_of(const uint8_t *buf, size_t n, enum bc_format format)
{
	if (format == BC_FORMAT_PCAPNG)
		return made_by_us(buf, n) ? BC_ORIGIN_OURS : BC_ORIGIN_FOREIGN;
	if (format == BC_FORMAT_ERF)
		return n ? BC_ORIGIN_UNMARKED : BC_ORIGIN_FOREIGN;
	return is_pcap(buf, n) ? BC_ORIGIN_UNMARKED : BC_ORIGIN_FOREIGN;
}

/* Of the first packet; 0: it is not found. */
static uint64_t first_time(struct bc_decoder *d, enum bc_format format, uint8_t *buf, size_t have)
{
	struct bc_reader *r = format == BC_FORMAT_ERF ? bc_reader_new_erf() : bc_reader_new();
	struct bc_record rec = { .ts_ns = 0 };
	size_t at = 0, used = 0, need;
	int what = BC_READ_SKIP;

	while (r && what >= 0 && what != BC_READ_RECORD) {
		what = bc_reader_next(r, buf + at, have - at, &used, &need, &rec, NULL);
		if (what != BC_READ_MORE)
			at += used;
		else if (need > HEAD_MAX - at || read_to(d, buf, &have, at + need) || have < at + need)
			what = -ENODATA;
	}
	bc_reader_free(r);
	return what == BC_READ_RECORD ? rec.ts_ns : 0;
}

int bc_series_origin(int fd, const struct bc_series *s, uint64_t *ret_first_ns)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), r;
	struct bc_decoder *d = NULL;
	size_t have = 0;
	uint8_t *buf;

	if (copy < 0)
		return -errno;
	r = bc_decoder_open(copy, &d, NULL);
	if (r)
		return r;
	/* What is not written takes no memory. */
	buf = malloc(HEAD_MAX);
	r = buf ? read_to(d, buf, &have, HEAD) : -ENOMEM;
	if (!r)
		r = (int)origin_of(buf, have, s->format);
	if (r >= 0 && ret_first_ns)
		*ret_first_ns = r == BC_ORIGIN_FOREIGN ? 0 : first_time(d, s->format, buf, have);
	bc_decoder_close(d);
	free(buf);
	return r;
}
