/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <math.h>

#include "bc_envelope.h"
#include "bc_nic_clock.h"

#define VERSION(year, month) ((uint32_t)(year) << 24 | (uint32_t)(month) << 16)
#define START_NS 1700000000000000000ULL
#define STAMP_START 77000000000ULL

/* A device whose counter is derived from the host clock, so that the tests know the truth. */
struct device {
	const struct bc_clock *clock;
	uint64_t base_ns;
	double hz;
	uint64_t start;
	int error;
	unsigned reads;
};

static int device_read(void *ctx, uint64_t *ret_ticks)
{
	struct device *d = ctx;

	d->reads++;
	if (d->error)
		return d->error;
	*ret_ticks = d->start + (uint64_t)((double)(bc_clock_now(d->clock) - d->base_ns) * (d->hz / 1e9));
	return 0;
}

static int read_utc(void *ctx, uint64_t *ret_ticks)
{
	*ret_ticks = bc_clock_now(ctx);
	return 0;
}

static int read_stuck(void *ctx, uint64_t *ret_ticks)
{
	*ret_ticks = 4711;
	return 0;
}

static struct bc_clock host;

static int init_host(void **state)
{
	bc_clock_init(&host);
	return 0;
}

static struct device device_of(double hz)
{
	return (struct device){ .clock = &host, .base_ns = bc_clock_now(&host), .hz = hz, .start = STAMP_START };
}

static struct bc_nic_kind kind_of(enum bc_nic_class cls)
{
	return (struct bc_nic_kind){ cls, 64, "a device" };
}

static void init(struct bc_nic_clock *nc, enum bc_nic_class cls)
{
	struct bc_nic_kind kind = kind_of(cls);

	assert_int_equal(bc_nic_clock_init(nc, &kind, &host, NULL, NULL, NULL), 0);
}

static void unknown_drivers_are_not_trusted(void **state)
{
	assert_int_equal(bc_nic_kind_of("net_virtio", VERSION(26, 7)).cls, BC_NIC_NONE);
	assert_int_equal(bc_nic_kind_of("", VERSION(26, 7)).cls, BC_NIC_NONE);
	assert_int_equal(bc_nic_kind_of("net_i40e", VERSION(26, 7)).cls, BC_NIC_NONE);
}

static void net_pcap_changed_its_unit_in_26_07(void **state)
{
	assert_int_equal(bc_nic_kind_of("net_pcap", VERSION(22, 11)).cls, BC_NIC_UTC_US);
	assert_int_equal(bc_nic_kind_of("net_pcap", VERSION(26, 3)).cls, BC_NIC_UTC_US);
	assert_int_equal(bc_nic_kind_of("net_pcap", VERSION(26, 7)).cls, BC_NIC_UTC_NS);
}

