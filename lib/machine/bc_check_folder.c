/* SPDX-License-Identifier: BSD-3-Clause */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "bc_check.h"
#include "bc_table.h"

#define FOLDER "folder"
#define XFS 0x58465342
#define CIFS 0xff534d42
#define SMB2 0xfe534d42
/* Of all space, less is not enough for what is being written. */
#define FULL_SHARE 0.02

static const char *network_name(long type)
{
	return type == NFS_SUPER_MAGIC ? "NFS" : type == CIFS || type == SMB2 ? "SMB" : type == FUSE_SUPER_MAGIC ? "FUSE" : NULL;
}

static void check_kind(const char *folder, long type, struct bc_findings *f)
{
	if (type == EXT4_SUPER_MAGIC || type == XFS) {
		bc_finding_add(f, BC_FINDING_OK, FOLDER, "%.160s is on %s: written past the page cache", folder, type == XFS ? "XFS" : "ext4");
	} else if (network_name(type)) {
		bc_finding_add(f, BC_FINDING_NOTE, FOLDER, "%.160s is on %s: it is as fast and as safe as that is", folder, network_name(type));
		bc_finding_advise(f, "capture onto a local disk, and move segments away: --completed, --upload");
	} else if (type == TMPFS_MAGIC) {
		bc_finding_add(f, BC_FINDING_NOTE, FOLDER, "%.160s is in memory (tmpfs): gone at the next start", folder);
		bc_finding_advise(f, "name a folder on a disk");
	} else {
		bc_finding_add(f, BC_FINDING_OK, FOLDER, "%.160s is written through the page cache; ext4 and XFS take less CPU time", folder);
	}
}

bool bc_check_folder(const char *folder, struct bc_findings *f)
{
	struct statvfs v;
	struct statfs s;
	struct stat st;
	char a[BC_UNITS_MAX], b[BC_UNITS_MAX];
	double room, all;

	if (stat(folder, &st) || !S_ISDIR(st.st_mode) || statfs(folder, &s) || statvfs(folder, &v)) {
		bc_finding_add(f, BC_FINDING_PROBLEM, FOLDER, "%.160s is no folder", folder);
		bc_finding_advise(f, "mkdir -p %.160s", folder);
		return false;
	}
	if (access(folder, W_OK | X_OK)) {
		bc_finding_add(f, BC_FINDING_PROBLEM, FOLDER, "%.160s: %s", folder, strerror(errno));
		bc_finding_advise(f, "let this user write there, or name another folder");
		return false;
	}
	check_kind(folder, (long)s.f_type, f);
	room = (double)v.f_bavail * (double)v.f_frsize;
	all = (double)v.f_blocks * (double)v.f_frsize;
	bc_finding_add(f, room < FULL_SHARE * all ? BC_FINDING_PROBLEM : BC_FINDING_OK, FOLDER, "%sB of %sB are free", bc_units(a, room),
		       bc_units(b, all));
	if (room < FULL_SHARE * all)
		bc_finding_advise(f, "free space: braidcap expire, or --keep-free");
	return true;
}
