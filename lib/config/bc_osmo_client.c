/* SPDX-License-Identifier: BSD-3-Clause */
/* osmo-pcap-client's configuration, and the YAML of a capture that does the same. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bc_import_priv.h"

#define DEVICES_MAX 64
#define CONNS_MAX 64
#define OUTPUTS_MAX 7		/* braidcap's */
#define DEST_MAX 512
#define SNAPLEN_DEFAULT 9000	/* osmo-pcap's */
#define SNAPLEN_MAX 262144

/* A server that packets go to. */
struct conn {
	struct bc_import_text name;	/* none: the primary one */
	struct bc_import_text ip;
	struct bc_import_text source;
	struct bc_import_text tls_hostname;
	struct bc_import_text tls_capath;
	struct bc_import_text tls_cert;
	struct bc_import_text tls_key;
	uint64_t port;
	bool tls;
	bool ipip;
	bool connect;
	bool fit;		/* it becomes an output */
};

struct bc_osmo_client {
	const char *device[DEVICES_MAX];
	uint32_t n_devices;
	struct bc_import_text filter;
	uint64_t snaplen;
	bool gprs;
	bool detect_loop;
	bool pcapng;
	uint32_t n_conns;	/* the primary one is there always */
	uint32_t current;
	struct conn conn[CONNS_MAX];
};

static const char *add_device(void *object, const struct bc_vty_line *l)
{
	struct bc_osmo_client *c = object;
	const char *name = l->word[2];

	if (strpbrk(name, ",\"\\"))
		return "not a device name";
	for (uint32_t i = 0; i < c->n_devices; i++)
		if (!strcmp(c->device[i], name))
			return NULL;
	if (c->n_devices == DEVICES_MAX)
		return "too many devices";
	c->device[c->n_devices++] = name;
	return NULL;
}

static const char *remove_device(void *object, const struct bc_vty_line *l)
{
	struct bc_osmo_client *c = object;

	for (uint32_t i = 0; i < c->n_devices; i++)
		if (!strcmp(c->device[i], l->word[3])) {
			memmove(&c->device[i], &c->device[i + 1], (--c->n_devices - i) * sizeof(c->device[0]));
			return NULL;
		}
	return "there is no such device";
}

static uint32_t find_conn(const struct bc_osmo_client *c, const char *name)
{
	uint32_t i = 1;

	while (i < c->n_conns && strcmp(c->conn[i].name.text, name))
		i++;
	return i;
}

static const char *enter_conn(void *object, const struct bc_vty_line *l)
{
	struct bc_osmo_client *c = object;
	uint32_t i = find_conn(c, l->word[1]);

	/* What follows is another server's, and nobody's if there is no room. */
	c->current = i;
	if (i == CONNS_MAX)
		return "too many servers";
	if (i == c->n_conns) {
		memset(&c->conn[i], 0, sizeof(c->conn[i]));
		c->conn[i].name = (struct bc_import_text){ l->word[1], l->no };
		c->n_conns++;
	}
	return NULL;
}

static const char *remove_conn(void *object, const struct bc_vty_line *l)
{
	struct bc_osmo_client *c = object;
	uint32_t i = find_conn(c, l->word[2]);

	if (i == c->n_conns)
		return "there is no such server";
	memmove(&c->conn[i], &c->conn[i + 1], (--c->n_conns - i) * sizeof(c->conn[0]));
	return NULL;
}

static const char *set_address(struct bc_import_text *at, const struct bc_vty_line *l)
{
	if (!bc_vty_is_address(l->word[2]))
		return "that is no IP address";
	*at = (struct bc_import_text){ l->word[2], l->no };
	return NULL;
}

static const char *set_ip(void *object, const struct bc_vty_line *l)
{
	return set_address(&((struct conn *)object)->ip, l);
}

static const char *set_source(void *object, const struct bc_vty_line *l)
{
	return set_address(&((struct conn *)object)->source, l);
}

