/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <linux/capability.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bc_thread.h"

struct seen {
	sigset_t blocked;
	char name[BC_THREAD_NAME_MAX];
};

static void *look(void *arg)
{
	struct seen *s = arg;

	pthread_sigmask(SIG_SETMASK, NULL, &s->blocked);
	pthread_getname_np(pthread_self(), s->name, sizeof(s->name));
	return arg;
}

static struct seen run_one(const char *name)
{
	struct seen s = { .name = "" };
	void *got = NULL;
	pthread_t t;

	assert_int_equal(bc_thread_start(&t, name, look, &s), 0);
	pthread_join(t, &got);
	assert_ptr_equal(got, &s);
	return s;
}

static void a_thread_leaves_signals_to_others(void **state)
{
	struct seen s = run_one("bc-test");
	const int blocked[] = { SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGCHLD, SIGPIPE, SIGALRM };

	for (size_t i = 0; i < sizeof(blocked) / sizeof(blocked[0]); i++)
		assert_int_equal(sigismember(&s.blocked, blocked[i]), 1);
}

static void a_thread_hears_what_is_meant_for_each(void **state)
{
	struct seen s = run_one("bc-test");

	assert_int_equal(sigismember(&s.blocked, BC_SIGNAL_EACH), 0);
}

static void faults_of_a_thread_reach_their_handlers(void **state)
{
	struct seen s = run_one("bc-test");

	assert_int_equal(sigismember(&s.blocked, SIGSEGV), 0);
}

static void the_callers_mask_stays(void **state)
{
	sigset_t before, after;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	run_one("bc-test");
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	assert_int_equal(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
	assert_int_equal(sigismember(&after, SIGUSR1), 0);
}

static void a_thread_has_its_name(void **state)
{
	assert_string_equal(run_one("bc-test").name, "bc-test");
}

static void a_long_name_is_cut(void **state)
{
	assert_string_equal(run_one("bc-0123456789abcdef").name, "bc-0123456789ab");
}

static void *shed_and_look(void *arg)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	bc_thread_shed();
	syscall(SYS_capget, &header, arg);
	return NULL;
}

static void a_thread_sheds_its_own_capabilities(void **state)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct mine[2] = { { 0 } }, its[2] = { { 1, 1, 1 } };
	pthread_t t;

	if (geteuid() != 0)
		BC_SKIP("needs root");
	assert_int_equal(bc_thread_start(&t, "bc-test", shed_and_look, its), 0);
	pthread_join(t, NULL);
	assert_int_equal(its[0].permitted | its[1].permitted, 0);
	syscall(SYS_capget, &header, mine);
	assert_int_not_equal(mine[0].permitted, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_thread_leaves_signals_to_others),
		cmocka_unit_test(a_thread_hears_what_is_meant_for_each),
		cmocka_unit_test(faults_of_a_thread_reach_their_handlers),
		cmocka_unit_test(the_callers_mask_stays),
		cmocka_unit_test(a_thread_has_its_name),
		cmocka_unit_test(a_long_name_is_cut),
		cmocka_unit_test(a_thread_sheds_its_own_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
