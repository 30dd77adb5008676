/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_uploader_priv.h"

#include <errno.h>

#include "bc_time.h"

#define PAUSE_MIN_NS (1 * BC_NS_PER_S)		/* after the store failed, doubled each time */
#define PAUSE_MAX_NS (30 * BC_NS_PER_S)
#define RETELL_NS (3600 * BC_NS_PER_S)		/* the same trouble is told again */

bool bc_upload_is_down(int r)
{
	return bc_object_passes(r) || r == -EACCES || r == -EKEYREJECTED || r == -EKEYEXPIRED || r == -ENODEV || r == -EXDEV || r == -EPROTO ||
	       r == -ETIME;
}

/* Each trouble is told once, whichever segment meets it, and from time to time. */
static void tell_trouble(struct bc_uploader *u, int r, const struct bc_err *err, const char *what_now)
{
	const uint64_t now = bc_mono_ns();

	if (u->told_ns && now - u->told_ns < RETELL_NS && u->told == r)
		return;
	u->told_ns = now;
	u->told = r;
	bc_log(u->log, BC_WARN, "upload: %s; %s", err->msg, what_now);
}

void bc_upload_store_fails(struct bc_uploader *u, int r, const struct bc_err *err)
{
	const uint64_t now = bc_mono_ns();

	if (!u->down_ns)
		u->down_ns = now;
	/* Several threads can find out at once. */
	if (now >= u->resume_ns) {
		u->pause_ns = u->pause_ns ? 2 * u->pause_ns : PAUSE_MIN_NS;
		if (u->pause_ns > PAUSE_MAX_NS)
			u->pause_ns = PAUSE_MAX_NS;
		u->resume_ns = now + u->pause_ns;
	}
	tell_trouble(u, r, err, "segments wait in their folder, and it is tried again");
}

void bc_upload_store_works(struct bc_uploader *u)
{
	if (u->down_ns)
		bc_log(u->log, BC_NOTICE, "upload: goes on after %llu s", (unsigned long long)((bc_mono_ns() - u->down_ns) / BC_NS_PER_S));
	u->down_ns = u->pause_ns = u->resume_ns = u->told_ns = 0;
}