static const char *set_hostname(void *object, const struct bc_vty_line *l)
{
	const char *name = l->word[2];
	size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_");

	if (name[len] || len > 253)
		return "not a host name";
	((struct conn *)object)->tls_hostname = (struct bc_import_text){ name, l->no };
	return NULL;
}

#define OFFSET(member) offsetof(struct bc_osmo_client, member)
#define CONN(member) offsetof(struct conn, member)

static const char no_verify[] = "braidcap always verifies the server's certificate";
static const char no_priority[] = "the choice of ciphers is the TLS library's and the system's policy: TLS 1.2 at least";
static const char no_queue[] =
	"braidcap's queue is in MiB, not packets: 64 MiB, or ',queue=MIB' after the address";
static const char no_need[] = "it concerns only messages";

static const struct bc_vty_command client_commands[] = {
	{ "pcap device NAME", BC_VTY_CALL, .call = add_device },
	{ "no pcap device NAME", BC_VTY_CALL, .call = remove_device },
	{ "pcap snaplen N", BC_VTY_NUMBER, .offset = OFFSET(snaplen), .min = 1, .max = SNAPLEN_MAX },
	{ "pcap filter EXPRESSION ...", BC_VTY_TEXT, .offset = OFFSET(filter) },
	{ "pcap detect-loop 1", BC_VTY_YES, .offset = OFFSET(detect_loop) },
	{ "pcap detect-loop 0", BC_VTY_NO, .offset = OFFSET(detect_loop) },
	{ "pcap add-filter gprs", BC_VTY_YES, .offset = OFFSET(gprs) },
	{ "no pcap add-filter gprs", BC_VTY_NO, .offset = OFFSET(gprs) },
	{ "pcap file-format pcap", BC_VTY_NO, .offset = OFFSET(pcapng) },
	{ "pcap file-format pcapng", BC_VTY_YES, .offset = OFFSET(pcapng) },
	{ "pcap-store-connection NAME", BC_VTY_CALL, .call = enter_conn },
	{ "no pcap-store-connection NAME", BC_VTY_CALL, .call = remove_conn },
};

static const struct bc_vty_command conn_commands[] = {
	{ "server ip A.B.C.D", BC_VTY_CALL, .call = set_ip },
	{ "server port N", BC_VTY_NUMBER, .offset = CONN(port), .min = 1, .max = 65535 },
	{ "source ip A.B.C.D", BC_VTY_CALL, .call = set_source },
	{ "protocol osmo-pcap", BC_VTY_NO, .offset = CONN(ipip) },
	{ "protocol ipip", BC_VTY_YES, .offset = CONN(ipip) },
	{ "connect", BC_VTY_YES, .offset = CONN(connect) },
	{ "disconnect", BC_VTY_NO, .offset = CONN(connect) },
	{ "enable tls", BC_VTY_YES, .offset = CONN(tls) },
	{ "disable tls", BC_VTY_NO, .offset = CONN(tls) },
	{ "tls hostname NAME", BC_VTY_CALL, .call = set_hostname },
	{ "no tls hostname", BC_VTY_CLEAR, .offset = CONN(tls_hostname) },
	{ "tls capath PATH", BC_VTY_TEXT, .offset = CONN(tls_capath) },
	{ "no tls capath", BC_VTY_CLEAR, .offset = CONN(tls_capath) },
	{ "tls client-cert PATH", BC_VTY_TEXT, .offset = CONN(tls_cert) },
	{ "no tls client-cert", BC_VTY_CLEAR, .offset = CONN(tls_cert) },
	{ "tls client-key PATH", BC_VTY_TEXT, .offset = CONN(tls_key) },
	{ "no tls client-key", BC_VTY_CLEAR, .offset = CONN(tls_key) },
	{ "tls verify-cert", BC_VTY_NEEDLESS, .why = no_verify },
	{ "no tls verify-cert", BC_VTY_LOST, .why = no_verify },
	{ "tls priority STR", BC_VTY_LOST, .why = no_priority },
	{ "no tls priority", BC_VTY_NEEDLESS, .why = no_priority },
	{ "tls log-level N", BC_VTY_NEEDLESS, .why = no_need },
	{ "wqueue max-length N", BC_VTY_LOST, .why = no_queue },
};

