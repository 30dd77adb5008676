/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A whole capture: sources, merge, outputs, built from checked settings, driven by lcores that the caller launches, and drained
 * in the right order. Everything here is called by the control thread, unless it says otherwise.
 */
#ifndef BC_PIPELINE_H
#define BC_PIPELINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "bc_engine.h"
#include "bc_merge.h"
#include "bc_output.h"
#include "bc_peer.h"
#include "bc_source.h"

struct bc_pipeline_config {
	const struct bc_source_config *sources;	/* borrowed until bc_pipeline_free */
	uint32_t n_sources;
	const struct bc_output_config *outputs;	/* borrowed until bc_pipeline_free */
	uint32_t n_outputs;
	uint32_t writers[BC_MAX_OUTPUTS];	/* lanes, at least 1 */
	uint32_t n_lcores;
	bool one_cpu;				/* a single lcore, and the I/O threads have no CPU but its own */
	uint64_t count;				/* packets; 0: no limit */
	uint64_t max_wait_ns;
	uint64_t flush_ns, encrypted_flush_ns;
	uint32_t chunk_bytes;
	uint64_t memory_bytes;
	uint32_t link_size;			/* packets between a source and the merge; 0: 4096, 1024 if all are files; a lane has half of it before it */
	const struct bc_output_crews *crews;	/* threads that pipelines share for their outputs, and outlive them; NULL: each output has its own */
	uint32_t disk_step;			/* disk space is taken in steps of so many bytes; 0: the store's default */
	uint32_t mbufs;				/* 0: by the sources */
	struct rte_mempool *pool;		/* NULL: one of its own; otherwise not owned, and shared with other pipelines */
	struct bc_clock *clock;			/* not owned; the caller calibrates it before, and updates it */
	int numa_node;				/* where they are wanted: the devices'; -1: anywhere */
	struct bc_tls_files tls;		/* for the remote peers that use TLS; borrowed */
	uint64_t drain_ns;			/* for what remote peers have not taken at the end */
	bool detect_loop;			/* what goes to the remote peers is not captured */
	bool promiscuous;
	bool accelerate;
	bool bpf_jit;
	bool huge;
	enum bc_segstat_form statistics;	/* of each segment into the log, as information */
	const struct bc_log *log;
	const struct bc_object_settings *store;	/* of sources that are objects; outlives the pipeline; NULL: what the environment says */
	bool (*interrupted)(void *ctx);		/* see struct bc_source_env; may be NULL */
	void *interrupted_ctx;
	/* Called when the devices, keys and raw sockets are open and before an output is: the moment to drop privileges. May be NULL. */
	int (*devices_open)(void *ctx, struct bc_err *err);
	void *devices_open_ctx;
	/* Called by the I/O thread of each output as it ends: when the last has, bc_pipeline_control() is true. May be NULL. */
	void (*output_over)(void *ctx);
	void *output_over_ctx;
	struct bc_uploader *uploader;		/* of outputs that have an upload; outlives the pipeline; NULL: nothing is uploaded */
	struct bc_keyring *keyring;		/* of the private keys; outlives the pipeline; NULL: there are none */
	struct bc_spawner *spawner;		/* of the outputs' commands; outlives the pipeline; NULL: there are none */
	struct bc_keeper *keeper;		/* of its only output's folder, which is its place; outlives the pipeline; NULL: this process has the rights */
	uint32_t place;
	struct bc_tender *tender[BC_TENDERS];	/* who do what is done with its segments; likewise */
	struct bc_signer *signer;		/* of folders; outlives the pipeline; NULL: no chain of custody */
	const char *node;			/* with an uploader or a tender: whose the segments are; borrowed until bc_pipeline_new has returned */
	/*
	 * The publisher is told of the segments of each output that has a client's name here, and gets the packets of those that are to be
	 * mirrored. It outlives the pipeline. connect and disconnect are the caller's to tell.
	 */
	struct bc_publisher *publisher;		/* NULL: none */
	const char *client[BC_MAX_OUTPUTS];	/* borrowed until bc_pipeline_free; NULL: this output is not published */
	bool mirror[BC_MAX_OUTPUTS];		/* its packets too */
	bool mirror_ns;				/* with nanoseconds */
	struct bc_tap *tap;			/* gets the packets of the outputs that are tapped; outlives the pipeline; NULL: none */
	bool tapped[BC_MAX_OUTPUTS];
};

