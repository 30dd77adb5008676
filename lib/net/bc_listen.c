/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bc_number.h"

#define BACKLOG 128

void bc_listen_text(const struct sockaddr *address, char *dst, size_t size)
{
	const struct sockaddr_in *a4 = (const struct sockaddr_in *)address;
	const struct sockaddr_in6 *a6 = (const struct sockaddr_in6 *)address;
	char word[INET6_ADDRSTRLEN] = "?";

	if (address->sa_family == AF_INET) {
		inet_ntop(AF_INET, &a4->sin_addr, word, sizeof(word));
		snprintf(dst, size, "%s:%u", word, ntohs(a4->sin_port));
	} else if (IN6_IS_ADDR_V4MAPPED(&a6->sin6_addr)) {
		inet_ntop(AF_INET, a6->sin6_addr.s6_addr + 12, word, sizeof(word));
		snprintf(dst, size, "%s:%u", word, ntohs(a6->sin6_port));
	} else {
		inet_ntop(AF_INET6, &a6->sin6_addr, word, sizeof(word));
		snprintf(dst, size, "[%s]:%u", word, ntohs(a6->sin6_port));
	}
}

int bc_listen_parse(const char *what, const char *text, struct bc_listen *ret, struct bc_err *err)
{
	const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
	size_t len = colon ? (size_t)(colon - text) : 0;
	struct bc_listen l = { .len = 0 };
	struct sockaddr_in *a4 = (struct sockaddr_in *)&l.address;
	struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)&l.address;
	char word[INET6_ADDRSTRLEN + 2] = "::";
	bool six = len >= 2 && text[0] == '[' && text[len - 1] == ']';
	uint64_t n;
	int r = bc_parse_u64("the port", port, 1, 65535, &n, err);

	if (r)
		return bc_err_prefix(err, r, "%s", what);
	if (len < sizeof(word) && len)
		snprintf(word, sizeof(word), "%.*s", (int)(six ? len - 2 : len), text + (six ? 1 : 0));
	if (!six && len && inet_pton(AF_INET, word, &a4->sin_addr) == 1) {
		l.len = sizeof(*a4);
		l.address.ss_family = AF_INET;
		a4->sin_port = htons((uint16_t)n);
	} else if (len < sizeof(word) && (six || !len) && inet_pton(AF_INET6, word, &a6->sin6_addr) == 1) {
		l.len = sizeof(*a6);
		l.address.ss_family = AF_INET6;
		a6->sin6_port = htons((uint16_t)n);
	} else {
		return bc_err_set(err, -EINVAL, "%s: '%.200s' is not ADDRESS:PORT, [IPv6 ADDRESS]:PORT or PORT", what, text);
	}
	bc_listen_text((struct sockaddr *)&l.address, l.text, sizeof(l.text));
	*ret = l;
	return 0;
}

int bc_listen_open(const struct bc_listen *l, struct bc_err *err)
{
	int fd = socket(l->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1, none = 0, e;

	if (fd >= 0) {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
		if (l->address.ss_family == AF_INET6)
			setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
				   IN6_IS_ADDR_UNSPECIFIED(&((const struct sockaddr_in6 *)&l->address)->sin6_addr) ? &none : &one,
				   sizeof(one));
		if (bind(fd, (const struct sockaddr *)&l->address, l->len) == 0 && listen(fd, BACKLOG) == 0)
			return fd;
	}
	e = errno;
	if (fd >= 0)
		close(fd);
	return bc_err_set(err, -e, "cannot listen on %s: %s", l->text, strerror(e));
}
