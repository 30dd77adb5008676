/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_golden.h"

#include <errno.h>

#include "bc_import.h"
#include "random.h"

/* What was noted, as lines "LINE LOSS WHAT: WHY". */
struct notes {
	char *text;
	size_t len;
	FILE *f;
	uint32_t n[BC_IMPORT_LOST + 1];
};

static void note(void *ctx, uint32_t line, enum bc_import_loss loss, const char *what, const char *why)
{
	static const char *const words[] = { "needless", "otherwise", "lost" };
	struct notes *n = ctx;

	n->n[loss]++;
	fprintf(n->f, "%u %s %s: %s\n", line, words[loss], what, why);
}

/* Bytes behind the end would be seen to be read. */
static int run(const char *text, size_t len, struct notes *n, char **ret)
{
	const struct bc_import_notes notes = { .note = note, .ctx = n };
	char *exact = malloc(len ? len : 1);
	struct bc_err err = { "" };
	int r;

	memcpy(exact, text, len);
	*n = (struct notes){ .text = NULL };
	n->f = open_memstream(&n->text, &n->len);
	*ret = NULL;
	r = bc_import_osmo("test.cfg", exact, len, &notes, ret, &err);
	fclose(n->f);
	free(exact);
	assert_true(!r == !err.msg[0]);
	return r;
}

static void done(struct notes *n, char *out)
{
	free(n->text);
	free(out);
}

/* The output has each of the words, up to NULL, and the notes are as many of each kind. */
static void becomes(const char *text, uint32_t otherwise, uint32_t lost, const char *const words[])
{
	struct notes n;
	char *out;

	assert_int_equal(run(text, strlen(text), &n, &out), 0);
	for (; *words; words++)
		if ((*words)[0] == '!' ? strstr(out, *words + 1) != NULL : strstr(out, *words) == NULL)
			fail_msg("'%s': %s", *words, out);
	if (n.n[BC_IMPORT_OTHERWISE] != otherwise || n.n[BC_IMPORT_LOST] != lost)
		fail_msg("%s", n.text);
	done(&n, out);
}

#define BECOMES(text, otherwise, lost, ...) becomes(text, otherwise, lost, (const char *const[]){ __VA_ARGS__, NULL })

static void compare_with_golden(const char *name)
{
	char path[4096], golden[64], text[8192];
	struct notes n;
	char *out;
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), "%s/osmo-%s.cfg", getenv("BC_GOLDEN") ? getenv("BC_GOLDEN") : "tests/golden", name);
	f = fopen(path, "rb");
	assert_non_null(f);
	len = fread(text, 1, sizeof(text), f);
	fclose(f);
	assert_int_equal(run(text, len, &n, &out), 0);
	snprintf(golden, sizeof(golden), "osmo-%s.out", name);
	assert_golden(golden, (const uint8_t *)out, strlen(out));
	snprintf(golden, sizeof(golden), "osmo-%s.notes", name);
	assert_golden(golden, (const uint8_t *)n.text, n.len);
	done(&n, out);
}

static void every_command_of_a_client(void **state)
{
	compare_with_golden("client-simple");
	compare_with_golden("client-full");
}

static void every_command_of_a_server(void **state)
{
	compare_with_golden("server-simple");
	compare_with_golden("server-full");
}

#define CLIENT "client\n pcap device eth0\n server ip 192.0.2.1\n server port 6001\n"
#define SERVER "server\n base-path /srv\n server port 6001\n client a 192.0.2.1\n"

static void targets_of_counters_and_messages_are_missed(void **state)
{
	BECOMES("stats interval 5\nlog stderr\n logging color 1\n" CLIENT, 0, 0, "pcap:eth0");
	BECOMES("stats reporter statsd\n remote-ip 192.0.2.9\n enable\n" CLIENT, 0, 1, "pcap:eth0");
	BECOMES("log syslog local1\n logging color 1\nlog file /var/log/osmo\nlog gsmtap 192.0.2.9\n" CLIENT, 0, 3, "pcap:eth0");
}

