/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_uploader_priv.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "bc_file.h"
#include "bc_time.h"

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct bc_upload_item *)a)->name, ((const struct bc_upload_item *)b)->name);
}

int bc_upload_enqueue(struct bc_upload_folder *f, const char *name, const struct stat *st)
{
	size_t len = strlen(name) + 1;
	struct bc_upload_item *i = malloc(sizeof(*i) + len), **node;

	if (!i)
		return -ENOMEM;
	*i = (struct bc_upload_item){ .f = f, .size = (uint64_t)st->st_size, .mtime_ns = bc_file_mtime_ns(st) };
	memcpy(i->name, name, len);
	node = tsearch(i, &f->names, by_name);
	if (!node || *node != i) {
		free(i);
		return node ? 0 : -ENOMEM;
	}
	bc_upload_to_the_end(i);
	bc_upload_hour_join(i);
	f->sum.waiting++;
	f->sum.waiting_bytes += i->size;
	return 0;
}

void bc_upload_drop(struct bc_upload_item *i)
{
	struct bc_upload_folder *f = i->f;

	tdelete(i, &f->names, by_name);
	bc_upload_hour_leave(i);
	f->sum.waiting--;
	f->sum.waiting_bytes -= i->size;
	f->sum.failed -= i->failed;
	free(i);
}

void bc_upload_back_in_line(struct bc_upload_item *i)
{
	i->next = i->f->head;
	i->f->head = i;
	if (!i->next)
		i->f->tail = &i->next;
}

void bc_upload_to_the_end(struct bc_upload_item *i)
{
	i->next = NULL;
	*i->f->tail = i;
	i->f->tail = &i->next;
}

uint32_t bc_upload_share(const struct bc_uploader *u, const struct bc_upload_item *i)
{
	if (i->size <= BC_UPLOAD_PART)
		return 1;
	return u->connections < BC_UPLOAD_PARTS_AT_ONCE ? u->connections : BC_UPLOAD_PARTS_AT_ONCE;
}

struct bc_upload_item *bc_upload_next(struct bc_uploader *u, uint64_t *ret_ns)
{
	const uint64_t now = bc_mono_ns();

	if (u->resume_ns > now) {
		*ret_ns = u->resume_ns;
		return NULL;
	}
	for (struct bc_upload_folder *f = u->folders; f; f = f->next) {
		for (struct bc_upload_item **at = &f->head, *i; !f->leaving && (i = *at); at = &i->next) {
			if (i->due_ns > now) {
				if (i->due_ns < *ret_ns)
					*ret_ns = i->due_ns;
				continue;
			}
			/* It is not overtaken by those that need fewer. */
			if (bc_upload_share(u, i) > u->connections - u->in_use)
				return NULL;
			*at = i->next;
			if (f->tail == &i->next)
				f->tail = at;
			i->next = NULL;
			return i;
		}
	}
	return NULL;
}
