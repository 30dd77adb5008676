/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_devices_print.h"

#include <inttypes.h>
#include <string.h>

#include "bc_table.h"
#include "bc_view_value.h"

static const char *const states[] = { [BC_NETDEV_DOWN] = "down", [BC_NETDEV_NO_LINK] = "no link", [BC_NETDEV_UP] = "up" };
static const char *const drivers[] = {
	[BC_PCIDEV_NONE] = "none", [BC_PCIDEV_KERNEL] = "kernel", [BC_PCIDEV_SHARED] = "kernel and DPDK", [BC_PCIDEV_DPDK] = "DPDK",
};

/* "'a b'", where a shell would see more in it than a word; otherwise as it is. */
static const char *quoted(const char *word, char *buf, size_t size)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:,=@+/-";
	size_t n = 0;

	if (!word[strspn(word, plain)])
		return word;
	buf[n++] = '\'';
	for (; *word && n + 6 < size; word++) {
		if (*word == '\'') {
			memcpy(buf + n, "'\\'", 3);
			n += 3;
		}
		buf[n++] = *word;
	}
	buf[n++] = '\'';
	buf[n] = '\0';
	return buf;
}

static void way_cell(struct bc_table *t, const struct bc_device_way *way)
{
	char word[256];

	if (!way->source[0])
		bc_table_cell(t, "%s", way->first);
	else
		bc_table_cell(t, "%s%s-i %s", way->first, way->first[0] ? "; " : "", quoted(way->source, word, sizeof(word)));
}

static void numa_cell(struct bc_table *t, int numa)
{
	if (numa < 0)
		bc_table_cell(t, "-");
	else
		bc_table_cell(t, "%d", numa);
}

static void speed_cell(struct bc_table *t, uint32_t mbit)
{
	char buf[BC_UNITS_MAX];

	if (mbit)
		bc_table_cell(t, "%sbit/s", bc_units(buf, mbit * 1e6));
	else
		bc_table_cell(t, "-");
}

static const char *stamps(const struct bc_nic *nic)
{
	if (nic->stamps_all)
		return "hardware";
	if (nic->stamps_some)
		return "software (hardware: PTP only)";
	return "software";
}

static void print_nets(FILE *f, const struct bc_devices *d)
{
	struct bc_table *t = bc_table_new("llrlrllrl");
	static const char *const titles[] = { "INTERFACE", "STATE", "SPEED", "DRIVER", "NUMA", "LINK TYPE", "STAMPS", "QUEUES",
					      "TO CAPTURE" };

	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		bc_table_cell(t, "%s", titles[i]);
	for (uint32_t i = 0; i < d->n_net; i++) {
		const struct bc_netdev *net = &d->net[i];
		struct bc_device_way way;
		char type[24];

		bc_netdev_way(net, &way);
		bc_table_cell(t, "%s", net->name);
		bc_table_cell(t, "%s", states[net->state]);
		speed_cell(t, net->speed_mbit);
		bc_table_cell(t, "%s", net->nic.driver[0] ? net->nic.driver : "-");
		numa_cell(t, net->numa);
		bc_table_cell(t, "%s", bc_netdev_type(net->type, type));
		bc_table_cell(t, "%s", stamps(&net->nic));
		bc_table_cell(t, "%" PRIu32, net->queues);
		way_cell(t, &way);
	}
	bc_table_print(t, f);
	bc_table_free(t);
}

static void link_cell(struct bc_table *t, const struct bc_netdev *net)
{
	char buf[BC_UNITS_MAX];

	if (net && net->speed_mbit && net->state == BC_NETDEV_UP)
		bc_table_cell(t, "%sbit/s", bc_units(buf, net->speed_mbit * 1e6));
	else
		bc_table_cell(t, "%s", net ? states[net->state] : "not known");
}

static void print_pcis(FILE *f, const struct bc_devices *d)
{
	struct bc_table *t = bc_table_new("lllllrll");
	static const char *const titles[] = { "PORT", "ID", "DRIVER", "USED BY", "INTERFACE", "NUMA", "LINK", "TO CAPTURE WITH DPDK" };

	for (size_t i = 0; i < sizeof(titles) / sizeof(titles[0]); i++)
		bc_table_cell(t, "%s", titles[i]);
	for (uint32_t i = 0; i < d->n_pci; i++) {
		const struct bc_pcidev *pci = &d->pci[i];
		struct bc_device_way way;

		bc_pcidev_way(pci, d, &way);
		bc_table_cell(t, "%s", pci->address);
		bc_table_cell(t, "%04x:%04x", pci->vendor, pci->device);
		bc_table_cell(t, "%s", pci->driver[0] ? pci->driver : "-");
		bc_table_cell(t, "%s", drivers[pci->by]);
		bc_table_cell(t, "%s", pci->netdev[0] ? pci->netdev : "-");
		numa_cell(t, pci->numa);
		link_cell(t, pci->netdev[0] ? bc_devices_net(d, pci->netdev) : NULL);
		way_cell(t, &way);
	}
	if (d->n_pci)
		fputc('\n', f);
	bc_table_print(t, f);
	bc_table_free(t);
}

