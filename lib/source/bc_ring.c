/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_ring.h"

#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bc_thread.h"

#define MIN_BLOCKS 4
/* The kernel asks for it; frames of the third version have no size of their own. */
#define FRAME 2048U

static size_t map_bytes(const struct bc_ring *r)
{
	return (size_t)r->n_blocks * BC_RING_BLOCK;
}

bool bc_ring_next_block(struct bc_ring *r)
{
	struct tpacket_block_desc *b = (struct tpacket_block_desc *)(r->map + (size_t)r->block * BC_RING_BLOCK);

	if (r->held) {
		__atomic_store_n(&b->hdr.bh1.block_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
		r->held = false;
		r->block = r->block + 1 < r->n_blocks ? r->block + 1 : 0;
		b = (struct tpacket_block_desc *)(r->map + (size_t)r->block * BC_RING_BLOCK);
	}
	if (!(__atomic_load_n(&b->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
		return false;
	r->held = true;
	r->left = b->hdr.bh1.num_pkts;
	r->at = (uint8_t *)b + b->hdr.bh1.offset_to_first_pkt;
	return true;
}

bool bc_ring_empty(const struct bc_ring *r)
{
	const struct tpacket_block_desc *b = (const struct tpacket_block_desc *)(r->map + (size_t)r->block * BC_RING_BLOCK);

	/* The kernel counts a packet here before it stamps and copies it. */
	return __atomic_load_n(&b->hdr.bh1.num_pkts, __ATOMIC_RELAXED) == 0;
}

/* The interface's index and kind; refuses all but those whose packets are Ethernet as it stands in files. */
static int identify(struct bc_ring *r, const char *name)
{
	struct ifreq q = { .ifr_flags = 0 };
	char tagging[64 + IFNAMSIZ];
	int type;

	if (strlen(name) >= sizeof(q.ifr_name))
		return -ENODEV;
	memcpy(q.ifr_name, name, strlen(name));
	if (ioctl(r->fd, SIOCGIFINDEX, &q) != 0)
		return -errno;
	r->ifindex = q.ifr_ifindex;
	if (ioctl(r->fd, SIOCGIFHWADDR, &q) != 0)
		return -errno;
	type = q.ifr_hwaddr.sa_family;
	r->loopback = type == ARPHRD_LOOPBACK && r->direction != BC_DIRECTION_OUT;
	if (type != ARPHRD_ETHER && type != ARPHRD_LOOPBACK)
		return -ENOTSUP;
	/* Ports of a switch chip may have its tag before the type, which is a link type of its own. */
	snprintf(tagging, sizeof(tagging), "/sys/class/net/%s/dsa/tagging", name);
	return access(tagging, F_OK) == 0 ? -ENOTSUP : 0;
}

static int map(struct bc_ring *r, uint64_t bytes, uint32_t hold_ms)
{
	int version = TPACKET_V3, reserve = BC_RING_TAG;
	struct tpacket_req3 q = { .tp_block_size = BC_RING_BLOCK, .tp_frame_size = FRAME, .tp_retire_blk_tov = hold_ms };

	r->n_blocks = (uint32_t)((bytes + BC_RING_BLOCK - 1) / BC_RING_BLOCK);
	if (r->n_blocks < MIN_BLOCKS)
		r->n_blocks = MIN_BLOCKS;
	q.tp_block_nr = r->n_blocks;
	q.tp_frame_nr = r->n_blocks * (BC_RING_BLOCK / FRAME);
	if (setsockopt(r->fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) != 0 ||
	    setsockopt(r->fd, SOL_PACKET, PACKET_RESERVE, &reserve, sizeof(reserve)) != 0 ||
	    setsockopt(r->fd, SOL_PACKET, PACKET_RX_RING, &q, sizeof(q)) != 0)
		return -errno;
	r->map = mmap(NULL, map_bytes(r), PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (r->map == MAP_FAILED) {
		r->map = NULL;
		return -errno;
	}
	return 0;
}

/* The socket receives nothing before this bind, so that packets of other interfaces never reach it. */
static int receive(const struct bc_ring *r, bool promiscuous)
{
	struct packet_mreq all = { .mr_ifindex = r->ifindex, .mr_type = PACKET_MR_PROMISC };
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = r->ifindex };
	int down = 0;
	socklen_t len = sizeof(down);

	if (promiscuous && setsockopt(r->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) != 0)
		return -errno;
	if (bind(r->fd, (struct sockaddr *)&to, sizeof(to)) != 0 || getsockopt(r->fd, SOL_SOCKET, SO_ERROR, &down, &len) != 0)
		return -errno;
	return -down;
}

static int attach(const struct bc_ring *r, struct sock_filter *program, unsigned short len)
{
	struct sock_fprog prog = { .len = len, .filter = program };

	return setsockopt(r->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog, sizeof(prog)) == 0 ? 0 : -errno;
}

/* Packets of the other direction do not come to the ring. */
static int attach_direction(const struct bc_ring *r)
{
	const bool out = r->direction == BC_DIRECTION_OUT;
	struct sock_filter program[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_PKTTYPE)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PACKET_OUTGOING, out ? 0 : 1, out ? 1 : 0),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return attach(r, program, sizeof(program) / sizeof(program[0]));
}

static void close_one(struct bc_ring *r)
{
	if (r->map)
		munmap(r->map, map_bytes(r));
	if (r->fd >= 0)
		close(r->fd);
}

static int open_one(struct bc_ring *r, const char *name, uint64_t bytes, uint32_t hold_ms, enum bc_direction direction)
{
	struct bc_ring new = { .fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), .direction = direction };
	int e;

	if (new.fd < 0)
		return -errno;
	e = identify(&new, name);
	if (!e)
		e = map(&new, bytes, hold_ms);
	if (e)
		close_one(&new);
	else
		*r = new;
	return e;
}

/* A ring that is not in the group yet would receive what the others do. */
static int refuse_all(const struct bc_ring *r)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);

	return attach(r, &nothing, 1);
}

