/* SPDX-License-Identifier: BSD-3-Clause */
/* What is found below a made-up /sys, and how it is shown. */
#include "bc_test.h"

#include <linux/ethtool.h>
#include <linux/net_tstamp.h>

#include "bc_devices_print.h"
#include "sys_tree.h"

static struct bc_devices d;
static char root[SCRATCH_MAX];

/* A driver that knows of an adapter's clock, for eth0; none other answers. */
static int answer(void *ctx, const char *name, void *request)
{
	struct ethtool_ts_info *ts = request;
	struct ethtool_ringparam *ring = request;

	if (strcmp(name, "eth0"))
		return -EOPNOTSUPP;
	switch (ts->cmd) {
	case ETHTOOL_GET_TS_INFO:
		ts->so_timestamping = SOF_TIMESTAMPING_RX_HARDWARE | SOF_TIMESTAMPING_RAW_HARDWARE | SOF_TIMESTAMPING_RX_SOFTWARE;
		ts->rx_filters = 1U << *(int *)ctx;
		ts->phc_index = 3;
		return 0;
	case ETHTOOL_GRINGPARAM:
		ring->rx_pending = 512;
		ring->rx_max_pending = 4096;
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

static void read_with(int filter)
{
	const struct bc_nic_asker asker = { answer, &filter };

	bc_devices_read(root, &asker, &d);
}

static void put_net(const char *name, const char *flags, const char *device)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/class/net/%s/flags", name);
	sys_put(root, path, flags);
	snprintf(path, sizeof(path), "/sys/class/net/%s/type", name);
	sys_put(root, path, "1");
	if (device) {
		snprintf(path, sizeof(path), "/sys/class/net/%s/device", name);
		sys_link(root, path, device);
	}
}

static void put_pci(const char *address, const char *class, const char *driver)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/class", address);
	sys_put(root, path, class);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/vendor", address);
	sys_put(root, path, "0x8086");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/device", address);
	sys_put(root, path, "0x1592");
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/numa_node", address);
	sys_put(root, path, "1");
	if (driver) {
		char to[64];

		snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver", address);
		snprintf(to, sizeof(to), "../../drivers/%s", driver);
		sys_link(root, path, to);
	}
}

static char *printed(void)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	bc_devices_print(f, &d);
	fclose(f);
	return text;
}

static int each_has_a_root(void **state)
{
	sys_root(root);
	return 0;
}

static void an_interface_and_its_adapter(void **state)
{
	put_pci("0000:3b:00.0", "0x020000", "ice");
	sys_folder(root, "/sys/bus/pci/devices/0000:3b:00.0/net/eth0");
	put_net("eth0", "0x1003", "../../../bus/pci/devices/0000:3b:00.0");
	sys_put(root, "/sys/class/net/eth0/carrier", "1");
	sys_put(root, "/sys/class/net/eth0/speed", "25000");
	sys_folder(root, "/sys/class/net/eth0/queues/rx-0");
	sys_folder(root, "/sys/class/net/eth0/queues/rx-1");
	sys_folder(root, "/sys/class/net/eth0/queues/tx-0");
	read_with(HWTSTAMP_FILTER_ALL);

	assert_int_equal(d.n_net, 1);
	assert_int_equal(d.net[0].state, BC_NETDEV_UP);
	assert_int_equal(d.net[0].speed_mbit, 25000);
	assert_int_equal(d.net[0].numa, 1);
	assert_int_equal(d.net[0].queues, 2);
	assert_string_equal(d.net[0].nic.driver, "ice");
	assert_string_equal(d.net[0].pci, "0000:3b:00.0");
	assert_true(d.net[0].nic.stamps_all && d.net[0].nic.phc == 3);
	assert_int_equal(d.net[0].nic.ring, 512);
	assert_string_equal(d.pci[0].netdev, "eth0");
}

static void an_adapter_that_stamps_ptp_alone(void **state)
{
	put_net("eth0", "0x1003", NULL);
	read_with(HWTSTAMP_FILTER_PTP_V2_EVENT);
	assert_true(d.net[0].nic.stamps_some && !d.net[0].nic.stamps_all);
	read_with(HWTSTAMP_FILTER_NONE);
	assert_false(d.net[0].nic.stamps_some);
}

static void an_interface_on_virtio(void **state)
{
	put_pci("0000:00:03.0", "0x020000", "virtio-pci");
	sys_folder(root, "/sys/bus/pci/devices/0000:00:03.0/virtio2/net/eth1");
	put_net("eth1", "0x1003", "../../../bus/pci/devices/0000:00:03.0/virtio2");
	read_with(0);
	assert_string_equal(d.net[0].pci, "0000:00:03.0");
	assert_int_equal(d.net[0].numa, 1);
}

static void down_and_without_a_link(void **state)
{
	struct bc_device_way way;

	put_net("eth1", "0x1002", NULL);
	put_net("eth2", "0x1003", NULL);
	sys_put(root, "/sys/class/net/eth2/carrier", "0");
	sys_put(root, "/sys/class/net/bonding_masters", "");
	read_with(0);
	assert_int_equal(d.n_net, 2);
	assert_int_equal(d.net[0].state, BC_NETDEV_DOWN);
	assert_int_equal(d.net[1].state, BC_NETDEV_NO_LINK);
	bc_netdev_way(&d.net[0], &way);
	assert_string_equal(way.first, "ip link set eth1 up");
	assert_string_equal(way.source, "eth1");
}

