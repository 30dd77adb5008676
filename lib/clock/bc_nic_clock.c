/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_nic_clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SAMPLE_TRIES 5
#define NEAR_UTC_NS (100 * (int64_t)BC_NS_PER_S)
#define OBSERVE_NS BC_NS_PER_S

static int64_t magnitude(int64_t v)
{
	return v < 0 ? (int64_t)-(uint64_t)v : v;
}

static int is_near_utc(uint64_t stamp, uint64_t utc_ns)
{
	return magnitude((int64_t)(stamp - utc_ns)) < NEAR_UTC_NS;
}

static int is_read(enum bc_nic_class cls)
{
	return cls == BC_NIC_READ_CLOCK || cls == BC_NIC_TIMESYNC;
}

static int is_utc(enum bc_nic_class cls)
{
	return cls == BC_NIC_UTC_NS || cls == BC_NIC_UTC_US;
}

/* Every class is a line: UTC has no base, and NONE, like what is not calibrated yet, is always 0. */
static void become(struct bc_nic_clock *nc, const struct bc_nic_kind *kind)
{
	double ns_per_tick = kind->cls == BC_NIC_UTC_NS ? 1 : kind->cls == BC_NIC_UTC_US ? 1000 : 0;
	struct bc_seg seg = { 0, 0, ns_per_tick > 0 ? bc_line_mult(ns_per_tick) : 0 };

	nc->kind = *kind;
	bc_track_init(&nc->track, kind->cls == BC_NIC_TIMESYNC ? 1.0 : 0, kind->bits, &seg, 1);
}

/* The device between two looks at the host clock: the closest of several. */
static int sample(void *ctx, struct bc_pair *ret)
{
	struct bc_nic_clock *nc = ctx;
	uint64_t best = UINT64_MAX;

	for (int i = 0; i < SAMPLE_TRIES; i++) {
		uint64_t before = bc_clock_now(nc->clock), ticks, width;
		int r = nc->read(nc->read_ctx, &ticks);

		if (r < 0)
			return r;
		width = bc_clock_now(nc->clock) - before;
		if (width >= best)
			continue;
		best = width;
		*ret = (struct bc_pair){ ticks, before + width / 2, (double)width };
	}
	return 0;
}

static int calibrate(struct bc_nic_clock *nc, struct bc_err *err)
{
	static const struct bc_nic_kind utc = { BC_NIC_UTC_NS, 64, "real-time clock of the device" };
	struct bc_pair pair;
	int r;

	if (!nc->read)
		return bc_err_set(err, -EINVAL, "the device's clock cannot be read by the driver");
	r = sample(nc, &pair);
	if (r == 0 && nc->kind.cls == BC_NIC_READ_CLOCK && is_near_utc(pair.ticks, pair.utc_ns)) {
		become(nc, &utc);
		return 0;
	}
	if (r == 0)
		r = bc_track_calibrate(&nc->track, sample, nc);
	if (r == -ERANGE)
		return bc_err_set(err, r, "the device's clock does not advance steadily");
	if (r < 0)
		return bc_err_set(err, r, "the device's clock cannot be read: %s", strerror(-r));
	return 0;
}

int bc_nic_clock_init(struct bc_nic_clock *nc, const struct bc_nic_kind *kind, const struct bc_clock *clock,
		      bc_nic_read_fn read, void *read_ctx, struct bc_err *err)
{
	static const struct bc_nic_kind none = { BC_NIC_NONE, 64, "the device's clock cannot be used" };
	int r;

	memset(nc, 0, sizeof(*nc));
	nc->clock = clock;
	nc->read = read;
	nc->read_ctx = read_ctx;
	become(nc, kind);
	bc_envelope_init(&nc->observed.envelope, kind->bits);
	if (!is_read(kind->cls))
		return 0;
	r = calibrate(nc, err);
	if (r < 0)
		become(nc, &none);
	return r;
}

int bc_nic_clock_update(struct bc_nic_clock *nc)
{
	struct bc_pair pair;
	int r;

	if (!is_read(nc->kind.cls))
		return 0;
	r = sample(nc, &pair);
	if (r == 0)
		r = bc_track_feed(&nc->track, &pair, pair.ticks);
	if (r < 0)
		bc_counter_add(&nc->read_errors, 1);
	return r;
}

