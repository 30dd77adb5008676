/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_spool_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#include <xxhash.h>

#include "bc_bytes.h"
#include "bc_file.h"

#define VERSION 1U
#define SUMMED 56U	/* bytes of the header before its sum */

static const uint8_t magic[8] = { 'B', 'C', 'S', 'P', 'O', 'O', 'L', '1' };

void bc_spool_file_name(uint64_t epoch, uint64_t number, char name[BC_SPOOL_FILE_NAME])
{
	snprintf(name, BC_SPOOL_FILE_NAME, "spool-%016" PRIx64 "-%016" PRIx64, epoch, number);
}

int bc_spool_file_create(int folder, const struct bc_spool_file_head *h, uint64_t *ret_size)
{
	uint8_t head[BC_SPOOL_FILE_HEADER] = { 0 }, *at = head + sizeof(magic);
	char name[BC_SPOOL_FILE_NAME];
	int fd, r;

	memcpy(head, magic, sizeof(magic));
	at = bc_put_le32(at, VERSION);
	at = bc_put_le32(at, h->link_len);
	memcpy(at, h->node, BC_WIRE_ID);
	at = bc_put_le64(at + BC_WIRE_ID, h->epoch);
	at = bc_put_le64(at, h->pos);
	at = bc_put_le64(at, h->number);
	bc_put_le32(at, XXH32(head, SUMMED, XXH32(h->link, h->link_len, 0)));
	bc_spool_file_name(h->epoch, h->number, name);
	fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = bc_write_all(fd, head, sizeof(head));
	if (!r)
		r = bc_write_all(fd, h->link, h->link_len);
	if (r) {
		unlinkat(folder, name, 0);
		close(fd);
		return r;
	}
	*ret_size = sizeof(head) + h->link_len;
	return fd;
}

/* Of a record's header, from its position on, and its messages. */
static uint32_t record_sum(const uint8_t place[16], const void *messages, uint32_t len)
{
	return XXH32(messages, len, XXH32(place, 16, len));
}

int bc_spool_file_append(int fd, uint64_t *size, uint64_t pos, uint64_t number, const void *messages, uint32_t len)
{
	uint8_t head[BC_SPOOL_RECORD_HEADER];
	const struct iovec parts[] = { { head, sizeof(head) }, { (void *)(uintptr_t)messages, len } };
	ssize_t n;
	int r;

	bc_put_le64(bc_put_le64(head + 8, pos), number);
	bc_put_le32(bc_put_le32(head, len), record_sum(head + 8, messages, len));
	n = pwritev(fd, parts, 2, (off_t)*size);
	if (n == (ssize_t)(sizeof(head) + len)) {
		*size += sizeof(head) + len;
		return 0;
	}
	r = n < 0 ? -errno : -ENOSPC;
	/* What cannot be cut off is overwritten by the next one, or torn. */
	(void)!ftruncate(fd, (off_t)*size);
	return r;
}

static int read_exactly(int fd, void *buf, size_t len, uint64_t off)
{
	ssize_t n;

	do
		n = pread(fd, buf, len, (off_t)off);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n == (ssize_t)len ? 0 : -EBADMSG;
}

int bc_spool_file_read_head(int fd, struct bc_spool_file_head *ret)
{
	uint8_t head[BC_SPOOL_FILE_HEADER];
	uint32_t link_len;
	int r = read_exactly(fd, head, sizeof(head), 0);

	if (r)
		return r;
	link_len = bc_get_le32(head + 12);
	if (memcmp(head, magic, sizeof(magic)) || bc_get_le32(head + 8) != VERSION || link_len > sizeof(ret->link))
		return -EBADMSG;
	r = read_exactly(fd, ret->link, link_len, sizeof(head));
	if (r)
		return r;
	if (bc_get_le32(head + SUMMED) != XXH32(head, SUMMED, XXH32(ret->link, link_len, 0)))
		return -EBADMSG;
	if (link_len && (ret->link[0] != BC_WIRE_LINK || bc_wire_length(ret->link, link_len) != link_len))
		return -EBADMSG;
	memcpy(ret->node, head + 16, BC_WIRE_ID);
	ret->epoch = bc_get64(head + 32, false);
	ret->pos = bc_get64(head + 40, false);
	ret->number = bc_get64(head + 48, false);
	ret->link_len = link_len;
	return 0;
}

/* Do they end where the bytes do? */
static bool are_messages(const uint8_t *at, size_t len)
{
	while (len) {
		size_t whole = bc_wire_length(at, len);

		if (!whole || whole > len || at[0] > BC_WIRE_PACKET)
			return false;
		at += whole;
		len -= whole;
	}
	return true;
}

static int64_t read_record(int fd, uint64_t off, uint64_t size, bool skim, struct bc_spool_record *ret)
{
	uint8_t head[BC_SPOOL_RECORD_HEADER];
	uint32_t len;
	int r;

	if (off >= size)
		return 0;
	r = read_exactly(fd, head, sizeof(head), off);
	if (r)
		return r;
	len = bc_get_le32(head);
	if (!len || len > sizeof(ret->bytes) || size - off < sizeof(head) + len)
		return -EBADMSG;
	if (!skim) {
		r = read_exactly(fd, ret->bytes, len, off + sizeof(head));
		if (!r && (record_sum(head + 8, ret->bytes, len) != bc_get_le32(head + 4) || !are_messages(ret->bytes, len)))
			r = -EBADMSG;
		if (r)
			return r;
	}
	ret->len = len;
	ret->pos = bc_get64(head + 8, false);
	ret->number = bc_get64(head + 16, false);
	return (int64_t)(off + sizeof(head) + len);
}

int64_t bc_spool_file_read(int fd, uint64_t off, uint64_t size, struct bc_spool_record *ret)
{
	return read_record(fd, off, size, false, ret);
}

int64_t bc_spool_file_skim(int fd, uint64_t off, uint64_t size, struct bc_spool_record *ret)
{
	return read_record(fd, off, size, true, ret);
}
