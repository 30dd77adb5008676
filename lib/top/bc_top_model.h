/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What `braidcap top` knows: captures that come, fall silent and end, and what the user wants to see of them. Pure: neither asks
 * nor draws. One thread.
 */
#ifndef BC_TOP_MODEL_H
#define BC_TOP_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "bc_top_figures.h"

#define BC_TOP_PREFIX_MAX 64
/* Captures, with those that ended: of these the one that ended first gives way. */
#define BC_TOP_CAPTURES_MAX 512

enum bc_top_view { BC_TOP_OVERVIEW, BC_TOP_SOURCES, BC_TOP_OUTPUTS, BC_TOP_LOSSES, BC_TOP_CPUS, BC_TOP_FLOWS, BC_TOP_CLIENTS, BC_TOP_VIEWS };
/* What stands first in a list. */
enum bc_top_sort { BC_TOP_AS_GIVEN, BC_TOP_BUSIEST, BC_TOP_MOST_LOST, BC_TOP_BY_NAME, BC_TOP_SORTS };

enum bc_top_state {
	BC_TOP_ANSWERS,
	BC_TOP_SILENT,		/* it is there, and does not answer */
	BC_TOP_ENDED,		/* or it has never been there: now is NULL then */
	BC_TOP_KILLED,		/* it ended, and left its socket behind */
};

struct bc_top_capture {
	char prefix[BC_TOP_PREFIX_MAX];
	enum bc_top_state state;
	uint64_t since_ns;		/* of the state, UTC */
	json_t *now;			/* its last answer; NULL: it has never answered */
	struct bc_top_figures figures;	/* of now */
};

struct bc_top {
	struct bc_top_capture *capture[BC_TOP_CAPTURES_MAX];	/* by prefix */
	uint32_t n;
	uint32_t chosen;		/* less than n, if there is one */
	enum bc_top_view view;
	enum bc_top_sort sort;
	uint32_t scroll;		/* first row of the view's list; page may make it less */
	bool paused, help;
	uint32_t help_scroll;		/* as scroll */
	bool confirms;			/* the user is asked whether to rotate the chosen one */
	uint64_t now_ns;		/* UTC of the last bc_top_take() */
	json_t *store;			/* what bc_top_store() said of the chosen one; NULL: nothing yet */
	char message[256];		/* what an action said; "": nothing */
};

/* Keys: characters, and these. */
enum bc_top_key { BC_TOP_UP = 256, BC_TOP_DOWN, BC_TOP_NEXT, BC_TOP_PREVIOUS, BC_TOP_PAGE_UP, BC_TOP_PAGE_DOWN, BC_TOP_HOME };

/* What a key asks the program to do. */
enum bc_top_wish { BC_TOP_NOTHING, BC_TOP_QUIT, BC_TOP_ROTATE };

/* All captures as bc_ctl_watch_get() tells of them; borrowed. What finds no memory stays as it was. */
void bc_top_take(struct bc_top *t, const json_t *captures, uint64_t utc_ns);

/* What bc_top_store() said of the capture of that prefix; the reference is taken. */
void bc_top_take_store(struct bc_top *t, const char *prefix, json_t *store);

enum bc_top_wish bc_top_press(struct bc_top *t, int key);

/* NULL: there is none. */
struct bc_top_capture *bc_top_chosen(const struct bc_top *t);

/* Free what it holds; a zeroed one is a new one. */
void bc_top_clear(struct bc_top *t);

#endif
