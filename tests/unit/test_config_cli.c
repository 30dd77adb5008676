/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_age_key.h"
#include "bc_config_draft.h"
#include "bc_config_find.h"
#include "bc_help.h"
#include "bc_wire.h"
#include "scratch.h"

#define ARGS_MAX 32
#define RECIPIENT "age18nsrnz2af44rrnurp308mtzm7wwx3daevwzckujyunfx8esen5qq3t3u6c"

static struct bc_err err;

/* argv from one string, split at spaces. */
static int parse(const char *line, struct bc_config *c)
{
	char text[1024], *argv[ARGS_MAX + 1] = { "capture" }, *p = text, *token;
	int argc = 1, rc;

	assert_true(strlen(line) < sizeof(text));
	strcpy(text, line);
	err.msg[0] = '\0';
	while (argc < ARGS_MAX && (token = strsep(&p, " ")))
		argv[argc++] = token;
	rc = bc_config_parse(argc, argv, c, &err);
	assert_true(rc == 0 || rc == BC_CONFIG_HELP || rc == BC_CONFIG_DEVICES || (rc == -EINVAL && err.msg[0]));
	return rc;
}

/* With a source and an output. */
static struct bc_config accepted(const char *options)
{
	struct bc_config c;
	char line[1024];

	snprintf(line, sizeof(line), "-i null: -w out/ %s", options);
	if (parse(line, &c))
		fail_msg("'%s': %s", options, err.msg);
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
		struct bc_config c = accepted(options); \
		const struct bc_output_config *o = &c.outputs[0]; \
		(void)o; \
		assert_true(check); \
		bc_config_free(&c); \
	} while (0)

static void defaults_are_those_of_the_header(void **state)
{
	struct bc_config c;

	assert_int_equal(parse("-i null: -w out/", &c), 0);
	assert_true(c.count == 0 && c.duration_s == 0 && c.idle_exit_s == 0);
	assert_true(c.max_wait_ms == 1000 && c.flush_ms == 0 && c.chunk_kib == 256 && c.memory_mib == 256 && c.mbufs == 0);
	assert_true(c.promiscuous && c.accelerate && !c.bpf_jit && !c.busy_poll && !c.quiet && c.verbose == 0);
	assert_true(c.huge == BC_HUGE_AUTO && !c.lcores && !c.eal && !c.prefix && !c.user && !c.report);
	assert_true(c.drain_timeout_s == 10 && !c.detect_loop && !c.tls_ca);
	assert_int_equal(c.outputs[0].snaplen, BC_SNAPLEN_MAX);
	assert_int_equal(c.outputs[0].format, BC_FORMAT_PCAPNG);
	assert_int_equal(c.outputs[0].codec, BC_CODEC_LZ4);
	assert_int_equal(c.outputs[0].level, 1);
	assert_null(c.outputs[0].filter);
	bc_config_free(&c);
}

static void capture_options_are_taken(void **state)
{
	ACCEPT("-c 5", c.count == 5);
	ACCEPT("--count=5", c.count == 5);
	ACCEPT("-d 0.5", c.duration_s == 0.5);
	ACCEPT("--duration 3", c.duration_s == 3);
	ACCEPT("--idle-exit 2.5", c.idle_exit_s == 2.5);
	ACCEPT("--max-wait 20", c.max_wait_ms == 20);
	ACCEPT("--flush-ms 30", c.flush_ms == 30);
	ACCEPT("--encrypt " RECIPIENT, c.outputs[0].encrypt->n == 1);
	ACCEPT("--encrypt " RECIPIENT " --encrypt " RECIPIENT, c.outputs[0].encrypt->n == 2);
	ACCEPT("--chunk 4096", c.chunk_kib == 4096);
	ACCEPT("--memory 1024", c.memory_mib == 1024);
	ACCEPT("--mbufs 4096", c.mbufs == 4096);
	ACCEPT("--lcores 2-5,8", !strcmp(c.lcores, "2-5,8"));
	ACCEPT("--no-huge", c.huge == BC_HUGE_NEVER);
	ACCEPT("--busy-poll", c.busy_poll);
	ACCEPT("--no-promisc", !c.promiscuous);
	ACCEPT("--no-accelerate", !c.accelerate);
	ACCEPT("--bpf-jit", c.bpf_jit);
	ACCEPT("--eal --log-level=8", !strcmp(c.eal, "--log-level=8"));
	ACCEPT("--prefix a-b_1", !strcmp(c.prefix, "a-b_1"));
	ACCEPT("--user nobody", !strcmp(c.user, "nobody"));
	ACCEPT("--report r.json", !strcmp(c.report, "r.json"));
	ACCEPT("-w osmo://h:1,tls --tls-cert c --tls-key k --tls-ca a --tls-crl r",
	       !strcmp(c.tls_cert, "c") && !strcmp(c.tls_key, "k") && !strcmp(c.tls_ca, "a") && !strcmp(c.tls_crl, "r"));
	ACCEPT("--drain-timeout 0.5", c.drain_timeout_s == 0.5);
	ACCEPT("--detect-loop", c.detect_loop);
	ACCEPT("--rotate-on-hup", c.rotate_on_hup);
	ACCEPT("--no-sandbox", c.no_sandbox);
	ACCEPT("--quiet", c.quiet);
	ACCEPT("--zmq-publish ipc:///x --zmq-client n1 --zmq-ns",
	       !strcmp(c.zmq_publish, "ipc:///x") && !strcmp(c.zmq_client, "n1") && c.zmq_ns);
	ACCEPT("--pcap-over-ip 57012", !strcmp(c.pcap_over_ip, "57012"));
	ACCEPT("--pcap-over-ip [::]:57012,format=pcap-us,tls,clients=1,buffer=8 --tls-cert c", !strncmp(c.pcap_over_ip, "[::]:", 5));
	ACCEPT("-v", c.verbose == 1);
	ACCEPT("-vv --verbose", c.verbose == 3);
}

