/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ip_find.h"

#include "bc_bytes.h"
#include "bc_linktype.h"

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8

/* Skip VLAN tags after the EtherType at type_at. Returns where the IP header begins, or -1 if there is none. */
static int behind_type(const uint8_t *data, uint32_t len, uint32_t type_at, uint32_t next)
{
	uint32_t type = 0;

	while (type_at + 2 <= len && next <= len) {
		type = bc_get_be16(data + type_at);
		if (type != ETHERTYPE_VLAN && type != ETHERTYPE_QINQ)
			break;
		type_at = next + 2;
		next += 4;
	}
	return next < len && (type == ETHERTYPE_IPV4 || type == ETHERTYPE_IPV6) ? (int)next : -1;
}

static int behind_link(uint16_t linktype, const uint8_t *data, uint32_t len)
{
	switch (linktype) {
	case LINKTYPE_ETHERNET:
		return behind_type(data, len, 12, 14);
	case LINKTYPE_LINUX_SLL:
		return behind_type(data, len, 14, 16);
	case LINKTYPE_LINUX_SLL2:
		return behind_type(data, len, 0, 20);
	case LINKTYPE_RAW:
	case LINKTYPE_IPV4:
	case LINKTYPE_IPV6:
		return 0;
	default:
		return -1;
	}
}

int bc_ip_find(uint16_t linktype, const uint8_t *data, uint32_t len, uint32_t *ip_len)
{
	int at = behind_link(linktype, data, len);
	uint32_t left, told;

	if (at < 0)
		return -1;
	data += at;
	left = len - (uint32_t)at;
	if (left >= 20 && data[0] >> 4 == 4)
		told = bc_get_be16(data + 2);
	else if (left >= 40 && data[0] >> 4 == 6)
		told = 40 + bc_get_be16(data + 4);
	else
		return -1;
	/* 0 in IPv4: the length was left to the network card; 40 in IPv6: a jumbogram. */
	*ip_len = told > 40 && told < left ? told : left;
	return at;
}
