/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Where finished bytes go: a folder of rotated segments, one file, a descriptor, or nowhere. A segment is begun, written
 * block by block, and finished; what becomes of it then (fsync, its final name) happens in the background, on a
 * thread of the store's own. docs/segments.md states the names, the publication protocol and the policy for a full disk.
 *
 * One thread at a time calls a store, except where it says otherwise. Nothing here ends a capture: an error is returned
 * or logged, and the store stays usable.
 */
#ifndef BC_STORE_H
#define BC_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_crew.h"
#include "bc_err.h"
#include "bc_io.h"
#include "bc_log.h"

#define BC_STORE_PATH_MAX 4096
#define BC_STORE_RESERVE 65536U
#define BC_STORE_STEP (8U * 1024 * 1024)
#define BC_STORE_STEP_TMPFS (512U * 1024)

struct bc_folder;
struct bc_keeper;
struct bc_store;

enum bc_store_kind {
	BC_STORE_DIR,	/* dest is a folder */
	BC_STORE_FILE,	/* dest is the final name of one file */
	BC_STORE_FD,	/* a stream: stdout, another open descriptor, a named pipe, a device */
	BC_STORE_PEER,	/* a remote peer's queue */
	BC_STORE_NULL,	/* count and drop */
};

/* What the caller knows of a segment. Plain data, handed through to the callback; the store only makes names of it. */
struct bc_segment_info {
	uint64_t packets;
	uint64_t bytes;		/* before compression */
	uint64_t first_ns;	/* of the packets; 0 without one */
	uint64_t last_ns;
	uint64_t begin_ns;	/* UTC */
	/* Of a file that cannot be published: it is cut to the bytes that were confirmed or, if it is not on disk, kept. */
	bool cut_back;
	uint64_t confirmed, kept;
	bool on_disk;		/* of a file, by the store for the callback: its bytes are there for good, whatever err says */
};

/*
 * Called exactly once for every segment for which bc_store_finish() returned 0, in their order. err 0: path is the
 * final name, and file_bytes are on disk under it. Negative errno: path is where the data lies now, which is
 *   the temporary name, left in place, when write_tail, fsync or rename failed, or -ECANCELED after bc_store_abort();
 *   the final name, if only the folder's fsync failed;
 *   a name that is gone: -ENODATA (-ECOMM behind a command), not one byte had been written, and the empty file was removed,
 *   unless keep_empty.
 * -ECOMM: the command failed.
 * For dir and file it runs on the store's thread (or in bc_store_abort()), else inside bc_store_finish(). It must not
 * call the store. path and info live only as long as the call. path is "-" for a descriptor, and "" for null
 * and for a peer, which may not have taken all of it by then.
 */
typedef void (*bc_store_published)(void *ctx, const char *path, uint64_t file_bytes, const struct bc_segment_info *info,
				   int err);

/*
 * Of a folder or a file: called before segments get their final names. The next n for which bc_store_finish() returned
 * 0, in their order, get them when it returns; on_disk: whether the bytes of each are there for good. What it puts into
 * the open folder is on disk when these names are. folder is for bc_folder_acknowledge(). The store's thread.
 */
typedef void (*bc_store_publishing)(void *ctx, const struct bc_folder *folder, uint32_t n, const bool *on_disk);

