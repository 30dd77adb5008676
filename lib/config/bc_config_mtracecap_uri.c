/* SPDX-License-Identifier: BSD-3-Clause */
/* URIs as libtrace has them, in braidcap's own words. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_config_mtracecap.h"

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct { const char *format, *kind; } inputs[] = {
	{ "int", "pcap" }, { "ring", "pcap" }, { "pcapint", "pcap" }, { "pcapfile", "file" }, { "pcap", "file" },
	{ "pcapng", "file" }, { "erf", "erf" }, { "dpdk", "dpdk" },
};

static const struct { const char *format, *instead; } not_inputs[] = {
	{ "dag", "DAG cards are not driven here: use dpdk:PCI for a NIC that DPDK drives, or int:INTERFACE" },
	{ "dagraw", "DAG cards are not driven here: use dpdk:PCI for a NIC that DPDK drives, or int:INTERFACE" },
	{ "bpf", "that is BSD's way: use int:INTERFACE" },
	{ "xdp", "use int:INTERFACE, or dpdk:net_af_xdp0,iface=INTERFACE" },
	{ "dpdkvdev", "use dpdk: with the device's name and options, as in dpdk:net_af_packet0,iface=eth1" },
	{ "dpdkndag", "nDAG is not received: use dpdk:PCI for the packets themselves" },
	{ "ndag", "nDAG is not received: use int:INTERFACE for the packets themselves" },
	{ "rt", "there is no server here: let the other machine write to its stdout (pcapfile:-), and read that with "
	 "pcapfile:-" },
	{ "legacyatm", "convert the file with libtrace's traceconvert, and use pcapfile:FILE" },
	{ "legacyeth", "convert the file with libtrace's traceconvert, and use pcapfile:FILE" },
	{ "legacypos", "convert the file with libtrace's traceconvert, and use pcapfile:FILE" },
	{ "legacynzix", "convert the file with libtrace's traceconvert, and use pcapfile:FILE" },
	{ "tsh", "convert the file with libtrace's traceconvert, and use pcapfile:FILE" },
	{ "duck", "convert the file with libtrace's traceconvert, and use pcapfile:FILE" },
};

/* libtrace's pcap files have microseconds. */
static const struct { const char *uri, *format; } outputs[] = {
	{ "pcapfile", "pcap-us" }, { "pcap", "pcap-us" }, { "pcapng", "pcapng" }, { "erf", "erf" },
};

/* The length of the format in front of the colon; 0: there is none, as in eth0, ./a:b or -. */
static size_t format_length(const char *uri)
{
	size_t n = strcspn(uri, ":/");

	return uri[n] == ':' ? n : 0;
}

static bool is(const char *name, const char *uri, size_t n)
{
	return strlen(name) == n && !strncmp(name, uri, n);
}

int bc_mtracecap_input(const char *uri, char **ret, struct bc_err *err)
{
	size_t n = format_length(uri);
	int rc = -1;

	if (!n)
		rc = asprintf(ret, "%s", uri);
	for (size_t i = 0; n && i < N(not_inputs); i++)
		if (is(not_inputs[i].format, uri, n))
			return bc_err_set(err, -EINVAL, "'%.160s': %s", uri, not_inputs[i].instead);
	for (size_t i = 0; n && i < N(inputs); i++)
		if (is(inputs[i].format, uri, n)) {
			if (!uri[n + 1])
				return bc_err_set(err, -EINVAL, "'%s' has no name after the colon", uri);
			rc = asprintf(ret, "%s%s", inputs[i].kind, uri + n);
			n = 0;
		}
	if (n)
		return bc_err_set(err, -EINVAL, "'%.160s': unknown prefix '%.*s:': use int:, ring: or pcapint: for an "
				  "interface, pcapfile:, pcap:, pcapng: or erf: for a file, dpdk: for a DPDK port", uri,
				  (int)n, uri);
	return rc < 0 ? bc_err_set(err, -ENOMEM, "no memory for the options") : 0;
}

static int make_dest(const char *path, bool folder, char **ret, struct bc_err *err)
{
	bool slash = path[strlen(path) - 1] == '/';

	if (!strcmp(path, "/dev/null"))
		path = "null:";
	if (asprintf(ret, "%s%s", path, folder && !slash ? "/" : "") < 0)
		return bc_err_set(err, -ENOMEM, "no memory for the options");
	return 0;
}

int bc_mtracecap_output(const char *uri, bool folder, char **ret_dest, const char **ret_format, struct bc_err *err)
{
	size_t n = format_length(uri);
	const char *path = strcmp(uri, "-") ? uri + n + 1 : uri;

	if (!strcmp(uri, "-"))
		*ret_format = outputs[0].format;
	else if (!n)
		return bc_err_set(err, -EINVAL, "'%.160s' has no format: put pcapfile:, pcapng: or erf: before it",
				  uri);
	for (size_t i = 0; n && i < N(outputs); i++)
		if (is(outputs[i].uri, uri, n)) {
			*ret_format = outputs[i].format;
			n = 0;
		}
	if (n)
		return bc_err_set(err, -EINVAL, "'%.160s': cannot write '%.*s:': use pcapfile:, pcapng: or erf:", uri,
				  (int)n,
				  uri);
	if (!path[0])
		return bc_err_set(err, -EINVAL, "'%s' has no name after the colon", uri);
	if (folder && !strcmp(path, "-"))
		return bc_err_set(err, -EINVAL, "-B: '%s' is stdout, but a folder is needed: leave out -B", uri);
	return make_dest(path, folder, ret_dest, err);
}