static void output_options_are_taken(void **state)
{
	ACCEPT("-f udp", !strcmp(o->filter, "udp"));
	ACCEPT("--filter udp", !strcmp(o->filter, "udp"));
	ACCEPT("-s 96", o->snaplen == 96);
	ACCEPT("--snaplen 96", o->snaplen == 96);
	ACCEPT("-G 0.1", o->rotate_seconds == 0.1);
	ACCEPT("--rotate-seconds 60", o->rotate_seconds == 60);
	ACCEPT("--rotate-clock minute/21 -U", o->rotate_clock.unit == BC_CALENDAR_MINUTE && o->rotate_clock.every == 21 &&
						  o->rotate_clock.utc);
	ACCEPT("--completed /srv/done --on-segment 'x' --on-segment-seconds 5",
	       !strcmp(o->completed, "/srv/done") && !strcmp(o->on_segment, "'x'") && o->on_segment_seconds == 5);
	ACCEPT("--keep-age 7d --keep-number 5 --keep-size 2G --keep-free 1.5M --recompress zstd:19,after=1h --expire-unmarked",
	       o->keep.age_ns == 604800000000000 && o->keep.number == 5 && o->keep.bytes == 2000000000 &&
	       o->keep.free_bytes == 1500000 && o->keep.recompress && o->keep.codec == BC_CODEC_ZSTD && o->keep.level == 19 &&
	       o->keep.recompress_after_ns == 3600000000000 && o->keep.unmarked);
	ACCEPT("--sign k.pem --timestamp http://tsa.example/tsr --timestamp-seconds 5",
	       !strcmp(c.sign, "k.pem") && !strcmp(c.timestamp, "http://tsa.example/tsr") && c.timestamp_seconds == 5);
	ACCEPT("-S 1000", o->rotate_bytes == 1000000000);
	ACCEPT("--rotate-size 0.5", o->rotate_bytes == 500000);
	ACCEPT("-U", o->utc);
	ACCEPT("--utc", o->utc);
	ACCEPT("--format pcap", o->format == BC_FORMAT_PCAP_NS);
	ACCEPT("--format pcap-us", o->format == BC_FORMAT_PCAP_US);
	ACCEPT("--format erf", o->format == BC_FORMAT_ERF);
	ACCEPT("-Z zstd", o->codec == BC_CODEC_ZSTD);
	ACCEPT("--compress none", o->codec == BC_CODEC_NONE);
	ACCEPT("-z 12", o->level == 12);
	ACCEPT("-Z gz -z 0", o->codec == BC_CODEC_GZIP && o->level == 0);
	ACCEPT("-Z zstd --compress-level 19", o->level == 19);
	ACCEPT("--queue-option", o->queue_option);
	ACCEPT("--exclude gprs-user-data", o->no_gprs_user_data && o->gprs.n_ports == 0);
	ACCEPT("--exclude gprs-user-data,port=23000,port=1", o->gprs.n_ports == 2 && o->gprs.port[0] == 23000 &&
		o->gprs.port[1] == 1);
	ACCEPT("--writers 4", o->writers == 4);
	ACCEPT("-U", o->io == BC_IO_AUTO);
	ACCEPT("--io direct", o->io == BC_IO_DIRECT);
	ACCEPT("--io buffered", o->io == BC_IO_BUFFERED);
	ACCEPT("--io auto", o->io == BC_IO_AUTO);
	ACCEPT("-N seq", !strcmp(o->seqfile, "seq"));
	ACCEPT("--seqfile seq", !strcmp(o->seqfile, "seq"));
	ACCEPT("-W go", !strcmp(o->watchfile, "go"));
	ACCEPT("--watchfile go", !strcmp(o->watchfile, "go"));
	ACCEPT("--pipeout gzip", !strcmp(o->pipeout, "gzip") && o->codec == BC_CODEC_NONE);
	ACCEPT("--pipeout gzip -Z zstd", o->codec == BC_CODEC_ZSTD);
	ACCEPT("--file-ext .x", !strcmp(o->file_ext, ".x"));
	ACCEPT("--file-ext=", !strcmp(o->file_ext, ""));
	ACCEPT("-U", !o->file_ext && !o->seqfile);
}

static void nought_is_none_where_that_is_clear(void **state)
{
	ACCEPT("-s 0", o->snaplen == BC_SNAPLEN_MAX);
	ACCEPT("-c 0 -d 0 --idle-exit 0 --mbufs 0", c.count == 0 && c.duration_s == 0);
	ACCEPT("-G 0 -S 0 --writers 0", o->rotate_seconds == 0 && o->rotate_bytes == 0);
	ACCEPT("-Z none -z 0", o->level == 0);
}

static void a_flag_can_be_taken_back(void **state)
{
	ACCEPT("--no-huge=no --no-promisc=no --utc=no", c.huge == BC_HUGE_AUTO && c.promiscuous && !o->utc);
	refused("-i null: -w out/ --utc=maybe", "--utc: 'maybe' is neither yes nor no");
}

