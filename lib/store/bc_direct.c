/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_direct.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef BC_HAVE_URING
#include <liburing.h>
#endif

#include "bc_map_pages.h"

/* One write. */
struct piece {
	uint8_t *mem;		/* BC_DIRECT_BUFFER bytes */
	uint64_t off;
	size_t len;
	bool in_flight;
};

struct bc_direct {
	int fd;
	int failed;		/* negative errno of the first write that was given up */
	uint8_t *memory;
	size_t bytes;		/* of it */
	uint32_t n;		/* pieces, used in turn */
	uint32_t cur;		/* the one that fills */
	size_t fill;
	int flags;		/* of the file */
	uint64_t base;		/* where in the file it belongs; a multiple of BC_DIRECT_ALIGN */
	bool dirty;		/* something was put since it was settled */
	_Atomic bool has_ring;	/* read by any thread */
	bool large;		/* a buffer has been full: the others are needed, too */
	bool registered;	/* the kernel knows the buffers */
	uint32_t in_flight;
#ifdef BC_HAVE_URING
	struct io_uring ring;
#endif
	struct piece piece[BC_DIRECT_DEPTH_MAX + 1];
};

static size_t round_up(size_t n)
{
	return (n + BC_DIRECT_ALIGN - 1) & ~(size_t)(BC_DIRECT_ALIGN - 1);
}

/* All of it, or a negative errno. */
static int write_whole(int fd, const uint8_t *mem, size_t len, uint64_t off)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, mem, len, (off_t)off);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 && errno == EDQUOT ? -ENOSPC : n < 0 ? -errno : -EIO;
		mem += n;
		off += (uint64_t)n;
		len -= (size_t)n;
	}
	return 0;
}

static void write_here(struct bc_direct *d, const struct piece *p)
{
	int r = write_whole(d->fd, p->mem, p->len, p->off);

	if (r < 0 && !d->failed)
		d->failed = r;
}

#ifdef BC_HAVE_URING
static void open_ring(struct bc_direct *d)
{
	/* COOP_TASKRUN, of Linux 5.19: a completion does not interrupt the thread. */
	if (io_uring_queue_init(d->n, &d->ring, IORING_SETUP_COOP_TASKRUN) < 0 && io_uring_queue_init(d->n, &d->ring, 0) < 0)
		return;
	atomic_store(&d->has_ring, true);
}

static void register_buffers(struct bc_direct *d)
{
	struct iovec iov[BC_DIRECT_DEPTH_MAX + 1];

	for (uint32_t i = 0; i < d->n; i++)
		iov[i] = (struct iovec){ d->piece[i].mem, BC_DIRECT_BUFFER };
	d->registered = io_uring_register_buffers(&d->ring, iov, d->n) == 0;
}

static void close_ring(struct bc_direct *d)
{
	if (atomic_exchange(&d->has_ring, false))
		io_uring_queue_exit(&d->ring);
}

/* A short write is a failed one: its second attempt finds out why. */
static void complete(struct bc_direct *d, struct io_uring_cqe *cqe)
{
	struct piece *p = io_uring_cqe_get_data(cqe);
	bool whole = cqe->res >= 0 && (size_t)cqe->res == p->len;

	io_uring_cqe_seen(&d->ring, cqe);
	p->in_flight = false;
	d->in_flight--;
	if (!whole)
		write_here(d, p);
}

static void wait_one(struct bc_direct *d)
{
	struct io_uring_cqe *cqe;
	int r;

	/* Memory that a disk may still read must not be touched, so there is no giving up. */
	while ((r = io_uring_wait_cqe(&d->ring, &cqe)) < 0)
		if (r != -EINTR)
			usleep(1000);
	complete(d, cqe);
}

/* Whether it is on its way. */
static bool submit(struct bc_direct *d, struct piece *p)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&d->ring);
	int r = -EBUSY;

	if (sqe) {
		if (d->registered)
			io_uring_prep_write_fixed(sqe, d->fd, p->mem, (unsigned)p->len, p->off, (int)(p - d->piece));
		else
			io_uring_prep_write(sqe, d->fd, p->mem, (unsigned)p->len, p->off);
		io_uring_sqe_set_data(sqe, p);
		do
			r = io_uring_submit(&d->ring);
		while (r == -EINTR);
	}
	if (r == 1) {
		p->in_flight = true;
		d->in_flight++;
		return true;
	}
	/* The entry lies in a ring that nobody may submit any more. */
	while (d->in_flight)
		wait_one(d);
	close_ring(d);
	return false;
}
#else
static void open_ring(struct bc_direct *d)
{
}

static void register_buffers(struct bc_direct *d)
{
}

static void close_ring(struct bc_direct *d)
{
}

static void wait_one(struct bc_direct *d)
{
}

static bool submit(struct bc_direct *d, struct piece *p)
{
	return false;
}
#endif

/* The first len bytes of the piece that fills. */
static void launch(struct bc_direct *d, size_t len)
{
	struct piece *p = &d->piece[d->cur];
	bool ring = atomic_load_explicit(&d->has_ring, memory_order_relaxed);

	p->off = d->base;
	p->len = len;
	/* This takes the memory of all buffers, which small files do without. */
	if (ring && !d->large && len == BC_DIRECT_BUFFER) {
		d->large = true;
		register_buffers(d);
	}
	if (!ring || !submit(d, p))
		write_here(d, p);
}

