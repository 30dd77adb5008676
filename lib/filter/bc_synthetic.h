/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets for testing filters: Ethernet with and without VLAN tags, IPv4 with options and fragments, IPv6, ARP, TCP,
 * UDP, ICMP and garbage, whole or truncated. The same seed gives the same packets.
 */
#ifndef BC_SYNTHETIC_H
#define BC_SYNTHETIC_H

#include <stddef.h>
#include <stdint.h>

#define BC_SYNTHETIC_MAX 256

/* Write one packet; its length, 0 to BC_SYNTHETIC_MAX. seed moves on. */
size_t bc_synthetic_packet(uint64_t *seed, uint8_t packet[BC_SYNTHETIC_MAX]);

/* The next number of the series. */
uint32_t bc_synthetic_random(uint64_t *seed);

#endif
