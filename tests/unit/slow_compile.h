/* SPDX-License-Identifier: BSD-3-Clause */
/* libpcap's compiler, which takes as long as the test wants. To be linked with --wrap=pcap_compile. */
#ifndef SLOW_COMPILE_H
#define SLOW_COMPILE_H

#include <pcap/pcap.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

static struct {
	_Atomic bool slow;
	_Atomic uint32_t begun, ended;
} compiler;

int __real_pcap_compile(pcap_t *p, struct bpf_program *program, const char *expression, int optimize, bpf_u_int32 netmask);
int __wrap_pcap_compile(pcap_t *p, struct bpf_program *program, const char *expression, int optimize, bpf_u_int32 netmask);

int __wrap_pcap_compile(pcap_t *p, struct bpf_program *program, const char *expression, int optimize, bpf_u_int32 netmask)
{
	int r;

	compiler.begun++;
	while (compiler.slow)
		usleep(1000);
	r = __real_pcap_compile(p, program, expression, optimize, netmask);
	compiler.ended++;
	return r;
}

/* Each one that was begun comes to its end, also those that nobody waits for. */
static inline void compiler_ends(void)
{
	compiler.slow = false;
	while (compiler.ended < compiler.begun)
		usleep(1000);
}

#endif
