/* SPDX-License-Identifier: BSD-3-Clause */
/* Which node of the VTY a line belongs to: by its indentation or, in old files that have none, by its words. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bc_import_priv.h"

enum node { TOP, OTHER, CLIENT, STORE, SERVER };

struct import {
	enum node node;
	uint32_t store_indent;	/* of the line that entered STORE */
	struct bc_osmo_client *client;
	struct bc_osmo_server *server;
	const struct bc_import_notes *notes;
	struct bc_err *err;
};

static bool is_alone(const struct bc_vty_line *l, const char *word)
{
	return l->n == 1 && !strcmp(l->word[0], word);
}

/* "client" or "server". 1: it is; 0: not; or a negative errno. */
static int enter_node(struct import *im, const struct bc_vty_line *l)
{
	bool client = is_alone(l, "client");

	if (l->indent || (!client && !is_alone(l, "server")))
		return 0;
	im->node = client ? CLIENT : SERVER;
	if (client && !im->client)
		im->client = bc_osmo_client_new();
	if (!client && !im->server)
		im->server = bc_osmo_server_new();
	if (client ? !im->client : !im->server)
		return bc_err_set(im->err, -ENOMEM, "no memory");
	return 1;
}

static bool client_line(struct import *im, const struct bc_vty_line *l)
{
	if (!bc_osmo_client_line(im->client, l, im->notes))
		return false;
	if (!strcmp(l->word[0], "pcap-store-connection")) {
		im->node = STORE;
		im->store_indent = l->indent;
	}
	return true;
}

/* The line as one of the present node's; false if it is none. */
static bool node_line(struct import *im, const struct bc_vty_line *l)
{
	switch (im->node) {
	case SERVER:
		return bc_osmo_server_line(im->server, l, im->notes);
	case STORE:
		if ((l->indent > im->store_indent || !l->indent) && bc_osmo_store_line(im->client, l, im->notes))
			return true;
		im->node = CLIENT;
		return client_line(im, l);
	case CLIENT:
		return client_line(im, l);
	case TOP:
	case OTHER:
		break;
	}
	return false;
}

/* What is neither the client's nor the server's: logging, the VTY itself, counters. */
static void other_line(struct import *im, const struct bc_vty_line *l)
{
	static const char *const needless[] = {
		"log", "line", "stats", "stats-report", "hostname", "password", "banner", "ctrl", "telnet",
	};
	bool top = !l->indent;

	if (!top && im->node == OTHER) {
		bc_import_note(im->notes, l, BC_IMPORT_NEEDLESS, "it concerns neither capture nor storage");
		return;
	}
	for (size_t i = 0; top && i < sizeof(needless) / sizeof(needless[0]); i++)
		if (!strcmp(l->word[0], needless[i])) {
			im->node = OTHER;
			bc_import_note(im->notes, l, BC_IMPORT_NEEDLESS, "it concerns neither capture nor storage");
			return;
		}
	bc_import_note(im->notes, l, BC_IMPORT_LOST, "no command that is known here, or not with these arguments");
}

static bool leave_node(struct import *im, const struct bc_vty_line *l)
{
	if (!is_alone(l, "end") && !is_alone(l, "exit"))
		return false;
	im->node = im->node == STORE && is_alone(l, "exit") ? CLIENT : TOP;
	return true;
}

static int read_lines(struct import *im, struct bc_vty *v)
{
	struct bc_vty_line l;
	int r = 0;

	while (r >= 0 && bc_vty_next(v, &l)) {
		r = enter_node(im, &l);
		if (r == 0 && !leave_node(im, &l) && !node_line(im, &l))
			other_line(im, &l);
	}
	return r < 0 ? r : 0;
}

static int print(const struct import *im, const char *name, char **ret)
{
	size_t len = 0;
	char *text = NULL;
	FILE *f = open_memstream(&text, &len);

	if (!f)
		return bc_err_set(im->err, -ENOMEM, "no memory");
	fprintf(f, "# Made by 'braidcap import-osmo' from ");
	for (; *name; name++)
		fputc(*name >= ' ' && *name <= '~' ? *name : '?', f);
	fputs(".\n", f);
	if (im->client)
		bc_osmo_client_print(im->client, im->notes, f);
	else
		bc_osmo_server_print(im->server, im->notes, f);
	if (fclose(f)) {
		free(text);
		return bc_err_set(im->err, -ENOMEM, "no memory");
	}
	*ret = text;
	return 0;
}

int bc_import_osmo(const char *name, const char *text, size_t len, const struct bc_import_notes *notes, char **ret,
		   struct bc_err *err)
{
	struct import im = { .notes = notes, .err = err };
	struct bc_vty v = { .at = text, .end = text + len, .notes = notes };
	char *arena;
	int r;

	if (len > BC_IMPORT_MAX)
		return bc_err_set(err, -EINVAL, "%s: is larger than 1 MiB", name);
	if (memchr(text, '\0', len))
		return bc_err_set(err, -EINVAL, "%s: is no text", name);
	v.arena = arena = malloc(2 * len + 2);
	if (!arena)
		return bc_err_set(err, -ENOMEM, "no memory");
	r = read_lines(&im, &v);
	if (!r && !im.client == !im.server)
		r = bc_err_set(err, -EINVAL, im.client ? "%s: has both a 'client' and a 'server': split it" :
			       "%s: has neither a 'client' nor a 'server': is it an osmo-pcap configuration?", name);
	if (!r)
		r = print(&im, name, ret);
	bc_osmo_client_free(im.client);
	bc_osmo_server_free(im.server);
	free(arena);
	return r;
}
