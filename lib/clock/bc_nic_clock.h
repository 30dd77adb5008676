/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * What a NIC's stamps mean, and UTC nanoseconds out of them. Whatever the class, a conversion is one line
 * (bc_line.h).
 *
 * Whether a packet is stamped at all is not known here: the RX timestamp flag has to be tested on every packet,
 * because what drivers advertise and what they do differ in both directions.
 */
#ifndef BC_NIC_CLOCK_H
#define BC_NIC_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "bc_clock.h"
#include "bc_counter.h"
#include "bc_envelope.h"
#include "bc_err.h"
#include "bc_line.h"
#include "bc_track.h"

enum bc_nic_class {
	BC_NIC_NONE,		/* no stamps, or none that are of use: stamp in software */
	BC_NIC_UTC_NS,		/* UTC already */
	BC_NIC_UTC_US,		/* UTC in microseconds */
	BC_NIC_READ_CLOCK,	/* a device counter that rte_eth_read_clock reads */
	BC_NIC_TIMESYNC,	/* a device counter in ns that rte_eth_timesync_read_time reads */
	BC_NIC_ENVELOPE,	/* a device counter in ns that nothing reads */
};

const char *bc_nic_class_name(enum bc_nic_class cls);

/* What is known of a driver's stamps. */
struct bc_nic_kind {
	enum bc_nic_class cls;
	unsigned bits;		/* of the stamps; they wrap */
	const char *note;	/* constant text for a person; may be "" */
};

/*
 * Look a driver up (rte_eth_dev_info's driver_name) in the allow list. dpdk_version is RTE_VERSION of the DPDK in
 * use. A driver that is not listed is BC_NIC_NONE.
 */
struct bc_nic_kind bc_nic_kind_of(const char *driver, uint32_t dpdk_version);

/*
 * Read the device's counter. 0 and *ret_ticks, or a negative errno. Called by the thread that calls init or
 * update.
 */
typedef int (*bc_nic_read_fn)(void *ctx, uint64_t *ret_ticks);

/*
 * One stamping clock. READ_CLOCK and TIMESYNC: one for each port, updated by the control thread, read by all
 * sources of the port, one of which observes. Every other class: one for each source, which observes and reads.
 */
struct bc_nic_clock {
	struct bc_track track;		/* fed by the updating thread; ENVELOPE: its line by the observing one */
	struct bc_nic_kind kind;	/* constant from init on, as the rest up to observed */
	const struct bc_clock *clock;
	bc_nic_read_fn read;
	void *read_ctx;
	bc_counter_t read_errors;	/* writer: the updating thread; readers: telemetry */

	struct {			/* the observing thread's own; telemetry reads the counters */
		struct bc_envelope envelope;
		uint64_t since_ns;
		int64_t best_ns;
		bc_counter_t apart_ns, raw_is_utc, seen;
	} observed BC_CACHE_ALIGNED;
};

struct bc_nic_clock_status {
	enum bc_nic_class cls;
	const char *note;
	struct bc_track_status track;	/* against the host clock; ENVELOPE: rms_ns is the mean excess delay */
	uint64_t read_errors;	/* reads of the device that failed */
	uint64_t observed;	/* calls of bc_nic_clock_observe */
	int64_t apart_ns;	/* converted stamp - host clock (a UTC class: system clock), the highest of a second: less the delay */
	int utc_suspected;	/* READ_CLOCK, but the stamps themselves are near UTC: wrongly read */
};

/*
 * clock is the host's, which has to outlive nc. read is for READ_CLOCK and TIMESYNC, else ignored: it is called
 * for up to 50 ms to calibrate. A READ_CLOCK device whose counter is within 100 s of UTC is disciplined by
 * somebody else and becomes UTC_NS. 0; or a negative errno with a line in err, and nc is then usable as
 * BC_NIC_NONE. Nothing to destroy.
 */
int bc_nic_clock_init(struct bc_nic_clock *nc, const struct bc_nic_kind *kind, const struct bc_clock *clock,
		      bc_nic_read_fn read, void *read_ctx, struct bc_err *err);

/*
 * Control thread, every BC_CLOCK_UPDATE_NS, after bc_clock_update: read the device and publish. Does nothing for
 * other classes than READ_CLOCK and TIMESYNC. 0, or the error of read, counted; the old line then stands.
 */
int bc_nic_clock_update(struct bc_nic_clock *nc);

/*
 * One source thread, once per burst: stamp is that of the burst's last packet, host_ns the host clock read after
 * the burst was received and before the burst is converted. It feeds ENVELOPE, and compares every class with the
 * host clock.
 */
void bc_nic_clock_observe(struct bc_nic_clock *nc, uint64_t stamp, uint64_t host_ns);

/*
 * UTC ns of a stamp, at most about one update old. Any thread (ENVELOPE: the observing one). Monotonic over
 * publications. 0 for BC_NIC_NONE, and for ENVELOPE before the first observation. For a burst read the line once
 * (bc_line_read, then bc_line_view_to_ns).
 */
static inline uint64_t bc_nic_clock_to_ns(const struct bc_nic_clock *nc, uint64_t stamp)
{
	return bc_line_to_ns(&nc->track.line, stamp);
}

/* Any thread. */
void bc_nic_clock_status(const struct bc_nic_clock *nc, struct bc_nic_clock_status *ret);

/* One line for a file's interface description, as bc_clock_describe. Any thread. Returns what snprintf does. */
int bc_nic_clock_describe(const struct bc_nic_clock *nc, char *buf, size_t size);

#endif
