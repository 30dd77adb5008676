/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <unistd.h>

#include "bc_config_collect.h"
#include "scratch.h"

#define ARGS_MAX 32
#define BASE "-l 6001 --allow a=192.0.2.1 -w out/ "

static struct bc_err err;

/* argv from one string, split at spaces. */
static int parse(const char *line, struct bc_collect_config *c)
{
	char text[1024], *argv[ARGS_MAX + 1] = { "collect" }, *p = text, *token;
	int argc = 1, rc;

	assert_true(strlen(line) < sizeof(text));
	strcpy(text, line);
	err.msg[0] = '\0';
	while (argc < ARGS_MAX && (token = strsep(&p, " ")))
		if (*token)
			argv[argc++] = token;
	rc = bc_config_collect_parse(argc, argv, c, &err);
	assert_true(rc == 0 || rc == 1 || (rc == -EINVAL && err.msg[0]));
	return rc;
}

static void refused(const char *line, const char *because)
{
	struct bc_collect_config c;

	if (parse(line, &c) != -EINVAL)
		fail_msg("'%s' was taken", line);
	if (!strstr(err.msg, because))
		fail_msg("'%s': '%s' instead of '%s'", line, err.msg, because);
	bc_config_collect_free(&c);
}

#define ACCEPT(line, check) \
	do { \
		struct bc_collect_config c; \
		if (parse(line, &c)) \
			fail_msg("'%s': %s", line, err.msg); \
		assert_true(check); \
		bc_config_collect_free(&c); \
	} while (0)

static void what_is_asked_for_is_found(void **state)
{
	ACCEPT(BASE, c.n_listen == 1 && c.n_allow == 1 && c.n_clients == 1 && !c.merge && c.names == BC_NAMES_OSMO &&
	       c.handshake_s == 10 && c.max_caplen == 0 && c.common.n_outputs == 1 && c.common.outputs[0].kind == BC_DEST_FOLDER);
	ACCEPT(BASE "-l 127.0.0.1:6002 --allow b=192.0.2.2,no-store --allow b=2001:db8::/32", c.n_listen == 2 && c.n_clients == 2 &&
	       c.n_allow == 3);
	ACCEPT(BASE "--max-snaplen 1500 --handshake-timeout 2.5", c.max_caplen == 1500 && c.handshake_s == 2.5);
	ACCEPT(BASE "--names braidcap --mode 0604 -G 60 -s 100", c.names == BC_NAMES_OWN && c.common.outputs[0].mode == 0604 &&
	       c.common.outputs[0].rotate_seconds == 60 && c.common.outputs[0].snaplen == 100);
}

static void merged_packets_may_go_anywhere(void **state)
{
	ACCEPT(BASE "--merge", c.merge && c.names == BC_NAMES_OWN);
	ACCEPT(BASE "--merge --names osmo", c.names == BC_NAMES_OSMO);
	ACCEPT("-l 1 --allow a=192.0.2.1 --merge -w -", c.common.outputs[0].kind == BC_DEST_STREAM);
	refused("-l 1 --allow a=192.0.2.1 -w -", "--merge");
	refused("-l 1 --allow a=192.0.2.1 -w x.pcap", "--merge");
	refused(BASE "--merge --allow b=192.0.2.2,no-store", "no-store");
}

static void what_is_missing_is_told(void **state)
{
	refused("--allow a=192.0.2.1 -w out/", "-l");
	refused("-l 1 -w out/", "--allow");
	refused("-l 1 --allow a=192.0.2.1", "-w");
	refused(BASE "-w other/", "one -w");
}

static void what_capture_alone_knows_is_refused(void **state)
{
	refused(BASE "-i eth0", "-i");
	refused(BASE "-c 5", "-c");
	refused(BASE "--filter udp", "--filter");
	refused(BASE "--queue-option", "--queue-option");
	refused(BASE "--no-promisc", "--no-promisc");
	refused(BASE "more", "'more'");
}

static void permissions_are_octal(void **state)
{
	refused(BASE "--mode 64", "is not a file mode");
	refused(BASE "--mode 0888", "is not a file mode");
	refused(BASE "--mode 04755", "is not a file mode");
	refused(BASE "--mode 1777", "is not a file mode");
	ACCEPT(BASE "--mode 600", c.common.outputs[0].mode == 0600);
}

static void tls_needs_its_files_and_its_users(void **state)
{
	refused(BASE "--tls", "certificate");
	refused(BASE "--allow b=192.0.2.2,tls", "certificate");
	refused(BASE "--tls-cert x", "no client uses it");
	refused(BASE "--tls --tls-cert x --tls-bind-names", "--tls-ca");
	ACCEPT(BASE "--tls --tls-cert x --tls-key y --tls-ca z --tls-bind-names", c.tls && c.tls_bind && bc_config_collect_uses_tls(&c));
	ACCEPT(BASE "--tls-cert x --allow b=192.0.2.2,tls", !c.tls && bc_config_collect_uses_tls(&c));
}

static void a_file_says_the_same(void **state)
{
	char path[SCRATCH_MAX], line[200];
	int fd = scratch_file(path, "bc-collect");
	static const char text[] = "listen:\n  - 6001\nallow:\n  - a=192.0.2.1\n  - b=192.0.2.2\nmerge: yes\nmax_wait_ms: 50\n"
				   "outputs:\n  - dest: out/\n    mode: 0600\n";

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	snprintf(line, sizeof(line), "-C %s", path);
	ACCEPT(line, c.merge && c.n_clients == 2 && c.common.max_wait_ms == 50 && c.common.outputs[0].mode == 0600);
	snprintf(line, sizeof(line), "-C %s --allow c=192.0.2.3 --merge=no", path);
	ACCEPT(line, !c.merge && c.n_clients == 1);
	assert_int_equal(truncate(path, 0), 0);
	snprintf(line, sizeof(line), "-C %s -l 1 --allow c=192.0.2.3", path);
	refused(line, "-w");
}

static void the_sample_file_is_good(void **state)
{
	ACCEPT("-C " BC_ROOT "/config/collect.yaml", c.n_clients == 3 && !c.merge && c.common.memory_mib == 512);
}

static void a_file_is_refused_with_its_line(void **state)
{
	char path[SCRATCH_MAX], line[200];
	int fd = scratch_file(path, "bc-collect");
	static const char text[] = "listen:\n  - 6001\nsources:\n  - eth0\n";

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	snprintf(line, sizeof(line), "-C %s", path);
	refused(line, ":3: sources");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_asked_for_is_found),
		cmocka_unit_test(merged_packets_may_go_anywhere),
		cmocka_unit_test(what_is_missing_is_told),
		cmocka_unit_test(what_capture_alone_knows_is_refused),
		cmocka_unit_test(permissions_are_octal),
		cmocka_unit_test(tls_needs_its_files_and_its_users),
		cmocka_unit_test(a_file_says_the_same),
		cmocka_unit_test(the_sample_file_is_good),
		cmocka_unit_test(a_file_is_refused_with_its_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