static void values_out_of_range_are_refused_with_the_range(void **state)
{
	static const char *const bad[][2] = {
		{ "-c x", "--count: 'x' is not a whole number from 1 to 999999999999999, or 0" },
		{ "-c -1", "--count: '-1'" },
		{ "-d 0.0001", "--duration: '0.0001' is not a number from 0.001 to 315360000, or 0" },
		{ "--idle-exit nan", "--idle-exit: 'nan'" },
		{ "--max-wait 0", "--max-wait: '0' is not a whole number from 1 to 3600000" },
		{ "--flush-ms 60001", "from 1 to 60000" },
		{ "--chunk 63", "from 64 to 4096" },
		{ "--chunk 4097", "from 64 to 4096" },
		{ "--memory 7", "from 8 to 1048576" },
		{ "--mbufs 511", "from 512 to 67108864, or 0" },
		{ "-s 262145", "from 1 to 262144, or 0" },
		{ "-G 0.05", "--rotate-seconds: '0.05' is not a number from 0.1 to 31536000, or 0" },
		{ "-S 17000000", "--rotate-size" },
		{ "--keep-age 7", "--keep-age: '7' is not an age such as 90s" },
		{ "--keep-size 7d", "--keep-size: '7d' is not a size such as 500M" },
		{ "--keep-free x", "--keep-free: 'x' is not a size" },
		{ "--keep-number -1", "--keep-number: '-1' is not a whole number" },
		{ "--recompress lz4", "--recompress: 'lz4' is not a codec for recompression" },
		{ "--timestamp http://tsa.example/", "--timestamp: only a chain of custody is stamped" },
		{ "--sign k.pem --timestamp tsa.example", "--timestamp: 'tsa.example' is not http[s]://HOST" },
		{ "--sign k.pem --timestamp-seconds 5", "--timestamp-seconds: nobody is asked" },
		{ "--rotate-clock 3600", "--rotate-clock: '3600' is not a period such as hour" },
		{ "--rotate-clock hour -G 5", "--rotate-clock: rotate either by the clock or every N seconds" },
		{ "--writers 129", "from 1 to 128, or 0" },
		{ "-z 13", "level of lz4: '13' is not a whole number from 1 to 12" },
		{ "-z 0", "level of lz4: '0'" },
		{ "-Z zstd -z 20", "level of zstd: '20' is not a whole number from 1 to 19" },
		{ "-Z none -z 1", "'out/' is not compressed" },
		{ "-Z rar", "'rar' is not a compression: lz4, " },
		{ "--io fast", "--io: 'fast' is not auto, direct or buffered" },
		{ "--format rpcap", "pcapng, pcap, pcap-us or erf" },
		{ "--prefix a/b", "--prefix" },
		{ "--file-ext a/b", "--file-ext: not usable" },
		{ "--file-ext 0123456789012345678901234567890123456789012345678901234567890123456", "longer than 64" },
		{ "--seqfile ", "--seqfile: is empty" },
		{ "--user ", "--user: is empty" },
		{ "--prefix aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "longer than 64 bytes" },
		{ "--lcores 2-", "--lcores" },
		{ "--lcores 5-2", "--lcores" },
		{ "--lcores 1,,2", "--lcores" },
		{ "--lcores 1,", "--lcores" },
		{ "--lcores 0-4096", "--lcores" },
		{ "--lcores 1-3,2", "CPU 2 twice" },
		{ "--format pcap --queue-option", "--queue-option" },
		{ "--exclude gprs", "--exclude" },
		{ "--exclude gprs-user-dat", "--exclude" },
		{ "--exclude gprs-user-data,", "--exclude" },
		{ "--exclude gprs-user-data,port=", "--exclude" },
		{ "--exclude gprs-user-data,port=0", "--exclude" },
		{ "--exclude gprs-user-data,port=65536", "--exclude" },
		{ "--exclude gprs-user-data,port=123456789", "--exclude" },
		{ "--exclude gprs-user-data,port=1,", "--exclude" },
		{ "--exclude gprs-user-data;port=1", "--exclude" },
		{ "--exclude gprs-user-data,port=1,port=2,port=3,port=4,port=5,port=6,port=7,port=8,port=9", "--exclude" },
		{ "--chunk 4096 --memory 8", "--memory: 8 MiB is too small for 4 chunks" },
	};
	char line[256];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(line, sizeof(line), "-i null: -w out/ %s", bad[i][0]);
		refused(line, bad[i][1]);
	}
}

static void what_is_no_option_is_refused(void **state)
{
	refused("-i null: -w - --bogus", "unknown option '--bogus'; see 'braidcap capture --help'");
	refused("-i null: -w - --rotate 3", "ambiguous option '--rotate': --rotate-");
	refused("-i null: -w - --writer=2x --max-wiat=1", "unknown option '--max-wiat=1'; did you mean '--max-wait'?");
	refused("-i null: -w - -Y", "unknown option '-Y'; see 'braidcap capture --help'");
	refused("-i null: -w - --verbose -Yv", "unknown option '-Y'");
	refused("-i null: -w - -s", "-s needs a value");
	refused("-i null: -w - --snaplen", "--snaplen needs a value");
	refused("-i null: -w - --verbose=3", "'--verbose=3' takes no value");
}

static void source_and_output_are_needed(void **state)
{
	refused("", "-i");
	refused("-w -", "no source");
	refused("-i null:", "no output");
}

static void help_and_devices_are_told_apart(void **state)
{
	struct bc_config c;

	assert_int_equal(parse("-h", &c), BC_CONFIG_HELP);
	bc_config_free(&c);
	assert_int_equal(parse("-i null: --help", &c), BC_CONFIG_HELP);
	bc_config_free(&c);
	assert_int_equal(parse("-i null: -vD", &c), BC_CONFIG_DEVICES);
	bc_config_free(&c);
}

