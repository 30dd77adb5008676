/* SPDX-License-Identifier: BSD-3-Clause */
#include <inttypes.h>
#include <string.h>

#include "bc_check.h"
#include "bc_plural.h"
#include "bc_sys.h"

#define IOMMU "iommu"

static bool is_unsafe_allowed(const char *root)
{
	char text[8];

	return bc_sys_text(root, text, sizeof(text), "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode") &&
	       (text[0] == 'Y' || text[0] == '1');
}

void bc_check_iommu(const char *root, const struct bc_devices *d, struct bc_findings *f)
{
	struct bc_sys_list groups = bc_sys_list(root, "/sys/kernel/iommu_groups");
	const struct bc_pcidev *bare = NULL;
	uint32_t n = groups.n, kernels = 0, given = 0;

	bc_sys_list_free(&groups);
	for (uint32_t i = 0; i < d->n_pci; i++) {
		const struct bc_pcidev *pci = &d->pci[i];

		kernels += pci->by == BC_PCIDEV_KERNEL || pci->by == BC_PCIDEV_NONE;
		given += pci->by == BC_PCIDEV_DPDK;
		if (!strcmp(pci->driver, "vfio-pci") && pci->iommu_group < 0)
			bare = pci;
	}
	if (bare && !is_unsafe_allowed(root)) {
		bc_finding_add(f, BC_FINDING_PROBLEM, IOMMU, "port %s is bound to vfio-pci, but there is no IOMMU for it", bare->address);
		bc_finding_advise(f, "switch it on: VT-d or AMD-Vi in the firmware, intel_iommu=on iommu=pt on the kernel command line");
	} else if (n) {
		bc_finding_add(f, BC_FINDING_OK, IOMMU, "on, with %" PRIu32 " group%s: DPDK can have a port by vfio-pci", n, bc_plural(n, "", "s"));
	} else if (given) {
		bc_finding_add(f, BC_FINDING_NOTE, IOMMU, "off: a port that DPDK has can write anywhere in memory");
		bc_finding_advise(f, "switch it on: VT-d or AMD-Vi in the firmware, intel_iommu=on iommu=pt on the kernel command line");
	} else if (kernels) {
		bc_finding_add(f, BC_FINDING_NOTE, IOMMU, "off: vfio-pci takes a port only in its unsafe mode without one, as root");
		bc_finding_advise(f, "for dpdk: VT-d or AMD-Vi in the firmware, intel_iommu=on iommu=pt on the kernel command line");
	} else {
		bc_finding_add(f, BC_FINDING_OK, IOMMU, "off, and no port needs it");
	}
}
