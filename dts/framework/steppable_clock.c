/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * For LD_PRELOAD: the system clock of one process, which a test steps through a file. Its times, and the kernel's stamps of packets that
 * come through libpcap, are the true ones plus the shift that was in force at that moment. What the process reads from memory that it
 * shares with the kernel (a packet ring of its own) stays as it is.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

#include <pcap/pcap.h>

#define NS_PER_S 1000000000LL

/* The file named in STEPPABLE_CLOCK. */
static const struct schedule {
	int64_t n;				/* steps so far, written last */
	struct { int64_t from_ns, shift_ns; } step[8];	/* from this true time on it is ahead by so much */
} *schedule;

static int (*true_clock_gettime)(clockid_t, struct timespec *);
static int (*true_pcap_dispatch)(pcap_t *, int, pcap_handler, u_char *);

__attribute__((constructor)) static void begin(void)
{
	const char *path = getenv("STEPPABLE_CLOCK");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *p = fd >= 0 ? mmap(NULL, sizeof(*schedule), PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;

	true_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	true_pcap_dispatch = dlsym(RTLD_NEXT, "pcap_dispatch");
	if (p == MAP_FAILED)
		abort();
	schedule = p;
}

static int64_t shifted(int64_t true_ns)
{
	int64_t n = __atomic_load_n(&schedule->n, __ATOMIC_ACQUIRE);

	while (n && true_ns < schedule->step[n - 1].from_ns)
		n--;
	return true_ns + (n ? schedule->step[n - 1].shift_ns : 0);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int r;

	if (!true_clock_gettime)
		true_clock_gettime = dlsym(RTLD_NEXT, "clock_gettime");
	r = true_clock_gettime(id, ts);
	if (r == 0 && schedule && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
		int64_t ns = shifted(ts->tv_sec * NS_PER_S + ts->tv_nsec);

		*ts = (struct timespec){ ns / NS_PER_S, ns % NS_PER_S };
	}
	return r;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	*tv = (struct timeval){ ts.tv_sec, ts.tv_nsec / 1000 };
	return 0;
}

time_t time(time_t *ret)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	if (ret)
		*ret = ts.tv_sec;
	return ts.tv_sec;
}

struct user {
	pcap_handler take;
	u_char *arg;
};

/* The handle was asked for nanoseconds. */
static void take_shifted(u_char *arg, const struct pcap_pkthdr *h, const u_char *data)
{
	const struct user *u = (const struct user *)arg;
	struct pcap_pkthdr shifted_header = *h;
	int64_t ns = shifted(h->ts.tv_sec * NS_PER_S + h->ts.tv_usec);

	shifted_header.ts = (struct timeval){ ns / NS_PER_S, ns % NS_PER_S };
	u->take(u->arg, &shifted_header, data);
}

int pcap_dispatch(pcap_t *p, int count, pcap_handler take, u_char *arg)
{
	struct user u = { take, arg };

	return true_pcap_dispatch(p, count, take_shifted, (u_char *)&u);
}
