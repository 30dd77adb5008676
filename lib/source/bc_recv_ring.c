/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_recv_ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#include "bc_map_twice.h"

int bc_recv_ring_new(size_t size, int wake_fd, struct bc_recv_ring **ret, struct bc_err *err)
{
	struct bc_recv_ring *in = aligned_alloc(BC_CACHE_LINE, (sizeof(*in) + BC_CACHE_LINE - 1) / BC_CACHE_LINE * BC_CACHE_LINE);

	if (!in)
		return bc_err_set(err, -ENOMEM, "no memory for a connection");
	memset(in, 0, sizeof(*in));
	in->size = size;
	in->wake_fd = wake_fd;
	in->ring = bc_map_twice(size);
	if (!in->ring) {
		free(in);
		return bc_err_set(err, -ENOMEM, "no memory for a ring of %zu bytes", size);
	}
	*ret = in;
	return 0;
}

void bc_recv_ring_free(struct bc_recv_ring *in)
{
	if (in)
		bc_unmap_twice(in->ring, in->size);
	free(in);
}

static void wake(const struct bc_recv_ring *in)
{
	if (in->wake_fd >= 0)
		eventfd_write(in->wake_fd, 1);
}

uint64_t bc_recv_ring_open(struct bc_recv_ring *in)
{
	atomic_store_explicit(&in->src.refused, false, memory_order_relaxed);
	atomic_store_explicit(&in->src.headed, false, memory_order_relaxed);
	in->src.why.msg[0] = '\0';
	in->net.connection++;
	atomic_store_explicit(&in->state, BC_RECV_RING_OPEN, memory_order_release);
	bc_bell_ring(&in->bell);
	return in->net.connection;
}

static size_t room(const struct bc_recv_ring *in)
{
	uint64_t tail = atomic_load_explicit(&in->net.tail, memory_order_relaxed);

	return in->size - (size_t)(tail - atomic_load_explicit(&in->src.head, memory_order_acquire));
}

uint8_t *bc_recv_ring_room(struct bc_recv_ring *in, size_t *ret_len)
{
	*ret_len = room(in);
	if (!*ret_len) {
		atomic_store_explicit(&in->net.starved, true, memory_order_relaxed);
		/* Either the source sees that we starve, or we see that it has made room. */
		atomic_thread_fence(memory_order_seq_cst);
		*ret_len = room(in);
	}
	return in->ring + (atomic_load_explicit(&in->net.tail, memory_order_relaxed) & (in->size - 1));
}

void bc_recv_ring_put(struct bc_recv_ring *in, size_t n)
{
	uint64_t tail = atomic_load_explicit(&in->net.tail, memory_order_relaxed);

	atomic_store_explicit(&in->net.tail, tail + n, memory_order_release);
	bc_bell_ring(&in->bell);
}

void bc_recv_ring_end(struct bc_recv_ring *in)
{
	atomic_store_explicit(&in->state, BC_RECV_RING_ENDED, memory_order_release);
	bc_bell_ring(&in->bell);
}

void bc_recv_ring_trim(struct bc_recv_ring *in)
{
	if (room(in) == in->size)
		madvise(in->ring, in->size, MADV_REMOVE);
}

void bc_recv_ring_take(struct bc_recv_ring *in, size_t n)
{
	uint64_t head = atomic_load_explicit(&in->src.head, memory_order_relaxed);

	if (!n)
		return;
	atomic_store_explicit(&in->src.head, head + n, memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (__builtin_expect(atomic_load_explicit(&in->net.starved, memory_order_relaxed), 0) && room(in) >= in->size / 2) {
		atomic_store_explicit(&in->net.starved, false, memory_order_relaxed);
		wake(in);
	}
}

void bc_recv_ring_refuse(struct bc_recv_ring *in)
{
	atomic_store_explicit(&in->src.refused, true, memory_order_release);
	wake(in);
}

void bc_recv_ring_finish(struct bc_recv_ring *in)
{
	atomic_store_explicit(&in->state, BC_RECV_RING_IDLE, memory_order_release);
	wake(in);
}
