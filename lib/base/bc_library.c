/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_library.h"

#include <dlfcn.h>
#include <errno.h>

int bc_library_load(const char *file, const char *package, const char *const *names, size_t n, void **ret, struct bc_err *err)
{
	/* Its threads may outlive whoever began them. */
	void *lib = dlopen(file, RTLD_NOW | RTLD_NODELETE);

	if (!lib)
		return bc_err_set(err, -ENOENT, "%s: install %s", dlerror(), package);
	for (size_t i = 0; i < n; i++) {
		ret[i] = dlsym(lib, names[i]);
		if (!ret[i]) {
			dlclose(lib);
			return bc_err_set(err, -ENOENT, "%s has no %s: another version of %s is needed", file, names[i], package);
		}
	}
	dlclose(lib);
	return 0;
}