static void the_name_tells_the_destination(void **state)
{
	static const struct { const char *dest; enum bc_dest kind; enum bc_format format; enum bc_codec codec; } is[] = {
		{ "-", BC_DEST_STREAM, BC_FORMAT_PCAPNG, BC_CODEC_NONE },
		{ "null:", BC_DEST_NULL, BC_FORMAT_PCAPNG, BC_CODEC_LZ4 },
		{ "/usr", BC_DEST_FOLDER, BC_FORMAT_PCAPNG, BC_CODEC_LZ4 },
		{ "nowhere/", BC_DEST_FOLDER, BC_FORMAT_PCAPNG, BC_CODEC_LZ4 },
		{ "x", BC_DEST_FILE, BC_FORMAT_PCAPNG, BC_CODEC_NONE },
		{ "x.dump", BC_DEST_FILE, BC_FORMAT_PCAPNG, BC_CODEC_NONE },
		{ "x.cap", BC_DEST_FILE, BC_FORMAT_PCAP_NS, BC_CODEC_NONE },
		{ "x.pcapng", BC_DEST_FILE, BC_FORMAT_PCAPNG, BC_CODEC_NONE },
		{ "x.pcap", BC_DEST_FILE, BC_FORMAT_PCAP_NS, BC_CODEC_NONE },
		{ "x.PCAP", BC_DEST_FILE, BC_FORMAT_PCAP_NS, BC_CODEC_NONE },
		{ "x.erf", BC_DEST_FILE, BC_FORMAT_ERF, BC_CODEC_NONE },
		{ "x.erf.gz", BC_DEST_FILE, BC_FORMAT_ERF, BC_CODEC_GZIP },
		{ "x.pcap.lz4", BC_DEST_FILE, BC_FORMAT_PCAP_NS, BC_CODEC_LZ4 },
		{ "x.pcapng.zst", BC_DEST_FILE, BC_FORMAT_PCAPNG, BC_CODEC_ZSTD },
		{ "x.pcap.GZ", BC_DEST_FILE, BC_FORMAT_PCAP_NS, BC_CODEC_GZIP },
		{ "x.pcapng.xz", BC_DEST_FILE, BC_FORMAT_PCAPNG, BC_CODEC_XZ },
		{ "x.pcap.bz2", BC_DEST_FILE, BC_FORMAT_PCAP_NS, BC_CODEC_BZIP2 },
		{ "x.zst", BC_DEST_FILE, BC_FORMAT_PCAPNG, BC_CODEC_ZSTD },
	};
	struct bc_config c;
	char line[128];

	for (size_t i = 0; i < sizeof(is) / sizeof(is[0]); i++) {
		snprintf(line, sizeof(line), "-i null: -w %s", is[i].dest);
		assert_int_equal(parse(line, &c), 0);
		assert_string_equal(c.outputs[0].dest, is[i].dest);
		assert_int_equal(c.outputs[0].kind, is[i].kind);
		assert_int_equal(c.outputs[0].format, is[i].format);
		assert_int_equal(c.outputs[0].codec, is[i].codec);
		bc_config_free(&c);
	}
}

static void lzo_is_refused_in_a_build_without_it(void **state)
{
	static const char *const line[] = { "-i null: -w x.pcap.lzo", "-i null: -w x/ -Z lzo" };
	struct bc_config c;

	for (size_t i = 0; i < 2; i++) {
		if (!bc_codec_is_built(BC_CODEC_LZO)) {
			refused(line[i], "with lzo: this program was built without it");
			continue;
		}
		assert_int_equal(parse(line[i], &c), 0);
		assert_int_equal(c.outputs[0].codec, BC_CODEC_LZO);
		bc_config_free(&c);
	}
}

static void an_option_says_what_the_name_does_not(void **state)
{
	struct bc_config c;

	assert_int_equal(parse("-i null: -w x.dump --format pcap-us -Z zstd", &c), 0);
	assert_int_equal(c.outputs[0].format, BC_FORMAT_PCAP_US);
	assert_int_equal(c.outputs[0].codec, BC_CODEC_ZSTD);
	bc_config_free(&c);
	assert_int_equal(parse("-i null: -w x.pcap.zst --format pcap-us -Z zstd", &c), 0);
	bc_config_free(&c);
	/* What a command makes of it may have any name. */
	assert_int_equal(parse("-i null: -w x.pcap.gz --pipeout gzip", &c), 0);
	bc_config_free(&c);
	assert_int_equal(parse("-i null: -w - -Z lz4", &c), 0);
	assert_int_equal(c.outputs[0].codec, BC_CODEC_LZ4);
	bc_config_free(&c);
}

static void a_name_that_says_another_thing_is_refused(void **state)
{
	refused("-i null: -w d.x/x.pcap --format pcapng", "named as pcap, and pcapng is asked for: name it 'd.x/x.pcapng'");
	refused("-i null: -w x.pcapng --format pcap-us", "name it 'x.pcap'");
	refused("-i null: -w x.erf.gz --format pcap", "named as erf");
	refused("-i null: -w x.pcapng -Z lz4", "named as not compressed, and lz4 is asked for: name it 'x.pcapng.lz4'");
	refused("-i null: -w x.pcap.gz -Z none", "named as gzip, and no compression is asked for: name it 'x.pcap'");
	refused("-i null: -w x.gz -Z zstd", "name it 'x.zst'");
	refused("-i null: -w x.pcap.zip", "-w: 'x.pcap.zip': .zip files cannot be written; compressions are");
}