struct bc_store_config {
	enum bc_store_kind kind;
	/*
	 * DIR, FILE; copied. FD: a path that bc_file_is_stream(), or NULL for fd. A named pipe without a reader is opened by the first
	 * write, which waits for one.
	 */
	const char *dest;
	int fd;			/* FD; borrowed: never closed. SIGPIPE must be ignored by the application */
	const char *ext;	/* DIR, FILE: ".pcapng.lz4"; copied; "" or NULL for none */
	const char *series;	/* DIR: names as osmo-pcap's, trace-SERIES-...; copied; NULL: names of our own */
	uint32_t mode;		/* DIR, FILE: the permissions of a file, whatever the umask; 0: 0640, less the umask */
	bool utc;		/* DIR: names in UTC, otherwise in local time */
	bool name_first;	/* DIR: names by the first packet, if there is one; otherwise by begin_ns */
	uint64_t first_seq;	/* DIR: number of the first segment */
	/*
	 * DIR, FILE: each segment goes through this shell command of the spawner's, whose standard output is the file; copied; NULL: none. It is published
	 * only if the command exits with 0. SIGPIPE must be ignored by the application.
	 */
	const char *pipe;
	struct bc_spawner *spawner;	/* with it; outlives the store */
	const char *seqfile;	/* DIR: numbers go on from this file instead, see bc_seqfile.h; NULL: none */
	struct bc_keeper *keeper;	/* DIR, FILE: who has the rights to the folder, which is its place; outlives the store; NULL: this process */
	uint32_t place;
	uint32_t pid;		/* DIR, FILE: stands in temporary names */
	uint32_t reserve;	/* bytes kept free for bc_store_write_tail(); 0: BC_STORE_RESERVE */
	bool keep_empty;	/* DIR, FILE: a file of no bytes is a valid segment */
	uint32_t step;		/* disk space is taken in steps of this many bytes; 0: up to BC_STORE_STEP, or BC_STORE_STEP_TMPFS there */
	bool none_ahead;	/* DIR, without seqfile: each file is opened when its segment begins, and the first one's made now is removed again */
	struct bc_crew *crew;	/* DIR, FILE: whose threads publish; outlives the store; NULL: a thread of the store's own */
	enum bc_io io;		/* DIR, FILE; bc_store_stats() tells what came of it */
	uint32_t depth;		/* direct writes in flight, 1 is without io_uring; 0: the one found best */
	struct bc_peer *peer;	/* PEER; borrowed, not yet started */
	uint64_t patience_ns;	/* PEER: how long a write waits for room while the peer takes nothing; 0: none */
	uint64_t drain_ns;	/* PEER: how long bc_store_drain() takes at the most */
	const struct bc_log *log;	/* outlives the store; may be NULL */
	bc_store_published published;	/* may be NULL, as the next */
	bc_store_publishing publishing;
	void *ctx;
};

/*
 * Checks everything that can be checked before a capture: the folder is there and can be written (the first temporary
 * file is made now), the file's final name is free, the descriptor can be written and is no terminal. 0 and *ret for
 * bc_store_close() or _abort(), or a negative errno, a line in err, and nothing left behind.
 */
int bc_store_open(const struct bc_store_config *cfg, struct bc_store **ret, struct bc_err *err);

/*
 * A new segment starts. It takes the file that was opened ahead and has the next one opened; only when none is ready
 * is it opened here. A number is used up with each success. After a failure nothing has begun, and the call may be repeated:
 *   -EAGAIN      BC_STORE_QUEUE_MAX finished segments still wait for the disk, and none was done in a few milliseconds;
 *   -EOPNOTSUPP  a second segment of a FILE or FD, which hold one (final);
 *   -EINVAL      a segment is begun already;
 *   otherwise what open(2) said (-ENOSPC, -EMFILE, ...), which was also logged once.
 */
#define BC_STORE_QUEUE_MAX 64
int bc_store_begin(struct bc_store *s);

/*
 * Append len bytes: all of them (0) or none (negative errno). A short write is continued; after an error the file is
 * cut back to where it was, and a later call may succeed.
 *   -ENOSPC  the disk or the quota is full. It comes before the block touches the space reserved for the closing bytes,
 *            wherever the file system has fallocate(2).
 *   -EIO, ...  what the system said.
 *   -EPIPE   the reader of a descriptor is gone (final).
 *   -EINVAL  no segment is begun.
 *   -EFBIG   the file may not become so long (RLIMIT_FSIZE); its closing bytes still find room.
 *   -ESTALE  the file was removed: for this segment.
 *   -ECOMM   the command could not be started, or reads no more (for this segment).
 * A descriptor that is no seekable file, or a command, cannot be cut back: after an error in mid-block each further call returns it.
 *   -ECANCELED  bc_store_cancel() was called while a reader was waited for.
 *   -ENOBUFS  a peer's queue has no room.
 *   -EXFULL  the same, but what is in it has been sent, or is being brought to disk: there may soon be room.
 * It waits for the reader of a descriptor, and for a command.
 */
int bc_store_write(struct bc_store *s, const void *data, size_t len);

/*
 * The same for the bytes that close a segment; cfg.reserve bytes of these find room after bc_store_write() succeeded once.
 * After a failure it may be called again. A segment that is finished after a failed write_tail is not published, since it
 * would not be whole: it keeps its temporary name, for recovery, and the callback gets that error.
 */
int bc_store_write_tail(struct bc_store *s, const void *data, size_t len);

/*
 * Put len bytes behind the segment's end, which stays where it is: what is written next is written over them, and a published segment
 * does not have them. They find room in the reserve. 0, or a negative errno; -EINVAL also where can_write_behind is false, as
 * it is but for a DIR or FILE through the page cache.
 */
