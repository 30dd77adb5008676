/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_environment.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>

#include "bc_eal.h"
#include "bc_source_kind.h"

/* An mbuf takes 2368, and some more to be safe. */
#define MBUF_BYTES 2496U
/* Captures with one process id, in as many containers. */
#define MAX_PREFIXES 64U

static uint64_t free_huge_bytes(void)
{
	DIR *d = opendir("/sys/kernel/mm/hugepages");
	struct dirent *e;
	uint64_t bytes = 0;

	while (d && (e = readdir(d))) {
		uint64_t kib, n;
		char path[512];
		FILE *f;

		if (sscanf(e->d_name, "hugepages-%" SCNu64 "kB", &kib) != 1)
			continue;
		snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/%s/free_hugepages", e->d_name);
		f = fopen(path, "re");
		if (f && fscanf(f, "%" SCNu64, &n) == 1)
			bytes += n * kib * 1024;
		if (f)
			fclose(f);
	}
	if (d)
		closedir(d);
	return bytes;
}

static void choose_memory(const struct bc_config *cfg, uint32_t mbufs, struct bc_environment *e)
{
	uint64_t need = (uint64_t)mbufs * MBUF_BYTES + (e->eal ? (uint64_t)BC_EAL_MIB << 20 : 0), have = free_huge_bytes();

	if (cfg->huge == BC_HUGE_NEVER)
		return;
	e->huge = have >= need;
	if (!e->huge)
		snprintf(e->note, sizeof(e->note), "%" PRIu64 " MiB of free hugepages, %" PRIu64 " MiB needed: "
			 "continuing without them (as with --no-huge); 'sysctl vm.nr_hugepages=%" PRIu64 "' provides "
			 "them", have >> 20, need >> 20,
			 (need + ((uint64_t)cfg->memory_mib << 20)) / (2 << 20) + 1);
}

/*
 * Take the first name that is free: in containers that share the runtime folder two captures can have the same process
 * id.
 */
static int choose_prefix(const struct bc_config *cfg, struct bc_environment *e, struct bc_err *err)
{
	int r;

	snprintf(e->prefix, sizeof(e->prefix), "%s", cfg->prefix ? cfg->prefix : "braidcap");
	r = bc_runtime_claim(e->prefix, &e->runtime, err);
	if (r == -EBUSY && cfg->prefix)
		return bc_err_set(err, -EBUSY, "--prefix: another capture uses '%s': choose another, or leave it out",
				  cfg->prefix);
	for (unsigned i = 1; r == -EBUSY && i <= MAX_PREFIXES; i++) {
		int n = snprintf(e->prefix, sizeof(e->prefix), "braidcap-%d", (int)getpid());

		if (i > 1)
			snprintf(e->prefix + n, sizeof(e->prefix) - (size_t)n, "-%u", i);
		r = bc_runtime_claim(e->prefix, &e->runtime, err);
	}
	return r;
}

/* Native code for filters comes from EAL's heap. */
bool bc_environment_needs_eal(const struct bc_config *cfg)
{
	bool port = false;

	for (uint32_t i = 0; i < cfg->n_sources; i++)
		port |= cfg->sources[i].kind->target == BC_TARGET_PORT;
	return port || cfg->bpf_jit || cfg->eal;
}

static int start_plain(const struct bc_plan *plan, struct bc_environment *e, struct bc_err *err)
{
	int r = pthread_setaffinity_np(pthread_self(), sizeof(plan->control), &plan->control);

	if (r)
		return bc_err_set(err, -r, "cannot run on the control CPUs (%s): name others with --lcores", strerror(r));
	return bc_tel_server_new(e->runtime.folder, &e->server, err);
}

int bc_environment_claim(const struct bc_config *cfg, uint32_t mbufs, struct bc_environment *ret, struct bc_err *err)
{
	struct bc_environment e = { .eal = bc_environment_needs_eal(cfg) };
	int r;

	bc_runtime_clean();
	r = choose_prefix(cfg, &e, err);
	if (r)
		return r;
	choose_memory(cfg, mbufs, &e);
	*ret = e;
	return 0;
}

int bc_environment_start(const struct bc_config *cfg, const struct bc_plan *plan, uint32_t mbufs, struct bc_environment *e,
			 struct bc_err *err)
{
	int r = e->eal ? bc_eal_start(cfg, plan, e->prefix, mbufs, e->huge, err) : start_plain(plan, e, err);

	e->up = !r;
	return r;
}

void bc_environment_stop(struct bc_environment *e)
{
	if (e->up && e->eal)
		rte_eal_cleanup();
	bc_tel_server_free(e->server);
	bc_runtime_release(&e->runtime);
}
