/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Capture files, plain or compressed, here or on a store: read as fast as the pipeline takes them, never dropped. Segments below a
 * prefix of a store are read as one file of many sections.
 */
#include "bc_source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_blob.h"
#include "bc_decoder.h"
#include "bc_depot.h"
#include "bc_objects.h"
#include "bc_packet.h"
#include "bc_plural.h"
#include "bc_reader.h"

#define WINDOW (1024U * 1024)
/* How long to wait for a pipe's first bytes before checking whether to give up. */
#define WAIT_MS 100

struct file_source {
	struct bc_depot *depot;		/* of an object; NULL: it is a file, or there are several */
	struct bc_objects *objects;	/* of a prefix */
	const char *object;		/* the one of these that is read */
	bool broken;			/* one of these could not be read to its end */
	struct bc_blob *blob;		/* of an object; NULL: it is a file */
	struct bc_decoder *decoder;
	struct bc_reader *reader;
	uint8_t *buf;			/* decoded bytes [begin, end) wait to be parsed */
	size_t cap, begin, end;
	uint64_t offset;		/* of begin in the decoded file */
	size_t used;			/* by the last item */
	bool eof;
	int read_error;			/* of the decoder, to be told once what came before it was parsed */
	struct bc_err read_err;
	uint64_t last_ns;
	bool reported;
	uint64_t clamped, cut;		/* packets whose time was out of range; that were too long */
	uint64_t comments, options;	/* of packets */
	uint64_t left_out;		/* of these, what no output has */
	uint64_t overflow;		/* that the list of what is carried has no room for */
	bool begun;			/* a packet was read */
	uint32_t most_segs;		/* mbufs of the largest packet so far */
	uint32_t iface[BC_MAX_IFACES];	/* the file's interfaces in the capture's table */
};

/* Decode more bytes after those that are there. False when there are no more, for whatever reason. */
static bool read_more(struct file_source *p, size_t need)
{
	ptrdiff_t n;

	if (p->eof)
		return false;
	if (p->begin) {
		memmove(p->buf, p->buf + p->begin, p->end - p->begin);
		p->end -= p->begin;
		p->begin = 0;
	}
	if (need > p->cap) {
		uint8_t *grown = realloc(p->buf, need);

		if (!grown) {
			p->read_error = bc_err_set(&p->read_err, -ENOMEM, "no memory for a record of %zu bytes", need);
			p->eof = true;
			return false;
		}
		p->buf = grown;
		p->cap = need;
	}
	n = bc_decoder_read(p->decoder, p->buf + p->end, p->cap - p->end, &p->read_err);
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		p->read_error = (int)n;
		p->eof = true;
		return false;
	}
	p->end += (size_t)n;
	return true;
}

static const char *of_what(const struct file_source *p)
{
	return bc_decoder_codec(p->decoder) != BC_CODEC_NONE ? " of the decompressed data" : "";
}

static void fail(struct bc_source *s, const char *words)
{
	struct file_source *p = s->priv;

	bc_log(s->env.log, BC_ERROR, "%s: at offset %" PRIu64 "%s: %s: everything before it is kept", s->account->name,
	       p->offset, of_what(p), words);
	atomic_store_explicit(&s->failed, true, memory_order_release);
}

/* A part of the line on what is missing; what stands beside the packets may be missing in some outputs only. */
static void tell(char *line, size_t size, uint64_t n, const char *what, const char *words, enum bc_places places)
{
	size_t at = strlen(line);

	if (n)
		snprintf(line + at, size - at, "%s%" PRIu64 " %s%s %s%s", at ? "; " : "", n, what, bc_plural(n, "", "s"), words,
			 places == BC_PLACES_SOME ? " of some outputs" : "");
}

