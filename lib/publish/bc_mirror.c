/* SPDX-License-Identifier: BSD-3-Clause */
/* Chunks of a file into packets. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_codec.h"
#include "bc_pcap.h"
#include "bc_publisher_priv.h"
#include "bc_reader.h"

struct bc_mirror {
	struct bc_publisher *publisher;
	char topic[16 + BC_CLIENT_MAX];
	size_t topic_len;
	bool nanoseconds;
	bool classic;		/* each text begins a file: pcap has no interfaces to describe later */

	/* The publisher's thread. */
	struct bc_reader *reader;
	uint8_t *plain;
	size_t plain_cap;
	bool broken;		/* no memory, or what came is no file: nothing more is published */
};

struct bc_mirror *bc_mirror_new(struct bc_publisher *p, const char *client, enum bc_format format, bool nanoseconds)
{
	struct bc_mirror *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->publisher = p;
	t->nanoseconds = nanoseconds;
	t->classic = format == BC_FORMAT_PCAP_NS || format == BC_FORMAT_PCAP_US;
	t->topic_len = (size_t)snprintf(t->topic, sizeof(t->topic), "data.v1.%.*s", BC_CLIENT_MAX, client);
	t->reader = format == BC_FORMAT_ERF ? bc_reader_new_erf() : bc_reader_new();
	if (!t->reader) {
		free(t);
		return NULL;
	}
	return t;
}

static void end(struct bc_mirror *t)
{
	bc_reader_free(t->reader);
	free(t->plain);
	free(t);
}

void bc_mirror_free(struct bc_mirror *t)
{
	struct bc_item *i = t ? bc_item_new(BC_ITEM_END, t, 0) : NULL;

	/* Without memory the mirror is left behind: what is queued still refers to it. */
	if (i)
		bc_publisher_put(t->publisher, i, false);
}

bool bc_mirror_wanted(const struct bc_mirror *t)
{
	return bc_publisher_wanted(t->publisher);
}

void bc_mirror_text(struct bc_mirror *t, const uint8_t *text, size_t len)
{
	struct bc_item *i = bc_item_new(BC_ITEM_TEXT, t, len);

	if (!i)
		return;
	memcpy(i->data, text, len);
	bc_publisher_put(t->publisher, i, false);
}

void bc_mirror_chunk(struct bc_mirror *t, bool lz4, const uint8_t *data, size_t len, size_t dense, uint32_t packets)
{
	struct bc_item *i = bc_item_new(BC_ITEM_CHUNK, t, len);

	if (i) {
		i->lz4 = lz4;
		i->dense = dense;
		i->packets = packets;
		memcpy(i->data, data, len);
	}
	if (!i || !bc_publisher_put(t->publisher, i, true))
		bc_publisher_overflowed(t->publisher, packets);
}

/* Grows t->plain to len. */
static bool reserve(struct bc_mirror *t, size_t len)
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

/* All blocks of a chunk into t->plain; false: it is none of ours. */
static bool decompress(struct bc_mirror *t, const struct bc_item *i)
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

static void publish(struct bc_mirror *t, const struct bc_record *r)
{
	const struct bc_iface *iface = bc_reader_iface(t->reader, r->iface);
	uint8_t file[BC_PCAP_FILE_HEADER], head[BC_PCAP_RECORD_HEADER];

	bc_pcap_file_header(file, t->nanoseconds, iface->linktype, iface->snaplen);
	bc_pcap_record(head, r->ts_ns, t->nanoseconds, r->caplen, r->wirelen);
	bc_publisher_send_packet(t->publisher, t->topic, t->topic_len, file, sizeof(file), head, sizeof(head), r->data, r->caplen);
}

/* Every item of the bytes; false: they are not whole items. */
static bool read_items(struct bc_mirror *t, const uint8_t *data, size_t len)
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
static void begin_again(struct bc_mirror *t)
{
	bc_reader_free(t->reader);
	t->reader = bc_reader_new();
	t->broken = !t->reader;
}

void bc_mirror_take(struct bc_mirror *t, const struct bc_item *i)
{
	if (i->kind == BC_ITEM_END) {
		end(t);
		return;
	}
	if (t->classic && i->kind == BC_ITEM_TEXT)
		begin_again(t);
	if (!t->broken && i->lz4)
		t->broken = !decompress(t, i) || !read_items(t, t->plain, i->dense);
	else if (!t->broken)
		t->broken = !read_items(t, i->data, i->len);
	if (t->broken && i->kind == BC_ITEM_CHUNK)
		bc_publisher_overflowed(t->publisher, i->packets);
}
