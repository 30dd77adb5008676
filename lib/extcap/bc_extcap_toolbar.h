/* SPDX-License-Identifier: BSD-3-Clause */
/* Wireshark's toolbar of an extcap interface: its button, and messages for the status line. Never waits but for a capture's answer. */
#ifndef BC_EXTCAP_TOOLBAR_H
#define BC_EXTCAP_TOOLBAR_H

#include <stdbool.h>
#include <stdint.h>

#define BC_EXTCAP_TOOLBAR_MAX 4096	/* bytes of a message; we ask for none that is longer */

struct bc_extcap_toolbar {
	int in, out;		/* -1: there is none */
	const char *prefix;	/* of the capture that the button is for; NULL: it is on another host */
	uint8_t data[BC_EXTCAP_TOOLBAR_MAX];
	uint32_t len;
};

/* in and out are named pipes, or NULL; what cannot be opened is left out. close takes what is zeroed but for -1 in in and out. */
void bc_extcap_toolbar_open(struct bc_extcap_toolbar *t, const char *in, const char *out, const char *prefix);
void bc_extcap_toolbar_close(struct bc_extcap_toolbar *t);

/* t->in can be read: do what it says. */
void bc_extcap_toolbar_read(struct bc_extcap_toolbar *t);

void bc_extcap_toolbar_say(struct bc_extcap_toolbar *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