static void what_is_neither_is_refused(void **state)
{
	struct notes n;
	char *out;

	assert_int_equal(run("", 0, &n, &out), -EINVAL);
	done(&n, out);
	assert_int_equal(run("log stderr\n", 11, &n, &out), -EINVAL);
	done(&n, out);
	assert_int_equal(run(CLIENT SERVER, strlen(CLIENT SERVER), &n, &out), -EINVAL);
	done(&n, out);
	assert_int_equal(run(CLIENT "\0", strlen(CLIENT) + 1, &n, &out), -EINVAL);
	done(&n, out);
	assert_null(out);
}

static void a_file_has_a_largest_size(void **state)
{
	char *text = malloc(BC_IMPORT_MAX + 1);
	struct notes n;
	char *out;

	memset(text, '\n', BC_IMPORT_MAX + 1);
	memcpy(text, CLIENT, strlen(CLIENT));
	assert_int_equal(run(text, BC_IMPORT_MAX + 1, &n, &out), -EINVAL);
	done(&n, out);
	assert_int_equal(run(text, BC_IMPORT_MAX, &n, &out), 0);
	done(&n, out);
	free(text);
}

static void lines_that_are_no_text_are_left_out(void **state)
{
	BECOMES(CLIENT " pcap filter \xc3\xa4\n", 0, 1, "!filter");
	BECOMES(CLIENT " pcap filter \033[2J\n", 0, 1, "!filter");
	BECOMES("! \xc3\xa4\n" CLIENT, 0, 0, "pcap:eth0");
}

static void a_line_has_a_largest_length(void **state)
{
	static const char head[] = CLIENT " pcap filter ";
	char *text = malloc(sizeof(head) + 65536);

	for (uint32_t len = 65535; len <= 65536; len++) {
		memcpy(text, head, sizeof(head));
		memset(text + sizeof(head) - 1, 'x', len - strlen("pcap filter "));
		text[sizeof(head) - 1 + len - strlen("pcap filter ")] = '\0';
		BECOMES(text, 0, len > 65535, len > 65535 ? "!filter" : "filter: \"xxx");
	}
	free(text);
}

static void a_file_without_indentation_is_understood(void **state)
{
	BECOMES("client\npcap device eth0\nserver ip 192.0.2.1\nserver port 6001\npcap-store-connection b\nserver ip 192.0.2.2\n"
		"server port 6002\nconnect\npcap snaplen 100\nline vty\nno login\n", 0, 1,
		"osmo://192.0.2.1:6001", "osmo://192.0.2.2:6002", "snaplen: 100");
}

static void a_line_end_may_be_of_another_system(void **state)
{
	BECOMES("client\r\n pcap device eth0\r\n server ip 192.0.2.1\r\n server port 6001", 0, 0, "\"osmo://192.0.2.1:6001\"");
}

static void indentation_ends_a_store_connection(void **state)
{
	BECOMES(CLIENT " pcap-store-connection b\n  server ip 192.0.2.2\n  server port 6002\n  connect\n server port 7000\n", 0, 0,
		"osmo://192.0.2.1:7000", "osmo://192.0.2.2:6002");
	BECOMES(CLIENT " pcap-store-connection b\n  server ip 192.0.2.2\n  server port 6002\n  connect\n  exit\n server port 7000\n", 0,
		0, "osmo://192.0.2.1:7000", "osmo://192.0.2.2:6002");
}

static void a_connection_is_found_again_by_its_name(void **state)
{
	BECOMES(CLIENT " pcap-store-connection b\n  server ip 192.0.2.2\n  connect\n pcap-store-connection c\n  server ip 192.0.2.3\n"
		"  server port 1\n pcap-store-connection b\n  server port 6002\n no pcap-store-connection c\n", 0, 0,
		"osmo://192.0.2.2:6002", "!192.0.2.3");
}

