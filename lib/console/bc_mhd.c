/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_mhd.h"

#include <pthread.h>

#include "bc_library.h"

#define MHD_NAME(name) "MHD_" #name,
#define GNUTLS_NAME(name) "gnutls_" #name,
#define COUNT(names) (sizeof(names) / sizeof(names[0]))

static const char *const mhd_names[] = { BC_MHD_FUNCTIONS(MHD_NAME) };
static const char *const gnutls_names[] = { BC_GNUTLS_FUNCTIONS(GNUTLS_NAME) };

_Static_assert(sizeof(struct bc_mhd) == sizeof(mhd_names), "a name for each function");
_Static_assert(sizeof(struct bc_gnutls) == sizeof(gnutls_names), "a name for each function");

/* Set once in a process. */
static struct {
	pthread_once_t once;
	int failed;
	struct bc_err err;
	struct bc_mhd mhd;
	struct bc_gnutls gnutls;
} loaded = { .once = PTHREAD_ONCE_INIT };

static void load(void)
{
	loaded.failed = bc_library_load("libmicrohttpd.so.12", "libmicrohttpd12", mhd_names, COUNT(mhd_names), (void **)&loaded.mhd,
					&loaded.err);
	if (!loaded.failed)
		loaded.failed = bc_library_load("libgnutls.so.30", "libgnutls30", gnutls_names, COUNT(gnutls_names),
						(void **)&loaded.gnutls, &loaded.err);
}

int bc_mhd_load(struct bc_err *err)
{
	pthread_once(&loaded.once, load);
	return loaded.failed ? bc_err_set(err, loaded.failed, "no console: %s", loaded.err.msg) : 0;
}

const struct bc_mhd *bc_mhd(void)
{
	return &loaded.mhd;
}

const struct bc_gnutls *bc_gnutls(void)
{
	return &loaded.gnutls;
}
