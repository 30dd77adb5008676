/* SPDX-License-Identifier: BSD-3-Clause */
/* What a link needs: the figures' file, and what is computed from it. */
#include "bc_test.h"

#include <errno.h>
#include <math.h>

#include "bc_figures.h"
#include "bc_sizing.h"
#include "scratch.h"

static char folder[SCRATCH_MAX];

#define GOOD "{\"version\":1,\"date\":\"2026-01-02\",\"machine\":\"a\\u001bb\",\"disk_bytes_per_s\":1e9,\"packets\":[" \
	"{\"bytes\":100,\"none_pps\":1e7,\"lz4_pps\":1e6,\"lz4_ratio\":2}," \
	"{\"bytes\":1100,\"none_pps\":2e6,\"lz4_pps\":2e5,\"lz4_ratio\":1.5}]}"

static int read_text(const char *text, struct bc_figures *f, struct bc_err *err)
{
	char path[SCRATCH_MAX + 16];
	FILE *file;

	snprintf(path, sizeof(path), "%s/figures.json", folder);
	file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
	return bc_figures_read(path, f, err);
}

static struct bc_figures good(void)
{
	struct bc_figures f;

	assert_int_equal(read_text(GOOD, &f, NULL), 0);
	return f;
}

static void figures_are_read(void **state)
{
	struct bc_figures f = good();

	assert_string_equal(f.date, "2026-01-02");
	assert_string_equal(f.machine, "a?b");
	assert_int_equal(f.n, 2);
	assert_true(f.disk_bytes_per_s == 1e9 && f.at[1].bytes == 1100 && f.at[1].lz4_ratio == 1.5);
}

static void other_files_are_refused(void **state)
{
	static const char *const bad[] = {
		"", "{", "[]", "{\"version\":2}", "{\"version\":1,\"date\":\"d\",\"machine\":\"m\"}",
		"{\"version\":1,\"date\":\"d\",\"machine\":\"m\",\"packets\":[{\"bytes\":1,\"none_pps\":1,\"lz4_pps\":1,\"lz4_ratio\":1}]}",
		"{\"version\":1,\"date\":\"d\",\"machine\":\"m\",\"packets\":[{\"bytes\":1,\"none_pps\":0,\"lz4_pps\":1,\"lz4_ratio\":1},"
		"{\"bytes\":2,\"none_pps\":1,\"lz4_pps\":1,\"lz4_ratio\":1}]}",
		"{\"version\":1,\"date\":\"d\",\"machine\":\"m\",\"packets\":[{\"bytes\":2,\"none_pps\":1,\"lz4_pps\":1,\"lz4_ratio\":1},"
		"{\"bytes\":2,\"none_pps\":1,\"lz4_pps\":1,\"lz4_ratio\":1}]}",
	};
	struct bc_err err = { "" };
	struct bc_figures f;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(read_text(bad[i], &f, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "measure anew"));
	assert_int_equal(bc_figures_read("/no/such/figures", &f, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "scripts/bench"));
}

static struct bc_sizing compute(const struct bc_figures *f, double bits, uint32_t packet, bool lz4)
{
	const struct bc_sizing_request req = { bits, packet, lz4, 2 };
	struct bc_sizing s;

	bc_sizing_compute(f, &req, &s);
	return s;
}

static bool near(double a, double b)
{
	return fabs(a - b) <= 1e-6 * fabs(b);
}

static void a_link_is_counted_with_its_frames(void **state)
{
	struct bc_figures f = good();
	struct bc_sizing s = compute(&f, 1e9, 101, false);

	assert_true(near(s.pps, 1e6));
	assert_true(near(s.packet_bytes_per_s, 101e6));
	assert_true(near(s.pcapng_bytes_per_s, (104 + 32) * 1e6));
	assert_true(near(s.file_bytes_per_s, s.pcapng_bytes_per_s));
	assert_true(near(s.buffer_bytes, 2 * s.pcapng_bytes_per_s));
	assert_true(near(s.disks, 0.136));
}

static void between_two_sizes_time_grows_with_the_bytes(void **state)
{
	struct bc_figures f = good();
	struct bc_sizing s = compute(&f, 10e9, 600, false);

	assert_true(near(s.core_pps, 1e9 / ((100 + 500) / 2.0)));
	s = compute(&f, 10e9, 600, true);
	assert_true(near(s.core_pps, 1e9 / ((1000 + 5000) / 2.0)));
	assert_true(near(s.ratio, 1.75));
	assert_true(near(s.cores, s.pps / s.core_pps));
}

static void beyond_the_sizes_the_line_goes_on(void **state)
{
	struct bc_figures f = good();

	assert_true(near(compute(&f, 10e9, 2100, false).core_pps, 1e9 / 900));
	assert_true(near(compute(&f, 10e9, 2100, true).ratio, 1.5));
	/* Never to nothing. */
	assert_true(compute(&f, 10e9, 40, false).core_pps <= 2e7);
	f.at[1].none_pps = 2e7;
	assert_true(compute(&f, 10e9, 9000, false).core_pps <= 4e7);
}

static void without_a_disk_there_is_no_number_of_disks(void **state)
{
	struct bc_figures f = good();
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	const struct bc_sizing_request req = { 100e9, 800, true, 2 };
	struct bc_sizing s;

	f.disk_bytes_per_s = 0;
	bc_sizing_compute(&f, &req, &s);
	bc_sizing_print(out, &f, &req, &s);
	fclose(out);
	assert_non_null(strstr(text, "100 Gbit/s"));
	assert_non_null(strstr(text, "Measured 2026-01-02"));
	assert_non_null(strstr(text, "Computed"));
	assert_null(strstr(text, "disks   "));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(figures_are_read),
		cmocka_unit_test(other_files_are_refused),
		cmocka_unit_test(a_link_is_counted_with_its_frames),
		cmocka_unit_test(between_two_sizes_time_grows_with_the_bytes),
		cmocka_unit_test(beyond_the_sizes_the_line_goes_on),
		cmocka_unit_test(without_a_disk_there_is_no_number_of_disks),
	};

	scratch_folder(folder, "bc-sizing");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