/* The observing thread is also the only reader, so the joint need not be in the future. */
static void observe_envelope(struct bc_nic_clock *nc, uint64_t stamp, uint64_t host_ns)
{
	struct bc_envelope *e = &nc->observed.envelope;
	struct bc_seg target;

	if (!bc_envelope_add(e, stamp, host_ns))
		return;
	target = bc_envelope_line(e, stamp);
	bc_track_publish(&nc->track, &target);
	bc_track_tell(&nc->track, e->slope, 1.0, e->spread_ns, bc_envelope_stepped(e));
}

void bc_nic_clock_observe(struct bc_nic_clock *nc, uint64_t stamp, uint64_t host_ns)
{
	int64_t apart_ns;

	if (nc->kind.cls == BC_NIC_ENVELOPE)
		observe_envelope(nc, stamp, host_ns);
	apart_ns = (int64_t)(bc_nic_clock_to_ns(nc, stamp) - host_ns);
	bc_counter_add(&nc->observed.seen, 1);
	if (bc_counter_get(&nc->observed.seen) == 1 || apart_ns > nc->observed.best_ns)
		nc->observed.best_ns = apart_ns;
	if (host_ns - nc->observed.since_ns < OBSERVE_NS)
		return;
	bc_counter_set(&nc->observed.apart_ns, (uint64_t)nc->observed.best_ns);
	bc_counter_set(&nc->observed.raw_is_utc, (unsigned)is_near_utc(stamp, host_ns));
	nc->observed.since_ns = host_ns;
	nc->observed.best_ns = apart_ns;
}

void bc_nic_clock_status(const struct bc_nic_clock *nc, struct bc_nic_clock_status *ret)
{
	const struct bc_steps *steps = &nc->clock->steps;
	int64_t apart_ns = (int64_t)bc_counter_get(&nc->observed.apart_ns);

	/* A clock that shows UTC by itself does not follow the system's when that is stepped. */
	if (is_utc(nc->kind.cls))
		apart_ns += (int64_t)bc_steps_ahead(steps, bc_steps_epoch(bc_steps_count(steps)));
	*ret = (struct bc_nic_clock_status){
		.cls = nc->kind.cls,
		.note = nc->kind.note,
		.read_errors = bc_counter_get(&nc->read_errors),
		.observed = bc_counter_get(&nc->observed.seen),
		.apart_ns = apart_ns,
		.utc_suspected = nc->kind.cls == BC_NIC_READ_CLOCK && bc_counter_get(&nc->observed.raw_is_utc),
	};
	bc_track_status(&nc->track, &ret->track);
}

static int describe_utc(const struct bc_nic_clock_status *st, char *buf, size_t size)
{
	const char *unit = st->cls == BC_NIC_UTC_NS ? "ns" : "us";

	if (!st->observed)
		return snprintf(buf, size, "UTC in %s, taken as it is", unit);
	if (magnitude(st->apart_ns) < (int64_t)BC_NS_PER_S)
		return snprintf(buf, size, "UTC in %s, taken as it is: %+" PRId64 " ns off the system clock", unit, st->apart_ns);
	return snprintf(buf, size, "UTC in %s, taken as it is: %+.3f s off the system clock", unit,
			(double)st->apart_ns / (double)BC_NS_PER_S);
}

static int describe_class(const struct bc_nic_clock_status *st, char *buf, size_t size)
{
	switch (st->cls) {
	case BC_NIC_UTC_NS:
	case BC_NIC_UTC_US:
		return describe_utc(st, buf, size);
	case BC_NIC_READ_CLOCK:
	case BC_NIC_TIMESYNC:
		return snprintf(buf, size, "%.0f Hz, disciplined to the host clock: %+" PRId64
				" ns off it, %.0f ns rms",
				st->track.freq_hz, -st->track.offset_ns, st->track.rms_ns);
	case BC_NIC_ENVELOPE:
		return snprintf(buf, size, "fitted under the times of arrival: late by the shortest way "
				"to the host, %.0f ns mean delay above it", st->track.rms_ns);
	case BC_NIC_NONE:
		break;
	}
	return snprintf(buf, size, "not used");
}

static const char *warning(const struct bc_nic_clock_status *st)
{
	if (st->utc_suspected)
		return "; the stamps look like UTC already: the device's clock is read wrongly";
	return "";
}

int bc_nic_clock_describe(const struct bc_nic_clock *nc, char *buf, size_t size)
{
	struct bc_nic_clock_status st;
	char how[160];

	bc_nic_clock_status(nc, &st);
	describe_class(&st, how, sizeof(how));
	return snprintf(buf, size, "NIC stamps: %s%s%s%s", st.note, *st.note ? "; " : "", how, warning(&st));
}