static void print_pcaps(FILE *f, const struct bc_devices *d)
{
	struct bc_table *t = bc_table_new("lll");

	bc_table_cell(t, "OTHER DEVICE");
	bc_table_cell(t, "WHAT IT IS");
	bc_table_cell(t, "TO CAPTURE");
	for (uint32_t i = 0; i < d->n_pcap; i++) {
		struct bc_device_way way;

		bc_pcapdev_way(&d->pcap[i], &way);
		bc_table_cell(t, "%s", d->pcap[i].name);
		bc_table_cell(t, "%s", d->pcap[i].description[0] ? d->pcap[i].description : "-");
		way_cell(t, &way);
	}
	if (d->n_pcap)
		fputc('\n', f);
	bc_table_print(t, f);
	bc_table_free(t);
}

void bc_devices_print(FILE *f, const struct bc_devices *d)
{
	print_nets(f, d);
	print_pcis(f, d);
	print_pcaps(f, d);
	if (!d->n_net && !d->n_pci && !d->n_pcap)
		fputs("no devices\n", f);
	if (!d->may_capture)
		fputs("\nThis user may not capture from the kernel's interfaces: start braidcap as root, or give it CAP_NET_RAW with setcap.\n", f);
}

/* null where there is none */
static json_t *text_or_null(const char *text)
{
	return text[0] ? bc_view_string(text) : json_null();
}

static json_t *numa_json(int numa)
{
	return numa < 0 ? json_null() : json_integer(numa);
}

static void add_way(json_t *o, const struct bc_device_way *way)
{
	json_object_set_new(o, "source", text_or_null(way->source));
	json_object_set_new(o, "first", text_or_null(way->first));
}

static json_t *net_json(const struct bc_netdev *net)
{
	struct bc_device_way way;
	char type[24];
	json_t *o;

	bc_netdev_way(net, &way);
	o = json_pack("{s:o, s:s, s:o, s:o, s:o, s:i, s:s, s:i, s:o, s:s, s:b, s:o}", "name", bc_view_string(net->name), "state",
		      states[net->state], "speed_mbit", net->speed_mbit ? json_integer(net->speed_mbit) : json_null(), "driver",
		      text_or_null(net->nic.driver), "numa_node", numa_json(net->numa), "link_type", (int)net->type, "link_type_name",
		      bc_netdev_type(net->type, type), "queues", (int)net->queues, "pci", text_or_null(net->pci), "hardware_stamps",
		      net->nic.stamps_all ? "all" : net->nic.stamps_some ? "ptp" : "none", "routed", net->routed, "ptp_clock",
		      numa_json(net->nic.phc));
	add_way(o, &way);
	return o;
}

static json_t *pci_json(const struct bc_devices *d, const struct bc_pcidev *pci)
{
	static const char *const by[] = { [BC_PCIDEV_NONE] = "none", [BC_PCIDEV_KERNEL] = "kernel", [BC_PCIDEV_SHARED] = "shared",
					  [BC_PCIDEV_DPDK] = "dpdk" };
	struct bc_device_way way;
	char id[16];
	json_t *o;

	bc_pcidev_way(pci, d, &way);
	snprintf(id, sizeof(id), "%04x:%04x", pci->vendor, pci->device);
	o = json_pack("{s:o, s:s, s:o, s:s, s:o, s:o, s:o}", "address", bc_view_string(pci->address), "id", id, "driver",
		      text_or_null(pci->driver), "used_by", by[pci->by], "interface", text_or_null(pci->netdev), "numa_node",
		      numa_json(pci->numa), "iommu_group", numa_json(pci->iommu_group));
	add_way(o, &way);
	return o;
}

static json_t *pcap_json(const struct bc_pcapdev *dev)
{
	struct bc_device_way way;
	json_t *o;

	bc_pcapdev_way(dev, &way);
	o = json_pack("{s:o, s:o}", "name", bc_view_string(dev->name), "description", text_or_null(dev->description));
	add_way(o, &way);
	return o;
}

json_t *bc_devices_json(const struct bc_devices *d)
{
	json_t *nets = json_array(), *pcis = json_array(), *pcaps = json_array();

	for (uint32_t i = 0; i < d->n_net; i++)
		json_array_append_new(nets, net_json(&d->net[i]));
	for (uint32_t i = 0; i < d->n_pci; i++)
		json_array_append_new(pcis, pci_json(d, &d->pci[i]));
	for (uint32_t i = 0; i < d->n_pcap; i++)
		json_array_append_new(pcaps, pcap_json(&d->pcap[i]));
	return json_pack("{s:o, s:o, s:o, s:b}", "interfaces", nets, "ports", pcis, "others", pcaps, "may_capture", d->may_capture);
}