bool bc_store_can_write_behind(const struct bc_store *s);
int bc_store_write_behind(struct bc_store *s, const void *data, size_t len);

/*
 * Any thread: a write that waits for a reader, now or later, returns -ECANCELED. Waiting for a disk is not cancelled.
 */
void bc_store_cancel(struct bc_store *s);

/*
 * The current segment cannot be completed, for this negative errno: it will not be published, as after a failed tail.
 */
void bc_store_spoil(struct bc_store *s, int err);

/* Bytes in the segment that is begun: what all successful writes put there, less what a failed bc_store_settle() took. */
uint64_t bc_store_size(const struct bc_store *s);

/*
 * A direct store has taken bytes that are not in the file yet: it settles. settle writes them, and waits until all that was taken is
 * there; at once 0 if it is. After a negative errno (the write was tried twice) the segment is cut back to where it was
 * settled last, to 0 if never: all blocks since then are gone, and a later write may succeed; a segment that is finished without
 * one is not published. That errno also comes out of
 * bc_store_write() as soon as it is known, and of every write until the segment is settled.
 */
bool bc_store_settles(const struct bc_store *s);
bool bc_store_settled(const struct bc_store *s);
int bc_store_settle(struct bc_store *s);

/*
 * A PEER accepts bytes and passes them on later. lags: it is such a store. passed: how many of the bytes written so far
 * have arrived or are lost, which lost tells of those from from to to, asked in ascending order. drain: nothing more is
 * written; wait until all has passed, for drain_ns at the most, or until cancelled. kept: after that, is the byte before to,
 * which has not passed, where the next run of the program finds it and passes it on?
 */
bool bc_store_lags(const struct bc_store *s);
uint64_t bc_store_passed(struct bc_store *s);
bool bc_store_lost(struct bc_store *s, uint64_t from, uint64_t to);
bool bc_store_kept(struct bc_store *s, uint64_t to);
void bc_store_drain(struct bc_store *s);

/*
 * Have all that was settled so far brought to disk (fdatasync) in the background. Never blocks; calls during one that is
 * waiting are one. A failure is logged, and that segment will not be published. Nothing for FD and NULL, and behind a command.
 */
void bc_store_sync(struct bc_store *s);

/*
 * How much of the segment that is begun is on disk for good: what was settled when the last sync began that is done. A
 * negative errno: a sync failed, or the file was removed, and nothing more will be. The segment is then to be finished,
 * and will not be published. syncs: the store has a disk that can tell.
 */
bool bc_store_syncs(const struct bc_store *s);
int bc_store_synced(struct bc_store *s, uint64_t *ret_bytes);

/*
 * The segment ends; its publication is queued. 0, or -EINVAL when none is begun. Afterwards the next may begin. It is settled
 * first, and is not published if that fails, as after a failed write_tail. All failures of publication go to the log and the
 * callback. Waits for no more than writes in flight.
 */
int bc_store_finish(struct bc_store *s, const struct bc_segment_info *info);

/*
 * Both end and free the store; takes NULL. A segment begun and not finished stays on disk under its temporary name.
 * close waits until all that was finished is published, removes the unused file that was opened ahead, and returns the
 * first error that publishing met (0 otherwise; an empty segment is no error). abort waits only for the one system call
 * that is under way; what waited in the queue stays under its temporary name.
 */
int bc_store_close(struct bc_store *s);
void bc_store_abort(struct bc_store *s);

struct bc_store_stats {
	uint64_t written_bytes;		/* all segments, settled, without what was cut back */
	uint64_t slowest_write_ns;	/* the longest that a write or a settle kept its caller waiting */
	uint64_t begun;			/* segments */
	uint64_t published;
	uint64_t failed;		/* not published, or not surely on disk */
	uint64_t syncs;			/* background fdatasyncs done */
	uint64_t slowest_sync_ns;
	uint64_t slowest_publish_ns;
	uint32_t queue;			/* finished, not yet published */
	const char *io;			/* "direct+uring", "direct" (pwrite), "buffered"; "" for FD, NULL and behind a command */
	char path[BC_STORE_PATH_MAX];	/* the current segment's temporary name, "" between segments; "-" for FD */
};

/* Any thread, until close or abort is called. */
void bc_store_stats(struct bc_store *s, struct bc_store_stats *ret);

#endif
