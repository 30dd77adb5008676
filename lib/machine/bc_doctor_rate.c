/* SPDX-License-Identifier: BSD-3-Clause */
/* What a measured machine can keep: the model of bc_sizing, asked the other way round. */
#include "bc_doctor.h"
#include "bc_sizing.h"
#include "bc_table.h"

#define RATE "rate"
#define DAY_S 86400.0
#define UNIT 1e9
/* Longer is not said. */
#define MANY_DAYS 100

struct bc_doctor_rate bc_doctor_rate(const struct bc_doctor_measured *m, const struct bc_doctor_request *req, bool lz4, double free_bytes)
{
	const struct bc_sizing_request unit = { .bits_per_s = UNIT, .packet = req->packet, .lz4 = lz4 };
	struct bc_doctor_rate r = { 0 };
	struct bc_sizing s;

	/* Everything grows with the rate: what is needed of a machine and of its disk for one unit tells how many units they take. */
	bc_sizing_compute(&m->figures, &unit, &s);
	/* Uncompressed into a folder both were measured by one capture. Then it is most likely the disk that it waited for. */
	r.by_disk = s.disks > s.cores * 0.999;
	r.limit = UNIT / (r.by_disk ? s.disks : s.cores);
	r.safe = r.limit * m->safe[lz4];
	if (req->bits_per_s <= 0 && r.safe <= 0)
		return r;
	r.days = free_bytes / (s.file_bytes_per_s * (req->bits_per_s > 0 ? req->bits_per_s : r.safe) / UNIT) / DAY_S;
	return r;
}

static const char *lasts(const struct bc_doctor_rate *r, char buf[48])
{
	if (r->days <= 0)
		buf[0] = '\0';
	else if (r->days > MANY_DAYS)
		snprintf(buf, 48, "; the folder lasts more than %d days", MANY_DAYS);
	else if (r->days < 1.0 / 12)
		snprintf(buf, 48, "; the folder lasts %.0f minutes", r->days * 1440);
	else if (r->days < 2)
		snprintf(buf, 48, "; the folder lasts %.0f hours", r->days * 24);
	else
		snprintf(buf, 48, "; the folder lasts %.1f days", r->days);
	return buf;
}

static void say_safe(const struct bc_doctor_rate *r, const char *how, const struct bc_doctor_request *req, double try_s, struct bc_findings *f)
{
	char a[BC_UNITS_MAX], days[48];

	if (r->safe <= 0) {
		bc_finding_add(f, BC_FINDING_NOTE, RATE, "%s: every rate that was tried lost packets", how);
		bc_finding_advise(f, "measure again when the machine is idle, and longer (--measure)");
		return;
	}
	bc_finding_add(f, BC_FINDING_OK, RATE, "%s: safe up to %sbit/s of packets of %u bytes, %.0f %% of what the %s took: nothing was lost in %.1f s%s", how,
		       bc_units(a, r->safe), req->packet, r->safe / r->limit * 100, r->by_disk ? "disk" : "CPUs", try_s, lasts(r, days));
}

/* The one that is asked for, by the better of both ways. */
static void check_asked(const struct bc_doctor_rate *lz4, const struct bc_doctor_rate *none, const struct bc_doctor_request *req,
			struct bc_findings *f)
{
	const struct bc_doctor_rate *best = lz4->safe > none->safe ? lz4 : none;
	char a[BC_UNITS_MAX], b[BC_UNITS_MAX], days[48];

	bc_units(a, req->bits_per_s);
	if (req->bits_per_s <= lz4->safe) {
		bc_finding_add(f, BC_FINDING_OK, RATE, "%sbit/s can be kept with LZ4%s", a, lasts(lz4, days));
	} else if (req->bits_per_s <= none->safe) {
		bc_finding_add(f, BC_FINDING_NOTE, RATE, "%sbit/s is more than LZ4 takes (%sbit/s is safe)%s without it", a,
			       bc_units(b, lz4->safe), lasts(none, days));
		bc_finding_advise(f, "-Z none; with LZ4 blocks are stored uncompressed while the CPUs are behind");
	} else {
		bc_finding_add(f, req->bits_per_s > best->limit ? BC_FINDING_PROBLEM : BC_FINDING_NOTE, RATE,
			       "%sbit/s is more than is safe here: %sbit/s", a, bc_units(b, best->safe));
		bc_finding_advise(f, "%s; a filter (-f) or a snaplen (-s) keeps less", best->by_disk ? "a faster disk, or several outputs" :
				  "more CPUs: braidcap plan --rate computes how many");
	}
}

void bc_doctor_check_rate(const struct bc_doctor_measured *m, const struct bc_doctor_request *req, double free_bytes,
			  struct bc_findings *ret)
{
	struct bc_doctor_rate lz4 = bc_doctor_rate(m, req, true, free_bytes), none = bc_doctor_rate(m, req, false, free_bytes);

	if (req->bits_per_s > 0) {
		check_asked(&lz4, &none, req, ret);
		return;
	}
	say_safe(&lz4, "with LZ4", req, m->try_s, ret);
	say_safe(&none, "uncompressed", req, m->try_s, ret);
}