/* Instead of nothing, what is wanted. */
static int take_wanted(const struct bc_ring *r)
{
	int none = 0;

	if (r->direction != BC_DIRECTION_BOTH)
		return attach_direction(r);
	return setsockopt(r->fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof(none)) == 0 ? 0 : -errno;
}

/*
 * Into the group of *first, or a new one, whose number no other group has. What finds its ring full may use another's.
 * Not PACKET_FANOUT_FLAG_DEFRAG, by which the kernel would put fragments together before they are captured.
 */
static int join(const struct bc_ring *r, const struct bc_ring *first)
{
	const int type = PACKET_FANOUT_HASH | PACKET_FANOUT_FLAG_ROLLOVER;
	int group = (type | PACKET_FANOUT_FLAG_UNIQUEID) << 16;
	socklen_t len = sizeof(group);

	if (r != first) {
		if (getsockopt(first->fd, SOL_PACKET, PACKET_FANOUT, &group, &len) != 0)
			return -errno;
		group = (group & 0xffff) | type << 16;
	}
	return setsockopt(r->fd, SOL_PACKET, PACKET_FANOUT, &group, sizeof(group)) == 0 ? 0 : -errno;
}

static int receive_as_group(const struct bc_ring *r, uint32_t n, bool promiscuous)
{
	int e = 0;

	for (uint32_t i = 0; !e && i < n; i++) {
		e = refuse_all(&r[i]);
		if (!e)
			e = receive(&r[i], promiscuous);
		if (!e)
			e = join(&r[i], r);
	}
	for (uint32_t i = 0; !e && i < n; i++)
		e = take_wanted(&r[i]);
	return e;
}

int bc_direction_of(const char *word)
{
	static const char *const words[] = { [BC_DIRECTION_BOTH] = "inout", [BC_DIRECTION_IN] = "in", [BC_DIRECTION_OUT] = "out" };

	for (int i = 0; word && i < (int)(sizeof(words) / sizeof(words[0])); i++)
		if (!strcmp(word, words[i]))
			return i;
	return word ? -EINVAL : BC_DIRECTION_BOTH;
}

int bc_ring_open(struct bc_ring *r, uint32_t n, const char *name, uint64_t bytes, uint32_t hold_ms, bool promiscuous,
		 enum bc_direction direction)
{
	uint32_t opened = 0;
	int e = 0;

	for (; !e && opened < n; opened += !e)
		e = open_one(&r[opened], name, bytes, hold_ms, direction);
	if (!e && n == 1 && direction != BC_DIRECTION_BOTH)
		e = attach_direction(r);
	if (!e)
		e = n == 1 ? receive(r, promiscuous) : receive_as_group(r, n, promiscuous);
	if (e)
		bc_ring_close(r, opened);
	return e;
}

struct rings {
	struct bc_ring *r;
	uint32_t n;
};

/* Half of them in a thread, which does the same: the kernel has each close wait until no packet is under way, and all can wait at once. */
static void *close_all(void *arg)
{
	const struct rings *all = arg;
	struct rings half = { all->r, all->n / 2 }, rest = { all->r + half.n, all->n - half.n };
	bool started;
	pthread_t t;

	if (all->n <= 1) {
		if (all->n)
			close_one(all->r);
		return NULL;
	}
	started = bc_thread_start(&t, "bc-close", close_all, &half) == 0;
	close_all(&rest);
	if (started)
		pthread_join(t, NULL);
	else
		close_all(&half);
	return NULL;
}

void bc_ring_close(struct bc_ring *r, uint32_t n)
{
	close_all(&(struct rings){ r, n });
}

uint32_t bc_ring_lost(const struct bc_ring *r)
{
	struct tpacket_stats_v3 st;
	socklen_t len = sizeof(st);

	return getsockopt(r->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len) == 0 ? st.tp_drops : 0;
}

enum bc_ring_state bc_ring_state(const struct bc_ring *r)
{
	struct ifreq q = { .ifr_ifindex = r->ifindex };

	if (ioctl(r->fd, SIOCGIFNAME, &q) != 0)
		return errno == ENODEV ? BC_RING_GONE : BC_RING_LINKED;
	return ioctl(r->fd, SIOCGIFFLAGS, &q) != 0 || (q.ifr_flags & IFF_UP && q.ifr_flags & IFF_RUNNING) ? BC_RING_LINKED : BC_RING_NO_LINK;
}