static void a_capture_has_seven_outputs(void **state)
{
	char *text = malloc(65536);
	size_t at = (size_t)sprintf(text, CLIENT);

	for (int i = 2; i < 9; i++)
		at += (size_t)sprintf(text + at, " pcap-store-connection c%d\n  server ip 192.0.2.%d\n  server port 1\n  connect\n", i, i);
	BECOMES(text, 0, 1, "192.0.2.7:1", "!192.0.2.8");
	/* Their number as such is limited, and what belongs to those beyond is nobody else's. */
	for (int i = 9; i < 70; i++)
		at += (size_t)sprintf(text + at, " pcap-store-connection c%d\n  server port %d\n", i, i);
	BECOMES(text, 0, 1 + 56 + 2 * 5, "osmo://192.0.2.1:6001", "192.0.2.7:1", "!:69");
	free(text);
}

static void one_place_is_written_to_once(void **state)
{
	BECOMES(CLIENT " pcap-store-connection b\n  server ip 192.0.2.1\n  server port 6001\n  connect\n", 0, 1, "192.0.2.1:6001");
}

static void without_device_or_server_something_is_missing(void **state)
{
	BECOMES("client\n server ip 192.0.2.1\n server port 1\n", 0, 1, "outputs:");
	BECOMES("client\n pcap device eth0\n", 0, 2, "pcap:eth0");
	BECOMES(CLIENT " protocol ipip\n", 0, 0, "\"ipip://192.0.2.1\"", "!format");
	BECOMES("client\n pcap device eth0\n server ip 192.0.2.1\n protocol ipip\n", 0, 0, "\"ipip://192.0.2.1\"");
}

static void what_would_be_a_key_of_a_source_is_refused(void **state)
{
	BECOMES(CLIENT " pcap device eth1,full=wait\n", 0, 1, "!eth1");
	BECOMES(CLIENT " pcap device eth1\"\n", 0, 1, "!eth1");
	BECOMES(CLIENT " source ip 192.0.2.9,tls\n", 0, 1, "!192.0.2.9");
	BECOMES(CLIENT " tls hostname a,b\n enable tls\n", 0, 1, "osmo://192.0.2.1:6001,tls\"");
}

static void the_last_of_two_values_counts(void **state)
{
	BECOMES(CLIENT " pcap filter tcp\n pcap filter udp\n enable tls\n disable tls\n tls capath /a\n no tls capath\n"
		" pcap add-filter gprs\n no pcap add-filter gprs\n", 0, 0, "filter: \"udp\"", "!tls", "!exclude");
	BECOMES(SERVER " no max-file-size\n no rotate-localtime\n completed-path /a\n no completed-path\n zeromq-publisher * 1\n"
		" no zeromq-publisher\n client a 192.0.2.9 no-store\n", 0, 0,
		"!--rotate", "!--completed", "!--zmq", "!192.0.2.1", "a=192.0.2.9,no-store");
}

static void certificates_are_those_of_the_first_tls_server(void **state)
{
	BECOMES(CLIENT " tls capath /plain\n pcap-store-connection b\n  server ip 192.0.2.2\n  server port 2\n  connect\n  enable tls\n"
		"  tls capath /b\n pcap-store-connection c\n  server ip 192.0.2.3\n  server port 2\n  connect\n  enable tls\n"
		"  tls capath /c\n", 0, 1, "tls_ca: \"/b\"", "!/plain", "!/c");
	BECOMES(CLIENT " enable tls\n tls client-key /k\n", 0, 1, "!tls_key");
}

static void tls_of_a_server_is_its_clients(void **state)
{
	BECOMES(SERVER " enable tls\n tls server-cert /c\n", 0, 0, "!--tls");
	BECOMES(SERVER " client b 192.0.2.2 tls\n enable tls\n tls server-cert /c\n", 0, 0, "--tls-cert /c", "!--tls \\");
	BECOMES(SERVER " client b 192.0.2.2 tls\n enable tls\n", 0, 1, "!--tls");
	BECOMES(SERVER " client b 192.0.2.2 tls\n tls server-cert /c\n", 1, 0, "!--tls");
	BECOMES(SERVER " client b 192.0.2.2 tls\n enable tls\n tls server-cert /c\n tls allow-auth x509\n", 0, 1, "--tls-cert");
	BECOMES(SERVER " client b 192.0.2.2 tls\n enable tls\n tls server-cert /c\n tls capath /a\n", 0, 0, "!--tls-ca");
}

