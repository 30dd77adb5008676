/* SPDX-License-Identifier: BSD-3-Clause */
/* Damaged specs and files, from a fixed seed: each is taken or refused with one line, and nothing is read or left behind. */
#include "bc_test.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bc_config_draft.h"
#include "bc_source_kind.h"

static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (uint32_t)(seed >> 16) % below;
}

/* A few changes to text, which has room for cap bytes; returns the new length. */
static size_t mutate(char *text, size_t len, size_t cap, const char *const *words, uint32_t n_words)
{
	for (uint32_t i = 1 + rnd(4); i; i--) {
		const char *word = words[rnd(n_words)];
		size_t n = strlen(word), at = rnd((uint32_t)len + 1);

		switch (rnd(4)) {
		case 0:
			if (at < len)
				text[at] = (char)rnd(256);
			break;
		case 1:
			len = rnd(4) ? len : at;
			break;
		case 2:
			if (at < len) {
				memmove(text + at, text + at + 1, len - at - 1);
				len--;
			}
			break;
		default:
			if (len + n <= cap) {
				memmove(text + at + n, text + at, len - at);
				memcpy(text + at, word, n);
				len += n;
			}
		}
	}
	return len;
}

static void damaged_specs_are_taken_or_refused(void **state)
{
	static const char *const specs[] = {
		"dpdk:net_vhost0,iface=/a/s,queues=2", "dpdk:net_af_packet0,iface=eth1,qpairs=3,full=wait",
		"dpdk:0000:3b:00.0,representor=[0,2],descriptors=512,mtu=9000,stamp=nic", "eth0,buffer_mb=512,immediate=1",
		"eth0,direction=inout,linktype=EN10MB", "file:a,b.pcap,full=drop", "null:queues=2,count=1000,size=64", "-",
	};
	static const char *const words[] = {
		",", "=", ":", "queues=", ",queues=2", ",qpairs=2", "full=wait", ",direction=in", ",linktype=", ",stamp=nic", "stamp=", "null:", "pcap:", "dpdk:",
		"net_af_packet", "net_vhost", "4294967297", "%s%n",
	};
	struct bc_source_config s;
	struct bc_err err;

	seed = 20240229;
	for (int i = 0; i < 30000; i++) {
		char text[256];
		size_t len;
		int rc;

		strcpy(text, specs[rnd(sizeof(specs) / sizeof(specs[0]))]);
		len = mutate(text, strlen(text), sizeof(text) - 1, words, sizeof(words) / sizeof(words[0]));
		text[len] = '\0';
		err.msg[0] = '\0';
		rc = bc_source_parse("-i", text, &s, &err);
		assert_true(rc == 0 || (rc == -EINVAL && err.msg[0] && !strchr(err.msg, '\n')));
		if (rc == 0) {
			assert_true((s.kind == &bc_source_null) == !s.target[0]);
			assert_true(s.queues >= 1 && s.queues <= 256);
		}
		bc_source_free(&s);
	}
}

static void damaged_files_are_taken_or_refused(void **state)
{
	static const char good[] =
		"# sample\ncount: 5\nno_huge: yes\nlcores: 2-5,8\nsources:\n  - null:count=5\n  - 'pcap:lo,full=wait'\n"
		"outputs:\n  - dest: /srv/a/\n    filter: \"tcp port 80\"\n    snaplen: 96\n    rotate_seconds: 60\n"
		"  - { dest: b.pcap.zst, level: 3 }\n";
	static const char *const words[] = {
		"\n", "  ", "\n  - ", ": ", "[", "]", "{", "}", "&a ", "*a", "\"", "'", "|\n", ">-\n", "? ", "---\n", "...\n", "!!int ",
		"%YAML 1.2\n", "\\0", "\t", "dest: x", "count: 5\n", "outputs:\n", "<<: ", "~", "\xef\xbb\xbf", "\xff\xfe",
	};
	int fd = memfd_create("config", MFD_CLOEXEC);
	char file[64], *argv[] = { "capture", "-C", file, NULL };
	struct bc_config c;
	struct bc_err err;

	assert_true(fd >= 0);
	snprintf(file, sizeof(file), "/proc/self/fd/%d", fd);
	seed = 20240301;
	for (int i = 0; i < 6000; i++) {
		char text[1024];
		size_t len;
		int rc;

		strcpy(text, good);
		len = mutate(text, strlen(text), sizeof(text), words, sizeof(words) / sizeof(words[0]));
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, text, len, 0), len);
		err.msg[0] = '\0';
		rc = bc_config_parse(3, argv, &c, &err);
		assert_true(rc == 0 || (rc == -EINVAL && err.msg[0] && !strchr(err.msg, '\n')));
		bc_config_free(&c);
	}
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(damaged_specs_are_taken_or_refused),
		cmocka_unit_test(damaged_files_are_taken_or_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
