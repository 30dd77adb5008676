/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks of made-up machines, and what follows from made-up figures. */
#include "bc_test.h"

#include <sched.h>
#include <unistd.h>

#include "bc_check.h"
#include "bc_cpu_time.h"
#include "bc_doctor.h"
#include "bc_measure.h"
#include "sys_tree.h"

static struct bc_devices d;
static struct bc_findings f;
static char root[64];

static int each_begins_with_nothing(void **state)
{
	memset(&d, 0, sizeof(d));
	memset(&f, 0, sizeof(f));
	sys_root(root);
	return 0;
}

/* There is one finding of this level with these words; it has advice unless all is well. */
static const struct bc_finding *found(enum bc_finding_level level, const char *words)
{
	for (uint32_t i = 0; i < f.n; i++)
		if (f.finding[i].level == level && strstr(f.finding[i].what, words)) {
			assert_true(level == BC_FINDING_OK || f.finding[i].advice[0]);
			return &f.finding[i];
		}
	for (uint32_t i = 0; i < f.n; i++)
		print_message("%d: %s\n", (int)f.finding[i].level, f.finding[i].what);
	fail_msg("not found: %d '%s'", (int)level, words);
	return NULL;
}

static void put_pages(const char *folder, const char *all, const char *unused)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/nr_hugepages", folder);
	sys_put(root, path, all);
	snprintf(path, sizeof(path), "%s/free_hugepages", folder);
	sys_put(root, path, unused);
}

static void add_port(enum bc_pcidev_driver by, const char *driver, int numa, int group)
{
	struct bc_pcidev *pci = &d.pci[d.n_pci++];

	*pci = (struct bc_pcidev){ .address = "0000:3b:00.0", .by = by, .numa = numa, .iommu_group = group };
	strcpy(pci->driver, driver);
}

static void hugepages_by_size_and_node(void **state)
{
	put_pages("/sys/devices/system/node/node0/hugepages/hugepages-2048kB", "512", "500");
	put_pages("/sys/devices/system/node/node0/hugepages/hugepages-1048576kB", "4", "0");
	put_pages("/sys/devices/system/node/node1/hugepages/hugepages-2048kB", "0", "0");
	sys_folder(root, "/sys/devices/system/node/nodes");
	bc_check_memory(root, &d, &f);
	assert_int_equal(f.n, 2);
	found(BC_FINDING_OK, "node 0: 500 of 512 hugepages of 2 MiB are free");
	found(BC_FINDING_NOTE, "node 0: 0 of 4 hugepages of 1 GiB are free");
}

static void a_port_far_from_all_hugepages(void **state)
{
	put_pages("/sys/devices/system/node/node0/hugepages/hugepages-2048kB", "512", "512");
	put_pages("/sys/devices/system/node/node1/hugepages/hugepages-2048kB", "0", "0");
	add_port(BC_PCIDEV_DPDK, "vfio-pci", 1, 3);
	bc_check_memory(root, &d, &f);
	assert_non_null(strstr(found(BC_FINDING_PROBLEM, "is on node 1")->advice, "node1/hugepages"));
}

static void no_hugepages_are_a_problem_without_an_iommu_only(void **state)
{
	bc_check_memory(root, &d, &f);
	found(BC_FINDING_NOTE, "no hugepages are reserved");
	add_port(BC_PCIDEV_DPDK, "vfio-pci", -1, 3);
	bc_check_memory(root, &d, &f);
	assert_int_equal(f.problems, 0);
	add_port(BC_PCIDEV_DPDK, "uio_pci_generic", -1, -1);
	bc_check_memory(root, &d, &f);
	found(BC_FINDING_PROBLEM, "cannot work");
}

static void nonsense_about_hugepages_is_left_out(void **state)
{
	put_pages("/sys/kernel/mm/hugepages/hugepages-2048kB", "7", "8");
	put_pages("/sys/kernel/mm/hugepages/hugepages-99999999999999999999kB", "7", "7");
	put_pages("/sys/kernel/mm/hugepages/hugepages-", "7", "7");
	put_pages("/sys/kernel/mm/hugepages/other", "7", "7");
	bc_check_memory(root, &d, &f);
	assert_int_equal(f.n, 1);
	found(BC_FINDING_NOTE, "no hugepages");
}

