/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find_ifaces.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* A link type. */
struct type {
	uint16_t linktype;
	bool unfit;
	struct bc_filter *filter;
};

struct bc_find_ifaces {
	pthread_mutex_t lock;
	char *expression;
	struct bc_err refusal;
	uint32_t n, cap;
	struct bc_find_iface **at;
	uint32_t n_types;
	struct type *type;
};

int bc_find_ifaces_new(const char *expression, struct bc_find_ifaces **ret, struct bc_err *err)
{
	struct bc_find_ifaces *t = calloc(1, sizeof(*t));

	if (t)
		t->expression = strdup(expression ? expression : "");
	if (!t || !t->expression) {
		free(t);
		return bc_err_set(err, -ENOMEM, "no memory for a search");
	}
	pthread_mutex_init(&t->lock, NULL);
	*ret = t;
	return 0;
}

void bc_find_ifaces_free(struct bc_find_ifaces *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->n_types; i++)
		bc_filter_destroy(t->type[i].filter);
	for (uint32_t i = 0; i < t->n; i++)
		free(t->at[i]);
	free(t->type);
	free(t->at);
	free(t->expression);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* With the lock. */
static int ask(struct bc_find_ifaces *t, uint16_t linktype, const struct type **ret, struct bc_err *err)
{
	struct type *grown, new = { .linktype = linktype };
	uint32_t i = 0;
	int r;

	while (i < t->n_types && t->type[i].linktype != linktype)
		i++;
	*ret = &t->type[i];
	if (i < t->n_types)
		return 0;
	grown = realloc(t->type, (t->n_types + 1) * sizeof(*grown));
	if (!grown)
		return bc_err_set(err, -ENOMEM, "no memory for a filter");
	t->type = grown;
	r = bc_filter_compile(t->expression, linktype, BC_FILTER_MAX_SNAPLEN, 0, &new.filter, err);
	new.unfit = r == -EINVAL;
	if (r && !new.unfit)
		return r;
	if (new.unfit && !*t->refusal.msg)
		t->refusal = *err;
	t->type[t->n_types++] = new;
	*ret = &t->type[i];
	return 0;
}

int bc_find_ifaces_ask(struct bc_find_ifaces *t, uint16_t linktype, const struct bc_filter **ret_filter, bool *ret_unfit)
{
	const struct type *type;
	struct bc_err err = { "" };
	int r;

	pthread_mutex_lock(&t->lock);
	r = ask(t, linktype, &type, &err);
	if (!r) {
		*ret_filter = type->filter;
		*ret_unfit = type->unfit;
	}
	pthread_mutex_unlock(&t->lock);
	return r;
}

static int append(struct bc_find_ifaces *t, struct bc_find_iface *iface)
{
	if (t->n == t->cap) {
		uint32_t cap = t->cap ? 2 * t->cap : 16;
		struct bc_find_iface **grown = realloc(t->at, cap * sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		t->at = grown;
		t->cap = cap;
	}
	iface->number = t->n;
	t->at[t->n++] = iface;
	return 0;
}

static int add_new(struct bc_find_ifaces *t, const struct bc_iface *desc, uint32_t nth, struct bc_err *err)
{
	struct bc_find_iface *iface;
	const struct type *type;
	int r;

	if (t->n == BC_MAX_IFACES)
		return bc_err_set(err, -ENOSPC, "more than %u interfaces: search fewer files at a time", BC_MAX_IFACES);
	r = ask(t, desc->linktype, &type, err);
	if (r)
		return r;
	iface = calloc(1, sizeof(*iface));
	if (!iface)
		return bc_err_set(err, -ENOMEM, "no memory for an interface");
	*iface = (struct bc_find_iface){ .desc = *desc, .nth = nth, .filter = type->filter, .unfit = type->unfit };
	if (append(t, iface)) {
		free(iface);
		return bc_err_set(err, -ENOMEM, "no memory for an interface");
	}
	return 0;
}

int bc_find_ifaces_add(struct bc_find_ifaces *t, const struct bc_iface *desc, uint32_t nth, const struct bc_find_iface **ret,
		       struct bc_err *err)
{
	uint32_t i = 0;
	int r = 0;

	pthread_mutex_lock(&t->lock);
	while (i < t->n && (t->at[i]->nth != nth || memcmp(&t->at[i]->desc, desc, sizeof(*desc))))
		i++;
	if (i == t->n)
		r = add_new(t, desc, nth, err);
	if (!r)
		*ret = t->at[i];
	pthread_mutex_unlock(&t->lock);
	return r;
}

int bc_find_ifaces_refusal(struct bc_find_ifaces *t, struct bc_err *err)
{
	pthread_mutex_lock(&t->lock);
	*err = t->refusal;
	pthread_mutex_unlock(&t->lock);
	return -EINVAL;
}
