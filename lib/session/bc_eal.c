/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_eal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "bc_source_kind.h"

#define MAX_ARGS 512
/* Without hugepages EAL is given a whole page for each mbuf. */
#define MBUF_PAGE 4096U

struct args {
	int n;
	char *v[MAX_ARGS + 1];
	char *given[MAX_ARGS + 1];	/* given to EAL, which reorders them */
	bool failed;
};

static void add(struct args *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void add(struct args *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (a->n == MAX_ARGS || vasprintf(&a->v[a->n], fmt, ap) < 0)
		a->failed = true;
	else
		a->n++;
	va_end(ap);
}

static void add_lcores(struct args *a, const struct bc_plan *plan)
{
	char set[1024], *list = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&list, &size);

	if (!f) {
		a->failed = true;
		return;
	}
	fprintf(f, "0@(%s)", bc_cpulist_format(&plan->control, set, sizeof(set)));
	for (uint32_t i = 0; i < plan->n_lcores; i++)
		fprintf(f, ",%u@%u", i + 1, plan->lcore[i].cpu);
	fclose(f);
	add(a, "--lcores");
	add(a, "%s", list);
	free(list);
}

/* "0000:3b:00.0,..." and "3b:00.0,..." are PCI devices; all else is virtual and probed when it is opened. */
static bool is_pci(const char *devargs)
{
	unsigned a, b, c, d;

	return sscanf(devargs, "%x:%x:%x.%x", &a, &b, &c, &d) == 4 || sscanf(devargs, "%x:%x.%x", &a, &b, &c) == 3;
}

static void add_devices(struct args *a, const struct bc_config *cfg)
{
	bool pci = false;

	for (uint32_t i = 0; i < cfg->n_sources; i++)
		if (cfg->sources[i].kind->target == BC_TARGET_PORT && is_pci(cfg->sources[i].target)) {
			add(a, "-a");
			add(a, "%s", cfg->sources[i].target);
			pci = true;
		}
	if (!pci) {
		add(a, "--no-pci");
		add(a, "--iova-mode=va");
	}
}

static void add_words(struct args *a, const char *words)
{
	char *copy = words ? strdup(words) : NULL, *save = NULL;

	a->failed |= words && !copy;
	for (char *w = copy ? strtok_r(copy, " \t\n", &save) : NULL; w; w = strtok_r(NULL, " \t\n", &save))
		add(a, "%s", w);
	free(copy);
}

/* The first error that DPDK logged is nearest to the cause, so our error line quotes it. */
struct listener {
	char first[256];
};

static ssize_t listen_to(void *ctx, const char *buf, size_t n)
{
	struct listener *l = ctx;
	size_t len = strcspn(buf, "\n");

	if (len > n)
		len = n;
	if (rte_log_cur_msg_loglevel() <= (int)RTE_LOG_ERR && len && !l->first[0])
		snprintf(l->first, sizeof(l->first), "%.*s", (int)(len < sizeof(l->first) ? len : sizeof(l->first) - 1), buf);
	return (ssize_t)n;
}

int bc_eal_start(const struct bc_config *cfg, const struct bc_plan *plan, const char *prefix, uint32_t mbufs, bool huge,
		 struct bc_err *err)
{
	static struct listener listener;	/* DPDK keeps the stream for the life of the process */
	static struct args a;			/* and the words of its arguments */
	int r;

	add(&a, "braidcap");
	add_lcores(&a, plan);
	add(&a, "--file-prefix=%s", prefix);
	if (huge) {
		add(&a, "--in-memory");
	} else {
		/* Nothing in files, as with --in-memory: the folder lies in memory itself. */
		add(&a, "--no-shconf");
		add(&a, "--no-huge");
		add(&a, "-m");
		add(&a, "%" PRIu64, ((uint64_t)mbufs * MBUF_PAGE >> 20) + BC_EAL_MIB);
	}
	add_devices(&a, cfg);
	add_words(&a, cfg->eal);
	if (cfg->verbose < 2)
		rte_openlog_stream(fopencookie(&listener, "w", (cookie_io_functions_t){ .write = listen_to }));
	memcpy(a.given, a.v, sizeof(a.given));
	if (!a.failed && rte_eal_init(a.n, a.given) >= 0)
		return 0;
	/* Some of EAL's failures leave rte_errno at 0. */
	r = a.failed ? -ENOMEM : rte_errno > 0 ? -rte_errno : -EIO;
	return bc_err_set(err, r, "DPDK does not start: %s: see docs/operations.md; -vv shows its full output",
			  listener.first[0] ? listener.first : strerror(-r));
}
