/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_numbered.h"

#include <stdio.h>

#include <pcap/pcap.h>

bool bc_numbered_interface(uint64_t n, char *buf, size_t size)
{
	char why[PCAP_ERRBUF_SIZE];
	pcap_if_t *all = NULL, *p;
	bool found;

	if (!n || pcap_findalldevs(&all, why) != 0)
		return false;
	for (p = all; p && --n; p = p->next)
		;
	found = p && (size_t)snprintf(buf, size, "%s", p->name) < size;
	pcap_freealldevs(all);
	return found;
}
