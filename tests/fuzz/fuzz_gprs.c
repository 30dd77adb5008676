/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The detector of GPRS user traffic over any bytes: the input's first octets are the link type, whether a port is asked for, and
 * how much longer the packet was on the wire. A second look with fewer bytes captured must not find what the first did not.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "bc_gprs.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static bool look(const struct bc_gprs *g, uint16_t linktype, const uint8_t *data, uint32_t len, uint32_t wire_len)
{
	uint8_t *exact = malloc(len ? len : 1);
	bool user;

	if (!exact)
		abort();
	memcpy(exact, data, len);
	user = bc_gprs_user_data(g, linktype, exact, len, wire_len);
	free(exact);
	return user;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
	static const uint16_t linktypes[] = { 1, 101, 113, 228, 229, 276, 9 };
	struct bc_gprs g = { .port = { 23000 } };
	uint16_t linktype;
	uint32_t len, wire_len;
	bool user;

	if (size < 4)
		return 0;
	linktype = linktypes[input[0] % 7];
	g.n_ports = input[1] & 1;
	len = (uint32_t)size - 4;
	wire_len = len + input[2];
	user = look(&g, linktype, input + 4, len, wire_len);
	if (look(&g, linktype, input + 4, len * input[3] / 256, wire_len) && !user)
		abort();
	return 0;
}
