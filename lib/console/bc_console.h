/* SPDX-License-Identifier: BSD-3-Clause */
/* The console: captures watched, stored packets found, over HTTP. docs/console.md describes what it serves. */
#ifndef BC_CONSOLE_H
#define BC_CONSOLE_H

#include <stdint.h>

#include "bc_err.h"
#include "bc_log.h"
#include "bc_users.h"

struct bc_keyring;
struct bc_object_settings;

/* All is borrowed for the life of the console. */
struct bc_console_config {
	const char *listen;		/* ADDRESS:PORT or unix:PATH */
	const char *const *hosts;	/* names by which browsers may call it */
	uint32_t n_hosts;
	const char *const *prefixes;	/* of captures; none: all of this user */
	uint32_t n_prefixes;
	char *const *paths;		/* of segments; none: nothing is stored */
	uint32_t n_paths;
	const struct bc_object_settings *store;	/* of paths that are s3://; NULL: what the environment says */
	const char *users;		/* a file; NULL: none */
	enum bc_role anybody;		/* the role of who has not said who he is */
	const char *audit;		/* a file; NULL: the log */
	const char *jobs_folder;	/* where what queued finds have found is kept; NULL: none are queued */
	uint64_t job_bytes;		/* of each of these at most */
	uint64_t job_keep_ns;		/* so long */
	const char *cert, *key, *ca;
	struct bc_keyring *keyring;	/* with cert: of bc_http_identity_key() */
	const struct bc_log *log;	/* thread safe */
};

struct bc_console;

/* 0 and *ret: it serves; or a negative errno with a line in err. stop takes NULL. */
int bc_console_start(const struct bc_console_config *cfg, struct bc_console **ret, struct bc_err *err);
void bc_console_stop(struct bc_console *c);
/* Where it serves. */
const char *bc_console_url(const struct bc_console *c);

#endif
