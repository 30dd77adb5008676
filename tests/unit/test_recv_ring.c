/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bc_recv_ring.h"
#include "random.h"

#define SIZE 65536U

static struct bc_recv_ring *new_recv_ring(int fd)
{
	struct bc_recv_ring *in = NULL;
	struct bc_err err;

	assert_int_equal(bc_recv_ring_new(SIZE, fd, &in, &err), 0);
	return in;
}

static void put(struct bc_recv_ring *in, uint8_t first, size_t n)
{
	size_t room;
	uint8_t *at = bc_recv_ring_room(in, &room);

	assert_true(room >= n);
	for (size_t i = 0; i < n; i++)
		at[i] = (uint8_t)(first + i);
	bc_recv_ring_put(in, n);
}

static void bytes_lie_in_one_piece_across_the_end(void **state)
{
	struct bc_recv_ring *in = new_recv_ring(-1);
	const uint8_t *data;
	size_t len;

	put(in, 0, SIZE - 10);
	bc_recv_ring_take(in, SIZE - 10);
	put(in, 1, 200);
	data = bc_recv_ring_bytes(in, &len);
	assert_int_equal(len, 200);
	for (size_t i = 0; i < len; i++)
		assert_int_equal(data[i], (uint8_t)(1 + i));
	bc_recv_ring_free(in);
}

static void a_full_ring_has_no_room(void **state)
{
	struct bc_recv_ring *in = new_recv_ring(-1);
	size_t room;

	put(in, 0, SIZE);
	bc_recv_ring_room(in, &room);
	assert_int_equal(room, 0);
	bc_recv_ring_take(in, 1);
	bc_recv_ring_room(in, &room);
	assert_int_equal(room, 1);
	bc_recv_ring_free(in);
}

static void who_starves_is_woken_once_half_of_it_is_free(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct bc_recv_ring *in = new_recv_ring(fd);
	eventfd_t times;
	size_t room;

	put(in, 0, SIZE);
	bc_recv_ring_room(in, &room);
	bc_recv_ring_take(in, SIZE / 2 - 1);
	assert_int_equal(eventfd_read(fd, &times), -1);
	bc_recv_ring_take(in, 1);
	assert_int_equal(eventfd_read(fd, &times), 0);
	bc_recv_ring_take(in, 1);
	assert_int_equal(eventfd_read(fd, &times), -1);
	bc_recv_ring_free(in);
	close(fd);
}

static void nobody_is_woken_who_does_not_starve(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct bc_recv_ring *in = new_recv_ring(fd);
	eventfd_t times;

	put(in, 0, SIZE);
	bc_recv_ring_take(in, SIZE);
	assert_int_equal(eventfd_read(fd, &times), -1);
	bc_recv_ring_free(in);
	close(fd);
}

static void a_connection_goes_through_its_states(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct bc_recv_ring *in = new_recv_ring(fd);
	eventfd_t times;

	assert_int_equal(bc_recv_ring_state(in), BC_RECV_RING_IDLE);
	bc_recv_ring_open(in);
	assert_int_equal(bc_recv_ring_state(in), BC_RECV_RING_OPEN);
	bc_recv_ring_end(in);
	assert_int_equal(bc_recv_ring_state(in), BC_RECV_RING_ENDED);
	bc_recv_ring_finish(in);
	assert_int_equal(bc_recv_ring_state(in), BC_RECV_RING_IDLE);
	assert_int_equal(eventfd_read(fd, &times), 0);
	bc_recv_ring_free(in);
	close(fd);
}

static void a_new_connection_is_not_refused_for_the_old_one(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK);
	struct bc_recv_ring *in = new_recv_ring(fd);
	eventfd_t times;

	bc_recv_ring_open(in);
	bc_err_set(&in->src.why, -1, "because");
	atomic_store(&in->src.headed, true);
	bc_recv_ring_refuse(in);
	assert_true(bc_recv_ring_refused(in));
	assert_int_equal(eventfd_read(fd, &times), 0);
	bc_recv_ring_end(in);
	bc_recv_ring_finish(in);
	bc_recv_ring_open(in);
	assert_false(bc_recv_ring_refused(in));
	assert_false(bc_recv_ring_headed(in));
	assert_string_equal(in->src.why.msg, "");
	bc_recv_ring_free(in);
	close(fd);
}

#define STREAM (8U << 20)

static uint8_t stream_byte(uint64_t i)
{
	return (uint8_t)(i * 2654435761U >> 13);
}

static void *feed(void *arg)
{
	struct bc_recv_ring *in = arg;
	struct random r = { 1 };

	for (uint64_t sent = 0; sent < STREAM;) {
		size_t room, n;
		uint8_t *at = bc_recv_ring_room(in, &room);

		n = 1 + random_below(&r, 40000);
		n = n < room ? n : room;
		n = n < STREAM - sent ? n : STREAM - sent;
		for (size_t i = 0; i < n; i++)
			at[i] = stream_byte(sent + i);
		bc_recv_ring_put(in, n);
		sent += n;
	}
	bc_recv_ring_end(in);
	return NULL;
}

static void two_threads_pass_a_stream_unharmed(void **state)
{
	struct bc_recv_ring *in = new_recv_ring(-1);
	struct random r = { 2 };
	uint64_t got = 0;
	bool wrong = false;
	pthread_t thread;

	bc_recv_ring_open(in);
	assert_int_equal(pthread_create(&thread, NULL, feed, in), 0);
	for (;;) {
		bool ended = bc_recv_ring_state(in) == BC_RECV_RING_ENDED;
		size_t len, n;
		const uint8_t *data = bc_recv_ring_bytes(in, &len);

		if (ended && !len)
			break;
		n = random_below(&r, 50000);
		n = n < len ? n : len;
		for (size_t i = 0; i < n; i++)
			wrong |= data[i] != stream_byte(got + i);
		bc_recv_ring_take(in, n);
		got += n;
	}
	pthread_join(thread, NULL);
	assert_false(wrong);
	assert_int_equal(got, STREAM);
	bc_recv_ring_free(in);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_lie_in_one_piece_across_the_end),
		cmocka_unit_test(a_full_ring_has_no_room),
		cmocka_unit_test(who_starves_is_woken_once_half_of_it_is_free),
		cmocka_unit_test(nobody_is_woken_who_does_not_starve),
		cmocka_unit_test(a_connection_goes_through_its_states),
		cmocka_unit_test(a_new_connection_is_not_refused_for_the_old_one),
		cmocka_unit_test(two_threads_pass_a_stream_unharmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
