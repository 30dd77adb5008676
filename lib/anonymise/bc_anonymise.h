/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A packet's bytes without its addresses: those in the headers that are known are replaced by others (bc_cryptopan.h), checksums by what
 * keeps right ones right and wrong ones wrong. What is not known may have addresses in it, and is overwritten with zeros. Payload of TCP,
 * UDP and echoes is left alone. Pure.
 */
#ifndef BC_ANONYMISE_H
#define BC_ANONYMISE_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_cryptopan.h"

/*
 * A packet of this link type (LINKTYPE_ of the pcap registry), of which len bytes are at hand, of wire_len that it had; nothing else is
 * read or written, and it keeps its length. True: something in it was not known, or cut within a header, and is zeros now; bytes behind
 * the end that its headers tell (padding, check sequences), and payload in packets that ICMP quotes, become zeros without being told here.
 */
bool bc_anonymise(struct bc_cryptopan *map, uint16_t linktype, uint8_t *data, uint32_t len, uint32_t wire_len);

#endif
