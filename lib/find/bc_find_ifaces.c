/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_find_ifaces.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct bc_find_ifaces {
	pthread_mutex_t lock;
	char *expression;
	struct bc_err refusal;
	uint32_t n, cap;
	struct bc_find_iface **at;
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

static const struct bc_find_iface *of_linktype(const struct bc_find_ifaces *t, uint16_t linktype)
{
	for (uint32_t i = 0; i < t->n; i++)
		if (t->at[i]->desc.linktype == linktype)
			return t->at[i];
	return NULL;
}

void bc_find_ifaces_free(struct bc_find_ifaces *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; i < t->n; i++)
		if (of_linktype(t, t->at[i]->desc.linktype) == t->at[i])
			bc_filter_destroy((struct bc_filter *)(uintptr_t)t->at[i]->filter);
	for (uint32_t i = 0; i < t->n; i++)
		free(t->at[i]);
	free(t->at);
	free(t->expression);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static int set_filter(struct bc_find_ifaces *t, struct bc_find_iface *iface, struct bc_err *err)
{
	const struct bc_find_iface *alike = of_linktype(t, iface->desc.linktype);
	struct bc_filter *f = NULL;
	int r;

	if (alike) {
		iface->filter = alike->filter;
		iface->unfit = alike->unfit;
		return 0;
	}
	r = bc_filter_compile(t->expression, iface->desc.linktype, BC_FILTER_MAX_SNAPLEN, 0, &f, err);
	iface->filter = f;
	iface->unfit = r == -EINVAL;
	if (iface->unfit && !*t->refusal.msg)
		t->refusal = *err;
	return iface->unfit ? 0 : r;
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
	int r;

	if (t->n == BC_MAX_IFACES)
		return bc_err_set(err, -ENOSPC, "more than %u interfaces: search fewer files at a time", BC_MAX_IFACES);
	iface = calloc(1, sizeof(*iface));
	if (!iface)
		return bc_err_set(err, -ENOMEM, "no memory for an interface");
	iface->desc = *desc;
	iface->nth = nth;
	r = set_filter(t, iface, err);
	if (!r && append(t, iface))
		r = bc_err_set(err, -ENOMEM, "no memory for an interface");
	if (r) {
		if (!of_linktype(t, desc->linktype))
			bc_filter_destroy((struct bc_filter *)(uintptr_t)iface->filter);
		free(iface);
	}
	return r;
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
