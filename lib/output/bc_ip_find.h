/* SPDX-License-Identifier: BSD-3-Clause */
/* Where in a packet its IP packet lies. */
#ifndef BC_IP_FIND_H
#define BC_IP_FIND_H

#include <stdint.h>

/*
 * The IPv4 or IPv6 packet in len bytes of this LINKTYPE_, behind VLAN tags: its first byte's place, and in *ip_len how many bytes
 * of it are there, without what a link adds at the end. -1 where there is none.
 */
int bc_ip_find(uint16_t linktype, const uint8_t *data, uint32_t len, uint32_t *ip_len);

#endif
