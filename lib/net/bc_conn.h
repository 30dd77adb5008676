/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A stream of bytes over TCP, plain or TLS, at either end. Nothing here waits but for a name's resolution: a call that cannot go on
 * returns -EAGAIN and says in *events what to poll(2) bc_conn_fd() for: POLLIN or POLLOUT, which in TLS need not be the obvious one.
 * One thread at a time uses a connection. Timeouts are the caller's. The application ignores SIGPIPE.
 */
#ifndef BC_CONN_H
#define BC_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bc_err.h"
#include "bc_tls.h"

struct bc_conn;

struct bc_conn_target {
	const char *host;	/* a name, or an address (IPv6 without brackets) */
	uint16_t port;
	const char *source;	/* the address to come from; NULL: the system's choice */
};

/*
 * Begin to connect; strings are copied. attempt chooses among the host's addresses (attempt modulo their number), so that counting
 * attempts tries all of them. tls: NULL for plain. Resolving a name may take as long as the resolver does.
 * 0 and *ret, and then bc_conn_handshake(); or a negative errno with a line in err.
 */
int bc_conn_connect(const struct bc_conn_target *target, unsigned attempt, struct bc_tls *tls, struct bc_conn **ret,
		    struct bc_err *err);

/*
 * The same for a socket that accept(2) returned: it is made non-blocking, and belongs to the connection when this succeeds; after a
 * failure it is the caller's still. tls is a server's, or NULL.
 */
int bc_conn_accept(int fd, struct bc_tls *tls, struct bc_conn **ret, struct bc_err *err);

/*
 * Go on until the connection is up and, in TLS, the other side is verified: a client checks the server's certificate and that it is
 * of the host asked for; a server that has a ca checks the client's. 0 done, -EAGAIN, or a negative errno with a line in err (which
 * does not repeat the address): -EACCES when a certificate is refused, by either side.
 * A TLS 1.3 client may learn only from bc_conn_read() or bc_conn_write() that the server refuses its certificate.
 */
int bc_conn_handshake(struct bc_conn *c, short *events, struct bc_err *err);

/*
 * Once it is up. 1 to len bytes (len is not 0); 0 where the other side ended the stream in good order, which only read returns;
 * -EAGAIN; or another negative errno with a line in err, after which the connection can only be closed.
 *
 * read: bytes may wait in the connection where poll(2) does not see them: read until -EAGAIN before polling.
 * write: the bytes are the kernel's or, in TLS, the record that holds them is being sent. After -EAGAIN the next write begins with
 * the same bytes and is not shorter; they may stand elsewhere.
 */
ptrdiff_t bc_conn_read(struct bc_conn *c, void *buf, size_t len, short *events, struct bc_err *err);
ptrdiff_t bc_conn_write(struct bc_conn *c, const void *buf, size_t len, short *events, struct bc_err *err);

/* As bc_conn_read(), but the bytes stay there to be read; it may give fewer than wait. */
ptrdiff_t bc_conn_peek(struct bc_conn *c, void *buf, size_t len, short *events, struct bc_err *err);

/*
 * How long a client waits, after the handshake and while it reads, before it may take it that the other side has not turned it away:
 * a server that does not want us accepts first and then ends the connection, and TLS 1.3 tells of a refused certificate only then.
 */
uint64_t bc_conn_confirm_ns(const struct bc_conn *c);

/* Tell the other side that nothing more comes. 0, -EAGAIN, or a negative errno. Reading goes on. */
int bc_conn_end(struct bc_conn *c, short *events);

/* Bytes handed to the kernel that the other side has not acknowledged. */
uint32_t bc_conn_unacked(const struct bc_conn *c);

/* Close the socket and free; takes NULL. In TLS nothing is said to the other side any more: that is bc_conn_end()'s. */
void bc_conn_close(struct bc_conn *c);

int bc_conn_fd(const struct bc_conn *c);
/* Of the other side, "192.0.2.1:6001" or "[2001:db8::1]:6001"; lives as long as the connection. */
const char *bc_conn_address(const struct bc_conn *c);

/*
 * What the verified certificate of the other side is called, for a person: its common name or, without one, its first DNS name; ""
 * where there is none. Lives as long as the connection. Control characters are replaced.
 */
const char *bc_conn_cert_name(const struct bc_conn *c);
/* Is it made out to name: a DNS name of it or, where it has none, its common name? Case does not matter, wildcards do not count. */
bool bc_conn_cert_is(const struct bc_conn *c, const char *name);

#endif