/* At the file's end, one line says what could not be taken as it was. */
static void report(struct bc_source *s)
{
	struct file_source *p = s->priv;
	const enum bc_places places = s->env.places;
	const struct bc_reader_beside *out = places == BC_PLACES_ALL ? bc_reader_left_out(p->reader) : bc_reader_found(p->reader);
	char line[1024] = "";

	if (p->reported)
		return;
	p->reported = true;
	tell(line, sizeof(line), p->clamped, "time", "out of range (not between 1970 and 2554) replaced", BC_PLACES_ALL);
	tell(line, sizeof(line), p->cut, "packet", "cut to 262144 bytes", BC_PLACES_ALL);
	tell(line, sizeof(line), bc_reader_ignored(p->reader), "option", "of a wrong length ignored", BC_PLACES_ALL);
	tell(line, sizeof(line), p->overflow, "block", "beside packets left out, because there are too many", BC_PLACES_ALL);
	tell(line, sizeof(line), out->secrets, "block", "of decryption secrets left out", places);
	tell(line, sizeof(line), out->names, "block", "of resolved names left out", places);
	tell(line, sizeof(line), out->custom, "custom or unknown block", "left out", places);
	tell(line, sizeof(line), out->statistics, "block", "of statistics left out", BC_PLACES_ALL);
	tell(line, sizeof(line), out->comments, "comment", "of sections or interfaces left out", places);
	tell(line, sizeof(line), out->options, "option", "of interfaces left out", places);
	if (s->env.option_places == BC_PLACES_ALL) {
		tell(line, sizeof(line), p->left_out, "comment, flag or other option", "of packets left out", BC_PLACES_ALL);
	} else {
		tell(line, sizeof(line), p->comments, "comment", "of packets left out", s->env.option_places);
		tell(line, sizeof(line), p->options, "flag or other option", "of packets left out", s->env.option_places);
	}
	if (*line)
		bc_log(s->env.log, BC_WARN, "%s: %s", s->account->name, line);
}

/* The bytes have come to an end: cleanly or not. */
static void finish(struct bc_source *s)
{
	struct file_source *p = s->priv;

	report(s);
	if (p->broken)
		atomic_store_explicit(&s->failed, true, memory_order_release);
	else if (p->objects)
		return;
	else if (p->read_error)
		fail(s, p->read_err.msg);
	else if (p->begin < p->end)
		fail(s, "the file ends inside a record");
}

/* Of several objects, the next that can be opened. False: there is no other. */
static bool open_next(struct file_source *p, const struct bc_log *log)
{
	struct bc_err err;
	int r;

	bc_decoder_close(p->decoder);
	bc_blob_close(p->blob);
	p->decoder = NULL;
	p->blob = NULL;
	while ((r = bc_objects_next(p->objects, &p->blob, &p->object, &err)) != 0) {
		if (r > 0)
			r = bc_decoder_open_blob(p->blob, &p->decoder, &err);
		if (r >= 0)
			break;
		bc_log(log, BC_ERROR, "%s: %s: it is left out", p->object, err.msg);
		p->broken = true;
		bc_blob_close(p->blob);
		p->blob = NULL;
	}
	if (!p->decoder)
		return false;
	p->begin = p->end = 0;
	p->offset = 0;
	p->eof = false;
	p->read_error = 0;
	return true;
}

/* One of several objects has come to its end, or to damage, which words tell: another is read then. */
static bool go_on(struct bc_source *s, const char *words)
{
	struct file_source *p = s->priv;

	if (!p->objects || !p->decoder)
		return false;
	if (!words && p->read_error)
		words = p->read_err.msg;
	if (!words && p->begin < p->end)
		words = "it ends inside a record";
	if (words) {
		bc_log(s->env.log, BC_ERROR, "%s: at offset %" PRIu64 "%s: %s: everything before it is kept", p->object, p->offset, of_what(p), words);
		p->broken = true;
	}
	return open_next(p, s->env.log);
}

/* What stands beside the packets goes where every output finds it, before any packet that follows it. */
static void carry(struct file_source *p, const struct bc_source_env *env, const struct bc_record *rec)
{
	enum bc_carry_kind kind = rec->keep;

	/* Before all packets it is about all of them. */
	if (kind == BC_CARRY_HERE && !p->begun)
		kind = BC_CARRY_BLOCK;
	if (env->carry && bc_carry_add(env->carry, kind, rec->kept, rec->kept_len) != 0)
		p->overflow++;
}

static int add_iface(struct bc_source *s, const struct file_source *p, uint32_t i)
{
	struct bc_iface iface = *bc_reader_iface(p->reader, i);

	if (!iface.name[0])
		snprintf(iface.name, sizeof(iface.name), "%s", s->account->interface);
	return bc_iface_add(s->env.ifaces, &iface);
}

