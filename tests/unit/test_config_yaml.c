/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_config_draft.h"
#include "scratch.h"

static struct bc_err err;
static char file[SCRATCH_MAX];

static int make_file(void **state)
{
	return close(scratch_file(file, "bc-config"));
}

static int remove_file(void **state)
{
	return unlink(file);
}

static void put(const char *text, size_t len)
{
	FILE *f = fopen(file, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

/* The text as -C, with up to six more arguments. */
static int parse(const char *text, char *const more[], struct bc_config *c)
{
	char *argv[16] = { "capture", "-C", file };
	int argc = 3;

	put(text, strlen(text));
	while (more && *more)
		argv[argc++] = *more++;
	return bc_config_parse(argc, argv, c, &err);
}

/* want is what stands behind the file's name. */
static void refused(const char *text, const char *want)
{
	struct bc_config c;

	if (parse(text, NULL, &c) != -EINVAL)
		fail_msg("was taken: %s", text);
	bc_config_free(&c);
	assert_memory_equal(err.msg, file, strlen(file));
	if (strcmp(err.msg + strlen(file), want))
		fail_msg("'%s' instead of '%s'", err.msg + strlen(file), want);
}

#define GOOD "sources: [ 'null:' ]\noutputs:\n  - dest: out/\n"

static void every_key_is_loaded(void **state)
{
	struct bc_config c;

	assert_int_equal(parse("count: 1\nduration: 2\nidle_exit: 3.5\nmax_wait_ms: 4\nflush_ms: 5\nchunk_kib: 64\nmemory_mb: 9\n"
			       "mbufs: 1024\nlcores: 1-2\nno_huge: true\nbusy_poll: yes\nno_promisc: on\nno_accelerate: true\n"
			       "bpf_jit: true\neal: '-v'\nprefix: p\nuser: u\ntls_cert: c\ntls_key: k\ntls_ca: a\n"
			       "tls_crl: r\ndrain_timeout: 7\ndetect_loop: true\nreport: r\nverbose: 2\nquiet: true\n"
			       "sources:\n  - null:count=5\n  - pcap:lo,immediate=1\n"
			       "outputs:\n  - { dest: 'osmo://h:1,tls' }\n  - dest: o/\n    filter: tcp port 80\n    snaplen: 96\n    format: pcapng\n"
			       "    compress: zstd\n    level: 7\n    rotate_seconds: 1.5\n    rotate_size_mb: 2\n    utc: true\n"
			       "    queue_option: true\n    writers: 3\n    io: buffered\n    seqfile: s\n    file_ext: .x\n    completed: /srv/done\n"
			       "    watchfile: w\n    pipeout: cat -\n    exclude: gprs-user-data,port=23000\n"
			       "    on_segment: ship \"$@\"\n    on_segment_seconds: 9\n"
			       "    keep_age: 7d\n    keep_number: 3\n    keep_size: 2G\n    keep_free: 1G\n    recompress: xz,after=1d\n"
			       "    expire_unmarked: yes\n"
			       "zmq_publish: ipc:///x\nzmq_client: n\nzmq_ns: yes\npcap_over_ip: 57012\n", NULL, &c), 0);
	assert_true(c.count == 1 && c.duration_s == 2 && c.idle_exit_s == 3.5 && c.max_wait_ms == 4 && c.flush_ms == 5);
	assert_true(c.chunk_kib == 64 && c.memory_mib == 9 && c.mbufs == 1024 && c.huge == BC_HUGE_NEVER && c.busy_poll);
	assert_true(!c.promiscuous && !c.accelerate && c.bpf_jit && c.verbose == 2 && c.quiet);
	assert_string_equal(c.lcores, "1-2");
	assert_string_equal(c.eal, "-v");
	assert_string_equal(c.prefix, "p");
	assert_string_equal(c.user, "u");
	assert_string_equal(c.report, "r");
	assert_int_equal(c.n_sources, 2);
	assert_int_equal(c.sources[0].count, 5);
	assert_true(c.sources[1].immediate);
	assert_int_equal(c.n_outputs, 2);
	assert_int_equal(c.outputs[0].kind, BC_DEST_PEER);
	assert_true(c.drain_timeout_s == 7 && c.detect_loop);
	assert_string_equal(c.tls_cert, "c");
	assert_string_equal(c.tls_key, "k");
	assert_string_equal(c.tls_ca, "a");
	assert_string_equal(c.tls_crl, "r");
	assert_string_equal(c.outputs[1].filter, "tcp port 80");
	assert_true(c.outputs[1].snaplen == 96 && c.outputs[1].codec == BC_CODEC_ZSTD && c.outputs[1].level == 7);
	assert_true(c.outputs[1].rotate_seconds == 1.5 && c.outputs[1].rotate_bytes == 2000000 && c.outputs[1].utc);
	assert_string_equal(c.outputs[1].completed, "/srv/done");
	assert_string_equal(c.outputs[1].on_segment, "ship \"$@\"");
	assert_int_equal(c.outputs[1].on_segment_seconds, 9);
	assert_true(c.outputs[1].keep.age_ns && c.outputs[1].keep.number == 3 && c.outputs[1].keep.bytes == 2000000000);
	assert_true(c.outputs[1].keep.free_bytes == 1000000000 && c.outputs[1].keep.codec == BC_CODEC_XZ && c.outputs[1].keep.unmarked);
	assert_string_equal(c.zmq_publish, "ipc:///x");
	assert_string_equal(c.zmq_client, "n");
	assert_true(c.zmq_ns);
	assert_string_equal(c.pcap_over_ip, "57012");
	assert_true(c.outputs[1].queue_option && c.outputs[1].writers == 3 && c.outputs[1].io == BC_IO_BUFFERED);
	assert_string_equal(c.outputs[1].seqfile, "s");
	assert_string_equal(c.outputs[1].file_ext, ".x");
	assert_string_equal(c.outputs[1].watchfile, "w");
	assert_string_equal(c.outputs[1].pipeout, "cat -");
	assert_true(c.outputs[1].no_gprs_user_data && c.outputs[1].gprs.n_ports == 1 && c.outputs[1].gprs.port[0] == 23000);
	bc_config_free(&c);
}

static void an_empty_file_leaves_all_to_the_command_line(void **state)
{
	char *more[] = { "-i", "null:", "-w", "-", NULL };
	struct bc_config c;

	assert_int_equal(parse("# nothing\n", more, &c), 0);
	bc_config_free(&c);
}

static void wrong_values_are_told_with_line_and_key(void **state)
{
	refused(GOOD "    rotate_seconds: 0.05\n",
		":4: outputs[0].rotate_seconds: '0.05' is not a number from 0.1 to 31536000, or 0");
	refused("# a\n\nmax_wait_ms: 0\n" GOOD, ":3: max_wait_ms: '0' is not a whole number from 1 to 3600000");
	refused("sources:\n  - 'null:'\n  - null:size=1\n",
		":3: sources[1] 'null:size=1': size: '1' is not a whole number from 14 to 2048");
	refused(GOOD "  - dest: b/\n    compress: rar\n", ":5: outputs[1].compress: 'rar' is not a compression: lz4, zstd, gzip, xz, bzip2, lzo or none");
	refused(GOOD "    level: 13\n", ":4: outputs[0].level: level of lz4: '13' is not a whole number from 1 to 12");
	refused("sources: ['null:']\noutputs:\n  - dest: x\n    rotate_size_mb: 1\n",
		":4: outputs[0].rotate_size_mb: rotation needs a folder, and 'x' is a file: end its name with / to make it one");
	refused("sources: ['null:']\noutputs:\n  - dest: 'http://h'\n",
		":3: outputs[0].dest: 'http://h' has an unknown prefix: give a folder, a file, - for stdout, osmo:// or ipip:// for a "
		"remote peer, or null:");
}

/* libcyaml by itself takes these for 4, 8, yes and a number. */
static void values_are_read_strictly(void **state)
{
	refused("chunk_kib: 64x\n", ":1: chunk_kib: '64x' is not a whole number from 64 to 4096");
	refused("chunk_kib: 0x40\n", ":1: chunk_kib: '0x40' is not a whole number from 64 to 4096");
	refused("quiet: maybe\n", ":1: quiet: 'maybe' is neither yes nor no");
	refused("duration: nan\n", ":1: duration: 'nan' is not a number from 0.001 to 315360000, or 0");
	refused("duration:\n", ":1: duration: '' is not a number from 0.001 to 315360000, or 0");
}

static void unknown_keys_are_refused_with_their_line(void **state)
{
	refused(GOOD "bogus: 1\n", ":4: bogus: there is no such key");
	refused(GOOD "max-wait: 1\n", ":4: max-wait: there is no such key; did you mean 'max_wait_ms'?");
	refused(GOOD "    formt: pcap\n", ":4: outputs[0].formt: there is no such key; did you mean 'format'?");
	refused(GOOD "    x: y\n    bogus: 1\n", ":4: outputs[0].x: there is no such key");
	refused(GOOD "  - dest: b/\n    utc: no\n    bogus: 1\n", ":6: outputs[1].bogus: there is no such key");
	refused("utc: yes\n", ":1: utc: belongs to an output, under 'outputs:'");
	refused(GOOD "    sign: key.pem\n", ":4: outputs[0].sign: belongs beside 'outputs:', not under it");
}

static void what_is_nested_for_no_reason_is_named(void **state)
{
	refused(GOOD "    rotate: {seconds: 5}\n", ":4: outputs[0].rotate: there is no such key; did you mean 'rotate_seconds', of an output?");
	refused("rotate:\n  seconds: 5\n", ":1: rotate: there is no such key; did you mean 'rotate_seconds', of an output?");
	refused(GOOD "    rotate_seconds: {a: {b: {c: 1}}}\n", ":4: outputs[0].rotate_seconds: one plain value is expected here; what ends with ':' needs quotes");
	refused("memory_mb: [[1]]\n", ":1: memory_mb: one plain value is expected here; what ends with ':' needs quotes");
	refused("bogus: {a: 1}\n", ":1: bogus: there is no such key");
	refused("bogus: {}\n", ":1: bogus: there is no such key");
}

static void the_form_is_checked(void **state)
{
	refused("count: 1\n\ncount: 2\n", ":3: count: is given twice");
	refused(GOOD "  - filter: x\n", ":4: outputs[1]: 'dest' is missing");
	refused("count: 1\nsources: lo\n", ":2: sources: a list is expected here: lines that begin with '- '");
	refused("sources:\n  - [ a ]\n", ":2: sources[0]: one plain value is expected here; what ends with ':' needs quotes");
	refused("sources:\n  - null:\n", ":2: sources[0]: one plain value is expected here; what ends with ':' needs quotes");
	refused("count: [ 1 ]\n", ":1: count: one plain value is expected here; what ends with ':' needs quotes");
	refused("outputs:\n  - out/\n", ":2: outputs[0]: 'key: value' is expected here");
	refused("- a\n", ":1: 'key: value' is expected here");
	refused("count: 1\n]\n", ":2: did not find expected key");
	refused("outputs:\n\t- dest: a/\n", ":2: indent with spaces, not with tabs; what begins with %, @ or ` needs quotes");
}

static void lists_have_a_longest_length(void **state)
{
	char text[8192] = "sources:\n";

	for (int i = 0; i <= BC_MAX_SOURCES; i++)
		strcat(text, "- lo\n");
	refused(text, ":1026: sources[1024]: the list is too long");
	strcpy(text, "outputs:\n");
	for (int i = 0; i <= BC_MAX_OUTPUTS; i++)
		sprintf(text + strlen(text), "- dest: %d/\n", i);
	refused(text, ":9: outputs[7]: the list is too long");
}

static void what_makes_a_small_file_large_is_refused(void **state)
{
	refused("prefix: &a b\n", ":1: anchors and aliases are not supported");
	refused("sources: &a [ b ]\n", ":1: anchors and aliases are not supported");
	refused("outputs:\n - &a { dest: b }\n", ":2: anchors and aliases are not supported");
	refused("count: 1\nprefix: *a\n", ":2: anchors and aliases are not supported");
	refused("a: [[[[[[[[[ b ]]]]]]]]]\n", ":1: nested too deeply: no setting is");
	refused("? [ a ]\n: b\n", ":1: a key must be a word");
	refused("prefix: \"a\\0b\"\n", ":1: a value with a NUL in it");
	refused("count: 1\n---\ncount: 2\n", ":2: a second document; a file may hold only one");
}

static void there_is_a_limit_of_values(void **state)
{
	static char text[6 * 4200];

	strcpy(text, "sources:\n");
	for (int i = 0; i < 4200; i++)
		memcpy(text + 9 + 4 * i, "- a\n", 5);
	refused(text, ":4093: too many values for a configuration");
}

static void a_large_file_is_refused(void **state)
{
	static char text[1024 * 1024 + 2];

	memset(text, '#', sizeof(text) - 1);
	refused(text, ": is larger than 1048576 bytes");
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
	char *argv[] = { "capture", "-C", "/nonexistent/c.yaml", NULL };
	struct bc_config c;

	assert_int_equal(bc_config_parse(3, argv, &c, &err), -EINVAL);
	assert_string_equal(err.msg, "/nonexistent/c.yaml: No such file or directory");
	bc_config_free(&c);
	argv[2] = "/usr";
	assert_int_equal(bc_config_parse(3, argv, &c, &err), -EINVAL);
	assert_string_equal(err.msg, "/usr: Is a directory");
	bc_config_free(&c);
}

static void two_files_are_refused(void **state)
{
	char *argv[] = { "capture", "-C", "a", "-C", "b", NULL };
	struct bc_config c;

	assert_int_equal(bc_config_parse(5, argv, &c, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "only one file"));
	bc_config_free(&c);
}

#define TWO "no_huge: yes\ncount: 5\nsources: [ 'null:', 'null:' ]\n" \
	"outputs:\n  - dest: a/\n    snaplen: 96\n    utc: yes\n  - dest: b/\n    snaplen: 128\n"

static void options_override_the_file(void **state)
{
	char *more[] = { "-c", "7", "--no-huge=no", NULL };
	struct bc_config c;

	assert_int_equal(parse(TWO, more, &c), 0);
	assert_int_equal(c.count, 7);
	assert_int_equal(c.huge, BC_HUGE_AUTO);
	assert_int_equal(c.n_sources, 2);
	assert_int_equal(c.outputs[0].snaplen, 96);
	assert_int_equal(c.outputs[1].snaplen, 128);
	bc_config_free(&c);
}

static void output_options_override_all_outputs_of_the_file(void **state)
{
	char *more[] = { "-s", "64", "-G", "9", NULL };
	struct bc_config c;

	assert_int_equal(parse(TWO, more, &c), 0);
	assert_int_equal(c.n_outputs, 2);
	assert_true(c.outputs[0].snaplen == 64 && c.outputs[1].snaplen == 64);
	assert_true(c.outputs[0].rotate_seconds == 9 && c.outputs[1].rotate_seconds == 9);
	assert_true(c.outputs[0].utc && !c.outputs[1].utc);
	bc_config_free(&c);
}

static void sources_and_outputs_of_the_command_line_replace_the_file_s(void **state)
{
	char *more[] = { "-i", "lo", "-w", "c/", NULL };
	struct bc_config c;

	assert_int_equal(parse(TWO, more, &c), 0);
	assert_int_equal(c.n_sources, 1);
	assert_string_equal(c.sources[0].target, "lo");
	assert_int_equal(c.n_outputs, 1);
	assert_string_equal(c.outputs[0].dest, "c/");
	assert_int_equal(c.outputs[0].snaplen, BC_SNAPLEN_MAX);
	bc_config_free(&c);
}

static void the_file_is_read_first_wherever_it_stands(void **state)
{
	char *argv[] = { "capture", "-c", "7", "-C", file, NULL };
	struct bc_config c;

	put(TWO, strlen(TWO));
	assert_int_equal(bc_config_parse(5, argv, &c, &err), 0);
	assert_int_equal(c.count, 7);
	bc_config_free(&c);
}

static void an_override_that_is_wrong_names_the_option(void **state)
{
	char *more[] = { "-s", "x", NULL };
	struct bc_config c;

	assert_int_equal(parse(TWO, more, &c), -EINVAL);
	assert_memory_equal(err.msg, "--snaplen: 'x'", 14);
	bc_config_free(&c);
}

static void the_samples_are_right(void **state)
{
	static const struct { const char *file; uint32_t outputs; } samples[] = {
		{ BC_ROOT "/config/capture.yaml", 2 }, { BC_ROOT "/config/laptop.yaml", 1 }, { BC_ROOT "/config/node.yaml", 2 },
	};

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		char *argv[] = { "capture", "-C", (char *)samples[i].file, NULL };
		struct bc_config c;

		if (bc_config_parse(3, argv, &c, &err))
			fail_msg("%s", err.msg);
		assert_int_equal(c.n_outputs, samples[i].outputs);
		bc_config_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_loaded),
		cmocka_unit_test(an_empty_file_leaves_all_to_the_command_line),
		cmocka_unit_test(wrong_values_are_told_with_line_and_key),
		cmocka_unit_test(values_are_read_strictly),
		cmocka_unit_test(unknown_keys_are_refused_with_their_line),
		cmocka_unit_test(what_is_nested_for_no_reason_is_named),
		cmocka_unit_test(the_form_is_checked),
		cmocka_unit_test(lists_have_a_longest_length),
		cmocka_unit_test(what_makes_a_small_file_large_is_refused),
		cmocka_unit_test(there_is_a_limit_of_values),
		cmocka_unit_test(a_large_file_is_refused),
		cmocka_unit_test(a_file_that_cannot_be_read_is_named),
		cmocka_unit_test(two_files_are_refused),
		cmocka_unit_test(options_override_the_file),
		cmocka_unit_test(output_options_override_all_outputs_of_the_file),
		cmocka_unit_test(sources_and_outputs_of_the_command_line_replace_the_file_s),
		cmocka_unit_test(the_file_is_read_first_wherever_it_stands),
		cmocka_unit_test(an_override_that_is_wrong_names_the_option),
		cmocka_unit_test(the_samples_are_right),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
