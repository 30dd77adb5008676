/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_bufpool.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "bc_map_pages.h"

#define PAGE 4096U
/* Smaller pools are many and mostly idle: a huge page that is touched once is there for good. */
#define HUGE_WORTH (16 * BC_HUGE_PAGE)

struct bc_bufpool {
	atomic_flag lock;
	_Atomic uint32_t available;	/* written under the lock, read by all */
	_Atomic uint32_t awaited;	/* so many are waited for; 0: nobody waits */
	uint32_t total;
	uint32_t size;
	uint8_t *memory;
	size_t bytes;
	uint8_t *stack[];
};

struct bc_bufpool *bc_bufpool_new(uint32_t n, uint32_t size, bool huge, struct bc_err *err)
{
	struct bc_bufpool *p = calloc(1, sizeof(*p) + n * sizeof(p->stack[0]));

	if (!p) {
		bc_err_set(err, -ENOMEM, "no memory for the buffer pool: lower --memory");
		return NULL;
	}
	p->size = (size + PAGE - 1) / PAGE * PAGE;
	p->bytes = bc_map_pages_round((size_t)p->size * n);
	p->memory = bc_map_pages(p->bytes, huge && p->bytes >= HUGE_WORTH, p->bytes >= HUGE_WORTH);
	if (!p->memory) {
		bc_err_set(err, -errno, "no memory for %u buffers of %u KiB (%s): lower --memory", n, p->size / 1024,
			   strerror(errno));
		free(p);
		return NULL;
	}
	atomic_flag_clear(&p->lock);
	p->total = n;
	/* The lowest address on top: what is never needed is never touched. */
	for (uint32_t i = 0; i < n; i++)
		p->stack[i] = p->memory + (size_t)(n - 1 - i) * p->size;
	atomic_store(&p->available, n);
	return p;
}

void bc_bufpool_free(struct bc_bufpool *p)
{
	if (p)
		munmap(p->memory, p->bytes);
	free(p);
}

static void lock(struct bc_bufpool *p)
{
	while (atomic_flag_test_and_set_explicit(&p->lock, memory_order_acquire))
		sched_yield();
}

uint8_t *bc_bufpool_get(struct bc_bufpool *p, uint32_t keep)
{
	uint8_t *buf = NULL;
	uint32_t n;

	if (bc_bufpool_available(p) <= keep)
		return NULL;
	lock(p);
	n = atomic_load_explicit(&p->available, memory_order_relaxed);
	if (n > keep) {
		buf = p->stack[n - 1];
		atomic_store_explicit(&p->available, n - 1, memory_order_relaxed);
	}
	atomic_flag_clear_explicit(&p->lock, memory_order_release);
	return buf;
}

static void wake(struct bc_bufpool *p)
{
	uint32_t n = atomic_load(&p->awaited);

	if (!n || bc_bufpool_available(p) < n)
		return;
	atomic_store(&p->awaited, 0);
	syscall(SYS_futex, &p->awaited, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

void bc_bufpool_await(struct bc_bufpool *p, uint32_t n, uint64_t ns)
{
	const struct timespec most = { .tv_nsec = (long)ns };

	/*
	 * In one order with bc_bufpool_put(), which stores what is available and loads awaited. Excluded: it sees nobody who waits, this
	 * one does not see the buffer, and sleeps beside it.
	 */
	atomic_store(&p->awaited, n);
	if (atomic_load(&p->available) < n)
		syscall(SYS_futex, &p->awaited, FUTEX_WAIT_PRIVATE, n, &most, NULL, 0);
	atomic_store(&p->awaited, 0);
}

void bc_bufpool_put(struct bc_bufpool *p, uint8_t *buf)
{
	uint32_t n;

	lock(p);
	n = atomic_load_explicit(&p->available, memory_order_relaxed);
	p->stack[n] = buf;
	atomic_store(&p->available, n + 1);
	atomic_flag_clear_explicit(&p->lock, memory_order_release);
	wake(p);
}

void bc_bufpool_discard(const struct bc_bufpool *p, uint8_t *buf)
{
	madvise(buf, p->size, MADV_DONTNEED);
}

void bc_bufpool_trim(struct bc_bufpool *p)
{
	uint32_t n;

	lock(p);
	n = atomic_load_explicit(&p->available, memory_order_relaxed);
	for (uint32_t i = 0; i < n; i++)
		bc_bufpool_discard(p, p->stack[i]);
	atomic_flag_clear_explicit(&p->lock, memory_order_release);
}

uint32_t bc_bufpool_size(const struct bc_bufpool *p)
{
	return p->size;
}

uint32_t bc_bufpool_total(const struct bc_bufpool *p)
{
	return p->total;
}

uint32_t bc_bufpool_available(const struct bc_bufpool *p)
{
	return atomic_load_explicit(&p->available, memory_order_relaxed);
}
