/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Wireshark's extcap: how it asks a program for interfaces, for what can be set for each, and for packets into a named
 * pipe; by options on the command line, answered by sentences on stdout. Ours are a running capture, and the packets in
 * stored ones.
 */
#ifndef BC_EXTCAP_H
#define BC_EXTCAP_H

#include <stdbool.h>
#include <stdio.h>

#include "bc_err.h"

enum bc_extcap_task {
	BC_EXTCAP_INTERFACES, BC_EXTCAP_DLTS, BC_EXTCAP_CONFIG, BC_EXTCAP_CHECK, BC_EXTCAP_CAPTURE, BC_EXTCAP_VERSION, BC_EXTCAP_HELP,
};

enum bc_extcap_iface { BC_EXTCAP_LIVE, BC_EXTCAP_FIND };

/* Texts point into argv; NULL: not given, or empty. */
struct bc_extcap_request {
	enum bc_extcap_task task;
	enum bc_extcap_iface iface;	/* not of INTERFACES, VERSION, HELP */
	const char *fifo;		/* of CAPTURE */
	const char *filter;		/* Wireshark's capture filter */
	const char *control_in, *control_out;	/* named pipes of the toolbar: what it says, what it is told */

	const char *prefix;		/* live: of a capture on this host */
	const char *server;		/* or [HOST:]PORT of any */
	bool tls;
	const char *tls_ca, *tls_cert, *tls_key;

	const char *folder;		/* find: a folder, a file, s3://BUCKET/PREFIX/ */
	const char *from, *to, *last;
	const char *s3_endpoint, *s3_profile;
	const char *priority;
};

/* 0, or -EINVAL with a line in err. Uses getopt_long: one thread of the process at a time. */
int bc_extcap_parse(int argc, char **argv, struct bc_extcap_request *ret, struct bc_err *err);

/* The answers to INTERFACES, DLTS, CONFIG and HELP. The one to CONFIG asks running captures who they are. */
void bc_extcap_tell(FILE *f, const struct bc_extcap_request *q);

/*
 * CAPTURE of the running capture: what it serves by --pcap-over-ip, as far as the filter wants it, into the pipe, until
 * the stream ends, the pipe's reader is gone, or SIGTERM, SIGINT or SIGHUP come; these are blocked from here on. 0, or a
 * negative errno with a line in err.
 */
int bc_extcap_live(const struct bc_extcap_request *q, struct bc_err *err);

/* "[HOST:]PORT" of a running capture's --pcap-over-ip; an IPv6 address in brackets. host is of size bytes. 0 or -EINVAL. */
int bc_extcap_server(const char *text, char *host, size_t size, unsigned short *ret_port, struct bc_err *err);

#endif
