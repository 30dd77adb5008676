/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the uploader share. "Under the lock" is under bc_uploader's, unless it is said otherwise. */
#ifndef BC_UPLOADER_PRIV_H
#define BC_UPLOADER_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "bc_object.h"
#include "bc_upload_log.h"
#include "bc_upload_object.h"
#include "bc_uploader.h"

#define BC_UPLOAD_THREADS_MAX 16U

/* A segment, or an index beside one, that waits, or is under way. */
struct bc_upload_item {
	struct bc_upload_item *next;
	struct bc_upload_folder *f;
	struct bc_upload_hour *hour;	/* that waits for it; NULL: none does */
	uint64_t size, mtime_ns;
	uint64_t due_ns;	/* bc_mono_ns(); 0: at once */
	bool failed;
	char name[];
};

struct bc_upload_folder {
	struct bc_upload_folder *next;
	struct bc_uploader *u;
	unsigned refs;		/* outputs that publish here; the lock's */
	int fd;
	struct stat id;
	char *path, *node;
	struct bc_object_name dest;
	bool utc;
	struct bc_upload_log *log;
	/* Under the lock. */
	bool scan;		/* the folder is to be looked through */
	bool scanning;
	bool tidy;		/* old multipart uploads are to be aborted */
	bool leaving;
	unsigned busy;		/* threads at it */
	struct bc_upload_item *head, **tail;	/* those that wait */
	void *names;		/* tsearch(3) of all items, with those under way */
	struct bc_upload_hour *hours;	/* with segments that wait, or were uploaded and are in no catalogue */
	struct bc_upload_stats sum;
};

struct bc_upload_worker {
	struct bc_uploader *u;
	struct bc_object_client *client;
	_Atomic bool stop;		/* end what is under way */
	struct bc_upload_folder *at;	/* under the lock: the folder that is worked on, or NULL */
	const struct bc_upload_item *item;	/* under the lock: its segment that is under way, or NULL */
	pthread_t thread;
	bool started;
};

struct bc_uploader {
	const struct bc_log *log;
	bool behind;
	struct bc_rate rate;
	struct bc_upload_worker worker[BC_UPLOAD_THREADS_MAX];
	unsigned n_workers;
	uint32_t connections;	/* requests at once */
	_Atomic bool stop;
	pthread_mutex_t lock;	/* of all below, and of what folders say */
	pthread_cond_t work;	/* there is something to do, or to be told */
	struct bc_upload_folder *folders;
	uint32_t in_use;	/* of the connections, by segments that are under way */
	bool finishing;		/* nothing more is published */
	uint64_t pause_ns;	/* how long after the last failure; 0: the store works */
	uint64_t resume_ns;	/* bc_mono_ns(): not before */
	uint64_t down_ns;	/* since when; 0: it works */
	uint64_t told_ns;
	int told;		/* the trouble that was told last */
};

/* ---- bc_uploader_queue.c: which segment is next. All under the lock ---- */

/* A segment, or an index beside one, into the queue, unless it is there. 0 or -ENOMEM. */
int bc_upload_enqueue(struct bc_upload_folder *f, const char *name, const struct stat *st);
/* It waits no more; it is in no queue. Freed. */
void bc_upload_drop(struct bc_upload_item *i);
void bc_upload_back_in_line(struct bc_upload_item *i);
void bc_upload_to_the_end(struct bc_upload_item *i);
/* So many connections are for an item. */
uint32_t bc_upload_share(const struct bc_uploader *u, const struct bc_upload_item *i);
/*
 * The oldest that is due, off the queue, from the folder that has been waited on longest; or NULL. *ret_ns: the next is due then, or
 * when there are connections for it, which end_work() tells.
 */
struct bc_upload_item *bc_upload_next(struct bc_uploader *u, uint64_t *ret_ns);

/* ---- bc_uploader_trouble.c: outages. Under the lock, but for the first ---- */

/* Is it the whole uploader's trouble, not this segment's? */
bool bc_upload_is_down(int r);
void bc_upload_store_fails(struct bc_uploader *u, int r, const struct bc_err *err);
void bc_upload_store_works(struct bc_uploader *u);

/* ---- bc_uploader_folder.c, bc_uploader_tidy.c: what a folder's beginning needs. Without the lock ---- */

/* The folder's segments that are not there yet, in the order of their names, into its queue; and indexes of those that are. */
void bc_upload_scan(struct bc_upload_folder *f);
/* Multipart uploads that nobody goes on with are aborted. */
void bc_upload_tidy(struct bc_upload_worker *w, struct bc_upload_folder *f);

/* ---- bc_uploader_hours.c: catalogues of hours. Under the lock, but for the writing ---- */

/* An item waits, and with it its hour; it does so no more. */
void bc_upload_hour_join(struct bc_upload_item *i);
void bc_upload_hour_leave(struct bc_upload_item *i);
/* It is on the store; its hour is to have a catalogue. */
void bc_upload_hour_note(struct bc_upload_item *i);
void bc_upload_forget_hours(struct bc_upload_folder *f);
/* One that is over, taken off the folder's; NULL: there is none. Before that the folder is looked through once more. */
struct bc_upload_hour *bc_upload_hour_over(struct bc_upload_folder *f);
/* As bc_upload_hour(). Without the lock. */
int bc_upload_write_hour(struct bc_upload_worker *w, struct bc_upload_folder *f, const struct bc_upload_hour *h, struct bc_err *err);
/* What came of it. It is freed, or tried again. */
void bc_upload_hour_done(struct bc_upload_folder *f, struct bc_upload_hour *h, int r, const struct bc_err *err);

/* ---- bc_uploader_work.c: the threads ---- */

/* Each with a client, but not started. 0, or a negative errno with a line in err: some may be there already. */
int bc_upload_workers_new(struct bc_uploader *u, const struct bc_uploader_config *cfg, struct bc_err *err);
/* Those that do not run yet. Likewise. */
int bc_upload_workers_start(struct bc_uploader *u, struct bc_err *err);
/* What is under way ends soon. Any thread. */
void bc_upload_interrupt(struct bc_upload_worker *w);

#endif
