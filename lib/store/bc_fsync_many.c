/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_fsync_many.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#ifdef BC_HAVE_URING
#include <liburing.h>
#endif

/* With fewer a ring costs more than it saves. */
#define WORTH_A_RING 4

#ifdef BC_HAVE_URING
/* How many are on their way. */
static uint32_t submit(struct io_uring *ring, struct bc_fsync *f, uint32_t n)
{
	int r;

	for (uint32_t i = 0; i < n; i++) {
		struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

		io_uring_prep_fsync(sqe, f[i].fd, 0);
		io_uring_sqe_set_data(sqe, &f[i]);
	}
	r = io_uring_submit(ring);
	return r > 0 ? (uint32_t)r : 0;
}

/* A file says once that its pages were lost: what is on its way has to be waited for. */
static void take_result(struct io_uring *ring)
{
	struct io_uring_cqe *cqe;
	struct bc_fsync *f;

	while (io_uring_wait_cqe(ring, &cqe) < 0)
		usleep(1000);
	f = io_uring_cqe_get_data(cqe);
	f->err = cqe->res;
	io_uring_cqe_seen(ring, cqe);
}

static void through_ring(struct bc_fsync *f, uint32_t n)
{
	struct io_uring ring;

	if (io_uring_queue_init(BC_FSYNC_MANY_MAX, &ring, 0) < 0)
		return;
	for (uint32_t left = submit(&ring, f, n); left > 0; left--)
		take_result(&ring);
	io_uring_queue_exit(&ring);
}
#else
static void through_ring(struct bc_fsync *f, uint32_t n)
{
}
#endif

/* Writing is begun for all first, so that one commit of the journal serves many. */
static void one_by_one(struct bc_fsync *f, uint32_t n)
{
	for (uint32_t i = 0; n > 1 && i < n; i++)
		if (f[i].err == -EINPROGRESS)
			sync_file_range(f[i].fd, 0, 0, SYNC_FILE_RANGE_WRITE);
	for (uint32_t i = 0; i < n; i++)
		if (f[i].err == -EINPROGRESS)
			f[i].err = fsync(f[i].fd) < 0 ? -errno : 0;
}

void bc_fsync_many(struct bc_fsync *f, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		f[i].err = -EINPROGRESS;
	if (n >= WORTH_A_RING)
		through_ring(f, n);
	one_by_one(f, n);
}