#define RUN(table, object) bc_vty_run(table, sizeof(table) / sizeof(table[0]), object, l, notes)

struct bc_osmo_client *bc_osmo_client_new(void)
{
	struct bc_osmo_client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->snaplen = SNAPLEN_DEFAULT;
	c->n_conns = 1;
	c->conn[0].connect = true;
	return c;
}

void bc_osmo_client_free(struct bc_osmo_client *c)
{
	free(c);
}

bool bc_osmo_client_line(struct bc_osmo_client *c, const struct bc_vty_line *l, const struct bc_import_notes *notes)
{
	return RUN(client_commands, c) || RUN(conn_commands, &c->conn[0]);
}

bool bc_osmo_store_line(struct bc_osmo_client *c, const struct bc_vty_line *l, const struct bc_import_notes *notes)
{
	static const struct bc_vty_command nobody[] = {
		{ "ANY ...", BC_VTY_LOST, .why = "it belongs to a server that is left out" },
	};

	return c->current < c->n_conns ? RUN(conn_commands, &c->conn[c->current]) : RUN(nobody, c);
}

/* Text of printable ASCII in YAML. */
static void print_quoted(FILE *f, const char *text)
{
	fputc('"', f);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fputc('\\', f);
		fputc(*text, f);
	}
	fputc('"', f);
}

static void print_key(FILE *f, const char *key, const char *text)
{
	if (!text)
		return;
	fprintf(f, "%s: ", key);
	print_quoted(f, text);
	fputc('\n', f);
}

/* A server's certificate is made out to a name, which then has to lead to its address. */
static const char *host_of(const struct conn *n)
{
	return n->tls && !n->ipip && n->tls_hostname.text ? n->tls_hostname.text : n->ip.text;
}

/* As braidcap writes a remote peer. */
static void dest_of(const struct conn *n, char dest[DEST_MAX])
{
	const char *host = host_of(n);
	bool brackets = strchr(host, ':') != NULL;
	char port[16] = "";

	if (!n->ipip)
		snprintf(port, sizeof(port), ":%u%s", (unsigned)n->port, n->tls ? ",tls" : "");
	snprintf(dest, DEST_MAX, brackets ? "%s://[%s]%s%s%s" : "%s://%s%s%s%s", n->ipip ? "ipip" : "osmo", host, port,
		 n->source.text ? ",source=" : "", n->source.text ? n->source.text : "");
}

static void print_output(const struct bc_osmo_client *c, const struct conn *n, FILE *f)
{
	char dest[DEST_MAX];

	dest_of(n, dest);
	fprintf(f, "  - dest: \"%s\"\n", dest);
	print_key(f, "    filter", c->filter.text);
	if (c->gprs)
		fputs("    exclude: gprs-user-data\n", f);
	fprintf(f, "    snaplen: %u\n", (unsigned)c->snaplen);
	if (!n->ipip)
		fprintf(f, "    format: %s\n", c->pcapng ? "pcapng" : "pcap-us");
}

/* Did a server before number i name the same place, so that it is already written? */
static bool is_twice(const struct bc_osmo_client *c, uint32_t i)
{
	char dest[DEST_MAX], other[DEST_MAX];

	dest_of(&c->conn[i], dest);
	for (uint32_t k = 0; k < i; k++) {
		if (!c->conn[k].fit)
			continue;
		dest_of(&c->conn[k], other);
		if (!strcmp(dest, other))
			return true;
	}
	return false;
}

