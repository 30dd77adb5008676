/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>

#include "bc_config_mtracecap.h"
#include "bc_help.h"
#include "bc_source_kind.h"

#define ARGS_MAX 32

static struct bc_err err;

/* argv from one string, split at spaces. */
static int parse(const char *line, struct bc_config *c)
{
	char text[1024], *argv[ARGS_MAX + 1] = { "mtracecap" }, *p = text, *token;
	const char *asked = NULL;
	int argc = 1, rc;

	assert_true(strlen(line) < sizeof(text));
	strcpy(text, line);
	err.msg[0] = '\0';
	while (argc < ARGS_MAX && (token = strsep(&p, " ")))
		argv[argc++] = token;
	rc = bc_config_parse_mtracecap(argc, argv, c, &asked, &err);
	assert_true(rc == 0 || (rc == 1 && asked) || (rc == -EINVAL && err.msg[0]));
	return rc;
}

static struct bc_config accepted(const char *line)
{
	struct bc_config c;

	if (parse(line, &c))
		fail_msg("'%s': %s", line, err.msg);
	return c;
}

static void refused(const char *line, const char *because)
{
	struct bc_config c;

	if (parse(line, &c) != -EINVAL)
		fail_msg("'%s' was taken", line);
	if (!strstr(err.msg, because))
		fail_msg("'%s': '%s' instead of '%s'", line, err.msg, because);
	bc_config_free(&c);
}

#define ACCEPT(options, check) \
	do { \
		struct bc_config c = accepted(options " pcapfile:x null"); \
		const struct bc_output_config *o = &c.outputs[0]; \
		(void)o; \
		assert_true(check); \
		bc_config_free(&c); \
	} while (0)

#define ACCEPT_FOLDER(options, check) \
	do { \
		struct bc_config c = accepted(options " -B pcapng:/usr null"); \
		const struct bc_output_config *o = &c.outputs[0]; \
		(void)o; \
		assert_true(check); \
		bc_config_free(&c); \
	} while (0)

static void defaults_are_those_of_mtracecap(void **state)
{
	struct bc_config c = accepted("pcapfile:x int:eth0");

	assert_int_equal(c.n_outputs, 1);
	assert_int_equal(c.outputs[0].snaplen, 64);
	assert_int_equal(c.outputs[0].codec, BC_CODEC_NONE);
	assert_int_equal(c.outputs[0].kind, BC_DEST_FILE);
	assert_true(c.outputs[0].name_first);
	assert_int_equal(c.outputs[0].mode, 0600);
	assert_true(c.quiet && c.brief && c.as_mtracecap && !c.remark);
	bc_config_free(&c);
}

static void flags_are_taken(void **state)
{
	ACCEPT("-F udp", !strcmp(o->filter, "udp"));
	ACCEPT("--filter udp", !strcmp(o->filter, "udp"));
	ACCEPT("-s 0", o->snaplen == BC_SNAPLEN_MAX);
	ACCEPT("--snaplen=96", o->snaplen == 96);
	ACCEPT_FOLDER("-G 60", o->rotate_seconds == 60);
	ACCEPT_FOLDER("--rotate-seconds 60", o->rotate_seconds == 60);
	ACCEPT("-U", o->utc);
	ACCEPT("--use-utc", o->utc);
	ACCEPT("-v", c.verbose == 1 && !c.brief);
	ACCEPT("-vv --verbose", c.verbose == 3);
	ACCEPT("-w 250", c.max_wait_ms == 250);
	ACCEPT("--maxwait_ms 250", c.max_wait_ms == 250);
	ACCEPT("-Z zstd -z 9", o->codec == BC_CODEC_ZSTD && o->level == 9);
	ACCEPT("--compress-type lz4 --compress-level 9", o->codec == BC_CODEC_LZ4 && o->level == 9);
	ACCEPT("-W go", !strcmp(o->watchfile, "go"));
	ACCEPT("--watchfile=go", !strcmp(o->watchfile, "go"));
	ACCEPT("--pipeout=gzip", !strcmp(o->pipeout, "gzip"));
	ACCEPT_FOLDER("-N seq", !strcmp(o->seqfile, "seq"));
	ACCEPT_FOLDER("--seqfile=seq", !strcmp(o->seqfile, "seq"));
	ACCEPT_FOLDER("--file-ext=.erf.gz", !strcmp(o->file_ext, ".erf.gz"));
	ACCEPT_FOLDER("-U", !strcmp(o->file_ext, ""));
	ACCEPT("--relinquish-privileges=nobody", !strcmp(c.user, "nobody"));
}