static void who_may_lock_too_little(void **state)
{
	put_pages("/sys/kernel/mm/hugepages/hugepages-2048kB", "512", "512");
	sys_put(root, "/proc/self/status", "Name:\tx\nUid:\t1000\t1000");
	sys_put(root, "/proc/self/limits", "Max locked memory         8388608              8388608              bytes");
	bc_check_memory(root, &d, &f);
	assert_int_equal(f.problems, 0);
	add_port(BC_PCIDEV_DPDK, "vfio-pci", -1, 3);
	bc_check_memory(root, &d, &f);
	found(BC_FINDING_PROBLEM, "may lock 8 MiB");
	memset(&f, 0, sizeof(f));
	sys_put(root, "/proc/self/status", "Uid:\t0\t0");
	bc_check_memory(root, &d, &f);
	assert_int_equal(f.problems, 0);
}

static void the_iommu_and_what_needs_it(void **state)
{
	bc_check_iommu(root, &d, &f);
	found(BC_FINDING_OK, "off, and no port needs it");
	add_port(BC_PCIDEV_KERNEL, "ice", 0, -1);
	bc_check_iommu(root, &d, &f);
	found(BC_FINDING_NOTE, "unsafe mode");
	add_port(BC_PCIDEV_DPDK, "vfio-pci", 0, -1);
	bc_check_iommu(root, &d, &f);
	found(BC_FINDING_PROBLEM, "there is no IOMMU for it");
	memset(&f, 0, sizeof(f));
	sys_put(root, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y");
	bc_check_iommu(root, &d, &f);
	found(BC_FINDING_NOTE, "can write anywhere");
	memset(&f, 0, sizeof(f));
	d.pci[1].iommu_group = 5;
	sys_folder(root, "/sys/kernel/iommu_groups/5");
	bc_check_iommu(root, &d, &f);
	found(BC_FINDING_OK, "on, with 1 group");
}

static void governors(void **state)
{
	bc_check_cpus(root, &f);
	found(BC_FINDING_OK, "does not scale");
	sys_put(root, "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance");
	sys_folder(root, "/sys/devices/system/cpu/cpuidle");
	bc_check_cpus(root, &f);
	found(BC_FINDING_OK, "all CPUs have the governor performance");
	sys_put(root, "/sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave");
	bc_check_cpus(root, &f);
	found(BC_FINDING_NOTE, "1 of 2 CPUs has the governor powersave");
}

static void isolated_cpus(void **state)
{
	char path[64];

	for (int i = 0; i < 8; i++) {
		snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%d", i);
		sys_folder(root, path);
	}
	bc_check_cpus(root, &f);
	found(BC_FINDING_NOTE, "no CPU is isolated");
	sys_put(root, "/sys/devices/system/cpu/isolated", "2-7");
	bc_check_cpus(root, &f);
	assert_non_null(strstr(found(BC_FINDING_NOTE, "tick")->advice, "nohz_full=2-7"));
	sys_put(root, "/sys/devices/system/cpu/nohz_full", "2-7");
	bc_check_cpus(root, &f);
	found(BC_FINDING_OK, "CPUs 2-7 are isolated");
}

static void priorities_that_count_within_a_session(void **state)
{
	uint32_t without;

	sys_put(root, "/proc/sys/kernel/sched_autogroup_enabled", "0");
	bc_check_cpus(root, &f);
	without = f.n;
	sys_put(root, "/proc/sys/kernel/sched_autogroup_enabled", "1");
	bc_check_cpus(root, &f);
	assert_int_equal(f.n, 2 * without + 1);
	found(BC_FINDING_NOTE, "only among programs of one session");
}

static void a_slow_clocksource(void **state)
{
	sys_put(root, "/sys/devices/system/clocksource/clocksource0/current_clocksource", "hpet");
	bc_check_cpus(root, &f);
	found(BC_FINDING_NOTE, "hpet");
}

static void nodes_of_devices(void **state)
{
	add_port(BC_PCIDEV_KERNEL, "ice", 1, -1);
	bc_check_numa(root, &d, &f);
	assert_int_equal(f.n, 0);
	sys_put(root, "/sys/devices/system/node/node1/cpulist", "8-15");
	add_port(BC_PCIDEV_KERNEL, "ice", -1, -1);
	bc_check_numa(root, &d, &f);
	found(BC_FINDING_OK, "is on node 1, with CPUs 8-15");
	found(BC_FINDING_NOTE, "does not tell");
}

static void what_a_driver_says(void **state)
{
	d.n_net = 3;
	d.net[0] = (struct bc_netdev){ .name = "eth0", .physical = true, .state = BC_NETDEV_UP,
				       .nic = { .rings_told = true, .ring = 512, .ring_max = 4096, .pause_told = true, .pause_tx = true,
						.offloads_told = true, .gro = true, .lro = true, .vlan = true } };
	d.net[1] = (struct bc_netdev){ .name = "eth1", .physical = true, .state = BC_NETDEV_NO_LINK };
	d.net[2] = d.net[0];
	d.net[2].physical = false;
	bc_check_interfaces(&d, &f);
	assert_int_equal(f.n, 5);
	assert_string_equal(found(BC_FINDING_NOTE, "512 descriptors of 4096")->advice, "ethtool -G eth0 rx 4096");
	found(BC_FINDING_NOTE, "asks its peer to pause");
	found(BC_FINDING_NOTE, "GRO, LRO");
	found(BC_FINDING_OK, "puts them back");
	found(BC_FINDING_NOTE, "eth1 is up, but has no link");
}

static void the_kernels_backlog(void **state)
{
	bc_check_backlog(root, &f);
	assert_int_equal(f.n, 0);
	sys_put(root, "/proc/net/softnet_stat", "0000ffff 00000000 00000001\nnonsense\n000000ff 00000000 00000000");
	bc_check_backlog(root, &f);
	found(BC_FINDING_OK, "no packet was dropped");
	sys_put(root, "/proc/net/softnet_stat", "0000ffff 00000001 00000001\n000000ff 00000010 00000000");
	bc_check_backlog(root, &f);
	found(BC_FINDING_NOTE, "17 packets");
}

static void clocks(void **state)
{
	struct timex t = { .maxerror = 900, .esterror = 7 };

	bc_check_clock(TIME_OK, &t, &f);
	found(BC_FINDING_OK, "within 900 us");
	bc_check_clock(-1, &t, &f);
	found(BC_FINDING_NOTE, "does not tell");
	t.status = STA_UNSYNC;
	bc_check_clock(TIME_OK, &t, &f);
	found(BC_FINDING_PROBLEM, "not synchronised");
	bc_check_nic_clock("eth0", -2000, 0, &f);
	found(BC_FINDING_OK, "-2 us");
	bc_check_nic_clock("eth1", 37000000100, 0, &f);
	found(BC_FINDING_OK, "eth1 runs on TAI");
	bc_check_nic_clock("eth2", 37000000100, 38, &f);
	found(BC_FINDING_NOTE, "eth2 is 37.000000 s");
}

static void folders(void **state)
{
	char path[128];

	assert_true(bc_check_folder(root, &f));
	found(BC_FINDING_OK, "are free");
	snprintf(path, sizeof(path), "%s/none", root);
	assert_false(bc_check_folder(path, &f));
	found(BC_FINDING_PROBLEM, "is no folder");
}

/* A machine that takes 1 Mpps uncompressed and 0.5 with LZ4; on the link a packet of 976 bytes has 1000. */
static struct bc_doctor_measured figures(double disk)
{
	return (struct bc_doctor_measured){
		.figures = { .n = 1, .disk_bytes_per_s = disk, .at = { { 976, 1e6, 5e5, 2 } } },
		.safe = { BC_DOCTOR_SAFE, BC_DOCTOR_SAFE },
	};
}

static void cpus_or_the_disk_are_the_limit(void **state)
{
	const struct bc_doctor_request req = { .packet = 976 };
	struct bc_doctor_measured g = figures(0);
	struct bc_doctor_rate r = bc_doctor_rate(&g, &req, false, 0);

	assert_true(r.limit > 7.99e9 && r.limit < 8.01e9 && !r.by_disk && r.days == 0);
	assert_true(r.safe == r.limit * BC_DOCTOR_SAFE);
	/* 1008 bytes in the file. */
	g = figures(1008 * 250e3);
	r = bc_doctor_rate(&g, &req, false, 1008 * 200e3 * 86400);
	assert_true(r.by_disk && r.limit > 1.99e9 && r.limit < 2.01e9 && r.days > 0.99 && r.days < 1.01);
	g = figures(1008 * 1e6);
	assert_true(bc_doctor_rate(&g, &req, false, 0).by_disk);
	g = figures(1008 * 250e3);
	r = bc_doctor_rate(&g, &req, true, 0);
	assert_true(r.limit > 3.99e9 && r.limit < 4.01e9);
}

static void a_rate_that_is_asked_for(void **state)
{
	struct bc_doctor_request req = { .packet = 976, .bits_per_s = 3e9 };
	const struct bc_doctor_measured g = figures(0);

	bc_doctor_check_rate(&g, &req, 504 * 375e3 * 86400 * 3, &f);
	found(BC_FINDING_OK, "3.00 Gbit/s can be kept with LZ4; the folder lasts 3.0 days");
	req.bits_per_s = 6e9;
	bc_doctor_check_rate(&g, &req, 0, &f);
	found(BC_FINDING_NOTE, "more than LZ4 takes");
	req.bits_per_s = 7e9;
	bc_doctor_check_rate(&g, &req, 0, &f);
	found(BC_FINDING_NOTE, "more than is safe");
	assert_int_equal(f.problems, 0);
	req.bits_per_s = 9e9;
	bc_doctor_check_rate(&g, &req, 0, &f);
	found(BC_FINDING_PROBLEM, "more than is safe");
}

static void what_was_tried_is_safe(void **state)
{
	const struct bc_doctor_request req = { .packet = 976 };
	struct bc_doctor_measured g = figures(0);

	g.safe[false] = 0.45;
	g.safe[true] = 0;
	bc_doctor_check_rate(&g, &req, 1e9, &f);
	found(BC_FINDING_OK, "uncompressed: safe up to 3.60 Gbit/s of packets of 976 bytes, 45 % of what the CPUs took");
	found(BC_FINDING_NOTE, "with LZ4: every rate that was tried lost packets");
}

static void who_has_the_cpus(void **state)
{
	const long tick = sysconf(_SC_CLK_TCK);
	struct bc_cpu_time before, after;
	struct bc_cpu_shares s;
	char lines[4096] = "cpu  1 2 3 4\n";
	cpu_set_t all;

	sched_getaffinity(0, sizeof(all), &all);
	before = bc_cpu_time_read(root);
	assert_true(before.all == 0);
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &all))
			snprintf(lines + strlen(lines), sizeof(lines) - strlen(lines), "cpu%d %ld %ld 0 %ld 0 0 0 %ld 0 0\n", i, 10 * tick, 20 * tick,
				 60 * tick, 10 * tick);
	sys_put(root, "/proc/stat", lines);
	after = bc_cpu_time_read(root);
	after.own = before.own;
	s = bc_cpu_time_shares(&before, &after);
	assert_int_equal((int)(1000 * s.others + 0.5), 300);
	assert_int_equal((int)(1000 * s.stolen + 0.5), 100);
	s = bc_cpu_time_shares(&after, &after);
	assert_true(s.others == 0 && s.stolen == 0);
}

