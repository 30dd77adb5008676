/* SPDX-License-Identifier: BSD-3-Clause */
/* EAL without hugepages, devices or shared files, for tests that cannot do without. */
#ifndef EAL_H
#define EAL_H

#include "bc_test.h"

#include <rte_eal.h>

/* Once in a process; the test is skipped where it does not start. */
static inline void start_eal(void)
{
	static char *argv[] = { "test", "--no-huge", "--no-pci", "--no-shconf", "--no-telemetry", "-m", "64", "-l", "0",
				"--iova-mode=va", "--log-level=*:error" };

	if (rte_eal_init(sizeof(argv) / sizeof(argv[0]), argv) < 0)
		BC_SKIP("EAL does not start here");
}

#endif
