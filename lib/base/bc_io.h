/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * How an output's bytes reach a file. What is asked for and cannot be had, by the file system or the kernel, falls back to
 * what can.
 */
#ifndef BC_IO_H
#define BC_IO_H

enum bc_io {
	BC_IO_BUFFERED,	/* through the page cache, which costs the caller a copy and much more */
	BC_IO_DIRECT,	/* past it (O_DIRECT), several writes in flight (io_uring) */
	BC_IO_AUTO,	/* direct where that was measured to be better: ext4, XFS */
};

#endif