static void other_programs_options_are_taken(void **state)
{
	ACCEPT("-p -q -n -P", !c.promiscuous && c.quiet && o->format == BC_FORMAT_PCAP_NS);
	ACCEPT("--no-promiscuous-mode --snapshot-length=96 --capture-comment=x", !c.promiscuous && o->snaplen == 96 && !strcmp(o->comment, "x"));
	ACCEPT("-r a,b=c -r -", c.n_sources == 3 && !strcmp(c.sources[1].target, "a,b=c") && !strcmp(c.sources[2].target, "-"));
	ACCEPT("--interface eth0 -B 128 -Q in -y EN10MB --immediate-mode",
	       c.sources[1].buffer_mb == 128 && !strcmp(c.sources[1].direction, "in") && !strcmp(c.sources[1].linktype, "EN10MB") &&
	       c.sources[1].immediate);
	ACCEPT("-i eth0,buffer_mb=9,direction=out -B 128 -Q in", c.sources[1].buffer_mb == 9 && !strcmp(c.sources[1].direction, "out"));
	ACCEPT("-a duration:5 -a packets:7", c.duration_s == 5 && c.count == 7);
	ACCEPT("-a filesize:5000", o->stop_segments == 1 && o->rotate_bytes == 5000000);
	ACCEPT("-b duration:60 -b filesize:1000 -b packets:10 -b files:3 -a files:9",
	       o->rotate_seconds == 60 && o->rotate_bytes == 1000000 && o->rotate_packets == 10 && o->keep.number == 3 && o->stop_segments == 9);
	ACCEPT("-b interval:900", o->rotate_clock.unit == BC_CALENDAR_MINUTE && o->rotate_clock.every == 15);
}

static void other_programs_options_are_answered(void **state)
{
	refused("-i null: -w out/ -C 10", "tcpdump's -C is --rotate-size (-S) here");
	refused("-i null: -w out/ -W 5", "tcpdump's -W is --keep-number with -S, --stop-files with -G here");
	refused("-i null: -w out/ -z gzip", "tcpdump's -z is --on-segment here");
	refused("-S -i null: -w out/", "tcpdump's -S has no meaning here");
	refused("-i null: -w out/ -d", "'tcpdump -d EXPRESSION'");
	refused("-i null: -w out/ -nnvX", "tcpdump's -X has no meaning here: packets are not printed");
	refused("-i null: -w out/ --number", "tcpdump's --number has no meaning here");
	refused("-i null: -w out/ -Z nobody", "a user to become is named with --user");
	refused("-i null: -w out/ -b printname:x", "--on-segment");
	refused("-i null: -w out/ -b size:1", "filesize:kB, interval:SECONDS or files:N");
	refused("-i null: -w out/ -b filesize:x", "--rotate-size: 'x' is not");
	refused("-i null: -w out/ -Q up", "--direction: 'up' is neither in nor out nor inout");
	refused("-i eth0,direction=up -w out/", "neither in nor out nor inout");
	refused("-i eth0,queues=2 --immediate-mode -w out/", "queues=2 cannot be had with immediate=1");
	refused("-L", "Name an interface with -i");
	refused("-L -i null:", "no kernel interface");
}

static void words_are_the_filter(void **state)
{
	struct bc_config first;

	ACCEPT("udp port 53", !strcmp(o->filter, "udp port 53"));
	assert_int_equal(parse("udp port 53 -i null: -w -", &first), 0);
	assert_string_equal(first.outputs[0].filter, "udp port 53");
	bc_config_free(&first);
	refused("-i null: -w out/ -f udp port 53", "unexpected argument 'port': there is a filter already");
	refused("-i null: -w out/ /dev/null", "unexpected argument '/dev/null': each source needs its own -i");
}

static void stopping_at_files_or_a_size(void **state)
{
	ACCEPT("-S 1 --stop-files 3 --skip-empty --comment x", o->stop_segments == 3 && o->skip_empty && !strcmp(o->comment, "x"));
	refused("-i null: -w out/ --stop-files 3", "--stop-files: nothing ends a file");
	refused("-i null: -w out/ --stop-size 3 -G 1", "--stop-size: is for a capture that does not rotate");
	refused("-i null: -w out/ -w b/ --stop-size 3", "need a capture with a single output");
	refused("-i null: -w x.pcap --skip-empty", "--skip-empty: applies to segments in a folder");
	refused("-i null: -w x.pcap --comment x", "--comment: only a pcapng file has a place for it");
	refused("-i null: -w x.pcap --rotate-packets 3", "--rotate-packets: rotation needs a folder");
}

