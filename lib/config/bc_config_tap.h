/* SPDX-License-Identifier: BSD-3-Clause */
/* What --pcap-over-ip says: "[ADDRESS:]PORT[,format=pcapng|pcap|pcap-us][,tls][,clients=N][,buffer=MIB]". */
#ifndef BC_CONFIG_TAP_H
#define BC_CONFIG_TAP_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_format.h"
#include "bc_listen.h"

struct bc_config_tap {
	struct bc_listen listen;
	bool loopback;			/* only this host can reach it */
	enum bc_format format;		/* default pcapng */
	bool tls;
	uint32_t clients;		/* default 16 */
	uint32_t buffer_mib;		/* default 64 */
};

/* -EINVAL with a line that begins with what. */
int bc_config_tap_parse(const char *what, const char *text, struct bc_config_tap *ret, struct bc_err *err);

/* Takes NULL: there is none. */
bool bc_config_tap_uses_tls(const char *text);

#endif