/* NULL, or why nothing can be sent to server number i. */
static const char *unfit(const struct bc_osmo_client *c, uint32_t i, uint32_t outputs)
{
	const struct conn *n = &c->conn[i];

	if (!n->connect)
		return "the server is left out: there is no 'connect', so that nothing was sent to it";
	if (!n->ip.text || (!n->port && !n->ipip))
		return "the server is left out: it has no 'server ip' or 'server port'";
	if (is_twice(c, i))
		return "the server is left out: another one has the same address";
	return outputs == OUTPUTS_MAX ? "the server is left out: a capture has at most 7 outputs" : NULL;
}

static bool same_text(const struct bc_import_text *a, const struct bc_import_text *b)
{
	return a->text == b->text || (a->text && b->text && !strcmp(a->text, b->text));
}

static void note_hostname(const struct bc_import_notes *notes, const struct conn *n)
{
	char why[256];

	if (host_of(n) == n->ip.text)
		return;
	snprintf(why, sizeof(why), "braidcap connects to the host of the certificate: its name has to resolve to %s",
		 n->ip.text);
	notes->note(notes->ctx, n->tls_hostname.line, BC_IMPORT_OTHERWISE, "tls hostname", why);
}

/* Find out which servers become outputs. Their number. */
static uint32_t choose(struct bc_osmo_client *c, const struct bc_import_notes *notes)
{
	uint32_t outputs = 0;

	for (uint32_t i = 0; i < c->n_conns; i++) {
		struct conn *n = &c->conn[i];
		const char *why = unfit(c, i, outputs);

		n->fit = !why;
		outputs += n->fit;
		if (why)
			notes->note(notes->ctx, n->name.line, BC_IMPORT_LOST, n->name.text ? n->name.text : "", why);
		else
			note_hostname(notes, n);
	}
	return outputs;
}

/* Certificates are the capture's: those of the first server that has TLS. */
static void print_tls(const struct bc_osmo_client *c, const struct bc_import_notes *notes, FILE *f)
{
	const struct conn *first = NULL;

	for (uint32_t i = 0; i < c->n_conns; i++) {
		const struct conn *n = &c->conn[i];

		if (!n->fit || !n->tls || n->ipip)
			continue;
		if (!first)
			first = n;
		else if (!same_text(&n->tls_capath, &first->tls_capath) || !same_text(&n->tls_cert, &first->tls_cert) ||
			 !same_text(&n->tls_key, &first->tls_key))
			notes->note(notes->ctx, n->name.line, BC_IMPORT_LOST, n->name.text,
				    "its certificates: all servers of a capture share those of the first one");
	}
	if (!first)
		return;
	print_key(f, "tls_ca", first->tls_capath.text);
	print_key(f, "tls_cert", first->tls_cert.text);
	if (first->tls_cert.text)
		print_key(f, "tls_key", first->tls_key.text);
	else if (first->tls_key.text)
		notes->note(notes->ctx, first->tls_key.line, BC_IMPORT_LOST, "tls client-key",
			    "there is no certificate for the key");
}

void bc_osmo_client_print(struct bc_osmo_client *c, const struct bc_import_notes *notes, FILE *f)
{
	uint32_t outputs = choose(c, notes);

	if (!c->n_devices)
		notes->note(notes->ctx, 0, BC_IMPORT_LOST, "", "there is no 'pcap device': add a source");
	if (!outputs)
		notes->note(notes->ctx, 0, BC_IMPORT_LOST, "", "there is no server to send to: add an output");
	fputs("sources:\n", f);
	for (uint32_t i = 0; i < c->n_devices; i++)
		fprintf(f, "  - \"pcap:%s\"\n", c->device[i]);
	fputs("# osmo-pcap-client does not ask for promiscuous mode.\nno_promisc: yes\n", f);
	if (c->detect_loop)
		fputs("detect_loop: yes\n", f);
	print_tls(c, notes, f);
	fputs("outputs:\n", f);
	for (uint32_t i = 0; i < c->n_conns; i++)
		if (c->conn[i].fit)
			print_output(c, &c->conn[i], f);
}
