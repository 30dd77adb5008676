/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer that gets IP packets inside IP, without a socket: what the kernel is given, and what becomes of what it does not take. */
#include "bc_test.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

#include "bc_ipip.h"
#include "bc_peer.h"
#include "bc_time.h"
#include "bc_wire.h"
#include "until.h"

#define LIMIT_NS (60 * BC_NS_PER_S)
#define PAYLOAD 100U
#define MESSAGE (BC_WIRE_HEADER + PAYLOAD)

static struct bc_err err;
static struct bc_peer *peer;
static int opened;
static int open_result;

/* Under lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[4096];
static uint8_t sent[64];	/* the first byte of each packet that was taken */
static uint32_t n_sent;
static uint32_t to_refuse, refused;

int __wrap_bc_ipip_open(const char *host, const char *source, struct bc_ipip **ret, struct bc_err *e);
void __wrap_bc_ipip_close(struct bc_ipip *x);
int __wrap_bc_ipip_send(struct bc_ipip *x, const uint8_t *packet, size_t len, struct bc_err *e);

int __wrap_bc_ipip_open(const char *host, const char *source, struct bc_ipip **ret, struct bc_err *e)
{
	assert_string_equal(host, "192.0.2.1");
	assert_null(source);
	if (open_result)
		return bc_err_set(e, open_result, "no right to send");
	*ret = (struct bc_ipip *)(uintptr_t)1;
	opened++;
	return 0;
}

void __wrap_bc_ipip_close(struct bc_ipip *x)
{
	opened -= x != NULL;
}

int __wrap_bc_ipip_send(struct bc_ipip *x, const uint8_t *packet, size_t len, struct bc_err *e)
{
	int r = 0;

	pthread_mutex_lock(&lock);
	if (len != PAYLOAD || n_sent == sizeof(sent)) {
		r = bc_err_set(e, -EINVAL, "it is not what was put");
	} else if (refused < to_refuse) {
		refused++;
		r = bc_err_set(e, -ENETUNREACH, "no way there");
	} else {
		sent[n_sent++] = packet[0];
	}
	pthread_mutex_unlock(&lock);
	return r;
}

static void to_lines(void *ctx, enum bc_level level, const char *line)
{
	pthread_mutex_lock(&lock);
	strncat(lines, line, sizeof(lines) - strlen(lines) - 1);
	pthread_mutex_unlock(&lock);
}

static const struct bc_log log_to_lines = { .emit = to_lines };

static int make(void)
{
	const struct bc_peer_config cfg = { .name = "peer", .proto = BC_PEER_IPIP, .host = "192.0.2.1", .queue_bytes = 65536, .log = &log_to_lines };

	return bc_peer_new(&cfg, &peer, &err);
}

static int begin(void **state)
{
	lines[0] = '\0';
	n_sent = to_refuse = refused = 0;
	open_result = 0;
	return make();
}

static int end(void **state)
{
	bc_peer_free(peer);
	peer = NULL;
	return opened;
}

static int put(uint8_t i)
{
	uint8_t m[MESSAGE];

	memset(bc_wire_header(m, BC_WIRE_PACKET, PAYLOAD), i, PAYLOAD);
	return bc_peer_put(peer, m, sizeof(m));
}

static void put_all(uint8_t n)
{
	for (uint8_t i = 0; i < n; i++)
		assert_int_equal(put(i), 0);
}

static uint32_t value(const uint32_t *of)
{
	uint32_t n;

	pthread_mutex_lock(&lock);
	n = *of;
	pthread_mutex_unlock(&lock);
	return n;
}

static void assert_sent(uint8_t n)
{
	assert_int_equal(value(&n_sent), n);
	for (uint8_t i = 0; i < n; i++)
		assert_int_equal(sent[i], i);
}

static void each_packet_is_given_to_the_kernel_in_order(void **state)
{
	struct bc_peer_stats st;

	put_all(5);
	assert_int_equal(bc_peer_start(peer), 0);
	UNTIL(value(&n_sent) == 5);
	put(5);
	UNTIL(bc_peer_passed(peer) == 6 * MESSAGE);
	UNTIL(bc_peer_known(peer) == 6 * MESSAGE);
	assert_sent(6);
	assert_false(bc_peer_lost(peer, 0, 6 * MESSAGE));
	assert_string_equal(lines, "");
	UNTIL((bc_peer_stats(peer, &st), st.up));
}

/* And nothing is sent twice, nor passed over. */
static void what_the_kernel_does_not_take_is_tried_again(void **state)
{
	struct bc_peer_stats st;

	to_refuse = 2;
	put_all(3);
	assert_int_equal(bc_peer_start(peer), 0);
	UNTIL(value(&refused) == 1);
	UNTIL((bc_peer_stats(peer, &st), !st.up && st.queued_bytes == 3 * MESSAGE));
	UNTIL(value(&n_sent) == 3);
	assert_sent(3);
	/* The same words once. */
	pthread_mutex_lock(&lock);
	assert_non_null(strstr(lines, "no way there"));
	assert_null(strstr(strstr(lines, "no way there") + 1, "no way there"));
	pthread_mutex_unlock(&lock);
}

static void the_end_comes_when_all_is_sent(void **state)
{
	assert_int_equal(bc_peer_start(peer), 0);
	put_all(4);
	bc_peer_end(peer, LIMIT_NS);
	UNTIL(bc_peer_done(peer));
	assert_sent(4);
}

static void what_the_kernel_never_takes_is_given_up_at_the_end(void **state)
{
	struct bc_peer_stats st;

	to_refuse = UINT32_MAX;
	put_all(4);
	assert_int_equal(bc_peer_start(peer), 0);
	UNTIL(value(&refused));
	bc_peer_end(peer, 1);
	UNTIL(bc_peer_done(peer));
	bc_peer_stats(peer, &st);
	assert_int_equal(st.queued_bytes, 4 * MESSAGE);
	assert_sent(0);
}

static void one_without_the_right_is_refused(void **state)
{
	bc_peer_free(peer);
	peer = NULL;
	open_result = -EPERM;
	assert_int_equal(make(), -EPERM);
	assert_string_equal(err.msg, "peer: no right to send");
	assert_null(peer);
}

static void what_is_not_started_passes_nothing(void **state)
{
	assert_int_equal(put(0), 0);
	assert_int_equal(bc_peer_passed(peer), 0);
	assert_false(bc_peer_done(peer));
	assert_sent(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_packet_is_given_to_the_kernel_in_order, begin, end),
		cmocka_unit_test_setup_teardown(what_the_kernel_does_not_take_is_tried_again, begin, end),
		cmocka_unit_test_setup_teardown(the_end_comes_when_all_is_sent, begin, end),
		cmocka_unit_test_setup_teardown(what_the_kernel_never_takes_is_given_up_at_the_end, begin, end),
		cmocka_unit_test_setup_teardown(one_without_the_right_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(what_is_not_started_passes_nothing, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
