/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_format.h"

#include <errno.h>
#include <string.h>

#include "bc_erf.h"
#include "bc_pcap.h"
#include "bc_pcapng.h"

static const struct {
	const char *name;
	const char *ext;
	uint32_t overhead;
} formats[] = {
	[BC_FORMAT_PCAPNG] = { "pcapng", ".pcapng", BC_EPB_FIXED + 3 },
	[BC_FORMAT_PCAP_NS] = { "pcap", ".pcap", BC_PCAP_RECORD_HEADER },
	[BC_FORMAT_PCAP_US] = { "pcap-us", ".pcap", BC_PCAP_RECORD_HEADER },
	[BC_FORMAT_ERF] = { "erf", ".erf", BC_ERF_OVERHEAD },
};

int bc_format_from_name(const char *name, enum bc_format *ret)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (!strcmp(name, formats[i].name)) {
			*ret = (enum bc_format)i;
			return 0;
		}
	return -EINVAL;
}

const char *bc_format_name(enum bc_format f)
{
	return formats[f].name;
}

const char *bc_format_ext(enum bc_format f)
{
	return formats[f].ext;
}

uint32_t bc_format_overhead(enum bc_format f)
{
	return formats[f].overhead;
}
