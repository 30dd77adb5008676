/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_zmq.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>

#define LIBRARY "libzmq.so.5"

int bc_zmq_load(struct bc_zmq *ret, struct bc_err *err)
{
	/* Its threads may outlive whoever began them. */
	void *lib = dlopen(LIBRARY, RTLD_NOW | RTLD_NODELETE);
	bool whole = lib != NULL;

#define LOAD(name) whole = whole && (ret->name = (__typeof__(ret->name))dlsym(lib, "zmq_" #name)) != NULL;
	BC_ZMQ_FUNCTIONS(LOAD)
#undef LOAD
	if (lib)
		dlclose(lib);
	return whole ? 0 : bc_err_set(err, -ENOENT, "%s: cannot publish: install libzmq5", dlerror());
}
