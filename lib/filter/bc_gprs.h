/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * User traffic on the Gb interface over IP: NS (3GPP TS 48.016) in UDP, BSSGP (48.018) in that, LLC (44.064) in that.
 * docs/filters.md lists what a packet must satisfy to be taken for one.
 */
#ifndef BC_GPRS_H
#define BC_GPRS_H

#include <stdbool.h>
#include <stdint.h>

#define BC_GPRS_PORTS 8

struct bc_gprs {
	uint32_t n_ports;		/* 0: look for NS on every port */
	uint16_t port[BC_GPRS_PORTS];	/* of UDP; either end's */
};

/*
 * Is the packet a UL- or DL-UNITDATA whose LLC PDU has one of the SAPIs of user data (3, 5, 9, 11), or a FLOW-CONTROL-BVC or
 * its acknowledgement? False for whatever is not known for certain. len bytes of its wire_len are at data; later ones
 * are not needed where the lengths in the packet leave no doubt. linktype: LINKTYPE_ value of the pcap registry. Any
 * thread.
 */
bool bc_gprs_user_data(const struct bc_gprs *g, uint16_t linktype, const uint8_t *data, uint32_t len, uint32_t wire_len);

#endif