static void each_class_has_its_drivers(void **state)
{
	const struct {
		const char *driver;
		enum bc_nic_class cls;
	} expected[] = {
		{ "mlx5_pci", BC_NIC_READ_CLOCK }, { "net_cn10k", BC_NIC_READ_CLOCK },
		{ "net_ice", BC_NIC_TIMESYNC }, { "net_hns3", BC_NIC_TIMESYNC },
		{ "net_iavf", BC_NIC_ENVELOPE }, { "net_ena", BC_NIC_NONE },
		{ "net_bnxt", BC_NIC_NONE }, { "net_gve", BC_NIC_NONE }, { "net_af_packet", BC_NIC_NONE },
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_int_equal(bc_nic_kind_of(expected[i].driver, VERSION(22, 11)).cls, expected[i].cls);
}

static void utc_ns_is_taken_as_it_is(void **state)
{
	struct bc_nic_clock nc;

	init(&nc, BC_NIC_UTC_NS);
	assert_int_equal(bc_nic_clock_to_ns(&nc, START_NS + 1), START_NS + 1);
	assert_int_equal(bc_nic_clock_to_ns(&nc, UINT64_MAX), UINT64_MAX);
}

static void utc_us_becomes_ns(void **state)
{
	struct bc_nic_clock nc;

	init(&nc, BC_NIC_UTC_US);
	assert_int_equal(bc_nic_clock_to_ns(&nc, START_NS / 1000 + 7), START_NS + 7000);
}

static void none_is_zero(void **state)
{
	struct bc_nic_clock nc;

	init(&nc, BC_NIC_NONE);
	assert_int_equal(bc_nic_clock_to_ns(&nc, START_NS), 0);
}

static void a_read_device_is_disciplined(void **state)
{
	const enum bc_nic_class classes[] = { BC_NIC_READ_CLOCK, BC_NIC_TIMESYNC };
	const double hz[] = { 156.25e6, 1e9 };

	for (int i = 0; i < 2; i++) {
		struct device d = device_of(hz[i]);
		struct bc_nic_kind kind = kind_of(classes[i]);
		struct bc_nic_clock_status st;
		struct bc_nic_clock nc;
		uint64_t ticks = 0;

		assert_int_equal(bc_nic_clock_init(&nc, &kind, &host, device_read, &d, NULL), 0);
		assert_int_equal(bc_nic_clock_update(&nc), 0);
		device_read(&d, &ticks);
		assert_true(llabs((int64_t)(bc_nic_clock_to_ns(&nc, ticks) - bc_clock_now(&host))) < 50000000);
		bc_nic_clock_status(&nc, &st);
		assert_true(fabs(st.track.freq_hz / hz[i] - 1) < 0.01);
		assert_true(st.track.updates >= 1);
	}
}

static void wrapping_stamps_of_a_read_device_are_extended(void **state)
{
	struct device d = device_of(1e9);
	struct bc_nic_kind kind = { BC_NIC_TIMESYNC, 48, "" };
	struct bc_nic_clock nc;
	uint64_t ticks = 0;

	d.start = 5ULL << 48;
	assert_int_equal(bc_nic_clock_init(&nc, &kind, &host, device_read, &d, NULL), 0);
	device_read(&d, &ticks);
	assert_int_equal(bc_nic_clock_to_ns(&nc, ticks), bc_nic_clock_to_ns(&nc, ticks & ((1ULL << 48) - 1)));
}

static void a_device_that_cannot_be_read_is_not_used(void **state)
{
	struct bc_nic_kind kind = kind_of(BC_NIC_READ_CLOCK);
	struct device d = device_of(1e9);
	struct bc_nic_clock nc;
	struct bc_err err;

	d.error = -ENOTSUP;
	assert_int_equal(bc_nic_clock_init(&nc, &kind, &host, device_read, &d, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, strerror(ENOTSUP)));
	assert_int_equal(nc.kind.cls, BC_NIC_NONE);
	assert_int_equal(bc_nic_clock_to_ns(&nc, 1), 0);
	assert_int_equal(bc_nic_clock_init(&nc, &kind, &host, NULL, NULL, &err), -EINVAL);
	assert_int_equal(bc_nic_clock_init(&nc, &kind, &host, read_stuck, NULL, &err), -ERANGE);
	assert_int_equal(nc.kind.cls, BC_NIC_NONE);
}

static void a_failed_read_is_counted_and_the_line_stands(void **state)
{
	struct bc_nic_kind kind = kind_of(BC_NIC_TIMESYNC);
	struct device d = device_of(1e9);
	struct bc_nic_clock_status st;
	struct bc_nic_clock nc;
	uint64_t before;

	assert_int_equal(bc_nic_clock_init(&nc, &kind, &host, device_read, &d, NULL), 0);
	before = bc_nic_clock_to_ns(&nc, STAMP_START);
	d.error = -EIO;
	assert_int_equal(bc_nic_clock_update(&nc), -EIO);
	bc_nic_clock_status(&nc, &st);
	assert_int_equal(st.read_errors, 1);
	assert_int_equal(bc_nic_clock_to_ns(&nc, STAMP_START), before);
}

static void a_device_that_jumps_ahead_is_followed_at_once(void **state)
{
	struct bc_nic_kind kind = kind_of(BC_NIC_TIMESYNC);
	struct device d = device_of(1e9);
	struct bc_nic_clock nc;
	uint64_t ticks = 0;

	assert_int_equal(bc_nic_clock_init(&nc, &kind, &host, device_read, &d, NULL), 0);
	d.start += 3600 * BC_NS_PER_S;
	assert_int_equal(bc_nic_clock_update(&nc), 0);
	device_read(&d, &ticks);
	assert_true(llabs((int64_t)(bc_nic_clock_to_ns(&nc, ticks) - bc_clock_now(&host))) < 50000000);
}

static void a_read_clock_that_shows_utc_is_left_alone(void **state)
{
	struct bc_nic_kind kind = kind_of(BC_NIC_READ_CLOCK);
	struct bc_nic_clock nc;

	assert_int_equal(bc_nic_clock_init(&nc, &kind, &host, read_utc, &host, NULL), 0);
	assert_int_equal(nc.kind.cls, BC_NIC_UTC_NS);
	assert_int_equal(bc_nic_clock_to_ns(&nc, START_NS), START_NS);
}

static void only_read_classes_read_the_device(void **state)
{
	struct bc_nic_kind kind = kind_of(BC_NIC_UTC_NS);
	struct device d = device_of(1e9);
	struct bc_nic_clock nc;

	assert_int_equal(bc_nic_clock_init(&nc, &kind, &host, device_read, &d, NULL), 0);
	assert_int_equal(bc_nic_clock_update(&nc), 0);
	assert_int_equal(d.reads, 0);
}

static void a_clock_that_shows_utc_says_how_far_it_is_off(void **state)
{
	static const struct {
		int64_t apart_ns;
		const char *words;
	} row[] = {
		{ 0, "taken as it is: +0 ns off the system clock" },
		{ -3000, "taken as it is: -3000 ns off the system clock" },
		{ 37 * (int64_t)BC_NS_PER_S, "taken as it is: +37.000 s off the system clock" },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct bc_nic_clock_status st;
		struct bc_nic_clock nc;
		char text[256];

		init(&nc, BC_NIC_UTC_NS);
		bc_nic_clock_describe(&nc, text, sizeof(text));
		assert_null(strstr(text, "off the system clock"));
		bc_nic_clock_observe(&nc, START_NS + (uint64_t)row[i].apart_ns, START_NS);
		bc_nic_clock_status(&nc, &st);
		assert_int_equal(st.apart_ns, row[i].apart_ns);
		bc_nic_clock_describe(&nc, text, sizeof(text));
		assert_non_null(strstr(text, row[i].words));
	}
}

/* Such a clock stays where it is, and is off by so much from then on. */
static void a_step_of_the_system_clock_leaves_a_clock_that_shows_utc_off(void **state)
{
	static struct bc_clock stepped;
	struct bc_nic_kind kind = kind_of(BC_NIC_UTC_NS);
	struct bc_nic_clock nc;
	char text[256];

	assert_int_equal(bc_nic_clock_init(&nc, &kind, &stepped, NULL, NULL, NULL), 0);
	bc_nic_clock_observe(&nc, START_NS, START_NS);
	bc_steps_add(&stepped.steps, START_NS + 1, 3600 * BC_NS_PER_S);
	bc_nic_clock_describe(&nc, text, sizeof(text));
	assert_non_null(strstr(text, "+3600.000 s off the system clock"));
}

static void the_closest_of_a_second_is_told(void **state)
{
	struct bc_nic_clock_status st;
	struct bc_nic_clock nc;

	init(&nc, BC_NIC_UTC_NS);
	bc_nic_clock_observe(&nc, START_NS - 9000, START_NS);
	bc_nic_clock_observe(&nc, START_NS + 1000 - 2000, START_NS + 1000);
	bc_nic_clock_observe(&nc, START_NS + BC_NS_PER_S - 5000, START_NS + BC_NS_PER_S);
	bc_nic_clock_status(&nc, &st);
	assert_int_equal(st.apart_ns, -2000);
	assert_int_equal(st.observed, 3);
}

static void utc_stamps_of_a_free_running_clock_are_suspected(void **state)
{
	struct bc_nic_kind kind = kind_of(BC_NIC_READ_CLOCK);
	struct device d = device_of(1e9);
	struct bc_nic_clock_status st;
	struct bc_nic_clock nc;
	uint64_t now = bc_clock_now(&host);

	assert_int_equal(bc_nic_clock_init(&nc, &kind, &host, device_read, &d, NULL), 0);
	bc_nic_clock_observe(&nc, now - 1000, now);
	bc_nic_clock_status(&nc, &st);
	assert_true(st.utc_suspected);
}

/* A device without clock access: a packet each 0.3 ms, 2 us on the shortest way, and often a much longer one. */
struct wire {
	double true_ns;
	double ppm;
	uint64_t stamp_start;
	unsigned seed;
	uint64_t last_ns;
};

static uint64_t wire_stamp(const struct wire *w)
{
	return w->stamp_start + (uint64_t)(w->true_ns * (1 + w->ppm * 1e-6));
}

static double delay_ns(struct wire *w)
{
	w->seed = w->seed * 1103515245u + 12345u;
	return 2000 + (w->seed >> 16 & 7 ? (double)(w->seed >> 8 & 0xffff) : 0);
}

/* Feed for some seconds; conversions never go back and never lie in the future. */
static void wire_run(struct wire *w, struct bc_nic_clock *nc, double seconds)
{
	for (double end = w->true_ns + seconds * 1e9; w->true_ns < end; w->true_ns += 300000) {
		uint64_t host_ns = START_NS + (uint64_t)(w->true_ns + delay_ns(w)), ns;

		bc_nic_clock_observe(nc, wire_stamp(w), host_ns);
		ns = bc_nic_clock_to_ns(nc, wire_stamp(w));
		assert_true(ns >= w->last_ns);
		w->last_ns = ns;
	}
}

static int64_t wire_error(const struct wire *w, const struct bc_nic_clock *nc)
{
	return (int64_t)(bc_nic_clock_to_ns(nc, wire_stamp(w)) - (START_NS + (uint64_t)w->true_ns));
}

static void the_envelope_finds_offset_and_drift(void **state)
{
	const double ppm[] = { 0, 0.83, -20, 100 };

	for (size_t i = 0; i < sizeof(ppm) / sizeof(ppm[0]); i++) {
		struct wire w = { .ppm = ppm[i], .stamp_start = STAMP_START };
		struct bc_nic_clock nc;

		init(&nc, BC_NIC_ENVELOPE);
		wire_run(&w, &nc, 60);
		assert_true(wire_error(&w, &nc) > 0 && wire_error(&w, &nc) < 5000);
		assert_true(fabs(nc.observed.envelope.slope - 1 / (1 + ppm[i] * 1e-6)) < 0.2e-6);
	}
}

static void the_envelope_serves_from_the_first_packet(void **state)
{
	struct bc_nic_clock nc;

	init(&nc, BC_NIC_ENVELOPE);
	assert_int_equal(bc_nic_clock_to_ns(&nc, STAMP_START), 0);
	bc_nic_clock_observe(&nc, STAMP_START, START_NS);
	assert_int_equal(bc_nic_clock_to_ns(&nc, STAMP_START), START_NS);
	assert_int_equal(bc_nic_clock_to_ns(&nc, STAMP_START + 50), START_NS + 50);
}

static void the_envelope_takes_no_slope_from_a_short_time(void **state)
{
	struct bc_nic_clock nc;

	init(&nc, BC_NIC_ENVELOPE);
	for (uint64_t i = 0; i < 15; i++)	/* each later by 3 us more: 30 ppm, if one believed it */
		bc_nic_clock_observe(&nc, STAMP_START + i * 100000000, START_NS + i * 100003000);
	assert_true(nc.observed.envelope.count > 2);
	assert_true(nc.observed.envelope.slope == 1.0);
}

static void the_envelope_survives_an_idle_time(void **state)
{
	struct wire w = { .ppm = 10, .stamp_start = STAMP_START };
	struct bc_nic_clock nc;

	init(&nc, BC_NIC_ENVELOPE);
	wire_run(&w, &nc, 40);
	w.true_ns += 1000e9;
	wire_run(&w, &nc, 40);
	assert_true(llabs(wire_error(&w, &nc)) < 5000);
}

static void the_envelope_follows_a_device_that_jumped_back(void **state)
{
	struct wire w = { .stamp_start = STAMP_START };
	struct bc_nic_clock_status st;
	struct bc_nic_clock nc;

	init(&nc, BC_NIC_ENVELOPE);
	wire_run(&w, &nc, 20);
	w.stamp_start -= 10 * BC_NS_PER_S;
	w.last_ns = 0;
	for (double end = w.true_ns + 5e9; w.true_ns < end; w.true_ns += 300000)
		bc_nic_clock_observe(&nc, wire_stamp(&w), START_NS + (uint64_t)(w.true_ns + 2000));
	assert_true(llabs(wire_error(&w, &nc)) < 5000);
	bc_nic_clock_status(&nc, &st);
	assert_int_equal(st.track.steps, 1);
}

static void the_envelope_follows_a_device_that_jumped_ahead(void **state)
{
	struct wire w = { .stamp_start = STAMP_START };
	struct bc_nic_clock nc;

	init(&nc, BC_NIC_ENVELOPE);
	wire_run(&w, &nc, 20);
	w.stamp_start += 10 * BC_NS_PER_S;
	for (double end = w.true_ns + 5e9; w.true_ns < end; w.true_ns += 300000)
		bc_nic_clock_observe(&nc, wire_stamp(&w), START_NS + (uint64_t)(w.true_ns + 2000));
	assert_true(llabs(wire_error(&w, &nc)) < 5000);
}

static void a_late_first_packet_is_made_good(void **state)
{
	struct wire w = { .stamp_start = STAMP_START };
	struct bc_nic_clock nc;

	init(&nc, BC_NIC_ENVELOPE);
	bc_nic_clock_observe(&nc, wire_stamp(&w), START_NS + 5000000);
	w.true_ns += 300000;
	wire_run(&w, &nc, 30);
	assert_true(llabs(wire_error(&w, &nc)) < 5000);
}

static void every_class_describes_itself_in_one_line(void **state)
{
	for (int cls = BC_NIC_NONE; cls <= BC_NIC_ENVELOPE; cls++) {
		struct bc_nic_kind kind = kind_of((enum bc_nic_class)cls);
		struct device d = device_of(1e9);
		struct bc_nic_clock nc;
		char text[256];

		assert_int_equal(bc_nic_clock_init(&nc, &kind, &host, device_read, &d, NULL), 0);
		assert_in_range(bc_nic_clock_describe(&nc, text, sizeof(text)), 20, sizeof(text) - 1);
		assert_non_null(strstr(text, "a device"));
		assert_null(strchr(text, '\n'));
		assert_true(strlen(bc_nic_class_name((enum bc_nic_class)cls)) > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_drivers_are_not_trusted),
		cmocka_unit_test(net_pcap_changed_its_unit_in_26_07),
		cmocka_unit_test(each_class_has_its_drivers),
		cmocka_unit_test(utc_ns_is_taken_as_it_is),
		cmocka_unit_test(utc_us_becomes_ns),
		cmocka_unit_test(none_is_zero),
		cmocka_unit_test(a_read_device_is_disciplined),
		cmocka_unit_test(wrapping_stamps_of_a_read_device_are_extended),
		cmocka_unit_test(a_device_that_cannot_be_read_is_not_used),
		cmocka_unit_test(a_failed_read_is_counted_and_the_line_stands),
		cmocka_unit_test(a_device_that_jumps_ahead_is_followed_at_once),
		cmocka_unit_test(a_read_clock_that_shows_utc_is_left_alone),
		cmocka_unit_test(only_read_classes_read_the_device),
		cmocka_unit_test(a_clock_that_shows_utc_says_how_far_it_is_off),
		cmocka_unit_test(a_step_of_the_system_clock_leaves_a_clock_that_shows_utc_off),
		cmocka_unit_test(the_closest_of_a_second_is_told),
		cmocka_unit_test(utc_stamps_of_a_free_running_clock_are_suspected),
		cmocka_unit_test(the_envelope_finds_offset_and_drift),
		cmocka_unit_test(the_envelope_serves_from_the_first_packet),
		cmocka_unit_test(the_envelope_takes_no_slope_from_a_short_time),
		cmocka_unit_test(the_envelope_survives_an_idle_time),
		cmocka_unit_test(the_envelope_follows_a_device_that_jumped_back),
		cmocka_unit_test(the_envelope_follows_a_device_that_jumped_ahead),
		cmocka_unit_test(a_late_first_packet_is_made_good),
		cmocka_unit_test(every_class_describes_itself_in_one_line),
	};

	return cmocka_run_group_tests(tests, init_host, NULL);
}