static void destinations_that_cannot_be_are_refused(void **state)
{
	refused("-i null: -w http://host", "unknown prefix");
	refused("-i null: -w null:x", "nothing may follow null:");
	refused("-i null: -w x.pcap -G 1", "--rotate-seconds: rotation needs a folder, and 'x.pcap' is a file");
	refused("-i null: -w - --completed /", "--completed: applies to segments on disk, and '-' has none");
	refused("-i null: -w null: --on-segment x", "--on-segment: applies to segments on disk, and 'null:' has none");
	refused("-i null: -w /usr/ --completed /usr/.", "completed segments would be moved to where they are");
	refused("-i null: -w /usr/x.pcap --completed /usr", "the completed file would be moved to where it is");
	refused("-i null: -w null: --pcap-over-ip x", "--pcap-over-ip: the port");
	refused("-i null: -w null: --pcap-over-ip localhost:1", "'localhost:1' is not ADDRESS:PORT");
	refused("-i null: -w null: --pcap-over-ip ,tls", "--pcap-over-ip: the port");
	refused("-i null: -w null: --pcap-over-ip 1,tls", "TLS needs a certificate: name it with --tls-cert");
	refused("-i null: -w null: --pcap-over-ip 1 --tls-cert c", "nothing uses TLS");
	refused("-i null: -w null: --pcap-over-ip 1,format=erf", "'format=erf' is unknown; the form is [ADDRESS:]PORT");
	refused("-i null: -w null: --pcap-over-ip 1,", "'' is unknown");
	refused("-i null: -w null: --pcap-over-ip 1,clients=257", "whole number from 1 to 256");
	refused("-i null: -w - --zmq-client a\tb", "--zmq-client: 'a?b': only printable ASCII");
	refused("-i null: -w x.pcap --keep-age 7d", "--keep-age: applies to segments in a folder, and 'x.pcap' is not a folder");
	refused("-i null: -w x.pcap --rotate-clock day", "--rotate-clock: rotation needs a folder");
	refused("-i null: -w x.pcap -S 1", "--rotate-size: rotation needs a folder");
	refused("-i null: -w x.pcap -N seq", "--seqfile: applies to names in a folder, and 'x.pcap' is not a folder");
	refused("-i null: -w - --file-ext .x", "--file-ext: applies to names in a folder");
	refused("-i null: -w - --pipeout gzip", "--pipeout: '-' is stdout");
	refused("-i null: -w null: --pipeout gzip", "'null:' takes no command");
	refused("-i null: -w - -S 1", "'-' is stdout");
	refused("-i null: -w ", "-w: is empty");
	refused("-i null: -w x.pcap -z 5", "'x.pcap' is not compressed");
}

static void a_remote_peer_is_taken_apart(void **state)
{
	struct bc_config c;
	const struct bc_output_config *o = &c.outputs[0];

	assert_int_equal(parse("-i null: -w osmo://collector-1.example:6001,tls,source=192.0.2.1,queue=7 -s 0", &c), 0);
	assert_true(o->kind == BC_DEST_PEER && o->framing == BC_FRAMING_OSMO && o->format == BC_FORMAT_PCAPNG);
	assert_true(o->codec == BC_CODEC_NONE && o->snaplen == BC_WIRE_SNAPLEN && o->remote.queue_mib == 7 && o->remote.tls);
	assert_true(o->remote.port == 6001 && !o->remote.ipip);
	assert_string_equal(o->remote.host, "collector-1.example");
	assert_string_equal(o->remote.source, "192.0.2.1");
	assert_null(o->remote.spool);
	bc_config_free(&c);
	assert_int_equal(parse("-i null: -w osmo://h:1,spool=/srv/spool,spool-size=3", &c), 0);
	assert_string_equal(o->remote.spool, "/srv/spool");
	assert_int_equal(o->remote.spool_gib, 3);
	bc_config_free(&c);
	assert_int_equal(parse("-i null: -w osmo://[2001:db8::1]:65535 -s 96 --format pcap-us", &c), 0);
	assert_true(o->remote.port == 65535 && o->remote.queue_mib == 64 && !o->remote.tls && !o->remote.source && o->snaplen == 96);
	assert_true(o->format == BC_FORMAT_PCAP_US);
	assert_string_equal(o->remote.host, "2001:db8::1");
	bc_config_free(&c);
	assert_int_equal(parse("-i null: -w ipip://192.0.2.9", &c), 0);
	assert_true(o->kind == BC_DEST_PEER && o->framing == BC_FRAMING_IPIP && o->remote.ipip);
	assert_string_equal(o->remote.host, "192.0.2.9");
	bc_config_free(&c);
}

static void remote_peers_that_cannot_be_are_refused(void **state)
{
	refused("-i null: -w osmo://", "it has no host");
	refused("-i null: -w osmo://h", "it has no port");
	refused("-i null: -w osmo://h:0", "it has no port");
	refused("-i null: -w osmo://h:65536", "it has no port");
	refused("-i null: -w osmo://h:6001x", "nothing else may follow");
	refused("-i null: -w osmo://:6001", "it has no host");
	refused("-i null: -w osmo://a/b:6001", "it has no host");
	refused("-i null: -w osmo://[::1:6001", "a ] is missing");
	refused("-i null: -w osmo://[h]:6001", "no IPv6 address in the brackets");
	refused("-i null: -w osmo://h:1,", "a key that is unknown");
	refused("-i null: -w osmo://h:1,source=h", "source= takes an IP address");
	refused("-i null: -w osmo://h:1,queue=0", "whole number from 1 to 65536");
	refused("-i null: -w osmo://h:1,spool=", "spool= takes a folder");
	refused("-i null: -w osmo://h:1,spool=x,spool-size=0", "whole number from 1 to 65536");
	refused("-i null: -w ipip://h,spool=x", "a key that is unknown");
	refused("-i null: -w ipip://h:1", "ipip has no port");
	refused("-i null: -w ipip://h,tls", "a key that is unknown; the form is ipip://HOST");
	refused("-i null: -w osmo://h:1 -Z lz4", "--compress: 'osmo://h:1' is a remote peer");
	refused("-i null: -w osmo://h:1 -G 1", "--rotate-seconds: 'osmo://h:1' is a remote peer");
	refused("-i null: -w osmo://h:1 --pipeout cat", "'osmo://h:1' takes no command");
	refused("-i null: -w osmo://h:1 --rotate-clock hour", "--rotate-clock: 'osmo://h:1' is a remote peer");
	refused("-i null: -w osmo://h:1 --zmq-publish tcp://*:1", "add one, such as -w null:");
	refused("-i null: -w osmo://h:1 --pcap-over-ip 1", "add one, such as -w null:");
	refused("-i null: -w osmo://h:1 --format erf", "--format: 'osmo://h:1' is a remote peer");
	refused("-i null: -w osmo://h:1 -w osmo://h:1", "is given twice");
	refused("-i null: -w osmo://h:1 --tls-ca x", "nothing uses TLS");
	refused("-i null: -w osmo://h:1,tls --tls-key x", "a key needs its certificate");
	refused("-i null: -w out/ -w osmo://h:1,tls --tls-cert c --tls-key k --sign k", "--sign: 'k' is the key of TLS, too");
	refused("-i null: -w out/ -w osmo://h:1,tls --tls-cert c --sign c", "--sign: 'c' is the key of TLS, too");
	ACCEPT("-w osmo://h:1,tls --tls-cert c --tls-key k --sign c", !strcmp(c.sign, "c"));
}

