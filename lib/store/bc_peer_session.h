/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a peer says on a connection, as far as it concerns acknowledgements: a hello if it acknowledges at all, and then
 * what it has on disk. Everything else that it says is ignored, or is an error once it has said hello.
 * docs/distributed.md has the messages.
 */
#ifndef BC_PEER_SESSION_H
#define BC_PEER_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_spool.h"
#include "bc_wire.h"

enum bc_peer_phase {
	BC_PEER_SILENT,		/* nothing that would concern us */
	BC_PEER_GREETED,	/* hello */
	BC_PEER_ASKED,		/* we sent our session, and it has not answered */
	BC_PEER_ACKING,		/* it acknowledges */
};

struct bc_peer_session {
	enum bc_peer_phase phase;
	bool deaf;			/* it said something else first */
	uint8_t in[BC_WIRE_ANSWER_MAX];	/* of an answer that is not complete */
	size_t in_len;
};

/* A connection begins; also the first. */
void bc_peer_session_reset(struct bc_peer_session *s);

/*
 * GREETED: what to answer, BC_WIRE_SESSION_MESSAGE bytes to dst, with who we are, what of q can be sent, and how many
 * bytes can be held. It is ASKED then.
 */
void bc_peer_session_ask(struct bc_peer_session *s, const uint8_t node[BC_WIRE_ID], const struct bc_spool *q, uint64_t window,
			 uint8_t *dst);

/* These bytes came. 0, and q knows what was acknowledged; or -EBADMSG with a line in err. */
int bc_peer_session_input(struct bc_peer_session *s, struct bc_spool *q, const uint8_t *data, size_t len, struct bc_err *err);

#endif
