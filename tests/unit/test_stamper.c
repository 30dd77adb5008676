/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"
#include "scratch.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "bc_stamp_file.h"
#include "bc_stamper.h"
#include "bc_tsa.h"

/* An authority that answers, and a disk on which there is room for all folders' stamps but of that one. */
static const uint8_t full[BC_CHAIN_HASH] = { 1 }, other[BC_CHAIN_HASH] = { 2 };

int __wrap_bc_tsa_ask(struct bc_tsa *t, const struct bc_stamp_request *r, uint8_t *answer, size_t *ret_len, struct bc_err *err);
int __wrap_bc_stamp_accept(const struct bc_stamp_request *r, const uint8_t *answer, size_t len, struct bc_err *err);
int __wrap_bc_stamp_file_add(struct bc_stamp_file *f, const struct bc_stamp_line *l, struct bc_err *err);

int __wrap_bc_tsa_ask(struct bc_tsa *t, const struct bc_stamp_request *r, uint8_t *answer, size_t *ret_len, struct bc_err *err)
{
	answer[0] = 0;
	*ret_len = 1;
	return 0;
}

int __wrap_bc_stamp_accept(const struct bc_stamp_request *r, const uint8_t *answer, size_t len, struct bc_err *err)
{
	return 0;
}

int __wrap_bc_stamp_file_add(struct bc_stamp_file *f, const struct bc_stamp_line *l, struct bc_err *err)
{
	return memcmp(l->hash, full, sizeof(full)) ? 0 : bc_err_set(err, -ENOSPC, "%s", strerror(ENOSPC));
}

static struct bc_stamper_folder *add(struct bc_stamper *s)
{
	struct bc_stamper_folder *f;
	char folder[SCRATCH_MAX];
	struct bc_err err;

	scratch_folder(folder, "bc-stamper");
	assert_int_equal(bc_stamper_add(s, folder, &f, &err), 0);
	return f;
}

static struct bc_stamper_stats wait_for(struct bc_stamper_folder *f)
{
	struct bc_stamper_stats st = { .stamped = 0 };

	for (int i = 0; i < 1000 && !st.stamped && !st.failed; i++) {
		usleep(10000);
		bc_stamper_stats(f, &st);
	}
	return st;
}

static void a_folder_that_cannot_be_written_holds_up_no_other(void **state)
{
	struct bc_stamper_folder *a, *b;
	struct bc_stamper *s;
	struct bc_err err;

	assert_int_equal(bc_stamper_new("http://127.0.0.1:1/", 1, NULL, &s, &err), 0);
	b = add(s);
	a = add(s);
	bc_stamper_head(a, 1, full);
	assert_int_equal(wait_for(a).failed, 1);
	bc_stamper_head(b, 1, other);
	assert_int_equal(wait_for(b).stamped, 1);
	bc_stamper_close(s);
	bc_stamper_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_folder_that_cannot_be_written_holds_up_no_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
