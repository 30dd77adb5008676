/* SPDX-License-Identifier: BSD-3-Clause */
/* What DPDK may write, by the arguments of its devices. */
#include "bc_test.h"

#include <string.h>

#include "bc_port_paths.h"
#include "bc_source_kind.h"

struct found {
	struct bc_paths device, socket, write;
};

static struct found find(const char *target, const char *eal)
{
	struct bc_source_config source = { .kind = &bc_source_dpdk, .target = (char *)(uintptr_t)target };
	const struct bc_config cfg = { .sources = &source, .n_sources = target ? 1 : 0, .eal = (char *)(uintptr_t)eal };
	struct found f = { .device = { .n = 0 } };

	bc_port_paths_find(&cfg, &(struct bc_port_paths){ &f.device, &f.socket, &f.write });
	assert_false(f.device.failed || f.socket.failed || f.write.failed || f.write.anywhere || f.socket.anywhere);
	return f;
}

static void forget(struct found *f)
{
	struct bc_err err;

	assert_int_equal(bc_paths_end(&f->device, &err), 0);
	assert_int_equal(bc_paths_end(&f->socket, &err), 0);
	assert_int_equal(bc_paths_end(&f->write, &err), 0);
}

static bool has(const struct bc_paths *p, const char *path)
{
	for (size_t i = 0; i < p->n; i++)
		if (!strcmp(p->path[i], path))
			return true;
	return false;
}

/* Alone, or beside others; "": none. */
static void expect_socket(const char *target, const char *eal, const char *folder)
{
	struct found f = find(target, eal);

	assert_int_equal(f.socket.n, folder[0] ? 1 : 0);
	assert_true(!folder[0] || has(&f.socket, folder));
	forget(&f);
}

static void sockets_are_where_devices_name_them(void **state)
{
	expect_socket("net_vhost0,queues=2,iface=/tmp/a/v", NULL, "/tmp/a");
	expect_socket("eth_vhost0,iface=v,queues=2", NULL, ".");
	expect_socket("net_virtio_user0,path=/tmp/a/v,server=1", NULL, "/tmp/a");
	expect_socket("net_memif0,role=server,socket-abstract=no,socket=/tmp/a/m", NULL, "/tmp/a");
	expect_socket("net_memif0,role=server,socket-abstract=no", NULL, "/run");
	expect_socket("net_failsafe0,dev(net_vhost1,iface=/tmp/a/v)", NULL, "/tmp/a");
}

static void names_of_interfaces_are_no_paths(void **state)
{
	expect_socket("net_tap0,iface=tap0", NULL, "");
	expect_socket("net_af_packet0,iface=eth1", NULL, "");
	expect_socket(NULL, "--vdev net_tap0,iface=tap0 --vdev=net_null0", "");
}

static void devices_are_no_sockets(void **state)
{
	expect_socket("net_virtio_user0,path=/dev/vhost-net,iface=tap0", NULL, "");
	expect_socket("net_vhost0,iface=/dev/vduse/v", NULL, "");
}

static void devices_of_eal_count(void **state)
{
	expect_socket(NULL, "--vdev net_vhost0,iface=/tmp/a/v\t--vdev=net_tap0,iface=tap0", "/tmp/a");
}

static void files_of_packets_are_written_and_not_read(void **state)
{
	struct found f = find("net_pcap0,rx_pcap=/tmp/a/in,tx_pcap=/tmp/b/out", NULL);

	assert_true(has(&f.write, "/tmp/b"));
	assert_false(has(&f.write, "/tmp/a"));
	assert_int_equal(f.socket.n, 0);
	forget(&f);
}

static void programs_of_xdp_are_kept(void **state)
{
	struct found f = find("net_af_xdp0,iface=eth1", NULL);

	assert_true(has(&f.write, "/sys/fs/bpf"));
	assert_true(has(&f.socket, "/run"));
	forget(&f);
	f = find("net_null0", NULL);
	assert_false(has(&f.write, "/sys/fs/bpf"));
	forget(&f);
}

static void disks_and_memory_are_no_devices_of_drivers(void **state)
{
	struct found f = find("net_null0", NULL);

	assert_true(has(&f.device, "/proc/self/task"));
	for (size_t i = 0; i < f.device.n; i++)
		assert_true(strcmp(f.device.path[i], "/dev") && strcmp(f.device.path[i], "/dev/mem") && strcmp(f.device.path[i], "/sys"));
	forget(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sockets_are_where_devices_name_them),
		cmocka_unit_test(names_of_interfaces_are_no_paths),
		cmocka_unit_test(devices_are_no_sockets),
		cmocka_unit_test(devices_of_eal_count),
		cmocka_unit_test(files_of_packets_are_written_and_not_read),
		cmocka_unit_test(programs_of_xdp_are_kept),
		cmocka_unit_test(disks_and_memory_are_no_devices_of_drivers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