static void a_server_has_port_and_clients(void **state)
{
	BECOMES("server\n client a 192.0.2.1\n", 0, 1, "-w ./", "-l 0.0.0.0:0");
	BECOMES("server\n server port 6001\n server ip 2001:db8::1\n", 0, 1, "-l [2001:db8::1]:6001");
	BECOMES(SERVER " client b 192.0.2.1\n", 0, 1, "!b=");
}

static void the_number_of_clients_is_limited(void **state)
{
	char *text = malloc(65536);
	size_t at = (size_t)sprintf(text, "server\n server port 1\n");

	for (int i = 0; i < 258; i++)
		at += (size_t)sprintf(text + at, " client c%d 10.0.%d.%d\n", i, i / 256, i % 256);
	BECOMES(text, 0, 2, "c255=10.0.0.255", "!c256");
	free(text);
}

static void paths_are_quoted_for_a_shell(void **state)
{
	BECOMES("server\n base-path /a$(reboot)`;&|'\"\\\n server port 1\n client a 192.0.2.1\n", 0, 0,
		"-w '/a$(reboot)`;&|'\\''\"\\/' \\\n");
}

static void mutants_are_read_within_their_bounds(void **state)
{
	static const char *const parts[] = { CLIENT, SERVER, " pcap-store-connection b\n  server ip 192.0.2.2\n  connect\n",
		" tls hostname x\n enable tls\n", " rotate-localtime minute mod 21\n", " no client a\n", "\n", " ", "exit\n", "no ", "tls ",
		" pcap filter a b\n", " max-file-size 1000\n", " no pcap-store-connection b\n" };
	struct random r = { 4711 };
	struct notes n;
	char text[4096], *out;

	for (unsigned i = 0; i < 20000; i++) {
		size_t len = 0;

		for (uint32_t k = random_below(&r, 20); k; k--) {
			const char *part = parts[random_below(&r, sizeof(parts) / sizeof(parts[0]))];

			memcpy(text + len, part, strlen(part));
			len += strlen(part);
		}
		for (uint32_t k = random_below(&r, 4); len && k; k--)
			text[random_below(&r, (uint32_t)len)] = (char)random_below(&r, 256);
		run(text, len, &n, &out);
		done(&n, out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_command_of_a_client),
		cmocka_unit_test(every_command_of_a_server),
		cmocka_unit_test(targets_of_counters_and_messages_are_missed),
		cmocka_unit_test(what_is_neither_is_refused),
		cmocka_unit_test(a_file_has_a_largest_size),
		cmocka_unit_test(lines_that_are_no_text_are_left_out),
		cmocka_unit_test(a_line_has_a_largest_length),
		cmocka_unit_test(a_file_without_indentation_is_understood),
		cmocka_unit_test(a_line_end_may_be_of_another_system),
		cmocka_unit_test(indentation_ends_a_store_connection),
		cmocka_unit_test(a_connection_is_found_again_by_its_name),
		cmocka_unit_test(a_capture_has_seven_outputs),
		cmocka_unit_test(one_place_is_written_to_once),
		cmocka_unit_test(without_device_or_server_something_is_missing),
		cmocka_unit_test(what_would_be_a_key_of_a_source_is_refused),
		cmocka_unit_test(the_last_of_two_values_counts),
		cmocka_unit_test(certificates_are_those_of_the_first_tls_server),
		cmocka_unit_test(tls_of_a_server_is_its_clients),
		cmocka_unit_test(a_server_has_port_and_clients),
		cmocka_unit_test(the_number_of_clients_is_limited),
		cmocka_unit_test(paths_are_quoted_for_a_shell),
		cmocka_unit_test(mutants_are_read_within_their_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
