/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_test.h"

#include <errno.h>
#include <unistd.h>

#include "bc_topology.h"
#include "scratch.h"

static struct bc_topology topo;

static void describe(const char *desc)
{
	struct bc_err err = { "" };

	if (bc_topology_describe(desc, &topo, &err))
		fail_msg("%s", err.msg);
}

static const char *golden(const char *name, char *buf, size_t size)
{
	const char *folder = getenv("BC_GOLDEN");

	if (!folder)
		BC_SKIP("BC_GOLDEN does not name tests/golden");
	snprintf(buf, size, "%s/%s", folder, name);
	return buf;
}

static void describe_fails(const char *desc, const char *words)
{
	struct bc_err err = { "" };

	topo.n_cpus = 77;
	assert_true(bc_topology_describe(desc, &topo, &err) < 0);
	assert_non_null(strstr(err.msg, words));
	assert_int_equal(topo.n_cpus, 77);
}

static void list_of_numbers_and_ranges_is_parsed(void **state)
{
	char text[32];
	cpu_set_t set;

	assert_int_equal(bc_cpulist_parse("--lcores", "8,2-5,3,1023", &set, NULL), 0);
	assert_int_equal(CPU_COUNT(&set), 6);
	assert_string_equal(bc_cpulist_format(&set, text, sizeof(text)), "2-5,8,1023");
}

static void malformed_lists_are_refused(void **state)
{
	const char *bad[] = { "", ",", "1,", ",1", "1,,2", "5-2", "-1", "1-", "1-2-3", "a", "1 ", " 1", "+1", "0x1",
			      "1024", "0-1024", "99999999999999999999", "1;2", "1-a" };
	struct bc_err err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cpu_set_t set, before;

		CPU_ZERO(&before);
		CPU_SET(9, &before);
		set = before;
		assert_int_equal(bc_cpulist_parse("--lcores", bad[i], &set, &err), -EINVAL);
		assert_true(CPU_EQUAL(&set, &before));
		assert_int_equal(strncmp(err.msg, "--lcores: ", 10), 0);
	}
}

static void list_too_long_for_its_buffer_ends_in_dots(void **state)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	for (int c = 0; c < BC_MAX_CPUS; c += 2)
		CPU_SET(c, &set);
	for (size_t size = 4; size < 64; size++) {
		char text[64];

		memset(text, 'x', sizeof(text));
		bc_cpulist_format(&set, text, size);
		assert_true(strlen(text) < size);
		assert_string_equal(text + strlen(text) - 3, "...");
	}
}

static void list_of_no_cpu_is_empty(void **state)
{
	char text[8];
	cpu_set_t set;

	CPU_ZERO(&set);
	assert_string_equal(bc_cpulist_format(&set, text, sizeof(text)), "");
}

static void synthetic_machine_has_cores_threads_and_nodes(void **state)
{
	describe("package:2 [numa] l3:1(size=33554432) core:4 pu:2");
	assert_int_equal(topo.n_cpus, 16);
	assert_int_equal(topo.n_nodes, 2);
	assert_int_equal(topo.cpu[0].core, topo.cpu[1].core);
	assert_int_not_equal(topo.cpu[1].core, topo.cpu[2].core);
	assert_int_equal(topo.cpu[0].smt, 0);
	assert_int_equal(topo.cpu[1].smt, 1);
	assert_int_equal(topo.cpu[7].numa, 0);
	assert_int_equal(topo.cpu[8].numa, 1);
	assert_int_equal(topo.cpu[8].package, 1);
	assert_int_equal(topo.cpu[8].l3, 1);
	assert_int_equal(topo.cpu[8].l3_kib, 32768);
	assert_true(topo.cpu[15].automatic);
}

static void cpus_are_in_the_order_of_the_kernels_numbers(void **state)
{
	describe("core:2 pu:2(indexes=0,2,1,3)");
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(topo.cpu[i].os, i);
	assert_int_equal(topo.cpu[0].core, topo.cpu[2].core);
	assert_int_equal(topo.cpu[2].smt, 1);
}

static void machine_without_cores_has_one_for_each_cpu(void **state)
{
	describe("package:1 pu:3");
	assert_int_not_equal(topo.cpu[0].core, topo.cpu[1].core);
	assert_int_not_equal(topo.cpu[1].core, topo.cpu[2].core);
}

static void cpus_past_the_maximum_are_left_out(void **state)
{
	describe("package:2 core:1024 pu:1");
	assert_int_equal(topo.n_cpus, BC_MAX_CPUS);
	assert_null(bc_topology_cpu(&topo, BC_MAX_CPUS));
}

static void descriptions_beyond_reason_are_refused(void **state)
{
	describe_fails("package:100000 core:100000 pu:100000", "larger");
	describe_fails("pu:4294967295", "larger");
	describe_fails("core:-1 pu:1", "larger");
	describe_fails("core:0xfffff pu:1", "larger");
	describe_fails(")]) core:100000 pu:1", "larger");
}

static void description_of_too_many_characters_is_refused(void **state)
{
	char desc[700];

	memset(desc, ' ', sizeof(desc) - 1);
	desc[sizeof(desc) - 1] = '\0';
	memcpy(desc, "core:2 pu:1", 11);
	describe_fails(desc, "characters");
}

