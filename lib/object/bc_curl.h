/* SPDX-License-Identifier: BSD-3-Clause */
/* libcurl, loaded (bc_library.h) when somebody speaks with object storage, a database, or a time stamping authority. Instead of <curl/curl.h>: calls look the same. */
#ifndef BC_CURL_H
#define BC_CURL_H

#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>

#include "bc_err.h"

#define BC_CURL_FUNCTIONS(X) \
	X(easy_cleanup) X(easy_getinfo) X(easy_init) X(easy_pause) X(easy_perform) X(easy_reset) X(easy_setopt) X(easy_strerror) X(getdate) \
	X(global_init) X(multi_add_handle) X(multi_cleanup) X(multi_info_read) X(multi_init) X(multi_perform) X(multi_poll) \
	X(multi_remove_handle) X(multi_setopt) X(multi_wakeup) X(slist_append) X(slist_free_all)

struct bc_curl {
#define BC_CURL_MEMBER(name) __typeof__(curl_##name) *name;
	BC_CURL_FUNCTIONS(BC_CURL_MEMBER)
#undef BC_CURL_MEMBER
};

/* Load and initialise it, if nobody has. Before any call. 0, or -ENOENT with a line in err. Any thread. */
int bc_curl_load(struct bc_err *err);

/* Its functions, loaded if nobody has; NULL each where it cannot be. */
const struct bc_curl *bc_curl(void);

#undef curl_easy_getinfo
#undef curl_easy_setopt
#undef curl_multi_setopt
#define curl_easy_cleanup bc_curl()->easy_cleanup
#define curl_easy_getinfo bc_curl()->easy_getinfo
#define curl_easy_init bc_curl()->easy_init
#define curl_easy_pause bc_curl()->easy_pause
#define curl_easy_perform bc_curl()->easy_perform
#define curl_easy_reset bc_curl()->easy_reset
#define curl_easy_setopt bc_curl()->easy_setopt
#define curl_easy_strerror bc_curl()->easy_strerror
#define curl_getdate bc_curl()->getdate
#define curl_multi_add_handle bc_curl()->multi_add_handle
#define curl_multi_cleanup bc_curl()->multi_cleanup
#define curl_multi_info_read bc_curl()->multi_info_read
#define curl_multi_init bc_curl()->multi_init
#define curl_multi_perform bc_curl()->multi_perform
#define curl_multi_poll bc_curl()->multi_poll
#define curl_multi_remove_handle bc_curl()->multi_remove_handle
#define curl_multi_setopt bc_curl()->multi_setopt
#define curl_multi_wakeup bc_curl()->multi_wakeup
#define curl_slist_append bc_curl()->slist_append
#define curl_slist_free_all bc_curl()->slist_free_all

#endif
