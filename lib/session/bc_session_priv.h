/* SPDX-License-Identifier: BSD-3-Clause */
/* What the parts of a session tell each other. */
#ifndef BC_SESSION_PRIV_H
#define BC_SESSION_PRIV_H

#include "bc_session.h"

/* Share the pipelines' stages out among the lcores. 0, or -ENOMEM with a line in err. */
int bc_session_make_lcores(struct bc_session *s, struct bc_err *err);
/* Start the I/O threads and the lcores. 0; or a negative errno with a line in err, and none runs. */
int bc_session_launch(struct bc_session *s, struct bc_err *err);
/* Give up what is under way: the lcores' loops and the I/O threads end. */
void bc_session_abort(struct bc_session *s);
/* The lcores have ended, or will: join them and the I/O threads. */
void bc_session_join(struct bc_session *s);

/* Before other threads: with commands, the process that starts them. 0, or a negative errno with a line in err. */
int bc_session_new_spawner(struct bc_session *s, struct bc_err *err);
/* The log says once if it has ended. */
void bc_session_look_at_spawner(struct bc_session *s);

/* Before other threads: where it may, the process that keeps the output's folder. 0, or a negative errno with a line in err. */
int bc_session_new_keeper(struct bc_session *s, struct bc_err *err);
/* Are the segments of its first output in this folder, or below it? True, too, where that cannot be told. */
bool bc_session_holds_output(const struct bc_session *s, const char *folder);
/* It has ended, which the log says once. */
bool bc_session_has_lost_keeper(struct bc_session *s);
/* In that process: it has the output's folder and the report's, and no others. Likewise. */
int bc_session_confine_keeper(const struct bc_session *s, struct bc_err *err);
/* In those that tend what is published: one has the folder, and that of --completed; the other where segments stay, and sockets. Likewise. */
int bc_session_confine_tender(const struct bc_session *s, int which, struct bc_err *err);
/* Beside a keeper: those of them that there is something to do for. Likewise. */
int bc_session_new_tenders(struct bc_session *s, struct bc_err *err);
/* The key to the store is in no process but the one that uploads. */
void bc_session_forget_store(const struct bc_session *s);
/* The log says once if one of these has ended. */
void bc_session_look_at_tenders(struct bc_session *s);
/* Nothing more is published. Have they done what can be done now? See bc_tender_finish(). */
bool bc_session_tenders_idle(const struct bc_session *s, uint64_t patience_ns);
/* Whose the segments are that are uploaded, where they are no client's. */
const char *bc_session_node(const struct bc_session *s);
/* Between two stamps of a chain, at least. */
uint32_t bc_session_stamp_seconds(const struct bc_session *s);
/* What a keyring is to be told that only signs records. It lives as long as s. */
const struct bc_keyring_config *bc_session_signing(struct bc_session *s);
/* Before other threads: with private keys, the process that keeps them. 0, or a negative errno with a line in err. */
int bc_session_new_keyring(struct bc_session *s, struct bc_err *err);
/* The log says once if it has ended. */
void bc_session_look_at_keyring(struct bc_session *s);

/* The path of ZeroMQ's socket; NULL: it has none in the file system. */
const char *bc_session_zmq_socket(const struct bc_session *s);

/*
 * Before other threads, with a claimed prefix: write nowhere but where outputs, report and control socket are, and where DPDK writes. With a
 * keeper read less, too. 0, or a negative errno with a line in err.
 */
int bc_session_confine_files(const struct bc_session *s, struct bc_err *err);

/* All is open, and nothing runs: give up the system calls that are not needed, in all threads. */
void bc_session_confine_calls(struct bc_session *s);

/* --pcap-over-ip. 0 and s->tap, if it is wanted; or a negative errno with a line in err. */
int bc_session_new_tap(struct bc_session *s, struct bc_err *err);
/* Read its certificates again; the log says what came of it. */
void bc_session_reload_tap(const struct bc_session *s);

/* Until everything is written, or the session is aborted. */
void bc_session_control(struct bc_session *s);

#endif