/* One item of the file; false when there is none now. */
static bool step(struct bc_source *s, struct bc_record *rec, enum bc_read *ret)
{
	struct file_source *p = s->priv;
	struct bc_err err;
	size_t used = 0, need = 0;
	int r;

	for (;;) {
		r = bc_reader_next(p->reader, p->buf + p->begin, p->end - p->begin, &used, &need, rec, &err);
		if (r < 0 && go_on(s, err.msg))
			continue;
		if (r != BC_READ_MORE)
			break;
		if (!read_more(p, need) && !(p->eof && go_on(s, NULL))) {
			if (p->eof)
				finish(s);
			return false;
		}
	}
	if (r < 0 && p->objects) {
		finish(s);
		p->eof = true;
		return false;
	}
	if (r < 0) {
		report(s);
		fail(s, err.msg);
		p->eof = true;
		return false;
	}
	p->used = used;
	p->begin += used;
	p->offset += used;
	*ret = (enum bc_read)r;
	return true;
}

static bool take_iface(struct bc_source *s, uint32_t number)
{
	struct file_source *p = s->priv;
	int i = add_iface(s, p, number);

	if (i < 0) {
		fail(s, "too many interfaces");
		p->eof = true;
		return false;
	}
	p->iface[number] = (uint32_t)i;
	s->filters.mixed |= bc_reader_iface(p->reader, number)->linktype != atomic_load_explicit(&s->filters.linktype, memory_order_relaxed);
	return true;
}

/*
 * The most packets in the link. With more than its share of the mbufs a source could leave none to another, for whose
 * packets the merge waits before it takes this one's.
 */
static uint32_t link_share(const struct bc_source *s)
{
	const struct file_source *p = s->priv;

	return s->env.mbufs_share > p->most_segs ? s->env.mbufs_share / p->most_segs : 1;
}

/* As many empty mbufs as there are, at most max; few may be left when records take several. */
static uint32_t take_mbufs(struct bc_source *s, struct rte_mbuf **m, uint32_t max)
{
	if (rte_pktmbuf_alloc_bulk(s->env.pool, m, max) == 0)
		return max;
	return rte_pktmbuf_alloc_bulk(s->env.pool, m, 1) == 0;
}

/* The next record; false when there is none now. */
static bool next_record(struct bc_source *s, struct bc_record *rec)
{
	enum bc_read what;

	do {
		if (!step(s, rec, &what) || (what == BC_READ_IFACE && !take_iface(s, rec->iface)))
			return false;
		if (what == BC_READ_KEEP)
			carry(s->priv, &s->env, rec);
	} while (what != BC_READ_RECORD);
	((struct file_source *)s->priv)->begun = true;
	return true;
}

/* False: there are no mbufs now, and m is empty. */
static bool add_options(struct bc_source *s, struct rte_mbuf *m, const struct bc_record *rec)
{
	struct file_source *p = s->priv;

	if (rec->kept_len > BC_PACKET_OPTIONS_MAX || m->pkt_len + rec->kept_len > s->env.record_max) {
		p->left_out += rec->comments + rec->options - rec->left_out;
		return true;
	}
	if (bc_packet_add_options(m, rec->kept, rec->kept_len) != 0) {
		bc_packet_empty(m);
		return false;
	}
	if (rec->has_queue)
		bc_meta(m)->flags |= BC_META_QUEUE;
	return true;
}

static bool fill_mbuf(struct bc_source *s, struct rte_mbuf *m, const struct bc_record *rec)
{
	struct file_source *p = s->priv;

	bool filled = bc_packet_fill(m, rec->data, rec->caplen < BC_SNAPLEN_MAX ? rec->caplen : BC_SNAPLEN_MAX) == 0;

	*bc_meta(m) = (struct bc_meta){ .wire_len = rec->wirelen, .source = s->index };
	if (filled && __builtin_expect(rec->kept_len != 0, 0))
		filled = add_options(s, m, rec);
	if (!filled) {
		/* Mbufs will be freed soon: try the same record again in the next round. */
		p->begin -= p->used;
		p->offset -= p->used;
		return false;
	}
	m->port = (uint16_t)p->iface[rec->iface];
	if (m->nb_segs > p->most_segs)
		p->most_segs = m->nb_segs;
	p->cut += rec->caplen > BC_SNAPLEN_MAX;
	p->clamped += rec->clamped;
	p->comments += rec->comments;
	p->options += rec->options;
	p->left_out += rec->left_out;
	if (rec->dropcount) {
		bc_meta(m)->flags |= BC_META_DROPS;
		m->tx_offload = rec->dropcount;
	}
	return true;
}