struct bc_pipeline {
	struct bc_pipeline_config cfg;
	struct bc_iface_table *ifaces;
	struct bc_ledger *ledger;
	struct rte_mempool *pool;
	uint32_t n_sources;			/* queues count */
	struct bc_carry *carry;		/* what files say beside their packets */
	struct bc_source **source;		/* n_sources of them */
	struct bc_link **link;
	struct bc_ack *ack[BC_MAX_SOURCES];	/* not owned; NULL: of this source nothing is acknowledged */
	struct bc_tls *tls;			/* of all remote peers; NULL: none uses it */
	struct bc_peer *peer[BC_MAX_OUTPUTS];	/* NULL: the output is something else */
	struct bc_output *output[BC_MAX_OUTPUTS];
	struct bc_window_memory window_memory;	/* the outputs' buffers, as far as sources may use them */
	struct bc_filters *filters;
	struct bc_filters_change *change;	/* that is under way; NULL: none */
	struct bc_merge *merge;
	uint64_t start_ns;
	bool live;				/* a source goes on while nothing comes: no file, no peer */
	bool lossy;				/* a source may lose packets by waiting, so that compressing less helps */
	bool drop_on_full;				/* and one does so as soon as its link is full */
	/* The control thread writes, telemetry reads. */
	_Atomic uint64_t stop_ns;
	_Atomic bool stopping, ended, aborted, joined, paused;
	_Atomic bool limit_reached;		/* the merge sets it */
};

/*
 * The mbufs that n_pipelines of these settings ask for together, on cfg's lcores. Before EAL is up: it must be given memory for
 * them.
 */
uint32_t bc_pipeline_mbufs(const struct bc_pipeline_config *cfg, uint32_t n_pipelines);

/* EAL is up. 0 and *ret; or a negative errno with a line in err, and nothing left behind but what EAL keeps. */
int bc_pipeline_new(const struct bc_pipeline_config *cfg, struct bc_pipeline **ret, struct bc_err *err);
void bc_pipeline_free(struct bc_pipeline *p);

/* Fill *ret with the stage; it lives as long as the pipeline. */
void bc_pipeline_source_stage(struct bc_pipeline *p, uint32_t source, struct bc_stage *ret);
void bc_pipeline_merge_stage(struct bc_pipeline *p, struct bc_stage *ret);
void bc_pipeline_lane_stage(struct bc_pipeline *p, uint32_t output, uint32_t lane, struct bc_stage *ret);

/*
 * The same of a pipeline of one source and one output with one lane, all in one: a round of every stage, their ticks, are all done.
 * holds: packets wait for a chunk's end, which time brings about. trim: when there has long been nothing to do, give back what
 * memory is not needed for that.
 */
uint32_t bc_pipeline_poll(struct bc_pipeline *p);
bool bc_pipeline_tick(struct bc_pipeline *p, uint64_t mono_ns);
bool bc_pipeline_done(const struct bc_pipeline *p);
bool bc_pipeline_holds(const struct bc_pipeline *p);
void bc_pipeline_trim(struct bc_pipeline *p);

/*
 * Start the I/O threads; the lcores may be launched then. 0; or a negative errno with a line in err: some may run, and are the
 * caller's to end by bc_pipeline_abort() and bc_pipeline_join().
 */
int bc_pipeline_start(struct bc_pipeline *p, struct bc_err *err);

/*
 * Call about every 100 ms, every 10 ms once stopping: reads loss counters, and takes a stop through its
 * steps. True when everything is drained and written: the lcores' loops end by themselves.
 */
bool bc_pipeline_control(struct bc_pipeline *p);

void bc_pipeline_pause(struct bc_pipeline *p, bool pause);
void bc_pipeline_rotate(struct bc_pipeline *p);
/* Read the files for TLS again, for the connections that will be made; the log says what came of it. */
void bc_pipeline_reload(struct bc_pipeline *p);
/* Take what the devices still hold, drain, publish. */
void bc_pipeline_stop(struct bc_pipeline *p);
/* No more order: the I/O threads end after the call under way. The caller has its lcores' loops end. Not after the join. */
void bc_pipeline_abort(struct bc_pipeline *p);

/* The lcores have ended: join the I/O threads, publish. After an abort, what was in flight is entered as aborted. */
void bc_pipeline_join(struct bc_pipeline *p);

/* After the join: do published segments still have to be moved, commands to be run? */
bool bc_pipeline_idle(const struct bc_pipeline *p);
/* Wait for that, or, with now, end at once the command that runs and forget those that wait. After an abort it is always at once. */
void bc_pipeline_end_post_publish(struct bc_pipeline *p, bool now);

/*
 * Replace an output's filter; "": all packets. 1: it is being compiled, call again with the same; 0; or a negative errno
 * with libpcap's words in err, and the old one stays: -EBUSY while another one is being compiled.
 */
int bc_pipeline_set_filter(struct bc_pipeline *p, uint32_t output, const char *expression, struct bc_err *err);
/* The expression in force, or NULL; valid until bc_pipeline_free. Any thread. */
const char *bc_pipeline_filter(const struct bc_pipeline *p, uint32_t output);

/* Packets that its sources took. Any thread. */
uint64_t bc_pipeline_received(const struct bc_pipeline *p);

/* A source or an output has failed: the capture is not what was asked for. */
bool bc_pipeline_failed(const struct bc_pipeline *p);

#endif