static void a_megabyte_has_1048576_bytes(void **state)
{
	ACCEPT_FOLDER("-S 1", o->rotate_bytes == 1048576);
	ACCEPT_FOLDER("--rotate-sizemb 100", o->rotate_bytes == 104857600);
	ACCEPT_FOLDER("-S 0", o->rotate_bytes == 0);
}

static void a_short_wait_does_not_cost_the_order(void **state)
{
	ACCEPT("-w 1", c.max_wait_ms == 100);
	ACCEPT("-w 0", c.max_wait_ms == 100);
}

static void of_a_flag_given_twice_the_last_counts(void **state)
{
	ACCEPT("-s 1 -s 2", o->snaplen == 2);
}

static void flags_may_stand_behind_the_uris(void **state)
{
	struct bc_config c = accepted("pcapfile:x int:eth0 -s 99 int:eth1");

	assert_int_equal(c.outputs[0].snaplen, 99);
	assert_int_equal(c.n_sources, 2);
	bc_config_free(&c);
}

static void types_are_known_by_their_beginning(void **state)
{
	static const struct { const char *type; enum bc_codec codec; } is[] = {
		{ "no", BC_CODEC_NONE }, { "none", BC_CODEC_NONE }, { "lz4", BC_CODEC_LZ4 }, { "zstd", BC_CODEC_ZSTD },
		{ "gz", BC_CODEC_GZIP }, { "gzip", BC_CODEC_GZIP }, { "zlib", BC_CODEC_GZIP }, { "bz", BC_CODEC_BZIP2 },
		{ "bz2", BC_CODEC_BZIP2 }, { "bzip2", BC_CODEC_BZIP2 }, { "xz", BC_CODEC_XZ }, { "lzma", BC_CODEC_XZ },
	};
	char line[64];

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		struct bc_config c;

		snprintf(line, sizeof(line), "-Z %s pcapfile:x null", is[i].type);
		c = accepted(line);
		assert_int_equal(c.outputs[0].codec, is[i].codec);
		bc_config_free(&c);
	}
	if (bc_codec_is_built(BC_CODEC_LZO))
		ACCEPT("-Z lzo", o->codec == BC_CODEC_LZO);
	refused("-Z zstdx pcapfile:x null", "--compress-type: 'zstdx' is not a compression");
	refused("-Z pigz pcapfile:x null", "--compress-type: 'pigz' is not a compression");
}

static void a_level_without_a_type_means_gzip_and_is_told(void **state)
{
	struct bc_config c = accepted("-z 5 pcapfile:x null");

	assert_int_equal(c.outputs[0].codec, BC_CODEC_GZIP);
	assert_int_equal(c.outputs[0].level, 5);
	assert_non_null(strstr(c.remark, "gzip"));
	bc_config_free(&c);
}

static void every_type_has_the_levels_1_to_9(void **state)
{
	static const char *const types[] = { "lz4", "zstd", "gz", "bz", "xz" };
	char line[64];

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		for (int level = 1; level <= 9; level += 8) {
			struct bc_config c;

			snprintf(line, sizeof(line), "-Z %s -z %d pcapfile:x null", types[i], level);
			c = accepted(line);
			assert_int_equal(c.outputs[0].level, level);
			bc_config_free(&c);
		}
	ACCEPT("-Z none -z 9", o->codec == BC_CODEC_NONE && o->level == 0);
	refused("-Z zstd -z 10 pcapfile:x null", "--compress-level: '10' is not a whole number from 1 to 9, or 0");
	refused("-Z zstd -z -1 pcapfile:x null", "--compress-level: '-1'");
}

