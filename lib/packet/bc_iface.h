/* SPDX-License-Identifier: BSD-3-Clause */
/* The interfaces of a capture: a table that only grows, so an index stays valid forever. */
#ifndef BC_IFACE_H
#define BC_IFACE_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define BC_MAX_IFACES 16384
#define BC_IFACE_NONE UINT32_MAX
#define BC_IFACE_OPTIONS_MAX 1024U

/* What stamped an interface's packets; the words are those of the report. */
enum bc_stamp { BC_STAMP_SOFTWARE, BC_STAMP_KERNEL, BC_STAMP_NIC, BC_STAMP_FILE, BC_STAMP_REMOTE };

const char *bc_stamp_name(enum bc_stamp stamp);

/* One interface as a capture file describes it. Plain data; immutable once it is in a table. */
struct bc_iface {
	char name[128];		/* eth0, 0000:3b:00.0, net_pcap0, ... */
	char description[256];	/* for a person; may be empty */
	char hardware[128];	/* driver or device; may be empty */
	char clock[384];	/* how the stamp is disciplined, how far off it may be; may be empty */
	/* What clock is now, as snprintf does, with a context that outlives the table; any thread. NULL: it stays as it is. */
	int (*describe_clock)(const void *ctx, char *buf, size_t size);
	const void *describe_ctx;
	enum bc_stamp stamp;
	uint16_t linktype;	/* LINKTYPE_ value of the pcap registry */
	uint32_t snaplen;	/* bytes kept of a packet; 0: no limit */
	uint64_t speed_bps;	/* 0: unknown */
	uint8_t mac[6];
	uint8_t has_mac;
	uint8_t has_fcs_len;	/* fcs_len is known */
	uint8_t fcs_len;	/* bytes of frame check sequence at each packet's end */
	uint16_t options_len;	/* a multiple of 4 */
	uint8_t options[BC_IFACE_OPTIONS_MAX];	/* what else a file said of it: options of pcapng, without their end */
};

/*
 * Add from any thread holding no lock of its own; read from any thread without a lock. A packet that carries an index
 * was enqueued after the entry was added, so whoever holds the packet sees the entry.
 */
struct bc_iface_table {
	_Atomic uint32_t count;		/* written under lock by bc_iface_add, read by all */
	atomic_flag lock;
	struct bc_iface entry[BC_MAX_IFACES];
	_Atomic uint64_t off_ns[BC_MAX_IFACES];	/* taken off each stamp of a clock that is ahead; its sources write, any thread reads */
};

/* An empty table for the heap's owner to free with free(); NULL without memory. */
struct bc_iface_table *bc_iface_table_new(void);

/* Copies *iface. The index, or -ENOSPC when the table is full. */
int bc_iface_add(struct bc_iface_table *t, const struct bc_iface *iface);

/* A source of the interface: its stamps have off_ns taken off from now on. */
static inline void bc_iface_set_off(struct bc_iface_table *t, uint32_t i, uint64_t off_ns)
{
	if (i < BC_MAX_IFACES)
		atomic_store_explicit(&t->off_ns[i], off_ns, memory_order_relaxed);
}

/* The interface as it is to be described now. Any thread. */
struct bc_iface bc_iface_now(const struct bc_iface_table *t, uint32_t i);

static inline uint32_t bc_iface_count(const struct bc_iface_table *t)
{
	return atomic_load_explicit(&t->count, memory_order_acquire);
}

#endif
