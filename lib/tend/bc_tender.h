/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A process that does what is done with published segments, for a program that has given up the rights to their folders: it moves them
 * to where they stay, keeps them there within limits, records them in a chain of custody, and uploads them. It was told where they are and
 * what is to be done.
 */
#ifndef BC_TENDER_H
#define BC_TENDER_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_expire.h"
#include "bc_keeper.h"
#include "bc_log.h"
#include "bc_retention_rules.h"
#include "bc_signer.h"
#include "bc_uploader.h"

struct bc_keyring_config;
struct bc_tender;
struct bc_tender_folder;

/* What it may do, beside moving. */
enum bc_tending { BC_TEND_LIMITS, BC_TEND_CUSTODY, BC_TEND_UPLOAD };

/* Two share the work: one without the network, and one that asks others over it. */
enum { BC_TENDER_DISK, BC_TENDER_NET, BC_TENDERS };

/* Borrowed until bc_tender_free(). */
struct bc_tender_config {
	const char *name;		/* the process's */
	const struct bc_keeper_config *where;	/* segments are published: its dest, file, clients and ext */
	const char *completed;		/* they stay there, in a folder of each client's own if it has one; NULL: where they are published */
	bool moves;			/* it is this one that moves them */
	const struct bc_retention_rules *keep;	/* where they stay; NULL: nothing is removed */
	const char *sign;		/* a key, for the chain of custody; NULL: there is none */
	const struct bc_keyring_config *keyring;	/* which has it: a process of the new one's */
	const char *timestamp;		/* who stamps the chain; NULL: nobody */
	uint32_t timestamp_seconds;
	const struct bc_uploader_config *upload;	/* NULL: nothing is uploaded */
	const char *url, *node;		/* with it: see struct bc_upload_dest; node where there is one place for all, else it is the client's */
	const struct bc_log *log;	/* the new process's, too */
	/* In the new process, which has keyring and credentials: give up what it is not to have. 0, or a negative errno with a line in err. May be NULL. */
	int (*begin)(void *ctx, struct bc_err *err);
	void *ctx;
};

struct bc_tender_stats {
	struct bc_expired expired;
	struct bc_signer_stats custody;
	struct bc_upload_stats upload;
};

/* Before other threads. 0 and *ret, or a negative errno with a line in err. */
int bc_tender_new(const struct bc_tender_config *cfg, struct bc_tender **ret, struct bc_err *err);

/* Any thread: it has ended before its time, and nothing is done any more. */
bool bc_tender_has_ended(struct bc_tender *t);

/* Its process; 0: it has ended. */
int bc_tender_pid(struct bc_tender *t);

/* After all folders. Takes NULL. */
void bc_tender_free(struct bc_tender *t);

/*
 * A folder whose segments are to be tended from now on: the client's, where each has its own, or the one for all. limits: keep holds
 * here. Any thread. 0 and *ret; -EINVAL: no such client can be; -EOWNERDEAD: it has ended; or another negative errno; with a line in err.
 */
int bc_tender_add(struct bc_tender *t, const char *client, bool limits, struct bc_tender_folder **ret, struct bc_err *err);

/* As bc_completed_move(), of a segment that was published there. One thread at a time of each folder, which waits for none of another's. */
int bc_tender_move(void *folder, const char *path, char ret[BC_STORE_PATH_MAX], struct bc_err *err);

/* A segment is where it stays. Any thread; as good as never waits: see bc_apart_tell(). */
void bc_tender_published(struct bc_tender_folder *f, const char *path);

/* Does it do that there? Any thread. */
bool bc_tender_does(const struct bc_tender_folder *f, enum bc_tending what);

/* Since the beginning; of one that has ended, what was heard last. Any thread. */
void bc_tender_stats(struct bc_tender_folder *f, struct bc_tender_stats *ret);

/*
 * Nothing more is published. Has all been done that can be done now: all that waits is recorded, stamped and
 * uploaded, unless an authority does not answer, a store is down, or so much time has passed since this was first asked? To be asked again and again; true if it has ended. Any thread.
 */
bool bc_tender_finish(struct bc_tender *t, uint64_t patience_ns);

/* Ends what is under way but moving and limits, which end with their folders. */
void bc_tender_end(struct bc_tender *t);

/* As bc_retention_close(). Nothing is being moved. The numbers stay readable, and its place there is free. Once. */
void bc_tender_close(struct bc_tender_folder *f, bool now);

/* After bc_tender_close(). Takes NULL. */
void bc_tender_folder_free(struct bc_tender_folder *f);

#endif