static void level_0_is_no_compression_whatever_the_type(void **state)
{
	ACCEPT("-Z gz -z 0", o->codec == BC_CODEC_NONE);
	ACCEPT("-Z zstd -z 0", o->codec == BC_CODEC_NONE);
	ACCEPT("-z 0", o->codec == BC_CODEC_NONE && !c.remark);
	refused("-Z rar -z 0 pcapfile:x null", "--compress-type: 'rar' is not a compression");
}

static void output_uris_are_taken(void **state)
{
	static const struct { const char *line, *dest; enum bc_dest kind; enum bc_format format; } is[] = {
		{ "pcapfile:x null", "x", BC_DEST_FILE, BC_FORMAT_PCAP_US },
		{ "pcapfile:x.gz null", "x.gz", BC_DEST_FILE, BC_FORMAT_PCAP_US },
		{ "pcap:./a:b null", "./a:b", BC_DEST_FILE, BC_FORMAT_PCAP_US },
		{ "pcapng:x.pcap null", "x.pcap", BC_DEST_FILE, BC_FORMAT_PCAPNG },
		{ "pcapng:- null", "-", BC_DEST_STREAM, BC_FORMAT_PCAPNG },
		{ "- null", "-", BC_DEST_STREAM, BC_FORMAT_PCAP_US },
		{ "pcapfile:/dev/null null", "null:", BC_DEST_NULL, BC_FORMAT_PCAP_US },
		{ "-B pcapng:nowhere null", "nowhere/", BC_DEST_FOLDER, BC_FORMAT_PCAPNG },
		{ "--baseuri pcapfile:nowhere/ null", "nowhere/", BC_DEST_FOLDER, BC_FORMAT_PCAP_US },
	};

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		struct bc_config c = accepted(is[i].line);

		assert_string_equal(c.outputs[0].dest, is[i].dest);
		assert_int_equal(c.outputs[0].kind, is[i].kind);
		assert_int_equal(c.outputs[0].format, is[i].format);
		assert_int_equal(c.outputs[0].codec, BC_CODEC_NONE);
		bc_config_free(&c);
	}
}

static void output_uris_that_cannot_be_are_refused(void **state)
{
	refused("x null", "'x' has no format: put pcapfile:, pcapng: or erf: before it");
	refused("./a:b null", "has no format");
	refused("dag:x null", "cannot write 'dag:'");
	refused("pcapfile: null", "has no name");
	refused("-B pcapng:- null", "-B: 'pcapng:-' is stdout");
	refused("-B - null", "-B: '-' is stdout");
	refused("-G 1 pcapfile:x null", "--rotate-seconds: rotation needs a folder");
}

static void input_uris_are_taken(void **state)
{
	static const struct { const char *uri, *target; const struct bc_source_kind *kind; } is[] = {
		{ "int:eth0", "eth0", &bc_source_pcap },
		{ "ring:eth0", "eth0", &bc_source_pcap },
		{ "pcapint:eth0", "eth0", &bc_source_pcap },
		{ "pcapfile:x", "x", &bc_source_file },
		{ "pcap:x", "x", &bc_source_file },
		{ "pcapng:x", "x", &bc_source_file },
		{ "erf:x", "x", &bc_source_file },
		{ "pcapfile:-", "-", &bc_source_file },
		{ "pcapfile:/a:b", "/a:b", &bc_source_file },
		{ "dpdk:0000:3b:00.0", "0000:3b:00.0", &bc_source_dpdk },
		{ "./a:b", "./a:b", &bc_source_file },
		{ "nosuchif0", "nosuchif0", &bc_source_pcap },
	};
	char line[128];

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		struct bc_config c;

		snprintf(line, sizeof(line), "pcapfile:out %s", is[i].uri);
		c = accepted(line);
		assert_ptr_equal(c.sources[0].kind, is[i].kind);
		assert_string_equal(c.sources[0].target, is[i].target);
		bc_config_free(&c);
	}
}

static void erf_is_told_by_its_word(void **state)
{
	struct bc_config c = accepted("erf:x erf:y pcapfile:z");

	assert_int_equal(c.outputs[0].format, BC_FORMAT_ERF);
	assert_true(c.sources[0].erf);
	assert_false(c.sources[1].erf);
	bc_config_free(&c);
}

