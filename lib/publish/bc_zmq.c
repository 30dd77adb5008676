/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_zmq.h"

#include "bc_library.h"

#define NAME(name) "zmq_" #name,

static const char *const names[] = { BC_ZMQ_FUNCTIONS(NAME) };

_Static_assert(sizeof(struct bc_zmq) == sizeof(names), "a name for each function");

int bc_zmq_load(struct bc_zmq *ret, struct bc_err *err)
{
	return bc_library_load("libzmq.so.5", "libzmq5", names, sizeof(names) / sizeof(names[0]), (void **)ret, err);
}
