/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a running capture can be asked, and told to do: one row per command. The telemetry socket's commands, those of
 * ctl, its help and the shell's completion come from it. A row stands in the file that makes its view or does its
 * action.
 */
#ifndef BC_TEL_COMMAND_H
#define BC_TEL_COMMAND_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "bc_ctl_client.h"
#include "bc_engine.h"
#include "bc_group.h"

/* In the order of ctl's help. */
#define BC_TEL_COMMANDS(X) \
	X(stats) X(ledger) X(info) X(sources) X(outputs) X(clients) X(lcores) X(clock) X(segments) \
	X(rotate) X(pause) X(resume) X(filter) X(stop) X(list)

/* What a view is of. Borrowed. */
struct bc_subject {
	const struct bc_group *group;
	const struct bc_lcore *lcores;
	uint32_t n_lcores;
	uint64_t elapsed_ns;		/* how long their loops have run */
	uint64_t tsc;			/* the same in ticks of their counters */
};

struct bc_tel_command {
	const char *name;		/* ctl NAME, and /braidcap/NAME on the socket */

	/* The capture's side. Without view and act it is ctl's alone. */
	const char *help;		/* on the socket; at most 63 characters */
	/*
	 * A new object or array; NULL without memory. It only reads, from any thread, while the pipelines live. param:
	 * what the client sent, as hostile as it likes, or NULL.
	 */
	json_t *(*view)(const struct bc_subject *s, const char *param);
	const char *element;		/* of an array, "the number of ...": a parameter N asks for that one. Or NULL */
	/* Of a list that can be long: how many elements it has, and the i-th alone. NULL: the list is made for it. */
	uint32_t (*count)(const struct bc_subject *s);
	json_t *(*one)(const struct bc_subject *s, uint32_t i);
	bool takes_param;		/* the view or the action reads it */
	const char *page;		/* what to ask instead when the answer is too large, or NULL */
	/*
	 * Control thread; beside a view, only with a parameter. param is never NULL. A new object with "status": "ok"
	 * and what happened, or bc_view_error's; NULL without memory; json_null(): it is under way, call again in the
	 * next round.
	 */
	json_t *(*act)(const struct bc_group *g, const char *param);
	bool while_stopping;		/* the action is also taken when the capture comes to its end */

	/* ctl's side. */
	struct {
		const char *usage;	/* NULL: it stands in another row's */
		const char *what;
	} ctl[2];			/* the lines of its help */
	/* Are the words behind the command, and --output, good? NULL: none is taken. */
	int (*check)(const struct bc_ctl_request *q, struct bc_err *err);
	/* 0 and *ret, as bc_ctl_ask. NULL: sent as it is; a list is asked for one by one where it must be. */
	int (*ask)(const struct bc_ctl_request *q, json_t **ret, struct bc_err *err);
	bool of_all;			/* it asks every capture, and needs no connection to one */
	/* The answer for people, each field of which may be missing or of a wrong type. NULL: as JSON. */
	void (*print)(FILE *f, const json_t *answer);
};

#define BC_TEL_COMMAND_DECLARE(name) extern const struct bc_tel_command bc_tel_command_##name;
BC_TEL_COMMANDS(BC_TEL_COMMAND_DECLARE)

/* The i-th row; NULL behind the last. */
const struct bc_tel_command *bc_tel_command_at(size_t i);
/* NULL: there is none of that name. */
const struct bc_tel_command *bc_tel_command_find(const char *name);

/* /braidcap/NAME */
#define BC_TEL_COMMAND_FOLDER "/braidcap/"
#define BC_TEL_COMMAND_PATH_MAX 64
void bc_tel_command_path(const struct bc_tel_command *c, char path[BC_TEL_COMMAND_PATH_MAX]);

#endif