static void keys_of_a_source_may_follow(void **state)
{
	struct bc_config c = accepted("pcapfile:x int:eth0,buffer_mb=512");

	assert_int_equal(c.sources[0].buffer_mb, 512);
	bc_config_free(&c);
}

static void what_cannot_be_read_is_refused_with_what_to_use_instead(void **state)
{
	refused("pcapfile:x dag:/dev/dag0", "use dpdk:PCI");
	refused("pcapfile:x bpf:em0", "use int:INTERFACE");
	refused("pcapfile:x rt:host", "pcapfile:-");
	refused("pcapfile:x duck:file", "traceconvert");
	refused("pcapfile:x xdp:eth0", "net_af_xdp0");
	refused("pcapfile:x null:", "unknown prefix 'null:': use int:");
	refused("pcapfile:x int:", "has no name");
}

static void uris_are_needed(void **state)
{
	refused("-v", "the outputuri is missing");
	refused("pcapfile:x", "a traceuri is missing");
	refused("-B pcapfile:x", "a traceuri is missing");
}

static void messages_have_mtracecaps_words(void **state)
{
	refused("-S x -B pcapng:/usr null", "--rotate-sizemb: 'x' is not a number");
	refused("-w x pcapfile:x null", "--maxwait_ms: 'x' is not a whole number");
	refused("--relinquish-privileges= pcapfile:x null", "--relinquish-privileges: is empty");
	refused("pcapfile:x int:eth0,buffer_mb=0", "traceuri 'pcap:eth0,buffer_mb=0'");
	refused("pcapfile:x int:eth0 -s", "-s needs a value");
	refused("pcapfile:x int:eth0 -Q", "unknown option '-Q'; see 'mtracecap --help'");
}

static void texts_are_told_apart(void **state)
{
	static const struct { char *option; const char *text; } is[] = {
		{ "-h", bc_mtracecap_help }, { "--help", bc_mtracecap_help }, { "-H", bc_mtracecap_uri_help },
		{ "--libtrace-help", bc_mtracecap_uri_help },
	};

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		char *argv[] = { "mtracecap", is[i].option, NULL };
		const char *text = NULL;
		struct bc_config c;

		assert_int_equal(bc_config_parse_mtracecap(2, argv, &c, &text, &err), 1);
		assert_ptr_equal(text, is[i].text);
		bc_config_free(&c);
	}
}

static void no_line_of_the_texts_is_wider_than_a_terminal(void **state)
{
	const char *const texts[] = { bc_mtracecap_help, bc_mtracecap_uri_help };

	for (size_t i = 0; i < 2; i++) {
		char *text = NULL;
		size_t size;
		FILE *f = open_memstream(&text, &size);

		assert_non_null(f);
		bc_help_print(texts[i], f);
		fclose(f);
		for (const char *p = text; *p; p += strcspn(p, "\n") + 1)
			assert_true(strcspn(p, "\n") <= 80);
		free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_mtracecap),
		cmocka_unit_test(flags_are_taken),
		cmocka_unit_test(a_megabyte_has_1048576_bytes),
		cmocka_unit_test(a_short_wait_does_not_cost_the_order),
		cmocka_unit_test(of_a_flag_given_twice_the_last_counts),
		cmocka_unit_test(flags_may_stand_behind_the_uris),
		cmocka_unit_test(types_are_known_by_their_beginning),
		cmocka_unit_test(a_level_without_a_type_means_gzip_and_is_told),
		cmocka_unit_test(every_type_has_the_levels_1_to_9),
		cmocka_unit_test(level_0_is_no_compression_whatever_the_type),
		cmocka_unit_test(output_uris_are_taken),
		cmocka_unit_test(output_uris_that_cannot_be_are_refused),
		cmocka_unit_test(input_uris_are_taken),
		cmocka_unit_test(erf_is_told_by_its_word),
		cmocka_unit_test(keys_of_a_source_may_follow),
		cmocka_unit_test(what_cannot_be_read_is_refused_with_what_to_use_instead),
		cmocka_unit_test(uris_are_needed),
		cmocka_unit_test(messages_have_mtracecaps_words),
		cmocka_unit_test(texts_are_told_apart),
		cmocka_unit_test(no_line_of_the_texts_is_wider_than_a_terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
