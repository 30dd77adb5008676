/* SPDX-License-Identifier: BSD-3-Clause */
/* osmo-pcap-server's configuration, and the command line of a collector that does the same. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bc_import_priv.h"

#define CLIENTS_MAX 256	/* braidcap's */
#define MODE_DEFAULT "0440"
/* osmo-pcap's defaults: 1 GiB a file, and a new one at midnight. */
#define SIZE_DEFAULT 1073741824ULL
#define SIZE_MAX_BYTES 16000000000000ULL
#define SIZE_MIN_BYTES 1000ULL

struct client {
	const char *name;
	const char *address;
	bool no_store;
	bool tls;
};

struct bc_osmo_server {
	struct bc_import_text base_path;
	struct bc_import_text completed;
	struct bc_import_text ip;
	struct bc_import_text tls_capath;
	struct bc_import_text tls_crl;
	struct bc_import_text tls_cert;
	struct bc_import_text tls_key;
	const char *mode;
	const char *zmq_ip;
	uint64_t zmq_port;
	uint64_t port;
	uint64_t max_size;
	uint64_t max_snaplen;	/* 0: not given */
	const char *interval;	/* of the clock; NULL: none */
	uint64_t modulus;
	bool sized;
	bool tls;
	bool x509;
	uint32_t n_clients;
	struct client client[CLIENTS_MAX];
};

static const char *set_ip(void *object, const struct bc_vty_line *l)
{
	struct bc_osmo_server *s = object;

	if (!bc_vty_is_address(l->word[2]))
		return "that is no IP address";
	s->ip = (struct bc_import_text){ l->word[2], l->no };
	return NULL;
}

static const char *set_mode(void *object, const struct bc_vty_line *l)
{
	const char *mode = l->word[1];
	size_t len = strspn(mode, "01234567");

	if (mode[len] || len > 4 || (len == 4 && mode[0] != '0'))
		return "not an octal file mode up to 0777";
	((struct bc_osmo_server *)object)->mode = mode;
	return NULL;
}

static const char *set_size(void *object, const struct bc_vty_line *l)
{
	struct bc_osmo_server *s = object;

	if (!bc_vty_number(l->word[1], SIZE_MIN_BYTES, SIZE_MAX_BYTES, &s->max_size))
		return "no size that a segment may have";
	s->sized = true;
	return NULL;
}

/* The largest modulus of each interval. */
static uint64_t modulus_max(const char *interval)
{
	static const struct {
		const char *name;
		uint64_t max;
	} known[] = { { "second", 60 }, { "minute", 60 }, { "hour", 24 }, { "day", 31 }, { "month", 12 } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcmp(known[i].name, interval))
			return known[i].max;
	return 0;
}

static const char *set_clock(void *object, const struct bc_vty_line *l)
{
	struct bc_osmo_server *s = object;
	uint64_t modulus = 1, max = modulus_max(l->word[1]);

	if (!strcmp(l->word[1], "year"))
		return "braidcap's clock goes up to months: what was configured before holds";
	if (!max || (l->n == 4 && !bc_vty_number(l->word[3], 1, max, &modulus)))
		return "no interval of the clock";
	s->interval = l->word[1];
	s->modulus = modulus;
	return NULL;
}

static const char *no_clock(void *object, const struct bc_vty_line *l)
{
	((struct bc_osmo_server *)object)->interval = NULL;
	return NULL;
}

static const char *set_zmq(void *object, const struct bc_vty_line *l)
{
	struct bc_osmo_server *s = object;

	if (strcmp(l->word[1], "*") && !bc_vty_is_address(l->word[1]))
		return "that is neither an IP address nor *";
	if (!bc_vty_number(l->word[2], 1, 65535, &s->zmq_port))
		return "not a port";
	s->zmq_ip = l->word[1];
	return NULL;
}

static const char *no_zmq(void *object, const struct bc_vty_line *l)
{
	((struct bc_osmo_server *)object)->zmq_ip = NULL;
	return NULL;
}

static uint32_t find_client(const struct bc_osmo_server *s, const char *name)
{
	uint32_t i = 0;

	while (i < s->n_clients && strcmp(s->client[i].name, name))
		i++;
	return i;
}

