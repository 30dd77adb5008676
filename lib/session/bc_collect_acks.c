/* SPDX-License-Identifier: BSD-3-Clause */
/* What of the nodes of `collect` is on disk from before: as the files beside their segments say, and leftovers. */
#include "bc_collect_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_ack_file.h"
#include "bc_ack_found.h"
#include "bc_folder.h"
#include "bc_plural.h"
#include "bc_recover.h"
#include "bc_segname.h"

/* One series: where it lies, and what is known of it. */
struct past {
	const struct bc_log *log;
	const char *folder;
	const char *series;	/* NULL: none */
	int fd;
	struct bc_keeper *keeper;
	uint32_t place;
	struct bc_ack_table table;
	struct bc_ack_found *found;
};

static int take_item(void *ctx, const uint8_t *item, size_t len, const struct bc_record *rec)
{
	return bc_ack_found_item(((struct past *)ctx)->found, item, len, rec != NULL);
}

/* Is this leftover one that may be of the series? */
static bool may_be_ours(const struct past *p, const char *name)
{
	const char *tilde = strchr(name, '~');
	size_t len = p->series ? strlen(p->series) : 0;

	if (!tilde != !p->series)
		return false;
	return !p->series || (!strncmp(tilde + 1, p->series, len) && (!tilde[1 + len] || tilde[1 + len] == '.'));
}

static bool ends_in_slash(const char *path)
{
	size_t len = strlen(path);

	return len && path[len - 1] == '/';
}

static void look_into(struct past *p, const char *name)
{
	const struct bc_recover_config cfg = { .dry_run = true, .item = take_item, .ctx = p };
	struct bc_recovered *r = malloc(sizeof(*r));
	char path[BC_STORE_PATH_MAX];
	struct bc_err err = { "no memory" };
	int what = -ENOMEM;

	bc_ack_found_begin(p->found);
	if (r && snprintf(path, sizeof(path), "%s%s%s", p->folder, ends_in_slash(p->folder) ? "" : "/", name) <
	    (int)sizeof(path))
		what = bc_recover(path, &cfg, r, &err);
	if (!what && r->scan.records)
		bc_log(p->log, BC_NOTICE, "%s was left behind with %" PRIu64 " packet%s: 'braidcap recover' completes it", path,
		       r->scan.records, bc_plural(r->scan.records, "", "s"));
	else if (what && what != -EBUSY && what != -ENODATA && what != -EMLINK && what != -ENOENT)
		bc_log(p->log, BC_WARN, "cannot look for acknowledged packets: %s", err.msg);
	free(r);
}

static int is_tmp(const struct dirent *e)
{
	uint64_t seq;

	return bc_segname_is_tmp(e->d_name, &seq);
}

void bc_collect_acks_forget(struct bc_collect_session *c)
{
	for (int i = 0; i < c->leftovers.n; i++)
		free(c->leftovers.entry[i]);
	free(c->leftovers.entry);
	c->leftovers = (struct bc_collect_leftovers){ .folder = NULL };
}

/* Thousands of clients may share a large folder, which is read once. */
static void look_into_leftovers(struct past *p, struct bc_collect_session *c)
{
	struct bc_collect_leftovers *l = &c->leftovers;

	if (l->folder != p->folder) {
		bc_collect_acks_forget(c);
		l->n = scandir(p->folder, &l->entry, is_tmp, NULL);
		l->folder = p->folder;
	}
	for (int i = 0; i < l->n; i++)
		if (may_be_ours(p, l->entry[i]->d_name))
			look_into(p, l->entry[i]->d_name);
}

static int put(struct past *p)
{
	const struct bc_folder folder = { .fd = p->fd, .series = (char *)(uintptr_t)p->series, .keeper = p->keeper, .place = p->place };
	uint8_t *block;
	size_t len;
	int r = bc_ack_table_to_block(&p->table, &block, &len);

	if (r)
		return r;
	r = bc_folder_acknowledge(&folder, block, len);
	free(block);
	return r ? r : fsync(p->fd) < 0 ? -errno : 0;
}

/* Leftovers become segments, which are not looked into any more: the file has to know what is in them. */
static void write_down(struct past *p)
{
	uint32_t apart;
	bool changed = bc_ack_found_enter(p->found, &p->table, &apart);
	int r = changed ? put(p) : 0;

	if (r)
		bc_log(p->log, BC_WARN, "%s: cannot write down what is acknowledged: %s", p->folder, strerror(-r));
	if (apart)
		bc_log(p->log, BC_WARN, "%s: packets are missing before %u run%s of packets in leftovers: their nodes are asked "
		       "for these", p->folder, apart, bc_plural(apart, "", "s"));
}

static int read_past(struct past *p, struct bc_collect_session *c, struct bc_err *err)
{
	int r = bc_ack_file_read(p->fd, p->series, &p->table);

	if (r && r != -ENOENT)
		bc_log(p->log, BC_WARN, "%s: cannot read what was acknowledged (%s): nodes may send packets again", p->folder,
		       strerror(-r));
	p->found = bc_ack_found_new();
	if (!p->found)
		return bc_err_set(err, -ENOMEM, "no memory for the clients");
	look_into_leftovers(p, c);
	write_down(p);
	return 0;
}

/* The epoch used last comes first in the table, and last to the client. */
static void restore(const struct bc_ack_table *t, struct bc_ack *ack, const char *client)
{
	static const uint8_t zeros[BC_ACK_ID];

	if (memcmp(t->collector, zeros, BC_ACK_ID))
		bc_ack_set_collector(ack, t->collector);
	for (uint32_t i = 0; i < t->n; i++) {
		const struct bc_ack_set *set = &t->client[i].set;

		for (uint32_t k = strcmp(t->client[i].name, client) ? 0 : set->n; k-- > 0;)
			bc_ack_restore(ack, &set->epoch[k]);
	}
}

int bc_collect_acks_restore(struct bc_collect_session *c, uint32_t i, struct bc_err *err)
{
	const uint32_t first = c->cfg->merge ? 0 : i, end = c->cfg->merge ? c->n_clients : i + 1;
	const struct bc_collect_series *s = &c->series[i];
	struct past p = {
		.log = &c->session.log, .folder = s->output.dest, .series = s->output.series, .keeper = c->session.keeper, .place = s->place,
	};
	int r;

	if (!c->ack[first])
		return 0;
	p.fd = open(p.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* The output will say why. */
	if (p.fd < 0)
		return 0;
	r = read_past(&p, c, err);
	for (uint32_t k = first; !r && k < end; k++) {
		bc_ack_set_collector(c->ack[k], bc_ack_collector(c->ack[first]));
		restore(&p.table, c->ack[k], c->name[k]);
	}
	bc_ack_found_free(p.found);
	bc_ack_table_fini(&p.table);
	close(p.fd);
	return r;
}
