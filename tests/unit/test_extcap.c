/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_extcap.h"
#include "bc_extcap_fifo.h"
#include "bc_extcap_relay.h"
#include "bc_extcap_toolbar.h"
#include "bc_pcapng.h"
#include "scratch.h"

#define T0 1792888200000000000ULL

/* A section with two interfaces, and packets of 61 and 161 bytes in turn. */
static size_t make_stream(uint8_t *dst, size_t cap, unsigned packets)
{
	const struct bc_iface ether = { .name = "a", .linktype = 1 }, raw = { .name = "b", .linktype = 101 };
	size_t n = bc_pcapng_shb(dst, cap, &(struct bc_pcapng_section){ .application = "x" });

	n += bc_pcapng_idb(dst + n, cap - n, &ether, 0, NULL);
	n += bc_pcapng_idb(dst + n, cap - n, &raw, 0, NULL);
	for (unsigned i = 0; i < packets; i++) {
		uint32_t len = i % 2 ? 161 : 61;
		uint8_t *data = bc_epb_begin(dst + n, i % 2, T0 + i, len, len, 0);

		memset(data, (int)i, len);
		n = (size_t)(bc_epb_end(data, len, 0, 0, 0, 0) - dst);
	}
	return n;
}

/* The stream in pieces of step bytes; what comes out. */
static size_t relay(const char *filter, const uint8_t *data, size_t len, size_t step, uint8_t *out)
{
	struct bc_extcap_relay *r = bc_extcap_relay_new(filter);
	size_t n = 0, got;

	for (size_t at = 0; at < len; at += step) {
		const uint8_t *p;

		assert_int_equal(bc_extcap_relay_put(r, data + at, len - at < step ? len - at : step, NULL), 0);
		p = bc_extcap_relay_get(r, &got);
		/* Not all at once. */
		got = got > 100 ? 100 : got;
		if (got)
			memcpy(out + n, p, got);
		bc_extcap_relay_passed(r, got);
		n += got;
	}
	memcpy(out + n, bc_extcap_relay_get(r, &got), got);
	bc_extcap_relay_free(r);
	return n + got;
}

static void a_stream_passes_as_it_is(void **state)
{
	static uint8_t data[8192], out[8192];
	size_t len = make_stream(data, sizeof(data), 20);

	for (size_t step = 1; step < 400; step += 7) {
		assert_int_equal(relay(NULL, data, len, step, out), len);
		assert_memory_equal(out, data, len);
	}
}

static void only_whole_items_pass(void **state)
{
	static uint8_t data[8192], out[8192];
	size_t len = make_stream(data, sizeof(data), 2);

	assert_int_equal(relay(NULL, data, len - 1, 64, out), make_stream(data, sizeof(data), 1));
}

static void a_filter_holds_for_each_link_type(void **state)
{
	static uint8_t data[8192], out[8192];
	size_t len = make_stream(data, sizeof(data), 20), head = make_stream(out, sizeof(out), 0);

	assert_int_equal(relay("less 100", data, len, 50, out), head + 10 * (BC_EPB_FIXED + 64));
	assert_int_equal(relay("greater 100", data, len, 50, out), head + 10 * (BC_EPB_FIXED + 164));
	assert_int_equal(relay("host 192.0.2.1", data, len, 50, out), head);
}

static void what_is_no_capture_file_is_refused(void **state)
{
	struct bc_extcap_relay *r = bc_extcap_relay_new(NULL);
	struct bc_err err;

	assert_int_equal(bc_extcap_relay_put(r, (const uint8_t *)"HTTP/1.1 400 Bad Request\r\n\r\n........", 36, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, "what comes is no capture file"));
	bc_extcap_relay_free(r);
	bc_extcap_relay_free(NULL);
}

static void a_filter_that_does_not_suit_is_refused(void **state)
{
	static uint8_t data[8192];
	size_t len = make_stream(data, sizeof(data), 2);
	struct bc_extcap_relay *r = bc_extcap_relay_new("ether host 2:0:0:0:0:1");
	struct bc_err err;

	assert_int_equal(bc_extcap_relay_put(r, data, len, &err), -EINVAL);
	bc_extcap_relay_free(r);
}

static void a_pipe_is_opened_once_it_is_read(void **state)
{
	char folder[SCRATCH_MAX], path[SCRATCH_MAX + 16];
	int fd = -1, reader;

	scratch_folder(folder, "bc-extcap");
	snprintf(path, sizeof(path), "%s/fifo", folder);
	assert_int_equal(bc_extcap_fifo_open(path, -1, 0, &fd, NULL), -ENOENT);
	assert_int_equal(mkfifo(path, 0600), 0);
	/* Wireshark may be gone before it reads. */
	assert_int_equal(bc_extcap_fifo_open(path, -1, 0, &fd, NULL), -ETIMEDOUT);
	reader = open(path, O_RDONLY | O_NONBLOCK);
	assert_int_equal(bc_extcap_fifo_open(path, -1, 0, &fd, NULL), 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
	close(reader);
	snprintf(path, sizeof(path), "%s/file", folder);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	assert_int_equal(bc_extcap_fifo_open(path, -1, 0, &fd, NULL), -EINVAL);
}

static void a_toolbar_that_is_no_pipe_is_given_up(void **state)
{
	struct bc_extcap_toolbar t;

	bc_extcap_toolbar_open(&t, "/dev/null", NULL, NULL);
	assert_true(t.in >= 0);
	bc_extcap_toolbar_read(&t);
	assert_int_equal(t.in, -1);
	bc_extcap_toolbar_close(&t);
}

static void servers_are_understood(void **state)
{
	static const struct { const char *text, *host; unsigned short port; } good[] = {
		{ "57012", "127.0.0.1", 57012 }, { ":1", "127.0.0.1", 1 }, { "h.example:2", "h.example", 2 }, { "[2001:db8::1]:3", "2001:db8::1", 3 },
		{ "0.0.0.0:4", "127.0.0.1", 4 }, { "[::]:5", "::1", 5 },
	};
	static const char *const bad[] = { "", "h", "h:", "h:0", "h:65536", "a:b:1", "::1", "h:1x" };
	unsigned short port;
	char host[32];

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(bc_extcap_server(good[i].text, host, sizeof(host), &port, NULL), 0);
		assert_string_equal(host, good[i].host);
		assert_int_equal(port, good[i].port);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bc_extcap_server(bad[i], host, sizeof(host), &port, NULL), -EINVAL);
	assert_int_equal(bc_extcap_server("a-host-whose-name-is-longer-than-that:1", host, sizeof(host), &port, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_stream_passes_as_it_is),
		cmocka_unit_test(only_whole_items_pass),
		cmocka_unit_test(a_filter_holds_for_each_link_type),
		cmocka_unit_test(what_is_no_capture_file_is_refused),
		cmocka_unit_test(a_filter_that_does_not_suit_is_refused),
		cmocka_unit_test(a_pipe_is_opened_once_it_is_read),
		cmocka_unit_test(a_toolbar_that_is_no_pipe_is_given_up),
		cmocka_unit_test(servers_are_understood),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
