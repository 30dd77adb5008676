/* SPDX-License-Identifier: BSD-3-Clause */
/* Who may send: clients by name, and the addresses from which each of them comes. Plain data. */
#ifndef BC_ALLOW_H
#define BC_ALLOW_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "bc_err.h"

#define BC_CLIENT_NAME_MAX 64	/* with its NUL */
#define BC_MAX_CLIENTS 4096
#define BC_MAX_ALLOW (2 * BC_MAX_CLIENTS)

/* NAME=ADDR[/PREFIX][,tls][,no-store] */
struct bc_allow {
	char name[BC_CLIENT_NAME_MAX];	/* letters, digits, '_', '-', '.'; the first is a letter or a digit */
	int family;			/* AF_INET, AF_INET6 */
	uint8_t address[16];		/* the first 4 of IPv4; zeroes behind the prefix */
	uint8_t bits;			/* of the prefix */
	bool tls;			/* only by TLS */
	bool no_store;
	uint32_t client;		/* set by bc_allow_number: names in the order in which they first stand */
};

/* -EINVAL with a line that begins with what. */
int bc_allow_parse(const char *what, const char *text, struct bc_allow *ret, struct bc_err *err);

/*
 * Number the clients: those of the n_known names as these stand, the others behind them. How many numbers there are then, at
 * most BC_MAX_CLIENTS; -EINVAL with a line when one address is allowed twice.
 */
int bc_allow_number(struct bc_allow *list, uint32_t n, const char *const *known, uint32_t n_known, struct bc_err *err);

/* The entry with the longest prefix that holds the address, or NULL. IPv4 through an IPv6 socket is IPv4. */
const struct bc_allow *bc_allow_find(const struct bc_allow *list, uint32_t n, const struct sockaddr *address);

#endif