static const char *add_client(void *object, const struct bc_vty_line *l)
{
	struct bc_osmo_server *s = object;
	uint32_t i = find_client(s, l->word[1]);
	struct client c = { .name = l->word[1], .address = l->word[2] };

	if (!bc_vty_is_name(c.name))
		return "a name may have up to 63 letters, digits, _, - and ., and must begin with a letter or digit";
	if (!bc_vty_is_address(c.address))
		return "that is no IP address";
	for (uint32_t k = 3; k < l->n; k++) {
		c.no_store |= !strcmp(l->word[k], "no-store");
		c.tls |= !strcmp(l->word[k], "tls");
		if (strcmp(l->word[k], "no-store") && strcmp(l->word[k], "tls") && strcmp(l->word[k], "store"))
			return "a client is store or no-store, and tls";
	}
	if (i == CLIENTS_MAX)
		return "too many clients: braidcap takes 256";
	for (uint32_t k = 0; k < s->n_clients; k++)
		if (k != i && !strcmp(s->client[k].address, c.address))
			return "another client has that address, by which clients are told apart";
	s->client[i] = c;
	s->n_clients += i == s->n_clients;
	return NULL;
}

static const char *remove_client(void *object, const struct bc_vty_line *l)
{
	struct bc_osmo_server *s = object;
	uint32_t i = find_client(s, l->word[2]);

	if (i == s->n_clients)
		return "there is no such client";
	memmove(&s->client[i], &s->client[i + 1], (--s->n_clients - i) * sizeof(s->client[0]));
	return NULL;
}

#define OFFSET(member) offsetof(struct bc_osmo_server, member)

static const char no_anonymous[] = "braidcap has no TLS without certificates";
static const char no_priority[] = "the choice of ciphers is the TLS library's and the system's policy: TLS 1.2 at least";
static const char no_dh[] = "the TLS library has its own parameters";
static const char no_need[] = "it concerns only messages";
static const char no_queue[] = "braidcap's buffers are in bytes: see --memory";

static const struct bc_vty_command commands[] = {
	{ "base-path PATH", BC_VTY_TEXT, .offset = OFFSET(base_path) },
	{ "completed-path PATH", BC_VTY_TEXT, .offset = OFFSET(completed) },
	{ "no completed-path", BC_VTY_CLEAR, .offset = OFFSET(completed) },
	{ "file-permission-mask MODE", BC_VTY_CALL, .call = set_mode },
	{ "server ip A.B.C.D", BC_VTY_CALL, .call = set_ip },
	{ "server port N", BC_VTY_NUMBER, .offset = OFFSET(port), .min = 1, .max = 65535 },
	{ "max-file-size NR", BC_VTY_CALL, .call = set_size },
	{ "no max-file-size", BC_VTY_NO, .offset = OFFSET(sized) },
	{ "max-snaplen N", BC_VTY_NUMBER, .offset = OFFSET(max_snaplen), .min = 1, .max = 262144 },
	/* So the server itself writes it. */
	{ "server max-snaplen N", BC_VTY_NUMBER, .offset = OFFSET(max_snaplen), .min = 1, .max = 262144 },
	{ "rotate-localtime INTERVAL", BC_VTY_CALL, .call = set_clock },
	{ "rotate-localtime INTERVAL mod N", BC_VTY_CALL, .call = set_clock },
	{ "no rotate-localtime", BC_VTY_CALL, .call = no_clock },
	{ "zeromq-publisher A.B.C.D PORT", BC_VTY_CALL, .call = set_zmq },
	{ "no zeromq-publisher", BC_VTY_CALL, .call = no_zmq },
	{ "client NAME A.B.C.D", BC_VTY_CALL, .call = add_client },
	{ "client NAME A.B.C.D STORE", BC_VTY_CALL, .call = add_client },
	{ "client NAME A.B.C.D STORE TLS", BC_VTY_CALL, .call = add_client },
	{ "no client NAME", BC_VTY_CALL, .call = remove_client },
	{ "enable tls", BC_VTY_YES, .offset = OFFSET(tls) },
	{ "disable tls", BC_VTY_NO, .offset = OFFSET(tls) },
	{ "tls allow-auth x509", BC_VTY_YES, .offset = OFFSET(x509) },
	{ "no tls allow-auth x509", BC_VTY_NO, .offset = OFFSET(x509) },
	{ "tls allow-auth anonymous", BC_VTY_LOST, .why = no_anonymous },
	{ "no tls allow-auth anonymous", BC_VTY_NEEDLESS, .why = no_anonymous },
	{ "tls capath PATH", BC_VTY_TEXT, .offset = OFFSET(tls_capath) },
	{ "no tls capath", BC_VTY_CLEAR, .offset = OFFSET(tls_capath) },
	{ "tls crlfile PATH", BC_VTY_TEXT, .offset = OFFSET(tls_crl) },
	{ "no tls crlfile", BC_VTY_CLEAR, .offset = OFFSET(tls_crl) },
	{ "tls server-cert PATH", BC_VTY_TEXT, .offset = OFFSET(tls_cert) },
	{ "no tls server-cert", BC_VTY_CLEAR, .offset = OFFSET(tls_cert) },
	{ "tls server-key PATH", BC_VTY_TEXT, .offset = OFFSET(tls_key) },
	{ "no tls server-key", BC_VTY_CLEAR, .offset = OFFSET(tls_key) },
	{ "tls priority STR", BC_VTY_LOST, .why = no_priority },
	{ "no tls priority", BC_VTY_NEEDLESS, .why = no_priority },
	{ "tls dh pkcs FILE", BC_VTY_NEEDLESS, .why = no_dh },
	{ "tls dh pkcs3 FILE", BC_VTY_NEEDLESS, .why = no_dh },
	{ "tls dh generate", BC_VTY_NEEDLESS, .why = no_dh },
	{ "tls log-level N", BC_VTY_NEEDLESS, .why = no_need },
	{ "file-write-queue-max-length N", BC_VTY_NEEDLESS, .why = no_queue },
};

