/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_extcap_toolbar.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bc_bytes.h"
#include "bc_ctl_client.h"

/* 'T', three bytes of length, which counts what follows: the number of the control, the command, its value. */
#define HEADER 6
#define COUNTED 2
#define ROTATE 0	/* the number of our button, as we tell it */
#define SET 1
#define STATUS 6

/* For reading as well as writing, so that it neither waits for the other end nor ends with it. */
static int open_pipe(const char *path)
{
	return path ? open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1;
}

void bc_extcap_toolbar_open(struct bc_extcap_toolbar *t, const char *in, const char *out, const char *prefix)
{
	*t = (struct bc_extcap_toolbar){ .in = open_pipe(in), .out = open_pipe(out), .prefix = prefix };
}

void bc_extcap_toolbar_close(struct bc_extcap_toolbar *t)
{
	if (t->in >= 0)
		close(t->in);
	if (t->out >= 0)
		close(t->out);
	t->in = t->out = -1;
}

void bc_extcap_toolbar_say(struct bc_extcap_toolbar *t, const char *fmt, ...)
{
	char text[HEADER + 256];
	va_list args;
	size_t len;

	va_start(args, fmt);
	vsnprintf(text + HEADER, sizeof(text) - HEADER, fmt, args);
	va_end(args);
	len = strlen(text + HEADER);
	bc_put_be32((uint8_t *)text, (uint32_t)(len + COUNTED));
	text[0] = 'T';
	text[4] = ROTATE;
	text[5] = STATUS;
	/* A message for which the pipe has no room is not worth waiting for; it is short enough to go in one piece. */
	if (t->out >= 0 && write(t->out, text, HEADER + len) < 0)
		return;
}

static void rotate(struct bc_extcap_toolbar *t)
{
	json_t *answer = NULL;
	struct bc_err err;
	int fd, r;

	if (!t->prefix) {
		bc_extcap_toolbar_say(t, "braidcap: only a capture on this host can be told to rotate");
		return;
	}
	fd = bc_ctl_connect(t->prefix, &err);
	r = fd < 0 ? fd : bc_ctl_ask(fd, "/braidcap/rotate", NULL, &answer, &err);
	if (fd >= 0)
		close(fd);
	json_decref(answer);
	bc_extcap_toolbar_say(t, "braidcap: %s", r ? err.msg : "the capture begins another segment");
}

/* The length of the message that is at the front of data; 0: it is not complete; -1: it is none of this protocol's, or too long. */
static int message(const struct bc_extcap_toolbar *t)
{
	uint32_t len;

	if (t->len < HEADER)
		return 0;
	len = HEADER - COUNTED + (bc_get_be32(t->data) & 0xffffff);
	if (t->data[0] != 'T' || len < HEADER || len > sizeof(t->data))
		return -1;
	return t->len >= len ? (int)len : 0;
}

void bc_extcap_toolbar_read(struct bc_extcap_toolbar *t)
{
	ssize_t got = read(t->in, t->data + t->len, sizeof(t->data) - t->len);
	int n;

	/* A pipe that we could write to does not end: it is something else. */
	if (got == 0) {
		close(t->in);
		t->in = -1;
	}
	if (got <= 0)
		return;
	t->len += (uint32_t)got;
	while ((n = message(t)) > 0) {
		if (t->data[4] == ROTATE && t->data[5] == SET)
			rotate(t);
		t->len -= (uint32_t)n;
		memmove(t->data, t->data + n, t->len);
	}
	if (n < 0) {
		close(t->in);
		t->in = -1;
	}
}
