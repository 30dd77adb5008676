/* SPDX-License-Identifier: BSD-3-Clause */
/* Small texts, of a kind that the first byte chooses: moments, numbers, a sequence file, users of the console, a store's XML. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_number.h"
#include "bc_object_name.h"
#include "bc_object_xml.h"
#include "bc_seqfile.h"
#include "bc_users.h"
#include "bc_when.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

static void check(int holds)
{
	if (!holds)
		abort();
}

static void moments(const char *text)
{
	struct bc_err err = { .msg = "" };
	uint64_t ns;

	if (bc_when_parse("--from", text, true, 1800000000000000000, &ns, &err))
		check(err.msg[0] && !strchr(err.msg, '\n'));
	bc_when_parse_span("--last", text, &ns, &err);
	bc_object_time(text);
}

static void in_a_file(const char *text, void (*read_it)(const char *path))
{
	int fd = memfd_create("small", MFD_CLOEXEC);
	char path[32];

	check(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	check(fchmod(fd, 0600) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	read_it(path);
	close(fd);
}

static void sequence(const char *path)
{
	struct bc_err err = { .msg = "" };
	struct bc_seqfile *f;
	uint64_t first;

	if (bc_seqfile_open(path, &f, &first, &err) == 0)
		bc_seqfile_close(f);
	else
		check(err.msg[0]);
}

static void users(const char *path)
{
	struct bc_err err = { .msg = "" };
	struct bc_users u;

	if (bc_users_read(path, &u, &err))
		check(err.msg[0] != '\0');
	else
		bc_users_free(&u);
}

static int object(void *ctx, const struct bc_object_entry *e)
{
	check(!strncmp(e->key, "a/", 2) && strlen(e->key) < BC_KEY_MAX && strlen(e->etag) < BC_ETAG_MAX);
	return 0;
}

static int prefix(void *ctx, const char *name)
{
	check(!strncmp(name, "a/", 2) && strlen(name) < BC_KEY_MAX);
	return 0;
}

static int part(void *ctx, const struct bc_object_part *p)
{
	check(p->number >= 1 && strlen(p->etag) < BC_ETAG_MAX);
	return 0;
}

static int upload(void *ctx, const struct bc_object_upload *u)
{
	check(!strncmp(u->key, "a/", 2) && strlen(u->id) < BC_OBJECT_TOKEN_MAX);
	return 0;
}

static void xml(const char *text)
{
	static const struct bc_object_list_ops ops = { .object = object, .prefix = prefix };
	const size_t len = strlen(text);
	struct bc_object_error e;
	struct bc_object_page page;
	struct bc_object_more more;
	char token[BC_OBJECT_TOKEN_MAX], etag[BC_ETAG_MAX];

	bc_object_xml_error(text, len, &e);
	bc_object_xml_list(text, len, "a/", &ops, NULL, &page);
	bc_object_xml_upload_id(text, len, token);
	bc_object_xml_completed(text, len, etag);
	bc_object_xml_parts(text, len, part, NULL, &more);
	bc_object_xml_uploads(text, len, "a/", upload, NULL, &more);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	char *text;

	if (!len)
		return 0;
	text = strndup((const char *)input + 1, len - 1);
	switch (input[0] % 4) {
	case 0:
		moments(text);
		break;
	case 1:
		in_a_file(text, sequence);
		break;
	case 2:
		in_a_file(text, users);
		break;
	default:
		xml(text);
	}
	free(text);
	return 0;
}
