/* SPDX-License-Identifier: BSD-3-Clause */
/* Every way to lose a packet, a row each. Reports, telemetry, files, hints and the exit status have them from here, in this order. */
#ifndef BC_LOSS_H
#define BC_LOSS_H

#include <stdbool.h>

enum bc_loss_at {
	BC_LOSS_AT_DEVICE,	/* before it reached us, as the device says */
	BC_LOSS_AT_SOURCE,	/* at a source of ours, or in the kernel's capture buffer before it */
	BC_LOSS_AT_OUTPUT,	/* behind the sources, for one output */
};

/* Its constant; its name everywhere; where; does a capture fail by it; what it means; what a person can do. */
#define BC_LOSSES(X) \
	X(BC_LOSS_NIC_MISSED, "nic_missed", BC_LOSS_AT_DEVICE, false, \
	  "the NIC had no free descriptor: the RX queue was not polled in time", \
	  "spread the port over more queues (queues=N), give it more descriptors=N, or faster CPUs (--lcores)") \
	X(BC_LOSS_NIC_ERROR, "nic_error", BC_LOSS_AT_DEVICE, false, \
	  "the NIC found the frame corrupt", \
	  "check the cable, the optics and the sender; frames above the port's MTU count here too") \
	X(BC_LOSS_NIC_NOMBUF, "nic_nombuf", BC_LOSS_AT_DEVICE, false, \
	  "the driver found no free mbuf", \
	  "let the sources hold more packets: --mbufs N, and hugepages for them") \
	X(BC_LOSS_KERNEL_DROP, "kernel_drop", BC_LOSS_AT_SOURCE, false, \
	  "the kernel's capture buffer was full", \
	  "enlarge the kernel's buffer (buffer_mb=N after the interface), or capture with dpdk:") \
	X(BC_LOSS_KERNEL_IFDROP, "kernel_ifdrop", BC_LOSS_AT_DEVICE, false, \
	  "according to the kernel, the interface or its driver dropped it", \
	  "the kernel's network stack is too slow: larger rings (ethtool -G), or capture with dpdk:") \
	X(BC_LOSS_NO_BUFFER, "no_buffer", BC_LOSS_AT_SOURCE, false, \
	  "no free mbuf at the source", \
	  "let the sources hold more packets: --mbufs N") \
	X(BC_LOSS_LINK_FULL, "link_full", BC_LOSS_AT_SOURCE, false, \
	  "the link to the merge was full: the buffers behind it are full", \
	  "writing is too slow: more --writers, -z 1 or -Z none, a faster disk, or more --memory for bursts") \
	X(BC_LOSS_ORDER_WAIT, "order_wait", BC_LOSS_AT_SOURCE, false, \
	  "it waited for slower sources, and the memory for waiting packets was full", \
	  "a source's clock is ahead, or another source delivers late: check their clocks, or give more --memory") \
	X(BC_LOSS_PAUSED, "paused", BC_LOSS_AT_SOURCE, false, \
	  "it arrived while the capture was paused", \
	  "as requested: resume sooner") \
	X(BC_LOSS_PAST_END, "past_end", BC_LOSS_AT_OUTPUT, false, \
	  "it arrived after the last packet that -c allows", \
	  "as requested by -c or -d") \
	X(BC_LOSS_LINK_TYPE, "link_type", BC_LOSS_AT_OUTPUT, false, \
	  "the output's format holds only one link type, and this is another", \
	  "use --format pcapng, which holds every link type, or one output per link type") \
	X(BC_LOSS_DISK_ERROR, "disk_error", BC_LOSS_AT_OUTPUT, true, \
	  "writing failed", \
	  "check the messages above and the disk (dmesg)") \
	X(BC_LOSS_DISK_FULL, "disk_full", BC_LOSS_AT_OUTPUT, true, \
	  "no space was left, and the buffers were full", \
	  "free some space, or rotate and remove old segments; more --memory bridges short shortages") \
	X(BC_LOSS_READER_GONE, "reader_gone", BC_LOSS_AT_OUTPUT, true, \
	  "the reader of the output's pipe went away", \
	  "the program that read the output exited before the capture did") \
	X(BC_LOSS_PIPE_ERROR, "pipe_error", BC_LOSS_AT_OUTPUT, true, \
	  "the command that the output goes through failed", \
	  "check the messages above, and try the command by hand; what it wrote, if anything, keeps a temporary name") \
	X(BC_LOSS_ABORTED, "aborted", BC_LOSS_AT_OUTPUT, true, \
	  "in flight when the capture was aborted", \
	  "end the capture with one signal: a second one does not wait for the disk") \
	X(BC_LOSS_PEER_SLOW, "peer_slow", BC_LOSS_AT_OUTPUT, true, \
	  "the remote peer did not take it in time", \
	  "the peer or the network to it is too slow or down: check both, or use a larger queue= for bursts") \
	X(BC_LOSS_PEER_LOST, "peer_lost", BC_LOSS_AT_OUTPUT, true, \
	  "it was sent to a remote peer that ended the connection before it surely had it", \
	  "check the peer and its log: it was restarted or stopped, or refuses what we send; and the network to it") \
	X(BC_LOSS_SPOOLED, "spooled", BC_LOSS_AT_OUTPUT, true, \
	  "not lost: it is kept in the spool of a remote peer that did not take it in time", \
	  "start again with the same spool= in the peer's address: it is sent first")

enum bc_loss {
#define BC_LOSS_ENUM(id, name, at, fails, meaning, hint) id,
	BC_LOSSES(BC_LOSS_ENUM)
#undef BC_LOSS_ENUM
	BC_LOSS_COUNT
};

const char *bc_loss_name(enum bc_loss loss);
const char *bc_loss_meaning(enum bc_loss loss);
const char *bc_loss_hint(enum bc_loss loss);
enum bc_loss_at bc_loss_at(enum bc_loss loss);
bool bc_loss_fails(enum bc_loss loss);

#endif