static const char *first(uint32_t i)
{
	static struct bc_device_way way;

	bc_pcidev_way(&d.pci[i], &d, &way);
	return way.first;
}

static void ports_by_who_drives_them(void **state)
{
	struct bc_device_way way;

	put_pci("0000:01:00.0", "0x020000", "vfio-pci");
	sys_link(root, "/sys/bus/pci/devices/0000:01:00.0/iommu_group", "../../../../kernel/iommu_groups/17");
	put_pci("0000:02:00.0", "0x020000", "mlx5_core");
	put_pci("0000:03:00.0", "0x020000", "i40e");
	put_pci("0000:04:00.0", "0x020700", NULL);
	put_pci("0000:05:00.0", "0x010802", "nvme");
	read_with(0);
	assert_int_equal(d.n_pci, 4);
	assert_int_equal(d.pci[0].by, BC_PCIDEV_DPDK);
	assert_int_equal(d.pci[0].iommu_group, 17);
	assert_int_equal(d.pci[0].vendor, 0x8086);
	assert_int_equal(d.pci[1].by, BC_PCIDEV_SHARED);
	assert_int_equal(d.pci[2].by, BC_PCIDEV_KERNEL);
	assert_int_equal(d.pci[3].by, BC_PCIDEV_NONE);
	assert_string_equal(first(0), "");
	assert_string_equal(first(1), "");
	assert_string_equal(first(2), "dpdk-devbind.py --bind=vfio-pci 0000:03:00.0");
	assert_string_equal(first(3), "dpdk-devbind.py --bind=vfio-pci 0000:04:00.0");
	bc_pcidev_way(&d.pci[0], &d, &way);
	assert_string_equal(way.source, "dpdk:0000:01:00.0");
}

static void one_that_carries_routes_is_not_to_be_bound(void **state)
{
	put_pci("0000:03:00.0", "0x020000", "ice");
	sys_folder(root, "/sys/bus/pci/devices/0000:03:00.0/net/eth5");
	put_net("eth5", "0x1003", NULL);
	sys_put(root, "/proc/net/route", "Iface\tDestination\nother\t0\neth5\t00000000\t0100A8C0");
	read_with(0);
	assert_true(d.net[0].routed);
	assert_non_null(strstr(first(0), "routes use eth5"));
	sys_put(root, "/proc/net/route", "Iface");
	sys_put(root, "/proc/net/ipv6_route", "00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth5");
	read_with(0);
	assert_true(d.net[0].routed);
	sys_put(root, "/proc/net/ipv6_route", "20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 00000400 00000001 00000000 00000003     eth5");
	read_with(0);
	assert_false(d.net[0].routed);
}

static void hostile_names_do_no_harm(void **state)
{
	struct bc_device_way way;
	json_t *json;
	char *text;

	put_net("a\033[2Jb", "0x1003", NULL);
	put_net("c,x=1", "0x1003", NULL);
	put_net("d'e$(f)", "0x1003", NULL);
	put_net("g\xff", "0x1003", NULL);
	sys_put(root, "/proc/self/status", "CapEff:\t0000000000002000");
	read_with(0);
	assert_int_equal(d.n_net, 4);
	assert_true(d.may_capture);
	for (uint32_t i = 0; i < d.n_net; i++) {
		bc_netdev_way(&d.net[i], &way);
		assert_string_equal(way.source, d.net[i].name[0] == 'd' ? d.net[i].name : "");
	}
	text = printed();
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "-i 'd'\\''e$(f)'"));
	free(text);
	json = bc_devices_json(&d);
	assert_int_equal(json_array_size(json_object_get(json, "interfaces")), 4);
	text = json_dumps(json, 0);
	assert_non_null(strstr(text, "g\\\\xff"));
	free(text);
	json_decref(json);
}

static void nonsense_in_files_is_not_known(void **state)
{
	char *text;

	put_net("eth1", "0x1003", NULL);
	put_pci("0000:01:00.0", "0x020000", NULL);
	sys_put(root, "/sys/class/net/eth1/speed", "-1");
	sys_put(root, "/sys/class/net/eth1/type", "99999999999999999999");
	sys_put(root, "/sys/class/net/eth1/carrier", "");
	sys_put(root, "/sys/bus/pci/devices/0000:01:00.0/numa_node", "one");
	sys_put(root, "/sys/bus/pci/devices/0000:01:00.0/device", "0x12345678");
	sys_put(root, "/sys/bus/pci/devices/a-name-that-is-too-long/class", "0x020000");
	read_with(0);
	assert_int_equal(d.net[0].speed_mbit, 0);
	assert_int_equal(d.net[0].type, 0);
	assert_int_equal(d.n_pci, 1);
	assert_int_equal(d.pci[0].numa, -1);
	text = printed();
	assert_non_null(strstr(text, "8086:5678"));
	assert_non_null(strstr(text, "may not capture"));
	free(text);
}

int main(void)
{
#define ROOTED(f) cmocka_unit_test_setup(f, each_has_a_root)
	const struct CMUnitTest tests[] = {
		ROOTED(an_interface_and_its_adapter),
		ROOTED(an_adapter_that_stamps_ptp_alone),
		ROOTED(an_interface_on_virtio),
		ROOTED(down_and_without_a_link),
		ROOTED(ports_by_who_drives_them),
		ROOTED(one_that_carries_routes_is_not_to_be_bound),
		ROOTED(hostile_names_do_no_harm),
		ROOTED(nonsense_in_files_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
