/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_sizing.h"

#include <math.h>

/* Around each packet in pcapng (an Enhanced Packet Block). */
#define RECORD 32
/* An mbuf, and what a core with a queue of its own holds of them: descriptors, its link, its lane's link, its cache. */
#define MBUF_BYTES 2368
#define MBUFS_PER_CORE (4096 + 4096 + 2048 + 1024)

static double core_ns(const struct bc_figure *f, bool lz4)
{
	return 1e9 / (lz4 ? f->lz4_pps : f->none_pps);
}

/* Between the nearest two sizes, or along the line through the last two. The time of a packet grows with its bytes. */
static void at_size(const struct bc_figures *f, const struct bc_sizing_request *req, double *ret_ns, double *ret_ratio)
{
	const struct bc_figure *a, *b;
	double part, least;
	uint32_t i = 1;

	if (f->n == 1) {
		*ret_ns = core_ns(&f->at[0], req->lz4);
		*ret_ratio = req->lz4 ? f->at[0].lz4_ratio : 1;
		return;
	}
	while (i < f->n - 1 && f->at[i].bytes < req->packet)
		i++;
	a = &f->at[i - 1];
	b = &f->at[i];
	part = (req->packet - a->bytes) / (b->bytes - a->bytes);
	*ret_ns = core_ns(a, req->lz4) + (core_ns(b, req->lz4) - core_ns(a, req->lz4)) * part;
	/* Noise may tilt the line; a packet costs something all the same. */
	least = fmin(core_ns(a, req->lz4), core_ns(b, req->lz4)) / 2;
	*ret_ns = fmax(*ret_ns, least);
	part = fmin(fmax(part, 0), 1);
	*ret_ratio = req->lz4 ? a->lz4_ratio + (b->lz4_ratio - a->lz4_ratio) * part : 1;
}

void bc_sizing_compute(const struct bc_figures *f, const struct bc_sizing_request *req, struct bc_sizing *ret)
{
	struct bc_sizing s = { .pps = req->bits_per_s / 8 / (req->packet + BC_SIZING_FRAME) };
	double ns;

	at_size(f, req, &ns, &s.ratio);
	s.packet_bytes_per_s = s.pps * req->packet;
	s.pcapng_bytes_per_s = s.pps * ((req->packet + 3) / 4 * 4 + RECORD);
	s.core_pps = 1e9 / ns;
	s.file_bytes_per_s = s.pcapng_bytes_per_s / s.ratio;
	s.cores = s.pps / s.core_pps;
	s.disks = f->disk_bytes_per_s > 0 ? s.file_bytes_per_s / f->disk_bytes_per_s : 0;
	/* A compressed chunk keeps the whole of its buffer until it is written. */
	s.buffer_bytes = s.pcapng_bytes_per_s * req->hold_s;
	s.mbuf_bytes = ceil(s.cores) * MBUFS_PER_CORE * MBUF_BYTES;
	*ret = s;
}

struct scaled {
	double v;
	const char *unit;
};

static struct scaled scale(double v)
{
	static const char *const units[] = { "", "k", "M", "G", "T", "P" };
	uint32_t i = 0;

	for (; v >= 999.5 && i < sizeof(units) / sizeof(units[0]) - 1; i++)
		v /= 1000;
	return (struct scaled){ v, units[i] };
}

static void line(FILE *out, const char *name, double v, const char *what)
{
	struct scaled s = scale(v);

	fprintf(out, "  %-12s %.3g %s%s\n", name, s.v, s.unit, what);
}

static void print_asked(FILE *out, const struct bc_sizing_request *req, const struct bc_sizing *s)
{
	struct scaled rate = scale(req->bits_per_s);

	fprintf(out, "%.4g %sbit/s, full of packets of %u bytes, %s\n\nFollows from that:\n", rate.v, rate.unit, req->packet,
		req->lz4 ? "to pcapng with LZ4" : "to pcapng, uncompressed");
	line(out, "packets", s->pps, "/s");
	line(out, "their bytes", s->packet_bytes_per_s, "B/s");
	line(out, "in pcapng", s->pcapng_bytes_per_s, "B/s");
}

static void print_measured(FILE *out, const struct bc_figures *f, const struct bc_sizing_request *req, const struct bc_sizing *s)
{
	fprintf(out, "\nMeasured %s on %s:\n", f->date, f->machine);
	line(out, "one core", s->core_pps, req->lz4 ? " packets/s, all stages with LZ4" : " packets/s, all stages");
	if (req->lz4)
		fprintf(out, "  %-12s %.2f\n", "LZ4's ratio", s->ratio);
	if (f->disk_bytes_per_s > 0)
		line(out, "one disk", f->disk_bytes_per_s, "B/s");
	fprintf(out, "  by packets of %g to %g bytes with text in them\n", f->at[0].bytes, f->at[f->n - 1].bytes);
}

void bc_sizing_print(FILE *out, const struct bc_figures *f, const struct bc_sizing_request *req, const struct bc_sizing *s)
{
	const double gib = 1024.0 * 1024 * 1024;

	print_asked(out, req, s);
	print_measured(out, f, req, s);
	fprintf(out, "\nComputed, not measured:\n  %-12s %.0f (%.1f)\n", "cores", ceil(s->cores), s->cores);
	fprintf(out, "  %-12s %.3g GiB: --memory %.0f for %g s without a disk, and %.3g GiB of mbufs\n", "memory",
		(s->buffer_bytes + s->mbuf_bytes) / gib, ceil(s->buffer_bytes / 1048576), req->hold_s, s->mbuf_bytes / gib);
	if (s->disks > 0)
		fprintf(out, "  %-12s %.0f (%.1f) that are as fast as this one\n", "disks", ceil(s->disks), s->disks);
	line(out, "a day", s->file_bytes_per_s * 86400, "B");
	fputs("Assumed: packets spread evenly over the queues, cores that do not slow each other down, and outputs that\n"
	      "share the link, as the merge of one output is a single stage.\n", out);
}
