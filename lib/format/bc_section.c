/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_section.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "bc_pcap.h"
#include "bc_pcapng.h"
#include "bc_wire.h"

/* The most that a block of each kind can take with the strings that we give it. */
#define SHB_MAX 1024
#define IDB_MAX (2048 + BC_IFACE_OPTIONS_MAX)
#define ISB_MAX 2048

/* An interface without addresses, as those who described it may have put them anywhere. */
static struct bc_iface without_addresses(const struct bc_iface *iface)
{
	struct bc_iface r = {
		.stamp = iface->stamp, .linktype = iface->linktype, .snaplen = iface->snaplen, .speed_bps = iface->speed_bps,
		.has_fcs_len = iface->has_fcs_len, .fcs_len = iface->fcs_len,
	};

	if (iface->stamp == BC_STAMP_FILE || iface->stamp == BC_STAMP_REMOTE)
		return r;
	memcpy(r.name, iface->name, sizeof(r.name));
	memcpy(r.clock, iface->clock, sizeof(r.clock));
	return r;
}

static size_t more_of_file(const struct bc_section *s, uint32_t from, uint32_t to, const char *filter, uint8_t *dst, size_t cap)
{
	size_t len = 0;

	filter = s->anonymised ? NULL : filter;
	if (!cap)
		return (to - from) * (IDB_MAX + (filter ? bc_pad4((uint32_t)strlen(filter)) : 0));
	for (uint32_t i = from; i < to; i++) {
		struct bc_iface iface = bc_iface_now(s->ifaces, i);

		if (s->anonymised)
			iface = without_addresses(&iface);
		len += bc_pcapng_idb(dst + len, cap - len, &iface, s->snaplen ? s->snaplen : iface.snaplen, filter);
	}
	return len;
}

/* What classic pcap says of the link: also of its check sequence, if the interfaces of that type agree on it. */
static uint32_t pcap_link(const struct bc_section *s, uint32_t n_ifaces)
{
	uint16_t linktype = s->linktype >= 0 ? (uint16_t)s->linktype : n_ifaces ? s->ifaces->entry[0].linktype : 1;
	const struct bc_iface *first = NULL;

	for (uint32_t i = 0; i < n_ifaces; i++) {
		const struct bc_iface *iface = &s->ifaces->entry[i];

		if (iface->linktype != linktype)
			continue;
		first = first ? first : iface;
		if (!iface->has_fcs_len || iface->fcs_len != first->fcs_len)
			return linktype;
	}
	return first ? bc_pcap_link(linktype, first->fcs_len) : linktype;
}

/* The most that the section header can be. */
static size_t shb_max(const struct bc_section *s)
{
	size_t n = SHB_MAX + (s->comment ? 8 + strlen(s->comment) : 0);

	for (uint32_t i = 0; i < s->n_carried; i++)
		if (bc_carry_at(s->carry, i)->kind == BC_CARRY_SECTION)
			n += bc_carry_at(s->carry, i)->len;
	return n;
}

static size_t begin_of_file(const struct bc_section *s, uint32_t n_ifaces, const char *filter, uint8_t *dst, size_t cap)
{
	struct bc_pcapng_section shb = {
		.application = "braidcap " BC_VERSION, .comment = s->comment, .carry = s->carry, .n_carried = s->n_carried,
	};
	struct utsname u;
	char os[sizeof(u.sysname) + sizeof(u.release) + 1], host[sizeof(u.nodename) + 8], machine[sizeof(u.machine)];
	size_t len;

	if (s->format == BC_FORMAT_ERF)
		return 0;
	if (s->format != BC_FORMAT_PCAPNG) {
		if (cap >= BC_PCAP_FILE_HEADER)
			bc_pcap_file_header(dst, s->format == BC_FORMAT_PCAP_NS, pcap_link(s, n_ifaces), s->snaplen);
		return BC_PCAP_FILE_HEADER;
	}
	if (!cap)
		return shb_max(s) + more_of_file(s, 0, n_ifaces, filter, NULL, 0);
	if (uname(&u) == 0) {
		snprintf(os, sizeof(os), "%s %s", u.sysname, u.release);
		snprintf(host, sizeof(host), "host: %s", u.nodename);
		snprintf(machine, sizeof(machine), "%s", u.machine);
		shb.os = os;
		shb.hardware = machine;
		shb.host = host;
	}
	len = bc_pcapng_shb(dst, cap, &shb);
	return len + more_of_file(s, 0, n_ifaces, filter, dst + len, cap - len);
}

/* For a message that cannot hold more: the interfaces without their descriptions. */
static size_t bare(const struct bc_section *s, uint32_t n_ifaces, uint8_t *dst, size_t cap)
{
	size_t len = bc_pcapng_shb(dst, cap, &(struct bc_pcapng_section){ .application = "braidcap " BC_VERSION });

	for (uint32_t i = 0; i < n_ifaces; i++) {
		const struct bc_iface iface = { .stamp = s->ifaces->entry[i].stamp, .linktype = s->ifaces->entry[i].linktype };

		len += bc_pcapng_idb(dst + len, cap - len, &iface, s->snaplen, NULL);
	}
	return len;
}

