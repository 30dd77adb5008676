/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_doctor.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <linux/ptp_clock.h>

#include "bc_check.h"
#include "bc_ctl_client.h"
#include "bc_doctor_measure.h"
#include "bc_table.h"

/* With less free, nothing is written to measure. */
#define LEAST_FREE 320e6
#define CLOCK_SAMPLES 5
/* Of the CPUs' time, what is told when others have it. */
#define BUSY_SHARE 0.1
#define STOLEN_SHARE 0.02

/* "pcap:eth0,buffer_mb=512": the same name? */
static bool is_named(const char *source, const char *kind, const char *name)
{
	size_t n = strlen(kind), len = strlen(name);

	if (!strncmp(source, kind, n))
		source += n;
	return !strncmp(source, name, len) && (!source[len] || source[len] == ',');
}

/* Bring the interface or port of that name to the front of d, behind the n_net and n_pci that are there. False: there is none. */
static bool bring_forward(const char *source, struct bc_devices *d, uint32_t *n_net, uint32_t *n_pci)
{
	for (uint32_t i = 0; i < d->n_net; i++)
		if (is_named(source, "pcap:", d->net[i].name)) {
			struct bc_netdev net = d->net[i];

			if (i < *n_net)
				return true;
			d->net[i] = d->net[*n_net];
			d->net[(*n_net)++] = net;
			return true;
		}
	for (uint32_t i = 0; i < d->n_pci; i++)
		if (is_named(source, "dpdk:", d->pci[i].address)) {
			struct bc_pcidev pci = d->pci[i];

			if (i < *n_pci)
				return true;
			d->pci[i] = d->pci[*n_pci];
			d->pci[(*n_pci)++] = pci;
			return true;
		}
	return false;
}

/* Only what is asked for stays in d. */
static void keep(const struct bc_doctor_request *req, struct bc_devices *d, struct bc_findings *f)
{
	uint32_t n_net = 0, n_pci = 0;

	for (uint32_t i = 0; i < req->n_sources; i++)
		if (!bring_forward(req->sources[i], d, &n_net, &n_pci)) {
			bc_finding_add(f, BC_FINDING_PROBLEM, "source", "%.160s: no such interface, and no such port", req->sources[i]);
			bc_finding_advise(f, "braidcap devices lists what there is");
		}
	if (!req->n_sources)
		return;
	d->n_net = n_net;
	d->n_pci = n_pci;
}

static int64_t to_ns(const struct ptp_clock_time *t)
{
	return (int64_t)t->sec * 1000000000 + t->nsec;
}

/* How far /dev/ptpN is ahead of the system clock, by the sample that took the shortest time. */
static bool read_nic_clock(int phc, int64_t *ret_ns)
{
	struct ptp_sys_offset o = { .n_samples = CLOCK_SAMPLES };
	int64_t best = INT64_MAX;
	char path[32];
	int fd, r;

	snprintf(path, sizeof(path), "/dev/ptp%d", phc);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	r = fd < 0 ? -1 : ioctl(fd, PTP_SYS_OFFSET, &o);
	if (fd >= 0)
		close(fd);
	for (unsigned i = 0; r == 0 && i < CLOCK_SAMPLES; i++) {
		int64_t before = to_ns(&o.ts[2 * i]), after = to_ns(&o.ts[2 * i + 2]);

		if (after - before >= best)
			continue;
		best = after - before;
		*ret_ns = to_ns(&o.ts[2 * i + 1]) - before - best / 2;
	}
	return best != INT64_MAX;
}

static void check_clocks(const struct bc_devices *d, struct bc_findings *f)
{
	struct timex t = { .modes = 0 };
	int state = adjtimex(&t);
	int64_t ahead_ns = 0;

	bc_check_clock(state, &t, f);
	for (uint32_t i = 0; i < d->n_net; i++)
		if (d->net[i].nic.stamps_all && d->net[i].nic.phc >= 0 && read_nic_clock(d->net[i].nic.phc, &ahead_ns))
			bc_check_nic_clock(d->net[i].name, ahead_ns, t.tai, f);
}

