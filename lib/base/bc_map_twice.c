/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_map_twice.h"

#include <sys/mman.h>
#include <unistd.h>

uint8_t *bc_map_twice(size_t size)
{
	uint8_t *both = MAP_FAILED;
	int fd = memfd_create("braidcap-ring", MFD_CLOEXEC);

	if (fd < 0)
		return NULL;
	if (ftruncate(fd, (off_t)size) == 0)
		both = mmap(NULL, 2 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	for (int i = 0; both != MAP_FAILED && i < 2; i++)
		if (mmap(both + (size_t)i * size, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) {
			munmap(both, 2 * size);
			both = MAP_FAILED;
		}
	close(fd);
	return both == MAP_FAILED ? NULL : both;
}

void bc_unmap_twice(uint8_t *map, size_t size)
{
	if (map)
		munmap(map, 2 * size);
}
