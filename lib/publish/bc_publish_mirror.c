/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunks of a file into packets, which go out as messages. */
#include "bc_publish_mirror.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_codec.h"
#include "bc_pcap.h"
#include "bc_publisher_priv.h"
#include "bc_reader.h"

enum what { TEXT, CHUNK, LAST };

struct item {
	struct bc_item base;
	struct publish_mirror *mirror;
	enum what what;
	bool lz4;
	uint32_t packets;
	size_t dense;
	size_t len;		/* of data */
	uint8_t data[];
};

struct publish_mirror {
	struct bc_mirror base;
	struct bc_publisher *publisher;
	struct item *last;	/* allocated ahead, so that ending needs no memory */
	char topic[16 + BC_CLIENT_MAX];
	size_t topic_len;
	bool nanoseconds;
	bool classic;		/* each text begins a file: in pcap, interfaces cannot be described later */

	/* The publisher's thread. */
	struct bc_reader *reader;
	uint8_t *plain;
	size_t plain_cap;
	bool broken;		/* out of memory, or malformed input: nothing more is published */
};

static void release(struct publish_mirror *t)
{
	bc_reader_free(t->reader);
	free(t->plain);
	free(t);
}

/* Grows t->plain to len. */
static bool reserve(struct publish_mirror *t, size_t len)
{
	uint8_t *p;

	if (len <= t->plain_cap)
		return true;
	p = realloc(t->plain, len);
	if (!p)
		return false;
	t->plain = p;
	t->plain_cap = len;
	return true;
}

/* Decompress all blocks of a chunk into t->plain. False if it is not a chunk in our format. */
static bool decompress(struct publish_mirror *t, const struct item *i)
{
	size_t from = 0, to = 0;

	if (!reserve(t, i->dense))
		return false;
	while (from < i->len) {
		size_t consumed;
		ptrdiff_t n = bc_lz4_plain(i->data + from, i->len - from, t->plain + to, i->dense - to, &consumed);

		if (n < 0)
			return false;
		from += consumed;
		to += (size_t)n;
	}
	return to == i->dense;
}

static void publish(struct publish_mirror *t, const struct bc_record *r)
{
	const struct bc_iface *iface = bc_reader_iface(t->reader, r->iface);
	uint8_t file[BC_PCAP_FILE_HEADER], head[BC_PCAP_RECORD_HEADER];

	bc_pcap_file_header(file, t->nanoseconds, iface->linktype, iface->snaplen);
	bc_pcap_record(head, r->ts_ns, t->nanoseconds, r->caplen, r->wirelen);
	bc_publisher_send_packet(t->publisher, t->topic, t->topic_len, file, sizeof(file), head, sizeof(head),
				 r->data, r->caplen);
}

/* Publish every item in these bytes. False if they do not consist of whole items. */
static bool read_items(struct publish_mirror *t, const uint8_t *data, size_t len)
{
	while (len) {
		struct bc_record rec;
		size_t consumed, need;
		int r = bc_reader_next(t->reader, data, len, &consumed, &need, &rec, NULL);

		if (r < 0 || r == BC_READ_MORE)
			return false;
		if (r == BC_READ_RECORD)
			publish(t, &rec);
		data += consumed;
		len -= consumed;
	}
	return true;
}

/* A file of another link type begins. */
static void begin_again(struct publish_mirror *t)
{
	bc_reader_free(t->reader);
	t->reader = bc_reader_new();
	t->broken = !t->reader;
}

static void take(struct bc_item *base)
{
	const struct item *i = (const struct item *)base;
	struct publish_mirror *t = i->mirror;

	if (i->what == LAST) {
		release(t);
		return;
	}
	if (t->classic && i->what == TEXT)
		begin_again(t);
	if (!t->broken && i->lz4)
		t->broken = !decompress(t, i) || !read_items(t, t->plain, i->dense);
	else if (!t->broken)
		t->broken = !read_items(t, i->data, i->len);
	if (t->broken && i->what == CHUNK)
		bc_publisher_overflowed(t->publisher, i->packets);
}

static struct item *new_item(struct publish_mirror *t, enum what what, size_t len)
{
	struct item *i = malloc(sizeof(*i) + len);

	if (i)
		*i = (struct item){ .base = { .take = take, .work = len }, .mirror = t, .what = what, .len = len };
	return i;
}

static bool mirror_wanted(const struct bc_mirror *m)
{
	return bc_publisher_wanted(((const struct publish_mirror *)m)->publisher);
}

static bool mirror_text(struct bc_mirror *m, const uint8_t *text, size_t len)
{
	struct publish_mirror *t = (struct publish_mirror *)m;
	struct item *i = new_item(t, TEXT, len);

	if (!i)
		return false;
	memcpy(i->data, text, len);
	return bc_publisher_put(t->publisher, &i->base, false);
}

static void mirror_chunk(struct bc_mirror *m, bool lz4, const uint8_t *data, size_t len, size_t dense, uint32_t packets)
{
	struct publish_mirror *t = (struct publish_mirror *)m;
	struct item *i = new_item(t, CHUNK, len);

	if (i) {
		i->lz4 = lz4;
		i->dense = dense;
		i->packets = packets;
		/* Its size when decompressed counts, so that the queue also bounds how long draining it takes. */
		i->base.work = len > dense ? len : dense;
		memcpy(i->data, data, len);
	}
	if (!i || !bc_publisher_put(t->publisher, &i->base, true))
		bc_publisher_overflowed(t->publisher, packets);
}

/* What was queued is still sent: the publisher's thread frees the mirror after it. */
static void mirror_free(struct bc_mirror *m)
{
	struct publish_mirror *t = (struct publish_mirror *)m;

	bc_publisher_put(t->publisher, &t->last->base, false);
}

static const struct bc_mirror_ops publish_ops = {
	.wanted = mirror_wanted,
	.text = mirror_text,
	.chunk = mirror_chunk,
	.free = mirror_free,
};

struct bc_mirror *bc_publish_mirror_new(struct bc_publisher *p, const char *client, enum bc_format format,
					bool nanoseconds)
{
	struct publish_mirror *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->base.ops = &publish_ops;
	t->publisher = p;
	t->nanoseconds = nanoseconds;
	t->classic = format == BC_FORMAT_PCAP_NS || format == BC_FORMAT_PCAP_US;
	t->topic_len = (size_t)snprintf(t->topic, sizeof(t->topic), "data.v1.%.*s", BC_CLIENT_MAX, client);
	t->reader = format == BC_FORMAT_ERF ? bc_reader_new_erf() : bc_reader_new();
	t->last = new_item(t, LAST, 0);
	if (!t->reader || !t->last) {
		free(t->last);
		release(t);
		return NULL;
	}
	return &t->base;
}
