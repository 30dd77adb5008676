/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bc_keeper_priv.h"

struct bc_keeper {
	struct bc_apart *apart;
};

static int begin(void *ctx, struct bc_err *err)
{
	const struct bc_keeper_config *cfg = *(const struct bc_keeper_config **)ctx;
	struct bc_keeper_server *s = bc_keeper_server_new(cfg);

	if (!s)
		return bc_err_set(err, -ENOMEM, "no memory for the process that keeps the output's folder");
	*(struct bc_keeper_server **)ctx = s;
	return cfg->begin ? cfg->begin(cfg->ctx, err) : 0;
}

static void serve(void *ctx, struct bc_apart_message *request, struct bc_apart_message *answer)
{
	bc_keeper_serve(*(struct bc_keeper_server **)ctx, request, answer);
}

int bc_keeper_new(const struct bc_keeper_config *cfg, struct bc_keeper **ret, struct bc_err *err)
{
	struct bc_keeper *k = calloc(1, sizeof(*k));
	/* The new process's copy becomes its server. */
	const void *ctx = cfg;
	int r;

	if (!k)
		return bc_err_set(err, -ENOMEM, "no memory for the process that keeps the output's folder");
	r = bc_apart_new(&(struct bc_apart_config){ .name = "bc-keeper", .begin = begin, .serve = serve, .ctx = &ctx }, &k->apart, err);
	if (r)
		free(k);
	else
		*ret = k;
	return r;
}

bool bc_keeper_has_ended(struct bc_keeper *k)
{
	return bc_apart_has_ended(k->apart);
}

int bc_keeper_pid(struct bc_keeper *k)
{
	return bc_apart_pid(k->apart);
}

const char *bc_keeper_error(int err)
{
	return err == -EOWNERDEAD ? "the process that keeps the folder has ended" : strerror(-err);
}

void bc_keeper_free(struct bc_keeper *k)
{
	if (!k)
		return;
	bc_apart_free(k->apart);
	free(k);
}

/* ret_fd NULL: none is expected; otherwise it is -1. */
static int ask(struct bc_keeper *k, const struct bc_keeper_ask *question, struct bc_keeper_answer *ret, int *ret_fd)
{
	int r = bc_apart_call(k->apart, question, sizeof(*question), ret, sizeof(*ret), ret_fd);

	if (r)
		return r;
	ret->name[sizeof(ret->name) - 1] = '\0';
	return ret->r < 0 || !ret_fd || *ret_fd >= 0 ? ret->r : -EBADMSG;
}

/* The descriptor that is the answer. */
static int ask_for_fd(struct bc_keeper *k, const struct bc_keeper_ask *question, struct bc_keeper_answer *ret)
{
	int fd = -1, r = ask(k, question, ret, &fd);

	return r < 0 ? r : fd;
}

int bc_keeper_place(struct bc_keeper *k, const char *client, uint32_t *ret_place)
{
	struct bc_keeper_ask q = { .what = BC_KEEPER_PLACE };
	struct bc_keeper_answer a;
	int r;

	if (client && strlen(client) >= sizeof(q.client))
		return -ENAMETOOLONG;
	strcpy(q.client, client ? client : "");
	r = ask(k, &q, &a, NULL);
	if (!r)
		*ret_place = a.number;
	return r;
}

int bc_keeper_folder(struct bc_keeper *k, uint32_t place)
{
	struct bc_keeper_answer a;

	return ask_for_fd(k, &(struct bc_keeper_ask){ .what = BC_KEEPER_FOLDER, .place = place }, &a);
}

int bc_keeper_seqfile(struct bc_keeper *k)
{
	struct bc_keeper_answer a;

	return ask_for_fd(k, &(struct bc_keeper_ask){ .what = BC_KEEPER_SEQFILE }, &a);
}

int bc_keeper_create(struct bc_keeper *k, uint32_t place, uint64_t seq, struct bc_folder_file *ret)
{
	struct bc_keeper_answer a = { .number = 0 };
	int fd = ask_for_fd(k, &(struct bc_keeper_ask){ .what = BC_KEEPER_CREATE, .place = place, .seq = seq }, &a);

	ret->again = a.number;
	ret->mode_err = a.mode_err;
	/* Made there, but here was no room for its descriptor. */
	if (fd == -EMFILE && !a.r)
		bc_keeper_remove(k, place, &(struct bc_folder_file){ .seq = seq, .again = a.number });
	return fd;
}

int bc_keeper_remove(struct bc_keeper *k, uint32_t place, const struct bc_folder_file *f)
{
	struct bc_keeper_answer a;

	return ask(k, &(struct bc_keeper_ask){ .what = BC_KEEPER_REMOVE, .place = place, .seq = f->seq, .again = f->again }, &a, NULL);
}

int bc_keeper_publish(struct bc_keeper *k, uint32_t place, const struct bc_folder_file *f, uint64_t ns, char name[BC_SEGNAME_MAX],
		      unsigned *ret_again)
{
	struct bc_keeper_answer a = { .name = "" };
	int r = ask(k, &(struct bc_keeper_ask){ .what = BC_KEEPER_PUBLISH, .place = place, .seq = f->seq, .again = f->again, .ns = ns }, &a,
		    NULL);

	strcpy(name, a.name);
	*ret_again = a.number;
	return r;
}

int bc_keeper_acks_begin(struct bc_keeper *k, uint32_t place)
{
	struct bc_keeper_answer a;

	return ask_for_fd(k, &(struct bc_keeper_ask){ .what = BC_KEEPER_ACKS_BEGIN, .place = place }, &a);
}

int bc_keeper_acks_end(struct bc_keeper *k, uint32_t place, bool good)
{
	struct bc_keeper_answer a;

	return ask(k, &(struct bc_keeper_ask){ .what = BC_KEEPER_ACKS_END, .place = place, .good = good }, &a, NULL);
}

int bc_keeper_report_begin(struct bc_keeper *k)
{
	struct bc_keeper_answer a;

	return ask_for_fd(k, &(struct bc_keeper_ask){ .what = BC_KEEPER_REPORT_BEGIN }, &a);
}

int bc_keeper_report_end(struct bc_keeper *k, bool good)
{
	struct bc_keeper_answer a;

	return ask(k, &(struct bc_keeper_ask){ .what = BC_KEEPER_REPORT_END, .good = good }, &a, NULL);
}
