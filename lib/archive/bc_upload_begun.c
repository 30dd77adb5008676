/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_upload_begun.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bc_object_write.h"

#define MOST 64U	/* of one key, at a time; more are left to the next try */

struct begun {
	const char *key;
	char *id[MOST];
	unsigned n;
};

static int take(void *ctx, const struct bc_object_upload *u)
{
	struct begun *b = ctx;

	/* What is listed begins with the key, and may be longer. */
	if (strcmp(u->key, b->key) || b->n == MOST)
		return 0;
	b->id[b->n] = strdup(u->id);
	return b->id[b->n] ? (b->n++, 0) : -ENOMEM;
}

static unsigned choose(const struct begun *b, const char *known)
{
	for (unsigned i = 0; i < b->n; i++)
		if (!strcmp(b->id[i], known))
			return i;
	return 0;
}

int bc_upload_begun(struct bc_object_client *c, const char *bucket, const char *key, const char *known, char ret_id[BC_OBJECT_TOKEN_MAX],
		    struct bc_err *err)
{
	struct begun b = { .key = key };
	unsigned chosen;
	int r = bc_object_uploads(c, bucket, key, take, &b, err);

	if (r == -ENOMEM)
		bc_err_set(err, r, "s3://%s/%s: no memory", bucket, key);
	chosen = choose(&b, known);
	if (r == -EACCES)
		snprintf(ret_id, BC_OBJECT_TOKEN_MAX, "%s", known);
	else if (!r)
		snprintf(ret_id, BC_OBJECT_TOKEN_MAX, "%s", b.n ? b.id[chosen] : "");
	for (unsigned i = 0; i < b.n; i++) {
		struct bc_err none;

		if (!r && i != chosen)
			bc_object_abort(c, bucket, key, b.id[i], &none);
		free(b.id[i]);
	}
	return r == -EACCES ? 0 : r;
}
