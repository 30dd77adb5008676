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

#define BC_SNAPLEN_MAX 262144U

/* How a source is opened; told from what the user wrote. */
enum bc_source_kind { BC_SOURCE_DPDK, BC_SOURCE_PCAP, BC_SOURCE_FILE, BC_SOURCE_NULL };

/* One -i: "KIND:TARGET[,key=value...]". */
struct bc_source_config {
	char *spec;			/* as the user wrote it */
	enum bc_source_kind kind;
	char *target;			/* dpdk: devargs without our keys; pcap: interface; file: path; null: "" */
	/* Keys of ours, taken out of the target. */
	uint32_t queues;		/* dpdk, null: RX queues, default 1 */
	uint32_t descriptors;		/* dpdk: per RX queue; 0: the driver's choice */
	uint32_t mtu;			/* dpdk: 0: as large as the port takes */
	bool wait;			/* full=wait: leave packets in the device while the link is full, do not drop them */
	char *stamp;			/* pcap: "adapter", "host"; dpdk: "nic", "software"; NULL: the best there is */
	uint32_t buffer_mb;		/* pcap: the kernel's buffer; default 64 */
	bool immediate;			/* pcap: immediate=1 */
	uint32_t lateness_us;		/* how long a stamped packet may be held back; 0: the kind's default */
	uint64_t count;			/* null: packets per queue, 0: no end */
	uint32_t size;			/* null: bytes per packet, default 64 */
};

enum bc_dest { BC_DEST_FOLDER, BC_DEST_FILE, BC_DEST_STDOUT, BC_DEST_NULL };

struct bc_output_config {
	char *dest;			/* as the user wrote it: a folder, a file, "-", "null:" */
	enum bc_dest kind;
	char *filter;			/* BPF; NULL: all packets */
	uint32_t snaplen;		/* 1..BC_SNAPLEN_MAX, default the maximum */
	enum bc_format format;
	enum bc_codec codec;
	int level;
	double rotate_seconds;		/* 0: never */
	uint64_t rotate_bytes;		/* before compression; 0: never */
	bool utc;
	bool queue_option;		/* write epb_queue */
	uint32_t writers;		/* lanes; 0: as many as the plan finds */
};

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
	uint32_t flush_ms;		/* default 1000 */
	uint32_t chunk_kib;		/* 64..4096, default 256 */
	uint32_t memory_mib;		/* for dense blocks; default 256 */
	uint32_t mbufs;			/* in the pool; 0: by the sources */
	char *lcores;			/* CPUs for the data path, "2-5,8"; NULL: the plan chooses */
	enum bc_huge huge;
	bool busy_poll;
	bool promiscuous;		/* default true */
	bool accelerate;		/* the pressure ladder may use faster LZ4 and stored blocks; default true */
	bool bpf_jit;			/* default false */
	char *eal;			/* more EAL arguments */
	char *prefix;			/* NULL: chosen at start */
	char *user;			/* become this user once everything is open */
	char *report;			/* file for the JSON report */
	unsigned verbose;
	bool quiet;			/* no progress line */
};

/*
 * Parse the arguments behind `braidcap capture`. argv[0] is skipped. A -C file is read first, wherever it stands; options override
 * it; -i and -w replace the file's sources and outputs, and output options (-f, -s, -G, -S, -U, --format, -Z, -z, --writers) then
 * apply to the outputs of the command line, else to all of the file's. 0; 1: --help was asked for; -EINVAL with a line in err.
 * *ret is for bc_config_free() on every return.
 */
int bc_config_parse(int argc, char **argv, struct bc_config *ret, struct bc_err *err);
void bc_config_free(struct bc_config *c);

/* The text of --help. */
extern const char bc_config_help[];

#endif