/* A link header's message. */
static size_t link_message(const struct bc_section *s, uint32_t n_ifaces, const char *filter, uint8_t *dst, size_t cap)
{
	size_t len;

	if (!cap)
		return BC_WIRE_MESSAGE_MAX + begin_of_file(s, n_ifaces, filter, NULL, 0);
	len = begin_of_file(s, n_ifaces, filter, dst + BC_WIRE_HEADER, cap - BC_WIRE_HEADER);
	if (len > BC_WIRE_PAYLOAD_MAX)
		len = bare(s, n_ifaces, dst + BC_WIRE_HEADER, BC_WIRE_PAYLOAD_MAX);
	bc_wire_header(dst, BC_WIRE_LINK, (uint16_t)len);
	return BC_WIRE_HEADER + len;
}

size_t bc_section_begin(const struct bc_section *s, uint32_t n_ifaces, const char *filter, uint8_t *dst, size_t cap)
{
	switch (s->framing) {
	case BC_FRAMING_IPIP:
		return 0;
	case BC_FRAMING_OSMO:
		return link_message(s, n_ifaces, filter, dst, cap);
	case BC_FRAMING_FILE:
		break;
	}
	return begin_of_file(s, n_ifaces, filter, dst, cap);
}

size_t bc_section_more(const struct bc_section *s, uint32_t from, uint32_t to, const char *filter, uint8_t *dst, size_t cap)
{
	if (s->format != BC_FORMAT_PCAPNG || s->framing == BC_FRAMING_IPIP)
		return 0;
	if (s->framing == BC_FRAMING_OSMO)
		return link_message(s, to, filter, dst, cap);
	return more_of_file(s, from, to, filter, dst, cap);
}

size_t bc_section_carried(const struct bc_section *s, uint32_t from, uint32_t to, uint32_t here, uint8_t *dst, size_t cap)
{
	size_t len = 0;

	for (uint32_t i = from; i < to; i++) {
		const struct bc_carried *e = bc_carry_at(s->carry, i);

		if (e->kind == BC_CARRY_SECTION || (e->kind == BC_CARRY_HERE && i < here))
			continue;
		if (cap)
			memcpy(dst + len, e->data, e->len);
		len += e->len;
	}
	return len;
}

/* The sum of the accounts of all sources whose first interface is this. */
static void sum_of(const struct bc_section *s, uint32_t iface, struct bc_balance *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (uint32_t i = 0; i < s->ledger->n_sources; i++) {
		struct bc_balance b;

		if (s->ledger->source[i].iface != iface)
			continue;
		bc_ledger_balance(s->ledger, s->output, i, &b);
		sum->received += b.received;
		sum->filtered += b.filtered;
		sum->written += b.written;
		sum->late += b.late;
		sum->forced += b.forced;
		sum->stamp_ahead += b.stamp_ahead;
		sum->dropped_total += b.dropped_total;
		for (int l = 0; l < BC_LOSS_COUNT; l++)
			sum->dropped[l] += b.dropped[l];
	}
}

/* "received=5 written=4 filtered=0 late=0 nic_missed=1": zero losses are left out. */
static void ledger_line(const struct bc_balance *b, const char *note, char *line, size_t size)
{
	size_t n = (size_t)snprintf(line, size, "%s%sreceived=%" PRIu64 " written=%" PRIu64 " filtered=%" PRIu64
				    " late=%" PRIu64 " forced=%" PRIu64, note ? note : "", note ? "; " : "", b->received,
				    b->written, b->filtered, b->late, b->forced);

	if (b->stamp_ahead && n < size)
		n += (size_t)snprintf(line + n, size - n, " stamp_ahead=%" PRIu64, b->stamp_ahead);
	for (int l = 0; l < BC_LOSS_COUNT && n < size; l++)
		if (b->dropped[l])
			n += (size_t)snprintf(line + n, size - n, " %s=%" PRIu64, bc_loss_name(l), b->dropped[l]);
}

size_t bc_section_stats(const struct bc_section *s, uint32_t n_ifaces, uint64_t ts_ns, const char *note, uint8_t *dst,
			size_t cap)
{
	size_t len = 0;

	if (s->format != BC_FORMAT_PCAPNG || s->framing != BC_FRAMING_FILE)
		return 0;
	if (!cap)
		return (size_t)n_ifaces * ISB_MAX;
	for (uint32_t i = 0; i < n_ifaces; i++) {
		struct bc_balance b;
		char line[1024];
		uint64_t by_nic = 0;

		sum_of(s, i, &b);
		ledger_line(&b, note, line, sizeof(line));
		for (int l = 0; l < BC_LOSS_COUNT; l++)
			by_nic += bc_loss_at(l) == BC_LOSS_AT_DEVICE ? b.dropped[l] : 0;
		len += bc_pcapng_isb(dst + len, cap - len, &(struct bc_pcapng_stats){
			.iface = i,
			.ts_ns = ts_ns,
			.start_ns = s->start_ns,
			.end_ns = ts_ns,
			.received = b.received,
			.if_dropped = by_nic,
			.accepted = b.received - by_nic - b.filtered,
			.os_dropped = b.dropped_total - by_nic,
			.delivered = b.written,
			.comment = line,
		});
	}
	return len;
}