bool bc_direct_has_ring(const struct bc_direct *d)
{
	return atomic_load(&d->has_ring);
}

int bc_direct_new(uint32_t depth, struct bc_direct **ret)
{
	struct bc_direct *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	/* One more fills meanwhile. */
	d->n = depth > 1 ? (depth < BC_DIRECT_DEPTH_MAX ? depth : BC_DIRECT_DEPTH_MAX) + 1 : 1;
	d->bytes = bc_map_pages_round((size_t)d->n * BC_DIRECT_BUFFER);
	d->memory = bc_map_pages(d->bytes, false, true);
	if (!d->memory) {
		free(d);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < d->n; i++)
		d->piece[i].mem = d->memory + (size_t)i * BC_DIRECT_BUFFER;
	if (depth > 1)
		open_ring(d);
	*ret = d;
	return 0;
}

void bc_direct_free(struct bc_direct *d)
{
	if (!d)
		return;
	bc_direct_drain(d);
	close_ring(d);
	munmap(d->memory, d->bytes);
	free(d);
}

bool bc_direct_probe(struct bc_direct *d, int fd)
{
	int r = write_whole(fd, d->memory, BC_DIRECT_ALIGN, 0);

	if (fallocate(fd, 0, 0, BC_DIRECT_ALIGN) < 0 && errno != ENOSPC && errno != EDQUOT)
		return false;
	if (ftruncate(fd, 0) < 0)
		return false;
	/* A full disk says nothing about what it can. */
	return r == 0 || r == -ENOSPC;
}

int bc_direct_begin(struct bc_direct *d, int fd, uint64_t size)
{
	ssize_t n = 0;

	d->fd = fd;
	d->flags = fcntl(fd, F_GETFL);
	d->failed = 0;
	d->dirty = false;
	d->fill = size % BC_DIRECT_ALIGN;
	d->base = size - d->fill;
	if (!d->fill)
		return 0;
	do
		n = pread(fd, d->piece[d->cur].mem, BC_DIRECT_ALIGN, (off_t)d->base);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n < d->fill ? -EIO : 0;
}

int bc_direct_cut(struct bc_direct *d, uint64_t size)
{
	if (size < d->base)
		return bc_direct_begin(d, d->fd, size);
	d->fill = size - d->base;
	d->dirty = true;
	return 0;
}

ptrdiff_t bc_direct_put(struct bc_direct *d, const uint8_t *data, size_t len)
{
	struct piece *p = &d->piece[d->cur];
	size_t n;

	while (p->in_flight)
		wait_one(d);
	if (d->failed)
		return d->failed;
	n = len < BC_DIRECT_BUFFER - d->fill ? len : BC_DIRECT_BUFFER - d->fill;
	memcpy(p->mem + d->fill, data, n);
	d->fill += n;
	d->dirty = true;
	if (d->fill == BC_DIRECT_BUFFER) {
		launch(d, BC_DIRECT_BUFFER);
		d->base += BC_DIRECT_BUFFER;
		d->fill = 0;
		d->cur = (d->cur + 1) % d->n;
	}
	return (ptrdiff_t)n;
}

void bc_direct_drain(struct bc_direct *d)
{
	while (d->in_flight)
		wait_one(d);
}

/*
 * A tiny segment goes through the page cache, whole each time: that costs a tenth of waiting for the disk, and many
 * are brought there together. False: it is none, or could not be written so.
 */
static bool write_tiny(struct bc_direct *d)
{
	bool written;

	if (d->base > 0 || d->fill > BC_DIRECT_TINY || d->flags < 0 || fcntl(d->fd, F_SETFL, d->flags & ~O_DIRECT) < 0)
		return false;
	written = write_whole(d->fd, d->piece[d->cur].mem, d->fill, 0) == 0;
	fcntl(d->fd, F_SETFL, d->flags);
	return written;
}

/* The last page is written padded with zeros, stays here, and is rewritten with what follows. */
static void write_rest(struct bc_direct *d)
{
	struct piece *p = &d->piece[d->cur];
	size_t len = round_up(d->fill), kept = d->fill % BC_DIRECT_ALIGN;

	memset(p->mem + d->fill, 0, len - d->fill);
	launch(d, len);
	bc_direct_drain(d);
	memmove(p->mem, p->mem + (d->fill - kept), kept);
	d->base += d->fill - kept;
	d->fill = kept;
}

int bc_direct_settle(struct bc_direct *d)
{
	int r;

	while (d->piece[d->cur].in_flight)
		wait_one(d);
	if (d->dirty && d->fill > 0 && !d->failed && !write_tiny(d))
		write_rest(d);
	bc_direct_drain(d);
	r = d->failed;
	d->failed = 0;
	d->dirty = false;
	return r;
}

int bc_direct_failed(const struct bc_direct *d)
{
	return d->failed;
}

uint64_t bc_direct_size(const struct bc_direct *d)
{
	return d->base + d->fill;
}
