/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "bc_check.h"
#include "bc_plural.h"
#include "bc_sys.h"

#define CPUS "/sys/devices/system/cpu"
#define CPU "cpu"
/* With fewer there is none to spare. */
#define ISOLATE_FROM 4

static bool is_cpu(const struct bc_sys_list *l, uint32_t i)
{
	const char *rest = l->name[i] + 3;

	return !strncmp(l->name[i], "cpu", 3) && rest[0] && !rest[strspn(rest, "0123456789")];
}

static void check_governor(const char *root, const struct bc_sys_list *l, struct bc_findings *f)
{
	uint32_t told = 0, slow = 0;
	char text[32], other[32] = "";

	for (uint32_t i = 0; i < l->n; i++) {
		if (!is_cpu(l, i) || !bc_sys_text(root, text, sizeof(text), CPUS "/%s/cpufreq/scaling_governor", l->name[i]))
			continue;
		told++;
		if (strcmp(text, "performance")) {
			slow++;
			strcpy(other, text);
		}
	}
	if (!told) {
		bc_finding_add(f, BC_FINDING_OK, CPU, "the kernel does not scale frequencies here");
	} else if (slow) {
		bc_finding_add(f, BC_FINDING_NOTE, CPU, "%" PRIu32 " of %" PRIu32 " CPU%s %s the governor %s: slow when a burst begins", slow,
			       told, bc_plural(told, "", "s"), bc_plural(slow, "has", "have"), other);
		bc_finding_advise(f, "cpupower frequency-set -g performance");
	} else {
		bc_finding_add(f, BC_FINDING_OK, CPU, "all CPUs have the governor performance");
	}
}

static void check_isolated(const char *root, uint32_t cpus, struct bc_findings *f)
{
	char isolated[256], tickless[256];

	bc_sys_text(root, isolated, sizeof(isolated), CPUS "/isolated");
	bc_sys_text(root, tickless, sizeof(tickless), CPUS "/nohz_full");
	if (isolated[0] && tickless[0] && strcmp(tickless, "(null)")) {
		bc_finding_add(f, BC_FINDING_OK, CPU, "CPUs %s are isolated: name them with --lcores", isolated);
	} else if (isolated[0]) {
		bc_finding_add(f, BC_FINDING_NOTE, CPU, "CPUs %s are isolated, but interrupted by the kernel's tick", isolated);
		bc_finding_advise(f, "nohz_full=%s rcu_nocbs=%s on the kernel command line", isolated, isolated);
	} else if (cpus < ISOLATE_FROM) {
		bc_finding_add(f, BC_FINDING_OK, CPU, "%" PRIu32 " CPU%s, none isolated: too few for that", cpus, bc_plural(cpus, "", "s"));
	} else {
		bc_finding_add(f, BC_FINDING_NOTE, CPU, "no CPU is isolated: the scheduler takes time from those that capture");
		bc_finding_advise(f, "for a dedicated server: isolcpus=, nohz_full= and rcu_nocbs= on the kernel command line, and --lcores");
	}
}

static void check_clocksource(const char *root, struct bc_findings *f)
{
	char text[32];

	if (!bc_sys_text(root, text, sizeof(text), "/sys/devices/system/clocksource/clocksource0/current_clocksource") ||
	    (strcmp(text, "hpet") && strcmp(text, "acpi_pm")))
		return;
	bc_finding_add(f, BC_FINDING_NOTE, CPU, "the kernel reads its time from %s, which takes a microsecond", text);
	bc_finding_advise(f, "dmesg says why the TSC is not trusted; a newer firmware may help");
}

static void check_autogroup(const char *root, struct bc_findings *f)
{
	int64_t on;

	if (!bc_sys_number(root, &on, "/proc/sys/kernel/sched_autogroup_enabled") || !on)
		return;
	bc_finding_add(f, BC_FINDING_NOTE, CPU, "nice counts only among programs of one session: a search in another takes as much of a CPU as a capture");
	bc_finding_advise(f, "sysctl kernel.sched_autogroup_enabled=0, or captures as services");
}

void bc_check_cpus(const char *root, struct bc_findings *f)
{
	struct bc_sys_list l = bc_sys_list(root, CPUS);
	uint32_t cpus = 0;

	for (uint32_t i = 0; i < l.n; i++)
		cpus += is_cpu(&l, i);
	check_governor(root, &l, f);
	check_isolated(root, cpus, f);
	check_clocksource(root, f);
	check_autogroup(root, f);
	bc_sys_list_free(&l);
}
