/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_curl.h"

#include <pthread.h>

#include "bc_library.h"

#define NAME(name) "curl_" #name,

static const char *const names[] = { BC_CURL_FUNCTIONS(NAME) };

_Static_assert(sizeof(struct bc_curl) == sizeof(names), "a name for each function");

/* Set once in a process, as libcurl itself is initialised. */
static struct {
	pthread_once_t once;
	int failed;
	struct bc_err err;
	struct bc_curl curl;
} loaded = { .once = PTHREAD_ONCE_INIT };

static void load(void)
{
	loaded.failed = bc_library_load("libcurl.so.4", "libcurl4", names, sizeof(names) / sizeof(names[0]), (void **)&loaded.curl,
					&loaded.err);
	if (!loaded.failed)
		loaded.curl.global_init(CURL_GLOBAL_DEFAULT);
}

const struct bc_curl *bc_curl(void)
{
	pthread_once(&loaded.once, load);
	return &loaded.curl;
}

int bc_curl_load(struct bc_err *err)
{
	bc_curl();
	return loaded.failed ? bc_err_set(err, loaded.failed, "object storage, a database, or time stamps: %s", loaded.err.msg) : 0;
}