static void look(const struct bc_doctor_request *req, struct bc_findings *f)
{
	struct bc_devices *d = malloc(sizeof(*d));
	struct bc_nic_socket s;
	struct bc_nic_asker asker;

	if (!d) {
		bc_finding_add(f, BC_FINDING_PROBLEM, "memory", "no memory to look for devices");
		return;
	}
	asker = bc_nic_open(&s);
	bc_devices_read("", &asker, d);
	bc_nic_close(&s);
	keep(req, d, f);
	bc_check_memory("", d, f);
	bc_check_iommu("", d, f);
	bc_check_cpus("", f);
	bc_check_numa("", d, f);
	bc_check_interfaces(d, f);
	bc_check_backlog("", f);
	check_clocks(d, f);
	free(d);
}

/* What is being captured would be lost if the CPUs and the disk were measured now. */
static bool is_capturing(struct bc_findings *f)
{
	struct bc_ctl_capture found[BC_CTL_MAX_CAPTURES];
	uint32_t n = bc_ctl_find("", found);

	for (uint32_t i = 0; i < n; i++)
		json_decref(found[i].info);
	if (!n)
		return false;
	bc_finding_add(f, BC_FINDING_NOTE, "rate", "not measured, as that would disturb what is being captured here");
	bc_finding_advise(f, "measure when none runs: braidcap ctl list");
	return true;
}

static double free_bytes(const char *folder)
{
	struct statvfs v;

	return folder && statvfs(folder, &v) == 0 ? (double)v.f_bavail * (double)v.f_frsize : 0;
}

static bool has_room(double room, struct bc_findings *f)
{
	if (room >= LEAST_FREE)
		return true;
	bc_finding_add(f, BC_FINDING_NOTE, "measured", "not measured: the folder has too little room for that");
	bc_finding_advise(f, "free space, or name another folder on the same disk");
	return false;
}

/* What others do meanwhile is taken from what is measured. */
static void say_load(const struct bc_doctor_measured *m, struct bc_findings *f)
{
	if (m->others < BUSY_SHARE && m->stolen < STOLEN_SHARE)
		return;
	bc_finding_add(f, BC_FINDING_NOTE, "measured", "meanwhile other programs had %.0f %% of the CPUs, the host %.0f %% (steal): the figures are "
		       "what they left", 100 * m->others, 100 * m->stolen);
	bc_finding_advise(f, "measure again when the machine is idle; a capture beside them loses packets when they want more");
}

static void say_way(const struct bc_doctor_request *req, const struct bc_doctor_measured *m, const char *how, bool lz4, struct bc_findings *f)
{
	const struct bc_figure *at = &m->figures.at[0];
	char a[BC_UNITS_MAX], b[BC_UNITS_MAX], c[BC_UNITS_MAX];

	bc_finding_add(f, BC_FINDING_OK, "measured", "packets of %" PRIu32 " bytes with text, %s: %s/s, at least %s/s, at most %s/s",
		       req->packet, how, bc_units(a, lz4 ? at->lz4_pps : at->none_pps), bc_units(b, m->least_pps[lz4]), bc_units(c, m->most_pps[lz4]));
}

static void say_measured(const struct bc_doctor_request *req, const struct bc_doctor_measured *m, struct bc_findings *f)
{
	char how[48], c[BC_UNITS_MAX];

	snprintf(how, sizeof(how), "with LZ4 (ratio %.2f)", m->figures.at[0].lz4_ratio);
	say_way(req, m, how, true, f);
	say_way(req, m, "uncompressed", false, f);
	if (m->figures.disk_bytes_per_s > 0)
		bc_finding_add(f, BC_FINDING_OK, "measured", "%sB/s into the folder, for short times: a disk may be slower for longer",
			       bc_units(c, m->figures.disk_bytes_per_s));
}

void bc_doctor_run(const struct bc_doctor_request *req, struct bc_findings *ret, struct bc_doctor_measured *ret_measured,
		   double *ret_free)
{
	struct bc_err err;
	bool usable;

	memset(ret, 0, sizeof(*ret));
	*ret_measured = (struct bc_doctor_measured){ .others = 0 };
	look(req, ret);
	usable = !req->folder || bc_check_folder(req->folder, ret);
	*ret_free = free_bytes(req->folder);
	if (!usable || req->seconds <= 0 || (req->folder && !has_room(*ret_free, ret)) || is_capturing(ret))
		return;
	if (bc_doctor_measure(req, *ret_free, ret_measured, &err)) {
		bc_finding_add(ret, BC_FINDING_PROBLEM, "measured", "%.200s", err.msg);
		bc_finding_advise(ret, "without it: --no-measure");
		return;
	}
	say_load(ret_measured, ret);
	say_measured(req, ret_measured, ret);
	bc_doctor_check_rate(ret_measured, req, *ret_free, ret);
}