static void file_rx(struct bc_source *s, struct bc_batch *b, uint32_t max)
{
	struct file_source *p = s->priv;
	uint32_t fill = bc_link_fill(s->link), n = fill < link_share(s) ? take_mbufs(s, b->mbuf, max) : 0;
	struct bc_record rec;

	while (b->n < n && fill + b->n < link_share(s)) {
		if (!next_record(s, &rec)) {
			b->ended = p->eof;
			break;
		}
		if (!fill_mbuf(s, b->mbuf[b->n], &rec))
			break;
		if (rec.clamped && rec.ts_ns)
			/*
			 * With its impossible time it would hold up all later packets, so it gets the time of
			 * the packet before it.
			 */
			rec.ts_ns = p->last_ns;
		b->ts_ns[b->n++] = rec.ts_ns;
		if (rec.ts_ns > p->last_ns)
			p->last_ns = rec.ts_ns;
	}
	rte_pktmbuf_free_bulk(b->mbuf + b->n, n - b->n);
	bc_counter_set(&s->read_bytes, b->ended ? s->file_bytes : bc_decoder_offset(p->decoder));
	b->watermark_ns = p->last_ns;
}

static void free_file(struct file_source *p)
{
	if (!p)
		return;
	bc_decoder_close(p->decoder);
	bc_blob_close(p->blob);
	bc_objects_close(p->objects);
	bc_depot_free(p->depot);
	bc_reader_free(p->reader);
	free(p->buf);
	free(p);
}

static void file_close(struct bc_source *s)
{
	free_file(s->priv);
}

static const struct bc_source_ops file_ops = {
	.rx = file_rx,
	.close = file_close,
};

static uint64_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* A pipe must not hold up the other stages of this lcore; nor a FIFO that nobody writes the start, as signals end no wait within open(). */
static int open_fd(const struct bc_source_config *cfg, struct bc_err *err)
{
	const char *path = strcmp(cfg->target, "-") ? cfg->target : "/dev/stdin";
	struct stat st;
	int mode = stat(path, &st) == 0 && !S_ISREG(st.st_mode) ? O_NONBLOCK : 0, fd = open(path, O_RDONLY | O_CLOEXEC | mode);

	if (fd < 0)
		return bc_err_set(err, -errno, "cannot read %s: %s%s", cfg->spec, strerror(errno),
				  errno == EMFILE ? ": raise 'ulimit -n'" : "");
	return fd;
}

static void describe(const struct bc_source_config *cfg, struct bc_iface *iface)
{
	size_t len = strlen(cfg->target), from;

	/* A prefix is called as its last folder. */
	len -= len > 1 && cfg->target[len - 1] == '/';
	for (from = len; from && cfg->target[from - 1] != '/';)
		from--;
	if (!iface->name[0])
		snprintf(iface->name, sizeof(iface->name), "%.*s", (int)(len - from), cfg->target + from);
	iface->stamp = BC_STAMP_FILE;
}

/* It cannot be read from the beginning: what it is, and where it is damaged. */
static int refuse(const struct file_source *p, const struct bc_source_config *cfg, struct bc_err *err)
{
	if (p->offset || bc_reader_is_known(p->reader))
		return bc_err_prefix(err, -EBADMSG, "%s: damaged at offset %" PRIu64 "%s", cfg->spec, p->offset, of_what(p));
	return bc_err_prefix(err, -EBADMSG, "%s: no capture file (%s) that can be read", cfg->spec,
			     cfg->erf ? "ERF" : "pcap or pcapng; ERF is named .erf, or given as erf:FILE");
}

/* For bytes, or their end, for a while; of an object, for that while. 1: there are; 0: perhaps; or -EINTR. */
static int wait_for_bytes(int fd, const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_err *err)
{
	int r = poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, WAIT_MS);

	if (env->interrupted && env->interrupted(env->interrupted_ctx))
		return bc_err_set(err, -EINTR, "%s: ended before its first bytes arrived", cfg->spec);
	return r > 0;
}

