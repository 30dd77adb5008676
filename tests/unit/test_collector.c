/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "bc_collector.h"
#include "bc_time.h"

#define PATIENCE_NS (20 * BC_NS_PER_S)

static _Atomic int refuse;	/* so many additions to the set */

int __real_epoll_ctl(int epoll, int op, int fd, struct epoll_event *e);
int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *e);

int __wrap_epoll_ctl(int epoll, int op, int fd, struct epoll_event *e)
{
	if (op != EPOLL_CTL_ADD || atomic_load(&refuse) == 0)
		return __real_epoll_ctl(epoll, op, fd, e);
	atomic_fetch_sub(&refuse, 1);
	errno = ENOMEM;
	return -1;
}

/* A port of 127.0.0.1 that was free. */
static void find_port(struct bc_listen *ret)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct bc_err err;
	char text[32];

	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(a.sin_port));
	assert_int_equal(bc_listen_parse("listen", text, ret, &err), 0);
}

static size_t waiting(const struct bc_recv_ring *in)
{
	size_t n;

	bc_recv_ring_bytes(in, &n);
	return n;
}

static void say_nothing(void *ctx, enum bc_level level, const char *line)
{
}

static void a_connection_that_epoll_refused_is_read_all_the_same(void **state)
{
	static const char *const name = "node";
	static const uint8_t bytes[24];
	const struct bc_log log = { .emit = say_nothing };
	struct bc_recv_ring *in = NULL;
	struct bc_collector *c = NULL;
	struct bc_listen listen;
	struct bc_allow allow;
	struct bc_err err;
	int wake = eventfd(0, EFD_NONBLOCK), fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t end_ns = bc_mono_ns() + PATIENCE_NS;

	find_port(&listen);
	assert_int_equal(bc_allow_parse("allow", "node=127.0.0.1", &allow, &err), 0);
	allow.client = 0;
	assert_int_equal(bc_recv_ring_new(65536, wake, &in, &err), 0);
	assert_int_equal(bc_collector_new(&(struct bc_collector_config){ .listen = &listen, .n_listen = 1, .allow = &allow, .n_allow = 1,
		.n_clients = 1, .max_clients = 1, .name = &name, .recv_ring = &in, .wake_fd = wake, .handshake_ns = PATIENCE_NS, .log = &log },
		&c, &err), 0);
	assert_int_equal(bc_collector_start(c), 0);
	atomic_store(&refuse, 1);
	assert_int_equal(connect(fd, (struct sockaddr *)&listen.address, listen.len), 0);
	while (atomic_load(&refuse) && bc_mono_ns() < end_ns)
		sched_yield();
	assert_int_equal(write(fd, bytes, sizeof(bytes)), sizeof(bytes));
	while (waiting(in) < sizeof(bytes) && bc_mono_ns() < end_ns)
		sched_yield();
	assert_int_equal(waiting(in), sizeof(bytes));
	close(fd);
	bc_collector_free(c);
	bc_recv_ring_free(in);
	close(wake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_connection_that_epoll_refused_is_read_all_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
