/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream of pcapng or pcap, as it comes in pieces, passed on item by item: only whole ones, as they are, and without
 * the packets that a filter does not want. Every byte is hostile. One thread.
 */
#ifndef BC_EXTCAP_RELAY_H
#define BC_EXTCAP_RELAY_H

#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"

struct bc_extcap_relay;

/* filter is borrowed; NULL: all packets. NULL without memory; free takes NULL. */
struct bc_extcap_relay *bc_extcap_relay_new(const char *filter);
void bc_extcap_relay_free(struct bc_extcap_relay *r);

/*
 * The next bytes of the stream. 0; -EBADMSG: it is none; -EINVAL: the filter does not suit one of its link types;
 * -ENOMEM: each with a line in err, and after it nothing more can be put.
 */
int bc_extcap_relay_put(struct bc_extcap_relay *r, const uint8_t *data, size_t len, struct bc_err *err);

/* What is to be passed on: *ret_len bytes, good until the next call. */
const uint8_t *bc_extcap_relay_get(const struct bc_extcap_relay *r, size_t *ret_len);
/* So many of them were. */
void bc_extcap_relay_passed(struct bc_extcap_relay *r, size_t len);

#endif