/* -Z, -G and -S are for the others. */
static void a_remote_peer_beside_a_folder_is_not_rotated(void **state)
{
	struct bc_config c;

	assert_int_equal(parse("-i null: -w out/ -w osmo://h:1 -Z zstd -z 3 -G 5 -S 7", &c), 0);
	assert_true(c.outputs[0].codec == BC_CODEC_ZSTD && c.outputs[0].rotate_seconds == 5 && c.outputs[0].rotate_bytes == 7000000);
	assert_true(c.outputs[1].codec == BC_CODEC_NONE && c.outputs[1].rotate_seconds == 0 && c.outputs[1].rotate_bytes == 0);
	bc_config_free(&c);
}

static void several_outputs_share_the_options(void **state)
{
	struct bc_config c;

	assert_int_equal(parse("-i null: -w a.pcap -s 96 -w b.pcapng.lz4 -w -", &c), 0);
	assert_int_equal(c.n_outputs, 3);
	for (uint32_t i = 0; i < 3; i++)
		assert_int_equal(c.outputs[i].snaplen, 96);
	bc_config_free(&c);
	refused("-i null: -w a -s 96 -w b -s 0", "--snaplen is given twice");
}

static void outputs_do_not_collide(void **state)
{
	refused("-i null: -w - -w -", "only one output can be stdout");
	refused("-i null: -w x.pcap -w ./x.pcap", "two outputs cannot write to one place");
	refused("-i null: -w /usr -w /usr/.", "two outputs cannot write to one place");
	refused("-i null: -w nowhere/ -w nowhere", "two outputs cannot write to one place");
	refused("-i file:x.pcap -w x.pcap", "overwrite a source");
	refused("-i null: -w x.pcap --report x.pcap", "overwrite an output");
	ACCEPT("-w null: -w null:", c.n_outputs == 3);
}

static void sources_do_not_collide(void **state)
{
	refused("-i eth0 -i eth1 -i pcap:eth0,queues=2 -w x", "'eth0' and 'pcap:eth0,queues=2' take the same packets");
	refused("-i eth0 -i eth0,direction=in -Q in -w x", "take the same packets");
	ACCEPT("-i eth0,direction=in -i eth0 -Q out", c.n_sources == 3);
	ACCEPT("-i lo,linktype=EN10MB -i lo", c.n_sources == 3);
	ACCEPT("-i eth0,stamp=adapter -i eth0,stamp=host", c.n_sources == 3);
	ACCEPT("-i null: -i file:x.pcap -i file:x.pcap", c.n_sources == 4);
}

static void a_link_to_the_same_file_is_seen(void **state)
{
	char dir[SCRATCH_MAX], line[256], link[SCRATCH_MAX + 8];

	scratch_folder(dir, "bc-config");
	snprintf(link, sizeof(link), "%s/l", dir);
	assert_int_equal(symlink(dir, link), 0);
	snprintf(line, sizeof(line), "-i null: -w %s/x -w %s/x", dir, link);
	refused(line, "two outputs cannot write to one place");
}

static void there_are_limits_to_how_many(void **state)
{
	char *argv[2 * BC_MAX_SOURCES + 6] = { "capture" };
	struct bc_config c;
	int argc = 1;

	refused("-i null: -w a -w b -w c -w d -w e -w f -w g -w h", "more than 7 outputs");
	refused("-i dpdk:a,queues=256 -i dpdk:b,queues=256 -i dpdk:c,queues=256 -i dpdk:d,queues=256 -i dpdk:e -w -",
		"1025 queues in total; the limit is 1024");
	refused("-i - -i - -w out/", "only one source can be stdin");
	for (int i = 0; i <= BC_MAX_SOURCES; i++) {
		argv[argc++] = "-i";
		argv[argc++] = "null:";
	}
	assert_int_equal(bc_config_parse(argc, argv, &c, &err), -EINVAL);
	assert_string_equal(err.msg, "-i: more than 1024 sources");
	bc_config_free(&c);
}

static void a_bad_source_names_itself(void **state)
{
	refused("-i null:queues=0 -w -", "-i 'null:queues=0': queues: '0' is not a whole number from 1 to 256");
}

/* As it is printed, for the caller to free. */
static char *printed(const char *help)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	bc_help_print(help, f);
	fclose(f);
	return text;
}

