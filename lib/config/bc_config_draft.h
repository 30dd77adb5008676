/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Private to lib/config: the settings as text, before they are checked, so that a file and a command line can be
 * overlaid.
 */
#ifndef BC_CONFIG_DRAFT_H
#define BC_CONFIG_DRAFT_H

#include "bc_config.h"
#include "bc_config_collect.h"

enum bc_command { BC_COMMAND_CAPTURE, BC_COMMAND_COLLECT };

enum bc_capture_setting {
	BC_CAP_PCAP_OVER_IP, BC_CAP_ZMQ_PUBLISH, BC_CAP_ZMQ_CLIENT, BC_CAP_ZMQ_NS,
	BC_CAP_COUNT, BC_CAP_DURATION, BC_CAP_IDLE_EXIT, BC_CAP_MAX_WAIT, BC_CAP_FLUSH, BC_CAP_CHUNK, BC_CAP_MEMORY, BC_CAP_MBUFS,
	BC_CAP_LCORES, BC_CAP_NO_HUGE, BC_CAP_BUSY_POLL, BC_CAP_NO_PROMISC, BC_CAP_BUFFER, BC_CAP_IMMEDIATE, BC_CAP_DIRECTION,
	BC_CAP_LINKTYPE, BC_CAP_WAIT_INTERFACE, BC_CAP_NO_ACCELERATE, BC_CAP_BPF_JIT, BC_CAP_EAL,
	BC_CAP_PREFIX, BC_CAP_USER, BC_CAP_TLS_CERT, BC_CAP_TLS_KEY, BC_CAP_TLS_CA, BC_CAP_TLS_CRL, BC_CAP_DRAIN_TIMEOUT,
	BC_CAP_S3_ENDPOINT, BC_CAP_S3_REGION, BC_CAP_S3_CA, BC_CAP_S3_CREDENTIALS, BC_CAP_S3_PROFILE, BC_CAP_S3_PATH_STYLE, BC_CAP_S3_PLAIN,
	BC_CAP_SIGN, BC_CAP_TIMESTAMP, BC_CAP_TIMESTAMP_SECONDS, BC_CAP_UPLOAD_NODE, BC_CAP_UPLOAD_CONNECTIONS, BC_CAP_UPLOAD_RATE,
	BC_CAP_DETECT_LOOP, BC_CAP_REPORT, BC_CAP_ROTATE_ON_HUP, BC_CAP_NO_SANDBOX, BC_CAP_VERBOSE, BC_CAP_QUIET, BC_CAP_N
};

enum bc_output_setting {
	BC_OUT_EXCLUDE, BC_OUT_ANONYMISE, BC_OUT_ENCRYPT, BC_OUT_ENCRYPT_FILE,
	BC_OUT_DEST, BC_OUT_FILTER, BC_OUT_SNAPLEN, BC_OUT_FORMAT, BC_OUT_COMPRESS, BC_OUT_LEVEL, BC_OUT_ROTATE_SECONDS,
	BC_OUT_ROTATE_CLOCK, BC_OUT_COMPLETED, BC_OUT_ON_SEGMENT, BC_OUT_ON_SEGMENT_SECONDS,
	BC_OUT_KEEP_AGE, BC_OUT_KEEP_NUMBER, BC_OUT_KEEP_SIZE, BC_OUT_KEEP_FREE, BC_OUT_UPLOAD, BC_OUT_KEEP_UPLOADED, BC_OUT_RECOMPRESS, BC_OUT_EXPIRE_UNMARKED,
	BC_OUT_ROTATE_SIZE, BC_OUT_ROTATE_PACKETS, BC_OUT_STOP_FILES, BC_OUT_STOP_SIZE, BC_OUT_SKIP_EMPTY, BC_OUT_COMMENT, BC_OUT_UTC, BC_OUT_MODE, BC_OUT_QUEUE_OPTION, BC_OUT_WRITERS, BC_OUT_IO, BC_OUT_INDEX, BC_OUT_FILE_EXT,
	BC_OUT_SEQFILE, BC_OUT_WATCHFILE, BC_OUT_PIPEOUT, BC_OUT_N
};

/* Of `braidcap collect` alone. */
enum bc_collect_setting {
	BC_COL_MERGE, BC_COL_NAMES, BC_COL_MAX_SNAPLEN, BC_COL_HANDSHAKE, BC_COL_TLS, BC_COL_TLS_BIND, BC_COL_N
};