struct bc_osmo_server *bc_osmo_server_new(void)
{
	struct bc_osmo_server *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->mode = MODE_DEFAULT;
	s->max_size = SIZE_DEFAULT;
	s->sized = true;
	s->interval = "day";
	s->modulus = 1;
	return s;
}

void bc_osmo_server_free(struct bc_osmo_server *s)
{
	free(s);
}

bool bc_osmo_server_line(struct bc_osmo_server *s, const struct bc_vty_line *l, const struct bc_import_notes *notes)
{
	return bc_vty_run(commands, sizeof(commands) / sizeof(commands[0]), s, l, notes);
}

/* One word of a shell's command line. */
static void print_word(FILE *f, const char *word)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-/:,=[]+@";

	if (word[0] && !word[strspn(word, plain)]) {
		fputs(word, f);
		return;
	}
	fputc('\'', f);
	for (; *word; word++)
		if (*word == '\'')
			fputs("'\\''", f);
		else
			fputc(*word, f);
	fputc('\'', f);
}

static void print_option(FILE *f, const char *option, const char *value)
{
	if (!value)
		return;
	fprintf(f, " \\\n\t%s ", option);
	print_word(f, value);
}

static void print_listen(const struct bc_osmo_server *s, FILE *f)
{
	const char *ip = s->ip.text ? s->ip.text : "0.0.0.0";
	char text[128];

	snprintf(text, sizeof(text), strchr(ip, ':') ? "[%s]:%u" : "%s:%u", ip, (unsigned)s->port);
	print_option(f, "-l", text);
}

static void print_rotation(const struct bc_osmo_server *s, FILE *f)
{
	char text[64];

	if (s->sized) {
		snprintf(text, sizeof(text), "%u.%06u", (unsigned)(s->max_size / 1000000), (unsigned)(s->max_size % 1000000));
		print_option(f, "--rotate-size", text);
	}
	if (s->interval) {
		snprintf(text, sizeof(text), s->modulus == 1 ? "%s" : "%s/%u", s->interval, (unsigned)s->modulus);
		print_option(f, "--rotate-clock", text);
	}
}

