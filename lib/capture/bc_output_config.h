/* SPDX-License-Identifier: BSD-3-Clause */
/* One -w with its options, checked. */
#ifndef BC_OUTPUT_CONFIG_H
#define BC_OUTPUT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_calendar.h"
#include "bc_codec.h"
#include "bc_format.h"
#include "bc_gprs.h"
#include "bc_io.h"
#include "bc_retention_rules.h"

enum bc_dest { BC_DEST_FOLDER, BC_DEST_FILE, BC_DEST_STREAM, BC_DEST_PEER, BC_DEST_NULL };

/* What a segment's index tells. */
enum bc_index_mode { BC_INDEX_AUTO, BC_INDEX_NONE, BC_INDEX_TIME, BC_INDEX_FLOWS };

/* What "osmo://HOST:PORT[,key...]" and "ipip://HOST[,key...]" say. */
struct bc_remote_config {
	bool ipip;
	bool tls;
	char *host;		/* a name or an address, without brackets */
	uint16_t port;		/* osmo */
	char *source;		/* the address to come from; NULL: the system's choice */
	uint32_t queue_mib;	/* what may wait for the peer in memory */
	char *spool;		/* osmo: a folder for what is not delivered; NULL: none */
	uint32_t spool_gib;	/* what may lie there */
};

struct bc_anonymise_key;
struct bc_age_recipients;

struct bc_output_config {
	char *dest;			/* as the user wrote it: a folder, a file, "-", "osmo://...", "null:" */
	enum bc_dest kind;
	struct bc_remote_config remote;	/* of a PEER */
	char *filter;			/* BPF; NULL: all packets */
	char *exclude;			/* as the user wrote it; NULL: nothing */
	bool no_gprs_user_data;		/* user traffic of GPRS is not wanted */
	struct bc_gprs gprs;		/* where it is looked for */
	struct bc_anonymise_key *anonymise;	/* packets lose their addresses, under this key; NULL: they do not */
	struct bc_age_recipients *encrypt;	/* who can read segments, which are never on the disk in clear; NULL: everybody */
	uint32_t snaplen;		/* 1..BC_SNAPLEN_MAX, default the maximum */
	enum bc_format format;
	enum bc_framing framing;
	enum bc_codec codec;
	int level;
	double rotate_seconds;		/* 0: never */
	struct bc_calendar rotate_clock;	/* not with rotate_seconds */
	uint64_t rotate_bytes;		/* before compression; 0: never */
	uint64_t rotate_packets;	/* 0: never */
	uint32_t stop_segments;		/* the capture ends with this one; its only output; 0: no limit */
	uint64_t stop_bytes;		/* the capture ends with so many in the first; 0: no limit. rotate_bytes says so, too */
	bool skip_empty;		/* folder: there are no segments without packets */
	char *comment;			/* pcapng: in each section header; NULL: none */
	enum bc_index_mode index;	/* of segments; AUTO counts as none */
	enum bc_io io;			/* to a folder or a file; default auto */
	bool utc;
	bool name_first;		/* folder: names have the first packet's time, not that at which the segment began */
	const char *series;		/* folder: osmo-pcap's names, trace-SERIES-...; borrowed; NULL: names of our own */
	uint32_t mode;			/* of files; 0: 0640, less the umask */
	bool queue_option;		/* write epb_queue */
	char *completed;		/* published segments go to this folder; NULL: they stay */
	char *on_segment;		/* a shell command, run after each; NULL: none */
	uint32_t on_segment_seconds;	/* that it may take; 0: the default */
	char *upload;			/* folder: published segments go to this s3://BUCKET/PREFIX/, too; NULL: none do */
	struct bc_retention_rules keep;		/* of the segments in the folder where they stay */
	uint32_t writers;		/* lanes; 0: as many as the plan finds */
	char *file_ext;			/* of names in a folder; NULL: by format and codec */
	char *pipeout;			/* a shell command that each segment goes through; NULL: none */
	char *watchfile;		/* a segment is begun only when it exists; NULL: at once */
	char *seqfile;			/* their numbers go on from this file; NULL: from 0 */
};

#endif