enum bc_setting_kind {
	BC_SET_SPECIAL,		/* checked by hand, where it is used */
	BC_SET_U32,
	BC_SET_U64,
	BC_SET_FRACTION,	/* a double */
	BC_SET_MEGABYTES,	/* a fraction of 1,000,000 bytes, kept as bytes in a uint64_t */
	BC_SET_YES,		/* a bool: yes or no */
	BC_SET_NOT,		/* the option's name begins with "no-", and the bool is its opposite */
	BC_SET_NO_HUGE,		/* enum bc_huge: never, if yes */
	BC_SET_TEXT,
};

/* One setting: its names, its place in struct bc_config or bc_output_config, and what it may be. */
struct bc_setting {
	const char *option;	/* long option without the dashes; NULL for the destination, which has -w only */
	const char *key;	/* in YAML */
	char letter;		/* 0: none */
	bool zero;		/* 0 is legal beside min..max */
	enum bc_setting_kind kind;
	size_t offset;
	double min;		/* of a number; of a text's length */
	double max;
	bool capture_only;	/* `braidcap collect` does not know it */
	const char *unit;	/* of a whole number, for messages; NULL: none */
};

extern const struct bc_setting bc_capture_settings[BC_CAP_N];
extern const struct bc_setting bc_output_settings[BC_OUT_N];
extern const struct bc_setting bc_collect_settings[BC_COL_N];	/* places in struct bc_collect_config */

/* A flag takes no argument, or =yes and =no behind a long option. */
bool bc_setting_is_flag(const struct bc_setting *s);

/*
 * Check text and store it at base + s->offset (a text is copied). -EINVAL with a line that begins with what, or -ENOMEM.
 */
int bc_setting_store(const struct bc_setting *s, const char *what, const char *text, void *base, struct bc_err *err);

/* A number as text, in min..max or, if zero is set, 0. -EINVAL with a line that begins with what. */
int bc_number(const char *what, const char *text, bool zero, double min, double max, uint64_t *ret, struct bc_err *err);

/* "yes", "true", "on", "1" and their opposites. */
int bc_yes_no(const char *what, const char *text, bool *ret, struct bc_err *err);

struct bc_yaml_map;	/* below */
struct bc_draft;

/* What another command line than braidcap's calls things, for messages. */
struct bc_dialect {
	const char *source;
	const char *dest;
	const char *(*option)(const struct bc_setting *s);	/* a long option without the dashes */
};

struct bc_output_draft {
	char *v[BC_OUT_N];	/* NULL: not given */
};

struct bc_draft {
	char *v[BC_CAP_N];
	char *collect[BC_COL_N];
	char **sources;
	uint32_t n_sources;
	char **listen;
	uint32_t n_listen;
	char **allow;
	uint32_t n_allow;
	struct bc_output_draft *outputs;
	uint32_t n_outputs;
	struct bc_output_draft all;	/* of the command line: for each output */
	char *file;			/* of the command line: -C; of a file: its name */
	bool list_linktypes;		/* of the command line, as the next */
	bool check_only;
	struct bc_yaml_map *map;	/* of a file */
	const struct bc_dialect *dialect;	/* NULL: braidcap's own */
};

/* Takes NULL. */
void bc_draft_free(struct bc_draft *d);

/*
 * Where a value was given: "FILE:LINE: PATH" in a file, where fmt makes the path ("outputs[0].filter"); else option as
 * it is.
 */
