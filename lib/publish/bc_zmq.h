/* SPDX-License-Identifier: BSD-3-Clause */
/* libzmq, loaded (bc_library.h) when somebody publishes. */
#ifndef BC_ZMQ_H
#define BC_ZMQ_H

#include <zmq.h>

#include "bc_err.h"

#define BC_ZMQ_FUNCTIONS(X) \
	X(bind) X(close) X(ctx_new) X(ctx_term) X(getsockopt) X(msg_close) X(msg_data) X(msg_init_size) X(msg_send) X(recv) X(send) \
	X(setsockopt) X(socket) X(strerror)

/* zmq_bind() and so on. */
struct bc_zmq {
#define BC_ZMQ_MEMBER(name) __typeof__(zmq_##name) *name;
	BC_ZMQ_FUNCTIONS(BC_ZMQ_MEMBER)
#undef BC_ZMQ_MEMBER
};

/* 0 and *ret, or -ENOENT with a line in err. */
int bc_zmq_load(struct bc_zmq *ret, struct bc_err *err);

#endif
