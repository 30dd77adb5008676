/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a kind of source is, in constants. The rest of the program asks for these and never for the kind itself, so that
 * a new kind is its own file, an extern and the count below, and a line of the table.
 */
#ifndef BC_SOURCE_KIND_H
#define BC_SOURCE_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_source_config.h"

struct bc_err;
struct bc_source;
struct bc_source_env;

/* What a source's target names. */
enum bc_source_target {
	BC_TARGET_NONE,
	BC_TARGET_PORT,		/* a port of DPDK, by its devargs */
	BC_TARGET_INTERFACE,	/* a network interface of the kernel, or another device of libpcap */
	BC_TARGET_PATH,		/* a file; "-" is stdin */
	BC_TARGET_PEER,		/* a remote node; not for the command line */
};

enum bc_source_key_type {
	BC_KEY_U32,
	BC_KEY_U64,
	BC_KEY_YES,		/* a bool, by yes or no */
	BC_KEY_FIRST,		/* a bool: whether it is the first of two words */
	BC_KEY_WORD,		/* a char *: one of two or three words */
	BC_KEY_TEXT,		/* a char *: any word */
};

/* "name=value" behind the target. */
struct bc_source_key {
	const char *name;
	enum bc_source_key_type type;
	size_t offset;		/* in struct bc_source_config */
	bool zero;		/* a number may also be 0, */
	double min, max;	/* which is not within these */
	const char *words[3];
};

#define BC_KEY_AT(member) offsetof(struct bc_source_config, member)

/* Keys of several kinds. */
#define BC_KEY_QUEUES { "queues", BC_KEY_U32, BC_KEY_AT(queues), .min = 1, .max = 256 }
#define BC_KEY_FULL { "full", BC_KEY_FIRST, BC_KEY_AT(wait), .words = { "wait", "drop" } }
#define BC_KEY_STAMP(device, host) { "stamp", BC_KEY_WORD, BC_KEY_AT(stamp), .words = { device, host } }
#define BC_KEY_LATENESS { "lateness_us", BC_KEY_U32, BC_KEY_AT(lateness_us), .zero = true, .min = 1, .max = 60000000 }

struct bc_source_kind {
	const char *name;		/* before the colon of a spec */
	const char *erf_name;		/* another, for a file that is ERF; NULL: none */
	enum bc_source_target target;
	bool live;			/* it goes on while nothing comes */
	bool by_host;			/* the host's clock (bc_clock.h) may stamp its packets */
	bool poll_mode;			/* its queues are polled at full speed, and each is worth a core */
	bool blocking;			/* the merge waits for it without a limit, and a stop ends it at once */
	bool waits;			/* it always leaves packets in the device while its link is full */
	bool lossless;			/* and they are kept there: a slow capture loses nothing */
	bool sparse;			/* it may stay silent for long: an output without packets has no segments */
	uint32_t descriptors;		/* mbufs that a device's queue holds, unless the user says; 0: none */
	const struct bc_source_key *keys;
	uint32_t n_keys;		/* at most 32 */
	/* As bc_source_open. */
	int (*open)(const struct bc_source_config *cfg, const struct bc_source_env *env, struct bc_source **ret,
		    uint32_t *ret_n, struct bc_err *err);
};

extern const struct bc_source_kind bc_source_dpdk, bc_source_pcap, bc_source_file, bc_source_null, bc_source_remote;

/* The table of all kinds, in the order in which messages name them. */
#define BC_N_SOURCE_KINDS 5
extern const struct bc_source_kind *const bc_source_kinds[BC_N_SOURCE_KINDS];

/* Does a source of these settings lose nothing by being slow? Before it is open; struct bc_source then knows better. */
bool bc_source_can_wait(const struct bc_source_config *cfg);

/* The kind's key that text, "name=value", begins with; NULL: it has none of that name. */
const struct bc_source_key *bc_source_kind_key(const struct bc_source_kind *kind, const char *text);

#endif