#define BC_LABEL_MAX 512
void bc_draft_label(char label[BC_LABEL_MAX], const struct bc_draft *d, const char *option, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* Where setting s was given: as above, path may be NULL for the setting's key alone. */
void bc_draft_setting_label(char label[BC_LABEL_MAX], const struct bc_draft *d, const struct bc_setting *s, const char *path);

/* Replace *at with a copy of text. 0 or -ENOMEM. */
int bc_draft_replace(char **at, const char *text, struct bc_err *err);
/* One word more, behind those that are there. */
int bc_draft_append(char **at, const char *text, struct bc_err *err);

/* Both add one at the end; -EINVAL when there are too many, or -ENOMEM. */
int bc_draft_add_source(struct bc_draft *d, const char *spec, struct bc_err *err);
int bc_draft_add_output(struct bc_draft *d, const char *dest, struct bc_err *err);
int bc_draft_add_verbose(struct bc_draft *d, struct bc_err *err);

/* The whole file, or pipe, of at most max bytes, and a NUL behind them; to be freed. fd: it is open already, and stays so; or -1. */
int bc_draft_read_file(const char *file, int fd, size_t max, char **ret, size_t *ret_len, struct bc_err *err);

/* From the drafts of a command line and of a file to the checked struct, which has its defaults. */
int bc_config_build(const struct bc_draft *cli, const struct bc_draft *file, struct bc_config *c, struct bc_err *err);
void bc_config_defaults(struct bc_config *c);

/* 0, BC_CONFIG_HELP or _DEVICES, or a negative errno with a line in err. d is zeroed by the caller. */
int bc_config_cli(int argc, char **argv, enum bc_command what, struct bc_draft *d, struct bc_err *err);

/* Reads file, which is open already, and stays so, where fd is not -1. 0 with a draft to free, or a negative errno. */
int bc_config_yaml(const char *file, int fd, enum bc_command what, struct bc_draft **ret, struct bc_err *err);

/* The longest path of a value in a file, "outputs[6].rotate_seconds" and the like; longer ones are cut. */
#define BC_PATH_MAX 80

/* One of the events that a YAML parser reports, in their order. */
struct bc_yaml_event {
	uint32_t line;
	char path[BC_PATH_MAX];	/* of the value that it belongs to; "" for the whole */
};

/* Where everything is in a file. */
struct bc_yaml_map {
	uint32_t n;
	struct bc_yaml_event event[];
};

/*
 * Read the structure of the YAML text, and refuse anything that is not YAML, is nested too deeply, or makes
 * a small file large. *ret is freed with bc_yaml_map_free(). name is the file's, for the line in err.
 */
int bc_yaml_map_read(const char *name, const char *text, size_t len, struct bc_yaml_map **ret, struct bc_err *err);

/* Takes NULL. */
void bc_yaml_map_free(struct bc_yaml_map *map);

/* The line of the value at path; 0: there is none. */
uint32_t bc_yaml_line(const struct bc_yaml_map *map, const char *path);

/* One source. *ret is for bc_source_free() on every return. */
int bc_source_parse(const char *what, const char *spec, struct bc_source_config *ret, struct bc_err *err);
void bc_source_free(struct bc_source_config *s);

/* Can its queues be had with its other keys? */
int bc_source_check_queues(const char *what, const struct bc_source_config *c, struct bc_err *err);

/* Is dest a remote peer's address? Then parse it. *ret is for bc_remote_free() on every return. */
bool bc_remote_is(const char *dest);
int bc_remote_parse(const char *what, const char *uri, struct bc_remote_config *ret, struct bc_err *err);
void bc_remote_free(struct bc_remote_config *r);

/* May its segments have an index: can they be read at any block, and are they files that stay as they are written? */
bool bc_output_can_have_index(const struct bc_output_config *o);

/* Output number i of d, with the command line's options over it. *ret is for bc_output_config_free() on every return. */
int bc_output_build(const struct bc_draft *cli, const struct bc_draft *d, uint32_t i, struct bc_output_config *ret,
		    struct bc_err *err);
void bc_output_config_free(struct bc_output_config *o);

/* A command line and the file that it names, as two drafts. 0, 1 for --help, or a negative errno. Both are to be freed on every return. */
int bc_config_drafts(int argc, char **argv, enum bc_command what, struct bc_draft *ret_cli, struct bc_draft **ret_file,
		     struct bc_err *err);

/* n settings of the table into the struct at base; the command line's go before the file's. */
int bc_settings_build(const struct bc_setting *table, unsigned n, const struct bc_draft *cli, char *const *cli_v,
		      const struct bc_draft *file, char *const *file_v, void *base, struct bc_err *err);

/* All outputs of d. */
int bc_config_build_outputs(const struct bc_draft *cli, const struct bc_draft *d, struct bc_config *c, struct bc_err *err);

/* Checks that involve several settings: of the machine, and of the whole capture. */
int bc_config_check_machine(const struct bc_config *c, struct bc_err *err);
int bc_config_check(const struct bc_config *c, struct bc_err *err);

#endif
