/* SPDX-License-Identifier: BSD-3-Clause */
/* Filter expressions made at random, in libpcap's language. The same seed gives the same ones. */
#ifndef EXPRESSIONS_H
#define EXPRESSIONS_H

#include <stdio.h>

#include "random.h"

#define EXPRESSION_MAX 1024

static const char *const expression_terms[] = {
	"ip", "ip6", "arp", "tcp", "udp", "icmp", "icmp6", "sctp", "igmp", "vlan", "vlan 100", "vlan 99 and ip",
	"host 10.1.2.3", "src host 10.1.2.1", "dst host 192.168.0.1", "net 10.1.2.0/30", "dst net 192.168.0.0/16",
	"src net 10.0.0.0/8", "ip6 host 2001:db8::1", "ip6 net 2001:db8::/127", "arp host 10.1.2.2", "host 2001:db8::2",
	"port 443", "tcp port 80", "udp port 53", "src port 22", "tcp dst port 8080", "portrange 1000-9000", "udp src portrange 20-60",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "tcp[13] & 2 != 0", "tcp[tcpflags] == tcp-syn|tcp-ack", "icmp[icmptype] = icmp-echo",
	"ether multicast", "ether broadcast", "ether[0] & 1 = 0", "ether host 02:00:00:00:00:01", "ether src 02:00:00:00:00:02",
	"ether proto 0x88cc", "ip proto 47", "ip proto 132", "ip multicast", "ip6 multicast", "ip6 protochain 6",
	"ip[0] & 0xf > 5", "ip[6:2] & 0x1fff = 0", "ip[6] & 0x20 != 0", "ip[2:2] > 600", "ip[8] / 2 = 32", "ip[8] % 4 = 1",
	"len > 60", "greater 100", "less 80", "len - 14 > 40", "ether[14] >> 4 = 4", "ether[14] << 1 > 100",
	"((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0", "udp[4:2] * 2 = 16", "udp[4:2] + udp[0:2] > 61",
	"ether[40] > 127", "ether[12:2] = 0x0806", "ether[20] ^ 5 != 4", "ether[30:4] & 0x80000000 != 0", "ip6[6] = 17", "ip6[40] & 3 = 1",
	"ip src 10.1.2.1 and dst 10.1.2.2", "mpls", "mpls 5", "pppoes", "ip[ip[0] & 0xf * 4 : 2] = 443", "ether[ether[13]] = 0",
	"ether[len - 20] = 5", "geneve", "udp[ether[3]] = 1", "-ether[15] < 4", "gateway 10.1.2.3 or ip", "inbound or ip",
};

static inline size_t expression_put(struct random *r, char *to, size_t cap, unsigned depth)
{
	static const char *const joins[] = { " and ", " or " };
	uint32_t kind = depth ? random_below(r, 6) : 0;
	size_t n = 0;

	if (kind < 2)
		return (size_t)snprintf(to, cap, "%s", expression_terms[random_below(r, sizeof(expression_terms) / sizeof(expression_terms[0]))]);
	n += (size_t)snprintf(to, cap, kind == 2 ? "not (" : "(");
	n += expression_put(r, to + n, cap - n, depth - 1);
	if (kind > 2) {
		n += (size_t)snprintf(to + n, cap - n, ")%s(", joins[random_below(r, 2)]);
		n += expression_put(r, to + n, cap - n, depth - 1);
	}
	return n + (size_t)snprintf(to + n, cap - n, ")");
}

/* One, which libpcap may still refuse. */
static inline void expression_random(struct random *r, char to[EXPRESSION_MAX])
{
	expression_put(r, to, EXPRESSION_MAX, 3);
}

#endif
