/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The folder in which DPDK programs have their control sockets, and each capture's own folder in it, named by its prefix. A prefix
 * is claimed by a lock on the file "config" there, as DPDK's programs do: it holds across network namespaces and containers
 * that share the folder, and ends with the process. DPDK itself must not open that file (--no-shconf, --in-memory).
 */
#ifndef BC_RUNTIME_H
#define BC_RUNTIME_H

#include <stddef.h>

#include "bc_err.h"

#define BC_RUNTIME_PATH_MAX 256

struct bc_runtime {
	char folder[BC_RUNTIME_PATH_MAX];	/* the prefix's own; "" while none is claimed */
	int lock;
};

/*
 * $RUNTIME_DIRECTORY/dpdk; else /var/run/dpdk for root, $XDG_RUNTIME_DIR/dpdk or /tmp/dpdk for others, as EAL chooses. It need
 * not exist. 0; or a negative errno with a line in err: -EPERM, another user owns it or may change it, -ENAMETOOLONG.
 */
int bc_runtime_folder(char *buf, size_t size, struct bc_err *err);

/*
 * Where the services have their sockets (config/braidcap.tmpfiles), for who asks: whoever may enter it, without RUNTIME_DIRECTORY.
 * NULL where this is not for us.
 */
const char *bc_runtime_services(void);

/*
 * Make the prefix's folder and lock it; what a dead capture left there is removed. 0 and *ret; or a negative errno with a line in
 * err: -EBUSY, a live program has it.
 */
int bc_runtime_claim(const char *prefix, struct bc_runtime *ret, struct bc_err *err);

/*
 * Remove what captures of this user left behind that did not end in good order; as root also the empty folders of those
 * that had given up its rights (--user). What is in use stays, but
 * for what this process itself has claimed: first clean, then claim.
 */
void bc_runtime_clean(void);

/* The folder is given up, and removed as far as the rights of the process allow. Takes one that was never claimed ({ 0 }). */
void bc_runtime_release(struct bc_runtime *r);

#endif