static void help_has_the_table_of_codecs(void **state)
{
	char *text = printed(bc_config_help);

	assert_non_null(strstr(text, "plain, .lz4, .zst, .gz,\n                          .xz, .bz2, .lzo; - is stdin\n"));
	assert_non_null(strstr(text, "  -Z, --compress CODEC    lz4 (default), zstd, gzip, xz, bzip2, lzo, none\n"));
	assert_non_null(strstr(text,
		"  -z, --compress-level N  lz4: 1 (default) to 12; zstd: 1 to 19, default 3;\n"
		"                          gzip and xz: 0 to 9, default 6;\n"
		"                          bzip2: 1 to 9 (default); lzo, where it is built in:\n"
		"                          1 to 9, default 3\n"));
	free(text);
}

static void help_names_paths_below_home(void **state)
{
	char *text = printed("  -x                      or ~/.aws,~joined\n");

	assert_string_equal(text, "  -x                      or ~/.aws, joined\n");
	free(text);
}

/* Only a line with words of the codecs' table may be longer: it is broken when it is printed. */
static void no_line_of_the_help_is_wider_than_a_terminal(void **state)
{
	const char *const help[] = { bc_config_help, bc_config_collect_help, bc_config_find_help };

	for (size_t i = 0; i < sizeof(help) / sizeof(help[0]); i++) {
		char *text = printed(help[i]);

		for (const char *p = help[i]; *p; p += strcspn(p, "\n") + 1)
			if (strcspn(p, "\n") > 80 && !memchr(p, '@', strcspn(p, "\n")))
				fail_msg("%.*s", (int)strcspn(p, "\n"), p);
		assert_null(strchr(text, '@'));
		for (const char *p = text; *p; p += strcspn(p, "\n") + 1)
			assert_true(strcspn(p, "\n") <= 80);
		free(text);
	}
}

/* Every option of the tables is in the text of --help, from which the shell's completion takes them. */
static void help_knows_every_option(void **state)
{
	char want[64];

	for (unsigned i = 0; i < BC_CAP_N + BC_OUT_N + BC_COL_N; i++) {
		const struct bc_setting *s = i < BC_CAP_N ? &bc_capture_settings[i] : i < BC_CAP_N + BC_OUT_N ?
					     &bc_output_settings[i - BC_CAP_N] : &bc_collect_settings[i - BC_CAP_N - BC_OUT_N];

		if (!s->option)
			continue;
		snprintf(want, sizeof(want), "--%s", s->option);
		if (!s->capture_only)
			assert_non_null(strstr(bc_config_collect_help, want));
		if (i >= BC_CAP_N + BC_OUT_N)
			continue;
		assert_non_null(strstr(bc_config_help, want));
		if (s->letter) {
			snprintf(want, sizeof(want), "  -%c, --%s", s->letter, s->option);
			assert_non_null(strstr(bc_config_help, want));
		}
	}
}

static void a_live_capture_into_a_folder_has_an_index_of_flows(void **state)
{
	static const struct {
		const char *line;
		enum bc_index_mode index;
	} row[] = {
		{ "-i null: -w out/", BC_INDEX_FLOWS }, { "-i null: -i file:a.pcap -w out/ -Z none", BC_INDEX_FLOWS },
		{ "-i file:a.pcap -w out/", BC_INDEX_TIME }, { "-i file:a.pcap -w out/ --index flows", BC_INDEX_FLOWS },
		{ "-i null: -w out/ -Z zstd", BC_INDEX_AUTO }, { "-i null: -w a.pcapng", BC_INDEX_AUTO },
	};

	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		struct bc_config c;

		if (parse(row[i].line, &c))
			fail_msg("%s: %s", row[i].line, err.msg);
		assert_int_equal(c.outputs[0].index, row[i].index);
		bc_config_free(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults_are_those_of_the_header),
		cmocka_unit_test(capture_options_are_taken),
		cmocka_unit_test(output_options_are_taken),
		cmocka_unit_test(nought_is_none_where_that_is_clear),
		cmocka_unit_test(a_flag_can_be_taken_back),
		cmocka_unit_test(values_out_of_range_are_refused_with_the_range),
		cmocka_unit_test(what_is_no_option_is_refused),
		cmocka_unit_test(source_and_output_are_needed),
		cmocka_unit_test(help_and_devices_are_told_apart),
		cmocka_unit_test(the_name_tells_the_destination),
		cmocka_unit_test(lzo_is_refused_in_a_build_without_it),
		cmocka_unit_test(an_option_says_what_the_name_does_not),
		cmocka_unit_test(a_name_that_says_another_thing_is_refused),
		cmocka_unit_test(other_programs_options_are_taken),
		cmocka_unit_test(other_programs_options_are_answered),
		cmocka_unit_test(words_are_the_filter),
		cmocka_unit_test(stopping_at_files_or_a_size),
		cmocka_unit_test(destinations_that_cannot_be_are_refused),
		cmocka_unit_test(a_remote_peer_is_taken_apart),
		cmocka_unit_test(remote_peers_that_cannot_be_are_refused),
		cmocka_unit_test(a_remote_peer_beside_a_folder_is_not_rotated),
		cmocka_unit_test(several_outputs_share_the_options),
		cmocka_unit_test(outputs_do_not_collide),
		cmocka_unit_test(sources_do_not_collide),
		cmocka_unit_test(a_link_to_the_same_file_is_seen),
		cmocka_unit_test(there_are_limits_to_how_many),
		cmocka_unit_test(a_bad_source_names_itself),
		cmocka_unit_test(help_has_the_table_of_codecs),
		cmocka_unit_test(a_live_capture_into_a_folder_has_an_index_of_flows),
		cmocka_unit_test(help_names_paths_below_home),
		cmocka_unit_test(no_line_of_the_help_is_wider_than_a_terminal),
		cmocka_unit_test(help_knows_every_option),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