static void nonsense_is_refused(void **state)
{
	describe_fails("", "neither a file nor an hwloc description");
	describe_fails("((", "neither a file nor an hwloc description");
	describe_fails("core:4 pu:0", "neither a file nor an hwloc description");
}

static void missing_and_odd_files_are_refused(void **state)
{
	describe_fails("there-is-no-such.xml", "No such file");
	describe_fails("./none", "No such file");
	describe_fails("/", "not a file");
	describe_fails("/dev/null", "not a file");
}

static void file_that_is_no_topology_is_refused(void **state)
{
	char path[SCRATCH_MAX];
	int fd = scratch_file(path, "bc-topology");

	assert_int_equal(write(fd, "<topology><object/>", 19), 19);
	close(fd);
	describe_fails(path, "hwloc");
}

static void devices_have_the_node_that_they_hang_under(void **state)
{
	char path[512];

	describe(golden("topology-2x4.xml", path, sizeof(path)));
	assert_int_equal(bc_topology_pci_numa(&topo, "0000:3b:00.0"), 0);
	assert_int_equal(bc_topology_pci_numa(&topo, "3b:00.0"), 0);
	assert_int_equal(bc_topology_pci_numa(&topo, "0000:d8:00.1"), 1);
	assert_int_equal(bc_topology_net_numa(&topo, "eth5"), 0);
}

static void device_under_the_whole_machine_is_near_no_node(void **state)
{
	char path[512];

	describe(golden("topology-2x4.xml", path, sizeof(path)));
	assert_int_equal(topo.n_pci, 3);
	assert_int_equal(topo.n_nets, 2);
	assert_int_equal(bc_topology_pci_numa(&topo, "0001:01:00.0"), -1);
	assert_int_equal(bc_topology_net_numa(&topo, "eth6"), -1);
}

static void unknown_devices_are_near_no_node(void **state)
{
	const char *none[] = { "0000:d8:00.0", "net_tap0", "", "3b:00", "0000:3b:00.0x", "0000:3b:00.0,x=1", "1:3b:00.0" };
	char path[512];

	describe(golden("topology-2x4.xml", path, sizeof(path)));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(bc_topology_pci_numa(&topo, none[i]), -1);
	assert_int_equal(bc_topology_net_numa(&topo, "eth"), -1);
}

static void restricting_takes_cpus_away(void **state)
{
	cpu_set_t set;

	describe("core:4 pu:1");
	CPU_ZERO(&set);
	CPU_SET(2, &set);
	bc_topology_restrict(&topo, &set);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(topo.cpu[i].allowed, i == 2);
		assert_int_equal(topo.cpu[i].automatic, i == 2);
	}
}

static void this_machine_is_read_with_this_process_s_affinity(void **state)
{
	cpu_set_t before, one;
	struct bc_err err;
	unsigned cpu = 0;
	int r;

	assert_int_equal(sched_getaffinity(0, sizeof(before), &before), 0);
	while (!CPU_ISSET(cpu, &before))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	assert_int_equal(sched_setaffinity(0, sizeof(one), &one), 0);
	r = bc_topology_read(true, &topo, &err);
	assert_int_equal(sched_setaffinity(0, sizeof(before), &before), 0);
	assert_int_equal(r, 0);
	for (uint32_t i = 0; i < topo.n_cpus; i++)
		assert_int_equal(topo.cpu[i].automatic, topo.cpu[i].os == cpu);
}

static void devices_are_left_out_on_request(void **state)
{
	struct bc_err err;

	topo.n_pci = topo.n_nets = 1;
	assert_int_equal(bc_topology_read(false, &topo, &err), 0);
	assert_true(topo.n_cpus > 0);
	assert_int_equal(topo.n_pci, 0);
	assert_int_equal(topo.n_nets, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(list_of_numbers_and_ranges_is_parsed),
		cmocka_unit_test(malformed_lists_are_refused),
		cmocka_unit_test(list_too_long_for_its_buffer_ends_in_dots),
		cmocka_unit_test(list_of_no_cpu_is_empty),
		cmocka_unit_test(synthetic_machine_has_cores_threads_and_nodes),
		cmocka_unit_test(cpus_are_in_the_order_of_the_kernels_numbers),
		cmocka_unit_test(machine_without_cores_has_one_for_each_cpu),
		cmocka_unit_test(cpus_past_the_maximum_are_left_out),
		cmocka_unit_test(descriptions_beyond_reason_are_refused),
		cmocka_unit_test(description_of_too_many_characters_is_refused),
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(missing_and_odd_files_are_refused),
		cmocka_unit_test(file_that_is_no_topology_is_refused),
		cmocka_unit_test(devices_have_the_node_that_they_hang_under),
		cmocka_unit_test(device_under_the_whole_machine_is_near_no_node),
		cmocka_unit_test(unknown_devices_are_near_no_node),
		cmocka_unit_test(restricting_takes_cpus_away),
		cmocka_unit_test(this_machine_is_read_with_this_process_s_affinity),
		cmocka_unit_test(devices_are_left_out_on_request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
