/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One long run from settings to exit status: plan, EAL, lcores, signals, progress, report. What capture and collect share;
 * what each does in its own way is struct bc_session_ops. Control thread.
 */
#ifndef BC_SESSION_H
#define BC_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "bc_calibration.h"
#include "bc_config.h"
#include "bc_crowd.h"
#include "bc_display.h"
#include "bc_environment.h"
#include "bc_engine.h"
#include "bc_group.h"
#include "bc_keeper.h"
#include "bc_output.h"
#include "bc_keyring.h"
#include "bc_plan.h"
#include "bc_sandbox.h"
#include "bc_publisher.h"
#include "bc_uploader.h"
#include "bc_signals.h"
#include "bc_telemetry.h"
#include "bc_tender.h"
#include "bc_topology.h"

enum bc_exit {
	BC_EXIT_DONE = 0,
	BC_EXIT_FAILED = 1,	/* or ended early */
	BC_EXIT_USAGE = 2,	/* bad arguments or settings: nothing was started, nothing written */
};

struct bc_session;
struct bc_signer;
struct bc_spawner;
struct bc_stamper;

/* ctx is the session's. Those that return int: 0, or a negative errno with a line in err. */
struct bc_session_ops {
	const char *doing;	/* "capturing" */
	enum bc_duty duty;	/* without DPDK */
	const char *source;	/* "source", as the first line counts them */
	/* The rights to its only output's folder may be another process's: say who shares it. NULL: they stay here. */
	void (*kept)(void *ctx, struct bc_keeper_config *c);
	/* It is so: what else wants rights goes to other processes. 0, or a negative errno with a line in err. */
	int (*apart)(void *ctx, struct bc_err *err);
	/* Before EAL: who is to run where. */
	int (*request)(void *ctx, const struct bc_topology *topo, struct bc_plan_request *ret, struct bc_err *err);
	/* And how many mbufs are wanted. */
	uint32_t (*mbufs)(void *ctx, const struct bc_plan *plan);
	/* EAL is up: open, drop privileges, build the pipelines, and name them in s->group. */
	int (*build)(struct bc_session *s, struct bc_err *err);
	/* The lcores run. May be NULL. */
	int (*start)(void *ctx, struct bc_err *err);
	/* Packets are about to come. May be NULL. */
	void (*started)(void *ctx);
	/* About every 100 ms, more often while stopping: true when everything is written. */
	bool (*control)(void *ctx);
	/* The system clock was stepped by so many seconds, as text. May be NULL. */
	void (*stepped)(void *ctx, const char *seconds);
	/* SIGHUP: the segments end, and what files say is read again. */
	void (*reload)(void *ctx);
	/* What is done with published segments is done. */
	void (*ended)(void *ctx);
	/* Nothing runs any more: free the pipelines, and all that build made. After any failure, too. */
	void (*release)(void *ctx);
};

#define BC_SESSION_KEYS 2	/* of TLS, of the chain of custody */

struct bc_session {
	/* The caller's, before bc_session_run. */
	const char *name;			/* of the program, for messages */
	const struct bc_config *cfg;
	const struct bc_session_ops *ops;
	void *ctx;
	bool needs_devices;			/* the topology has to be read with them */

	/* The session's, for its ops. */
	struct bc_plan *plan;
	struct bc_plan_request *request;
	struct bc_environment env;
	struct bc_calibration calibration;	/* its clock is the pipelines' */
	struct bc_publisher *publisher;		/* NULL: none */
	struct bc_tap *tap;			/* NULL: none */
	struct bc_object_settings store;	/* of objects that are sources, and of uploads */
	struct bc_spawner *spawner;		/* NULL: no output has a command */
	struct bc_keeper *keeper;		/* NULL: this process has the rights to its outputs' folders */
	struct bc_tender *tender[BC_TENDERS];	/* NULL: with published segments nothing is to be done, or there is no keeper */
	struct bc_keyring *keyring;		/* NULL: there is no private key */
	struct bc_signer *signer;		/* NULL: no chain of custody, or a tender's */
	struct bc_stamper *stamper;		/* NULL: nobody stamps it */
	struct bc_uploader *uploader;		/* NULL: nothing is uploaded, or a tender does it */
	char host[256];				/* the host's name, as of uploads */
	struct bc_log log;
	struct bc_signals signals;

	/* build's. */
	struct bc_group group;
	uint32_t spread;			/* so many pipelines there may be, each of which stays on one lcore; 0: the only one goes by the plan */
	struct bc_display *display;		/* NULL: no progress is shown */

	/* Nobody else's. */
	const char *command[2 * BC_MAX_OUTPUTS];	/* of the spawner's */
	bool spawner_lost;
	struct bc_keeper_config keeping;	/* the keeper's */
	char keeping_ext[BC_OUTPUT_EXT_MAX];
	bool keeper_lost, tender_lost[BC_TENDERS];
	struct bc_keyring_key key[BC_SESSION_KEYS];	/* of the keyring's */
	struct bc_uploader_config uploading;	/* the uploader's, or a tender's */
	struct bc_keyring_key signing_key;	/* of the tender's keyring, */
	struct bc_keyring_config signing;	/* which has only that */
	bool keyring_lost;
	struct bc_topology *topo;
	uint32_t n_stages;
	struct bc_stage *stages;
	struct bc_stage **stage_ptr;
	uint32_t n_lcores;			/* of the plan's, those that have work */
	struct bc_lcore *lcores;
	struct bc_crowd **crowd;		/* of each lcore; NULL: not spread */
	struct bc_telemetry *telemetry;
	bool stopping;
	uint64_t start_mono_ns;
	uint64_t received;			/* at the last look */
	uint64_t active_mono_ns;		/* when it last grew */
	uint64_t control_mono_ns;
};

/* Spread, control thread: the pipeline behind the last of s->group is started, and takes part from now on. */
void bc_session_add(struct bc_session *s);

/* For messages before the run. */
void bc_session_init(struct bc_session *s);

/* The whole run; what went wrong is said on stderr. ops->release has been called on every return. */
enum bc_exit bc_session_run(struct bc_session *s);

/* Say it on stderr. started: EAL is up. The exit status. */
enum bc_exit bc_session_fail(const char *name, const struct bc_err *err, int r, bool started);

/* In a process apart: run as the outputs' threads do, on their CPUs, as their user. 0, or a negative errno with a line in err. */
int bc_session_settle(const struct bc_session *s, struct bc_err *err);
/* And only read: the output's folder, and this file (NULL: none). Likewise. */
int bc_session_confine_reader(const struct bc_session *s, const char *file, struct bc_err *err);

/* What every pipeline of the session is told, before its own. The writers and lcores are the plan's. */
struct bc_pipeline_config bc_session_pipeline(struct bc_session *s);

#endif
