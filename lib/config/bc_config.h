/* SPDX-License-Identifier: BSD-3-Clause */
/* What `braidcap capture` was asked to do: the command line and the YAML file, checked, in one struct. */
#ifndef BC_CONFIG_H
#define BC_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_codec.h"
#include "bc_err.h"
#include "bc_format.h"
#include "bc_ledger.h"
#include "bc_output_config.h"
#include "bc_source_config.h"

struct bc_object_settings;

enum bc_huge { BC_HUGE_AUTO, BC_HUGE_NEVER };

struct bc_config {
	struct bc_source_config *sources;
	uint32_t n_sources;
	struct bc_output_config outputs[BC_MAX_OUTPUTS];
	uint32_t n_outputs;
	uint64_t count;			/* packets, 0: no limit */
	double duration_s;		/* 0: no limit */
	double idle_exit_s;		/* 0: never */
	uint32_t max_wait_ms;		/* default 1000 */
	uint32_t flush_ms;		/* 0: not given, 1000, or 10000 of encrypted outputs */
	uint32_t chunk_kib;		/* 64..4096, default 256 */
	uint32_t memory_mib;		/* for dense blocks; default 256; at least 4 chunks for each output */
	uint32_t mbufs;			/* in the pool; 0: by the sources */
	char *lcores;			/* CPUs for the data path, "2-5,8"; NULL: the plan chooses */
	enum bc_huge huge;
	bool busy_poll;
	bool promiscuous;		/* default true */
	/* What holds for each kernel interface whose source does not say otherwise. */
	uint32_t buffer_mb;		/* default 64 */
	bool immediate;
	char *direction;		/* "in", "out", "inout"; NULL: both */
	char *linktype;			/* NULL: the interface's own */
	double wait_interface_s;	/* how long interfaces that are missing or down are waited for at the start; 0: not */
	bool accelerate;		/* the pressure ladder may use faster LZ4 and stored blocks; default true */
	bool bpf_jit;			/* default false */
	char *eal;			/* more EAL arguments */
	char *prefix;			/* NULL: chosen at start */
	char *user;			/* switch to this user once everything is open */
	/* Files for TLS towards remote peers; NULL: none. */
	char *tls_cert;
	char *tls_key;
	char *tls_ca;
	char *tls_crl;
	double drain_timeout_s;		/* for what remote peers have not taken at the end; default 10 */
	bool detect_loop;		/* leave out what goes to the remote peers */
	/* Where objects are that are sources, and where --upload goes; NULL: see bc_object_settings. */
	char *s3_endpoint;
	char *s3_region;
	char *s3_ca;
	char *s3_credentials;
	char *s3_profile;
	bool s3_path_style;
	bool s3_plain;
	char *sign;			/* file of the key that signs a chain of custody; NULL: there is none */
	char *timestamp;		/* URL of the authority that stamps the chain (RFC 3161); NULL: none does */
	uint32_t timestamp_seconds;	/* between two stamps of a chain, at least; 0: the default */
	char *upload_node;		/* whose segments they are, in keys; NULL: the host's name, or a client's */
	uint32_t upload_connections;	/* 0: the default */
	uint64_t upload_bytes_per_s;	/* 0: no limit */
	char *report;			/* file for the JSON report */
	bool no_sandbox;		/* keep the right to all system calls, and to write anywhere */
	bool rotate_on_hup;		/* also where a closed terminal would end the run */
	char *pcap_over_ip;		/* bc_config_tap.h; NULL: none */
	char *zmq_publish;		/* endpoint for applications; NULL: none */
	char *zmq_client;		/* the name under which they know this capture; NULL: the host's */
	bool zmq_ns;			/* packets with nanoseconds */
	unsigned verbose;
	bool quiet;			/* no progress line */
	bool brief;			/* no message at the start,
		and a summary only if something was lost or failed */
	bool as_mtracecap;		/* what verbose adds has the form of mtracecap's lines, and SIGHUP ends the run */
	const char *remark;		/* a remark for the user at the start; constant text, or NULL */
	bool list_linktypes;		/* nothing is captured: the sources' link types are to be listed */
	bool check_only;		/* nothing is captured: these settings are to be checked */
};

/* What bc_config_parse() returns where the command line asks for something else than a capture: --help, -D. */
enum { BC_CONFIG_HELP = 1, BC_CONFIG_DEVICES = 2 };

/*
 * Parse the arguments of `braidcap capture`. argv[0] is skipped. A -C file is read first, wherever it appears; options
 * override it (a flag takes =no for that); -i and -w replace the file's sources and outputs, and output options (-f,
 * -s, -G, -S, -U, -Z, -z, --exclude, --format, --queue-option, --writers, --io) then apply to all outputs of the
 * command line, else to all of the file's. 0; BC_CONFIG_HELP or _DEVICES, which was asked for; -EINVAL, or -ENOMEM, with a line in err; one in
 * a file begins with "FILE:LINE: KEY". *ret is for bc_config_free() on every return. Uses getopt_long: one thread of
 * the process at a time.
 */
int bc_config_parse(int argc, char **argv, struct bc_config *ret, struct bc_err *err);

/*
 * The same from the command line of mtracecap: docs/mtracecap.md. Options may follow the URIs. 1: a text was
 * asked for, *ret_text.
 */
int bc_config_parse_mtracecap(int argc, char **argv, struct bc_config *ret, const char **ret_text, struct bc_err *err);

void bc_config_free(struct bc_config *c);

/*
 * Can what checked settings name be used: do filters compile, are folders and files there, and ours to use? Starts and writes nothing. 0, or
 * -EINVAL with a line in err. Interfaces may yet come.
 */
int bc_config_probe(const struct bc_config *c, struct bc_err *err);

/* The output whose packets --zmq-publish and --pcap-over-ip get: the first that is not a remote peer. */
uint32_t bc_config_mirrored(const struct bc_config *c);

/* The text of --help. */
extern const char bc_config_help[];

/* Where objects are: for sources, and for uploads. Strings are c's. */
void bc_config_store(const struct bc_config *c, struct bc_object_settings *ret);

#endif
