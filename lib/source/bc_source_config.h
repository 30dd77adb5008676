/* SPDX-License-Identifier: BSD-3-Clause */
/* One -i, parsed: "KIND:TARGET[,key=value...]". */
#ifndef BC_SOURCE_CONFIG_H
#define BC_SOURCE_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#define BC_SNAPLEN_MAX 262144U

struct bc_ack;
struct bc_recv_ring;
struct bc_source_kind;

struct bc_source_config {
	char *spec;			/* as the user wrote it */
	const struct bc_source_kind *kind;
	/* dpdk: devargs without our keys, but with the driver's own key for the number of queues where it has one;
	   pcap: interface; file: path, "-" is stdin; null: "" */
	char *target;
	bool erf;			/* file: it is ERF, which does not say so itself */
	/* Keys of ours, taken out of the target. */
	uint32_t queues;		/* dpdk, null: RX queues, pcap: rings; default 1 */
	uint32_t descriptors;		/* dpdk: per RX queue; 0: the driver's choice */
	uint32_t mtu;			/* dpdk: 0: as large as the port takes */
	bool wait;			/* full=wait: leave packets in the device while the link is full */
	char *stamp;			/* pcap: "adapter", "host"; dpdk: "nic", "software"; NULL: the best there is */
	uint32_t buffer_mb;		/* pcap: the kernel's buffer of each queue; 0: the capture's */
	bool immediate;			/* pcap: immediate=1 */
	char *direction;		/* pcap: "in", "out", "inout"; NULL: the capture's */
	char *linktype;			/* pcap: of the types that the interface offers, by libpcap's name; NULL: the capture's */
	uint32_t lateness_us;		/* how long a stamped packet may be held back; 0: as measured, or the kind's default */
	uint64_t count;			/* null: packets per queue, 0: no end */
	uint32_t size;			/* null: bytes per packet, default 64 */
	uint64_t rate;			/* null: packets per second of each queue; 0: as fast as they are taken */
	bool idle;			/* null: none ever come */
	bool text;			/* null: UDP with text in it, otherwise whatever is in the mbufs */
	uint32_t held_us;		/* null: how long it holds stamped packets back, without a word; 0: lateness_us */
	uint32_t ahead_ms;		/* null: how far its clock is ahead of the host's */
	/* remote: a peer that sends to us; the spec is its name. Never of a command line. */
	struct bc_recv_ring *recv_ring;		/* where its bytes come in; not owned */
	struct bc_ack *ack;		/* for a node that wants acknowledgements; not owned; NULL: none are given */
	uint32_t max_caplen;		/* a packet that claims more ends its connection; 0: no limit but the protocol's */
	uint32_t max_ifaces;		/* interfaces that it may have in the capture's table, in all its connections */
	bool end_segments;		/* the series is its own: a connection's end ends the segment */
	bool one_linktype;		/* a segment holds one link type only: another begins the next; needs end_segments */
};

#endif
