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

#include "bc_bytes.h"
#include "bc_decoder.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"

#define HEAD (64U * 1024)	/* of a file; the section header is at its begin */
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

/* Up to HEAD bytes, decompressed; negative errno. */
static ptrdiff_t read_head(int fd, uint8_t *buf)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0), r;
	struct bc_decoder *d;
	ptrdiff_t n;
	size_t have = 0;

	if (copy < 0)
		return -errno;
	r = bc_decoder_open(copy, &d, NULL);
	if (r)
		return r;
	do {
		n = bc_decoder_read(d, buf + have, HEAD - have, NULL);
		have += n > 0 ? (size_t)n : 0;
	} while (n > 0 && have < HEAD);
	bc_decoder_close(d);
	/* Damage further behind is not looked for here. */
	return have || n == -ENODATA || n == -EBADMSG ? (ptrdiff_t)have : n;
}

int bc_series_origin(int fd, const struct bc_series *s)
{
	uint8_t *buf = malloc(HEAD);
	ptrdiff_t n = buf ? read_head(fd, buf) : -ENOMEM;
	int r;

	if (n < 0)
		r = (int)n;
	else if (s->format == BC_FORMAT_PCAPNG)
		r = made_by_us(buf, (size_t)n) ? BC_ORIGIN_OURS : BC_ORIGIN_FOREIGN;
	else if (s->format == BC_FORMAT_ERF)
		r = n ? BC_ORIGIN_UNMARKED : BC_ORIGIN_FOREIGN;
	else
		r = is_pcap(buf, (size_t)n) ? BC_ORIGIN_UNMARKED : BC_ORIGIN_FOREIGN;
	free(buf);
	return r;
}
