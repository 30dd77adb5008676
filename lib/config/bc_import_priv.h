/* SPDX-License-Identifier: BSD-3-Clause */
/* Between the files of this library. */
#ifndef BC_IMPORT_PRIV_H
#define BC_IMPORT_PRIV_H

#include <stdio.h>

#include "bc_import.h"

#define BC_VTY_WORDS 16		/* more than any command has that is not a free text */

/* One line that is not a comment, in printable ASCII. */
struct bc_vty_line {
	uint32_t no;
	uint32_t indent;
	uint32_t n;				/* words, at most BC_VTY_WORDS of them below */
	const char *all;			/* with one space between words */
	const char *word[BC_VTY_WORDS];
	const char *rest[BC_VTY_WORDS];		/* all, from that word on */
};

struct bc_vty {
	const char *at;
	const char *end;
	uint32_t no;
	char *arena;		/* free room for what lines keep */
	const struct bc_import_notes *notes;
};

/*
 * The next line with content. Its strings live in the arena, which is large enough with two bytes for each of the text,
 * and two more. False at the end.
 */
bool bc_vty_next(struct bc_vty *v, struct bc_vty_line *ret);

void bc_import_note(const struct bc_import_notes *notes, const struct bc_vty_line *l, enum bc_import_loss loss,
		    const char *why);

/* A text that was configured, and where. */
struct bc_import_text {
	const char *text;	/* NULL: it was not */
	uint32_t line;
};

enum bc_vty_effect {
	BC_VTY_TEXT,		/* the argument is kept: struct bc_import_text */
	BC_VTY_CLEAR,		/* that is forgotten */
	BC_VTY_NUMBER,		/* the argument, from min to max: uint64_t */
	BC_VTY_YES,		/* bool */
	BC_VTY_NO,
	BC_VTY_NEEDLESS,	/* it is noted why */
	BC_VTY_LOST,
	BC_VTY_CALL,
};

/*
 * One command of the VTY. A word of the pattern in capitals stands for an argument, "..." behind it for all that follows. The
 * effects take the first argument.
 */
struct bc_vty_command {
	const char *pattern;
	enum bc_vty_effect effect;
	size_t offset;		/* of what is changed, in the object */
	uint64_t min, max;
	const char *why;	/* of a note */
	/* NULL, or why the line is not carried over. */
	const char *(*call)(void *object, const struct bc_vty_line *l);
};

/* Apply the line to object as the table says. False: it is none of these commands. */
bool bc_vty_run(const struct bc_vty_command *table, size_t n, void *object, const struct bc_vty_line *l,
		const struct bc_import_notes *notes);

/* A decimal number of the whole text, within the range. */
bool bc_vty_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret);

/* An IPv4 or IPv6 address; what may be a client's name in braidcap. */
bool bc_vty_is_address(const char *text);
bool bc_vty_is_name(const char *text);

struct bc_osmo_client;
struct bc_osmo_server;

/* NULL without memory; free takes NULL. All strings are the lines'. */
struct bc_osmo_client *bc_osmo_client_new(void);
void bc_osmo_client_free(struct bc_osmo_client *c);
struct bc_osmo_server *bc_osmo_server_new(void);
void bc_osmo_server_free(struct bc_osmo_server *s);

/*
 * A line of the client's node, of the node of an additional server (pcap-store-connection), of the server's. False: it is none
 * of its commands.
 */
bool bc_osmo_client_line(struct bc_osmo_client *c, const struct bc_vty_line *l, const struct bc_import_notes *notes);
bool bc_osmo_store_line(struct bc_osmo_client *c, const struct bc_vty_line *l, const struct bc_import_notes *notes);
bool bc_osmo_server_line(struct bc_osmo_server *s, const struct bc_vty_line *l, const struct bc_import_notes *notes);

void bc_osmo_client_print(struct bc_osmo_client *c, const struct bc_import_notes *notes, FILE *f);
void bc_osmo_server_print(const struct bc_osmo_server *s, const struct bc_import_notes *notes, FILE *f);

#endif
