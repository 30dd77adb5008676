/* SPDX-License-Identifier: BSD-3-Clause */
/* What `braidcap collect` was asked to do: the command line and the YAML file, checked, in one struct. */
#ifndef BC_CONFIG_COLLECT_H
#define BC_CONFIG_COLLECT_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_allow.h"
#include "bc_config.h"
#include "bc_listen.h"

#define BC_MAX_LISTEN 64

enum bc_names { BC_NAMES_DEFAULT, BC_NAMES_OSMO, BC_NAMES_OWN };

struct bc_collect_config {
	struct bc_config common;	/* without sources; with one output, whatever comes of it for each client */
	struct bc_listen *listen;
	uint32_t n_listen;
	struct bc_allow *allow;		/* numbered */
	uint32_t n_allow;
	uint32_t n_clients;
	char *allow_file;		/* the file that names them; NULL: the command line does */
	bool merge;			/* all clients in one series */
	enum bc_names names;		/* never BC_NAMES_DEFAULT once it is checked */
	uint32_t max_caplen;		/* 0: no limit but the protocol's */
	double handshake_s;		/* default 10 */
	bool tls;			/* for all clients; otherwise for those with ,tls */
	bool tls_bind;
};

/* As bc_config_parse(). *ret is for bc_config_collect_free() on every return. */
int bc_config_collect_parse(int argc, char **argv, struct bc_collect_config *ret, struct bc_err *err);
void bc_config_collect_free(struct bc_collect_config *c);

/* The clients that a file names by now, not numbered. It is open already, and stays so, where fd is not -1. 0 and *ret for free(); or a negative errno with a line in err. */
int bc_config_collect_reread(const char *file, int fd, struct bc_allow **ret, uint32_t *ret_n, struct bc_err *err);

/* Does any client use TLS? */
bool bc_config_collect_uses_tls(const struct bc_collect_config *c);

/* The text of --help. */
extern const char bc_config_collect_help[];

#endif