/* Read up to the first interface, so that it stands at the head of the first segment. */
/* 1: a file without a byte; 0; or a negative errno. */
static int read_first_iface(struct file_source *p, int fd, const struct bc_source_config *cfg,
			    const struct bc_source_env *env, struct bc_iface *ret, struct bc_err *err)
{
	struct bc_record rec;
	size_t need = 0;
	int r;

	for (;;) {
		r = bc_reader_next(p->reader, p->buf + p->begin, p->end - p->begin, &p->used, &need, &rec, err);
		if (r < 0)
			return refuse(p, cfg, err);
		if (r == BC_READ_MORE && !read_more(p, need)) {
			if (p->eof)
				break;
			if (wait_for_bytes(fd, cfg, env, err) < 0)
				return -EINTR;
		}
		p->begin += p->used;
		p->offset += p->used;
		if (r == BC_READ_KEEP)
			carry(p, env, &rec);
		if (r == BC_READ_IFACE)
			break;
	}
	if (p->read_error && p->offset == 0)
		return bc_err_set(err, p->read_error, "%s: %s", cfg->spec, p->read_err.msg);
	if (r == BC_READ_MORE && p->offset == 0 && p->begin == p->end && !cfg->erf)
		return 1;
	if (r == BC_READ_MORE && p->offset == 0 && !cfg->erf)
		return bc_err_set(err, -EBADMSG, "%s: the file ends within its header", cfg->spec);
	*ret = r == BC_READ_IFACE ? *bc_reader_iface(p->reader, 0) : (struct bc_iface){ .linktype = 1 };
	return 0;
}

/* *ret_fd is the decoder's. */
static int open_path(struct file_source *p, const struct bc_source_config *cfg, const struct bc_source_env *env, int *ret_fd,
		     struct bc_err *err)
{
	int fd = open_fd(cfg, err), r;

	if (fd < 0)
		return fd;
	/* A FIFO that nobody has opened to write would seem to be at its end. */
	while (!(r = wait_for_bytes(fd, cfg, env, err)))
		;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return bc_decoder_open(fd, &p->decoder, err);
}

/* From now on nobody waits for the store. */
static int open_object(struct file_source *p, const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_err *err)
{
	const struct bc_depot_config depot = { .store = env->store, .no_cache = true, .log = env->log };
	int r;

	if (cfg->target[strlen(cfg->target) - 1] == '/') {
		r = bc_objects_open(cfg->target, env->store, env->log, &p->objects, err);
		return r || open_next(p, env->log) ? r : bc_err_set(err, -EIO, "%s: none of its segments can be read", cfg->spec);
	}
	r = bc_depot_new(&depot, &p->depot, err);
	if (!r)
		r = bc_depot_open(p->depot, cfg->target, &p->blob, err);
	if (!r)
		r = bc_decoder_open_blob(p->blob, &p->decoder, err);
	if (!r)
		p->blob->hurried = true;
	return r;
}

static int open_file(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
		     uint32_t *ret_n, struct bc_err *err)
{
	struct file_source *p = calloc(1, sizeof(*p));
	struct bc_iface iface;
	struct bc_source *s = NULL;
	int fd = -1, empty, r = -ENOMEM;

	if (p) {
		p->most_segs = 1;
		p->cap = env->file_window ? env->file_window : WINDOW;
		p->buf = malloc(p->cap);
		p->reader = cfg->erf ? bc_reader_new_erf() : bc_reader_new();
	}
	if (!p || !p->buf || !p->reader) {
		bc_err_set(err, r, "%s: no memory", cfg->spec);
		goto fail;
	}
	r = bc_depot_is_name(cfg->target) ? open_object(p, cfg, env, err) : open_path(p, cfg, env, &fd, err);
	if (r < 0)
		goto fail;
	r = empty = read_first_iface(p, fd, cfg, env, &iface, err);
	if (r > 0 && !env->others)
		r = bc_err_set(err, -EBADMSG, "%s: the file is empty", cfg->spec);
	if (r < 0)
		goto fail;
	describe(cfg, &iface);
	r = -ENOSPC;
	s = bc_source_new(cfg, env, &file_ops, empty ? NULL : &iface, 0, err);
	if (!s)
		goto fail;
	s->account->stamp = BC_STAMP_FILE;
	if (empty)
		bc_log(env->log, BC_WARN, "%s: the file is empty: passed over", cfg->spec);
	p->iface[0] = s->account->iface;
	s->priv = p;
	s->file_bytes = fd >= 0 ? size_of(fd) : 0;
	ret[0] = s;
	*ret_n = 1;
	return 0;
fail:
	free_file(p);
	return r;
}

static const struct bc_source_key file_keys[] = { BC_KEY_FULL };

const struct bc_source_kind bc_source_file = {
	.name = "file",
	.erf_name = "erf",
	.target = BC_TARGET_PATH,
	.blocking = true,
	.waits = true,
	.lossless = true,
	.keys = file_keys,
	.n_keys = sizeof(file_keys) / sizeof(file_keys[0]),
	.open = open_file,
};