static void a_captures_report(void **state)
{
	static const char good[] = "{\"started_ns\":1000000000,\"stopped_ns\":1500000000,\"balance\":{\"received\":1250,\"dropped\":250},\"outputs\":[{\"written\":1000,"
				   "\"written_bytes\":80000,\"file_bytes\":40000}]}";
	static const char *const bad[] = { "", "{}", "[]", "{\"started_ns\":2,\"stopped_ns\":1,\"outputs\":[{\"written\":1,"
		"\"written_bytes\":8,\"file_bytes\":4}]}", "{\"started_ns\":1,\"stopped_ns\":2,\"outputs\":[{\"written\":0}]}" };
	struct bc_measured m;

	assert_int_equal(bc_measured_parse(good, strlen(good), &m), 0);
	assert_true(m.packets_per_s == 2000 && m.ratio == 2 && m.file_bytes_per_s == 80000 && m.lost == 0.2);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(bc_measured_parse(bad[i], strlen(bad[i]), &m), -EBADMSG);
}

static void more_problems_than_there_is_room_for(void **state)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	json_t *json;

	for (int i = 0; i < BC_MAX_FINDINGS + 1; i++)
		bc_finding_add(&f, BC_FINDING_PROBLEM, "x", "\033[2J%d\xff", i);
	assert_int_equal(f.problems, BC_MAX_FINDINGS + 1);
	bc_findings_print(out, &f);
	fclose(out);
	assert_null(strchr(text, '\033'));
	free(text);
	json = bc_findings_json(&f);
	assert_int_equal(json_array_size(json), BC_MAX_FINDINGS);
	json_decref(json);
}

int main(void)
{
#define ROOTED(name) cmocka_unit_test_setup(name, each_begins_with_nothing)
	const struct CMUnitTest tests[] = {
		ROOTED(hugepages_by_size_and_node),
		ROOTED(a_port_far_from_all_hugepages),
		ROOTED(no_hugepages_are_a_problem_without_an_iommu_only),
		ROOTED(nonsense_about_hugepages_is_left_out),
		ROOTED(who_may_lock_too_little),
		ROOTED(the_iommu_and_what_needs_it),
		ROOTED(governors),
		ROOTED(isolated_cpus),
		ROOTED(a_slow_clocksource),
		ROOTED(priorities_that_count_within_a_session),
		ROOTED(nodes_of_devices),
		ROOTED(what_a_driver_says),
		ROOTED(the_kernels_backlog),
		ROOTED(clocks),
		ROOTED(folders),
		ROOTED(cpus_or_the_disk_are_the_limit),
		ROOTED(a_rate_that_is_asked_for),
		ROOTED(what_was_tried_is_safe),
		ROOTED(who_has_the_cpus),
		ROOTED(a_captures_report),
		ROOTED(more_problems_than_there_is_room_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