static bool some_client_has_tls(const struct bc_osmo_server *s)
{
	for (uint32_t i = 0; i < s->n_clients; i++)
		if (s->client[i].tls)
			return true;
	return false;
}

/* TLS is each client's: braidcap's --tls would be for all of them. */
static void print_tls(const struct bc_osmo_server *s, FILE *f)
{
	if (!s->tls || !some_client_has_tls(s))
		return;
	print_option(f, "--tls-cert", s->tls_cert.text);
	print_option(f, "--tls-key", s->tls_key.text);
	if (s->x509) {
		print_option(f, "--tls-ca", s->tls_capath.text);
		print_option(f, "--tls-crl", s->tls_crl.text);
	}
}

static void print_clients(const struct bc_osmo_server *s, FILE *f)
{
	char text[256];

	for (uint32_t i = 0; i < s->n_clients; i++) {
		const struct client *c = &s->client[i];

		snprintf(text, sizeof(text), "%s=%s%s%s", c->name, c->address, c->tls ? ",tls" : "",
			 c->no_store ? ",no-store" : "");
		print_option(f, "--allow", text);
	}
}

static void note(const struct bc_import_notes *notes, uint32_t line, enum bc_import_loss loss, const char *why)
{
	notes->note(notes->ctx, line, loss, "", why);
}

static void note_tls(const struct bc_osmo_server *s, const struct bc_import_notes *notes)
{
	if (!some_client_has_tls(s)) {
		if (s->tls)
			note(notes, 0, BC_IMPORT_NEEDLESS, "the TLS settings are left out: no client has 'tls'");
		return;
	}
	if (!s->tls)
		note(notes, 0, BC_IMPORT_OTHERWISE,
		     "a client has 'tls', but there is no 'enable tls': it was refused, and now needs --tls-cert");
	else if (!s->tls_cert.text)
		note(notes, 0, BC_IMPORT_LOST, "there is no 'tls server-cert', which TLS needs: give --tls-cert");
	if (s->tls && s->x509 && !s->tls_capath.text)
		note(notes, 0, BC_IMPORT_LOST,
		     "there is no 'tls capath', which verifies clients' certificates: give --tls-ca");
	if (s->tls && !s->x509 && s->tls_capath.text)
		note(notes, s->tls_capath.line, BC_IMPORT_NEEDLESS,
		     "clients are not asked for certificates: there is no 'tls allow-auth x509'");
}

static void note_lacks(const struct bc_osmo_server *s, const struct bc_import_notes *notes)
{
	if (!s->port)
		note(notes, 0, BC_IMPORT_LOST, "there is no 'server port': add one to -l");
	if (!s->n_clients)
		note(notes, 0, BC_IMPORT_LOST, "there is no client: nobody may connect without --allow");
	note_tls(s, notes);
}

/* What does not exist is a folder to braidcap if its name ends so. */
static void print_folder(const struct bc_osmo_server *s, FILE *f)
{
	const char *path = s->base_path.text ? s->base_path.text : ".";
	size_t len = strlen(path);
	char *folder;

	if (asprintf(&folder, "%s%s", path, path[len - 1] == '/' ? "" : "/") < 0)
		return;
	print_option(f, "-w", folder);
	free(folder);
}

void bc_osmo_server_print(const struct bc_osmo_server *s, const struct bc_import_notes *notes, FILE *f)
{
	char text[128];

	note_lacks(s, notes);
	fputs("# osmo-pcap-server wrote plain pcap with microseconds: for the same, add --format pcap-us -Z none.\n"
	      "braidcap collect", f);
	print_listen(s, f);
	print_folder(s, f);
	print_option(f, "--completed", s->completed.text);
	print_option(f, "--mode", s->mode);
	print_rotation(s, f);
	if (s->max_snaplen) {
		snprintf(text, sizeof(text), "%u", (unsigned)s->max_snaplen);
		print_option(f, "--max-snaplen", text);
	}
	if (s->zmq_ip) {
		snprintf(text, sizeof(text), "tcp://%s:%u", s->zmq_ip, (unsigned)s->zmq_port);
		print_option(f, "--zmq-publish", text);
	}
	print_tls(s, f);
	print_clients(s, f);
	fputc('\n', f);
}
