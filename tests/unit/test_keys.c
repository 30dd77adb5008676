/* SPDX-License-Identifier: BSD-3-Clause */
/* Private keys in a process apart: what it signs, what it does not, and what it is asked by who has broken in. */
#include "authority.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/rsa.h>

#include "bc_keyring_priv.h"
#include "bc_tls_priv.h"
#include "keyring.h"
#include "random.h"
#include "scratch.h"

static const char *const kinds[] = { "rsa", "pss", "p256", "p384", "ed25519", "ed448", "pss384" };
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static char folder[SCRATCH_MAX];

static const char *in_folder(const char *name, const char *ext)
{
	static char path[32][SCRATCH_MAX + 32];
	static unsigned next;
	char *at = path[next++ % 32];

	snprintf(at, sizeof(path[0]), "%s/%s%s", folder, name, ext);
	return at;
}

static EVP_PKEY *generate(const char *kind)
{
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *key = NULL;

	if (!strcmp(kind, "p256"))
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	if (!strcmp(kind, "p384"))
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	if (kind[0] == 'e')
		return EVP_PKEY_Q_keygen(NULL, NULL, kind);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, kind[0] == 'r' ? "RSA" : "RSA-PSS", NULL);
	assert_true(ctx && EVP_PKEY_keygen_init(ctx) == 1 && EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048) == 1);
	if (!strcmp(kind, "pss384"))
		assert_true(EVP_PKEY_CTX_set_rsa_pss_keygen_md(ctx, EVP_sha384()) == 1 && EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, 48) == 1 &&
			    EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(ctx, EVP_sha384()) == 1);
	assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
	EVP_PKEY_CTX_free(ctx);
	return key;
}

/* Its private key, and a certificate that it signs itself. */
static void make_identity(const char *name, const char *kind)
{
	const bool edwards = kind[0] == 'e';
	EVP_PKEY *key = generate(kind);
	X509_NAME *subject = X509_NAME_new();
	X509 *cert = X509_new();
	FILE *f = fopen(in_folder(name, ".key"), "w");

	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_version(cert, 2);
	X509_set_subject_name(cert, subject);
	X509_set_issuer_name(cert, subject);
	X509_gmtime_adj(X509_getm_notBefore(cert), -1000);
	X509_gmtime_adj(X509_getm_notAfter(cert), 1000000);
	X509_set_pubkey(cert, key);
	authority_extend(cert, NID_basic_constraints, "critical,CA:TRUE");
	assert_true(X509_sign(cert, key, edwards ? NULL : !strcmp(kind, "pss384") ? EVP_sha384() : EVP_sha256()) > 0);
	f = fopen(in_folder(name, ".crt"), "w");
	PEM_write_X509(f, cert);
	fclose(f);
	X509_free(cert);
	X509_NAME_free(subject);
	EVP_PKEY_free(key);
}

static struct bc_tls_files files_of(const char *name, const char *trusted)
{
	return (struct bc_tls_files){ in_folder(name, ".crt"), in_folder(name, ".key"), in_folder(trusted, ".crt"), NULL };
}

/* NULL: there is no key. */
static struct bc_keyring *keyring_for(const struct bc_tls_files *files)
{
	struct bc_keyring_key key;

	return bc_tls_key(files, &key) ? keyring_of(key) : NULL;
}

static struct bc_tls *tls_of(enum bc_tls_side side, const char *name, const char *trusted)
{
	const struct bc_tls_files f = files_of(name, trusted);
	struct bc_tls *t = NULL;
	struct bc_err err;

	if (bc_tls_new(side, &f, keyring_for(&f), &t, &err))
		fail_msg("%s: %s", name, err.msg);
	return t;
}

/* Both ends in memory. False: OpenSSL's errors are those of the end that gave up. */
static bool shake_hands(SSL *client, SSL *server)
{
	BIO *a, *b;
	SSL *const end[] = { client, server };
	bool up[2] = { false };

	assert_int_equal(BIO_new_bio_pair(&a, 1 << 16, &b, 1 << 16), 1);
	SSL_set_bio(client, a, a);
	SSL_set_bio(server, b, b);
	SSL_set_connect_state(client);
	SSL_set_accept_state(server);
	for (int i = 0; i < 20 && !(up[0] && up[1]); i++) {
		int r;

		ERR_clear_error();
		r = SSL_do_handshake(end[i % 2]);
		if (r != 1 && SSL_get_error(end[i % 2], r) != SSL_ERROR_WANT_READ)
			return false;
		up[i % 2] = r == 1;
	}
	return up[0] && up[1];
}

static bool connects(struct bc_tls *client, struct bc_tls *server, int version)
{
	SSL *c = bc_tls_session(client), *s = bc_tls_session(server);
	bool up;

	SSL_set_max_proto_version(c, version);
	up = shake_hands(c, s);
	if (up)
		assert_int_equal(SSL_version(s), version);
	SSL_free(c);
	SSL_free(s);
	return up;
}

static void every_kind_of_key_shakes_hands_at_both_ends(void **state)
{
	for (size_t i = 0; i < KINDS; i++) {
		const char *other = kinds[(i + 1) % KINDS];
		struct bc_tls *server = tls_of(BC_TLS_SERVER, kinds[i], other), *client = tls_of(BC_TLS_CLIENT, other, kinds[i]);

		if (!connects(client, server, TLS1_2_VERSION) || !connects(client, server, TLS1_3_VERSION))
			fail_msg("%s: %s", kinds[i], ERR_reason_error_string(ERR_peek_error()));
		bc_tls_free(client);
		bc_tls_free(server);
		keyrings_end();
	}
}

/* With RSA, TLS 1.2 can also have the server decrypt. */
static void a_server_decrypts_nothing(void **state)
{
	struct bc_tls *server = tls_of(BC_TLS_SERVER, "rsa", "p256"), *client = tls_of(BC_TLS_CLIENT, "p256", "rsa");
	SSL *c = bc_tls_session(client), *s = bc_tls_session(server);

	SSL_set_max_proto_version(c, TLS1_2_VERSION);
	assert_int_equal(SSL_set_cipher_list(c, "kRSA"), 1);
	assert_false(shake_hands(c, s));
	assert_int_equal(ERR_GET_REASON(ERR_peek_error()), SSL_R_NO_SHARED_CIPHER);
	ERR_clear_error();
	SSL_free(c);
	SSL_free(s);
	bc_tls_free(client);
	bc_tls_free(server);
	keyrings_end();
}

static void copy_file(const char *from, const char *to)
{
	char command[2 * SCRATCH_MAX + 100];

	snprintf(command, sizeof(command), "cp %s %s", from, to);
	assert_int_equal(system(command), 0);
}

/* A key that does not go with the certificate is not taken, and the one before signs on. */
static void a_key_read_anew_does_not_push_out_the_one_in_use(void **state)
{
	struct bc_tls *server, *client = tls_of(BC_TLS_CLIENT, "p256", "ed25519");
	struct bc_err err;

	copy_file(in_folder("ed25519", ".key"), in_folder("live", ".key"));
	copy_file(in_folder("ed25519", ".crt"), in_folder("live", ".crt"));
	server = tls_of(BC_TLS_SERVER, "live", "p256");
	assert_true(connects(client, server, TLS1_3_VERSION));
	for (unsigned i = 0; i < 2 * BC_KEYRING_KEYS; i++) {
		copy_file(in_folder(kinds[i % 4], ".key"), in_folder("live", ".key"));
		assert_true(bc_tls_reload(server, &err) < 0);
	}
	assert_non_null(strstr(err.msg, "live.key' has no usable key for"));
	unlink(in_folder("live", ".key"));
	assert_true(bc_tls_reload(server, &err) < 0);
	assert_non_null(strstr(err.msg, "live.key' has no usable key for"));
	assert_non_null(strstr(err.msg, "No such file"));
	assert_true(connects(client, server, TLS1_3_VERSION));
	copy_file(in_folder("ed25519", ".key"), in_folder("live", ".key"));
	for (unsigned i = 0; i < 2 * BC_KEYRING_KEYS; i++)
		assert_int_equal(bc_tls_reload(server, &err), 0);
	assert_true(connects(client, server, TLS1_3_VERSION));
	bc_tls_free(client);
	bc_tls_free(server);
	keyrings_end();
}

static void a_keyring_that_is_killed_is_told_of(void **state)
{
	struct bc_tls *server = tls_of(BC_TLS_SERVER, "p256", "rsa"), *client = tls_of(BC_TLS_CLIENT, "rsa", "p256");
	SSL *c = bc_tls_session(client), *s = bc_tls_session(server);
	const char *said = "";
	struct bc_err err;
	int flags;

	kill(bc_keyring_pid(keyrings.keyring[0]), SIGKILL);
	while (!bc_keyring_has_ended(keyrings.keyring[0]))
		usleep(1000);
	assert_false(shake_hands(c, s));
	assert_int_equal(ERR_GET_LIB(ERR_peek_error_data(&said, &flags)), ERR_LIB_USER);
	assert_string_equal(said, BC_KEYRING_ENDED);
	ERR_clear_error();
	assert_int_equal(bc_tls_reload(server, &err), -EPIPE);
	assert_non_null(strstr(err.msg, BC_KEYRING_ENDED));
	SSL_free(c);
	SSL_free(s);
	bc_tls_free(client);
	bc_tls_free(server);
	keyrings_end();
}

/* Standard input, too: the program's, which the keyring does not have. */
static void a_key_may_come_by_standard_input(void **state)
{
	struct bc_tls_files f = { in_folder("p256", ".crt"), "/dev/stdin", NULL, NULL };
	int before = dup(STDIN_FILENO), fd = open(in_folder("p256", ".key"), O_RDONLY | O_CLOEXEC);
	struct bc_tls *t = NULL;
	struct bc_err err;

	dup2(fd, STDIN_FILENO);
	if (bc_tls_new(BC_TLS_SERVER, &f, keyring_for(&f), &t, &err))
		fail_msg("%s", err.msg);
	bc_tls_free(t);
	keyrings_end();
	dup2(before, STDIN_FILENO);
	close(before);
	close(fd);
}

/* From a pipe, or whatever else is open: of the program's, not of the keyring's. */
static void a_key_may_come_by_a_descriptor(void **state)
{
	char name[32];
	int fd = open(in_folder("p256", ".key"), O_RDONLY | O_CLOEXEC);
	struct bc_tls_files f = { in_folder("p256", ".crt"), name, NULL, NULL };
	struct bc_tls *t = NULL;
	struct bc_err err;

	snprintf(name, sizeof(name), "/dev/fd/%d", fd);
	if (bc_tls_new(BC_TLS_SERVER, &f, keyring_for(&f), &t, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(bc_tls_reload(t, &err), 0);
	bc_tls_free(t);
	close(fd);
	keyrings_end();
}

/* The certificates beside a key are all that the program gets of the file. */
static void a_key_may_stand_beside_its_certificate(void **state)
{
	struct bc_tls_files f = { in_folder("both", ".pem"), NULL, in_folder("rsa", ".crt"), NULL };
	struct bc_tls *server, *client = tls_of(BC_TLS_CLIENT, "rsa", "p256");
	char command[3 * SCRATCH_MAX + 100], got[8192];
	struct bc_keyring *keyring = keyring_for(&f);
	struct bc_err err;
	int fd;

	snprintf(command, sizeof(command), "cat %s %s %s > %s", in_folder("p256", ".key"), in_folder("p256", ".crt"), in_folder("rsa", ".crt"), f.cert);
	assert_int_equal(system(command), 0);
	fd = bc_keyring_certificates(keyring, f.cert);
	assert_true(fd >= 0);
	got[pread(fd, got, sizeof(got) - 1, 0)] = '\0';
	close(fd);
	assert_null(strstr(got, "PRIVATE"));
	assert_non_null(strstr(strstr(got, "BEGIN CERTIFICATE") + 1, "BEGIN CERTIFICATE"));
	if (bc_tls_new(BC_TLS_SERVER, &f, keyring, &server, &err))
		fail_msg("%s", err.msg);
	assert_true(connects(client, server, TLS1_3_VERSION));
	unlink(f.cert);
	assert_true(bc_tls_reload(server, &err) < 0);
	assert_non_null(strstr(err.msg, "cannot load a certificate from"));
	assert_non_null(strstr(err.msg, "No such file"));
	bc_tls_free(client);
	bc_tls_free(server);
	keyrings_end();
}

static void a_key_with_a_passphrase_is_refused(void **state)
{
	struct bc_tls_files f = { in_folder("p256", ".crt"), in_folder("locked", ".key"), NULL, NULL };
	FILE *from = fopen(in_folder("p256", ".key"), "r"), *to = fopen(f.key, "w");
	EVP_PKEY *key = PEM_read_PrivateKey(from, NULL, NULL, NULL);
	struct bc_tls *t = NULL;
	struct bc_err err;

	PEM_write_PrivateKey(to, key, EVP_aes_128_cbc(), (const unsigned char *)"secret", 6, NULL, NULL);
	fclose(from);
	fclose(to);
	EVP_PKEY_free(key);
	assert_int_equal(bc_tls_new(BC_TLS_SERVER, &f, keyring_for(&f), &t, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "locked.key' has no usable key for"));
	assert_non_null(strstr(err.msg, "it has a passphrase"));
	keyrings_end();
}

/* ---- whoever broke in asks ---- */

static bool only_hello(const uint8_t *data, size_t len)
{
	return len == 5 && !memcmp(data, "hello", 5);
}

static int read_plain(const char *path, const char *owner, int fd, EVP_PKEY **ret, struct bc_err *err)
{
	*ret = bc_keyring_pem(path, fd);
	return *ret ? 0 : bc_err_set(err, -EINVAL, "%s: no", path);
}

static const struct bc_key_purpose plain = { .read = read_plain }, hello = { .read = read_plain, .may_sign = only_hello };
static struct bc_keyring_key told[KINDS + 1];
static const struct bc_keyring_config told_config = { .key = told, .n = KINDS + 1 };
static struct bc_keyring_server *server;

static void tell(void)
{
	for (unsigned i = 0; i < KINDS; i++)
		told[i] = (struct bc_keyring_key){ strdup(in_folder(kinds[i], ".key")), "", &plain };
	told[KINDS] = (struct bc_keyring_key){ told[4].path, "", &hello };
	server = calloc(1, sizeof(*server));
	server->cfg = &told_config;
}

static void forget_all(void)
{
	for (unsigned i = 0; i < BC_KEYRING_KEYS; i++)
		if (server->held[i].readers)
			EVP_PKEY_free(server->held[i].key);
	for (unsigned i = 0; i < KINDS; i++)
		free((char *)(uintptr_t)told[i].path);
	free(server);
}

static int ask(const struct bc_keyring_ask *a, const void *data, size_t len, size_t *ret_len)
{
	struct bc_apart_message request = { .len = sizeof(*a) + len }, answer = { .len = 0 };
	struct bc_keyring_answer got;

	memcpy(request.data, a, sizeof(*a));
	memcpy(request.data + sizeof(*a), data, len);
	bc_keyring_serve(server, &request, &answer);
	assert_in_range(answer.len, sizeof(got), sizeof(answer.data));
	memcpy(&got, answer.data, sizeof(got));
	if (ret_len)
		*ret_len = answer.len - sizeof(got);
	return got.result;
}

static int read_number(unsigned of)
{
	return ask(&(struct bc_keyring_ask){ .what = BC_KEYRING_READ, .key = of }, "", 0, NULL);
}

static int sign_by(int number, int md, int padding, size_t len)
{
	static const uint8_t data[BC_KEYRING_TEXT_MAX];
	const struct bc_keyring_ask a = { .what = BC_KEYRING_SIGN, .key = (uint32_t)number, .md = md, .padding = padding };
	size_t n;
	int r = ask(&a, data, len, &n);

	assert_int_equal(n > 0, r == 0);
	return r;
}

static void only_what_fits_a_key_is_signed(void **state)
{
	int rsa, ec, ed, greeting;

	tell();
	rsa = read_number(0);
	ec = read_number(2);
	ed = read_number(4);
	greeting = read_number(KINDS);
	assert_true(rsa >= 0 && ec >= 0 && ed >= 0 && greeting >= 0 && ed != greeting);
	assert_int_equal(sign_by(rsa, NID_sha256, BC_PADDING_PSS, 32), 0);
	assert_int_equal(sign_by(rsa, NID_sha256, BC_PADDING_PKCS1, 32), 0);
	assert_int_equal(sign_by(ec, NID_sha384, BC_PADDING_NONE, 48), 0);
	assert_int_equal(sign_by(ed, 0, BC_PADDING_NONE, BC_KEYRING_TEXT_MAX), 0);
	/* A hash that is none, or of another length; no padding, or an unknown one. */
	assert_int_equal(sign_by(rsa, 0, BC_PADDING_PKCS1, 32), -EINVAL);
	assert_int_equal(sign_by(rsa, NID_md5, BC_PADDING_PKCS1, 16), -EINVAL);
	assert_int_equal(sign_by(rsa, NID_sha1, BC_PADDING_PKCS1, 20), -EINVAL);
	assert_int_equal(sign_by(rsa, -1, BC_PADDING_PKCS1, 32), -EINVAL);
	assert_int_equal(sign_by(rsa, NID_sha256, BC_PADDING_PKCS1, 31), -EINVAL);
	assert_int_equal(sign_by(rsa, NID_sha256, BC_PADDING_NONE, 32), -EINVAL);
	assert_true(sign_by(rsa, NID_sha256, 77, 32) < 0);
	assert_int_equal(sign_by(ec, NID_sha256, BC_PADDING_PKCS1, 32), -EINVAL);
	assert_int_equal(sign_by(ec, NID_sha256, BC_PADDING_NONE, 0), -EINVAL);
	assert_int_equal(sign_by(ed, NID_sha256, BC_PADDING_NONE, 32), -EINVAL);
	/* What a key is not for. */
	assert_int_equal(sign_by(greeting, 0, BC_PADDING_NONE, 5), -EACCES);
	assert_int_equal(ask(&(struct bc_keyring_ask){ .what = BC_KEYRING_SIGN, .key = (uint32_t)greeting }, "hello", 5, NULL), 0);
	/* Nothing that is not held. */
	assert_int_equal(sign_by(BC_KEYRING_KEYS, 0, 0, 5), -EINVAL);
	assert_int_equal(sign_by(-1, 0, 0, 5), -EINVAL);
	assert_int_equal(sign_by(ed + 10, 0, 0, 5), -EINVAL);
	assert_int_equal(read_number(KINDS + 1), -EINVAL);
	assert_int_equal(read_number(UINT32_MAX), -EINVAL);
	forget_all();
}

static void a_key_is_held_as_long_as_somebody_reads_it(void **state)
{
	const struct bc_keyring_ask forget = { .what = BC_KEYRING_FORGET, .key = 0 };

	tell();
	assert_int_equal(read_number(2), 0);
	assert_int_equal(read_number(2), 0);
	assert_int_equal(ask(&forget, "", 0, NULL), 0);
	assert_int_equal(sign_by(0, NID_sha256, 0, 32), 0);
	assert_int_equal(ask(&forget, "", 0, NULL), 0);
	assert_int_equal(sign_by(0, NID_sha256, 0, 32), -EINVAL);
	assert_int_equal(ask(&forget, "", 0, NULL), -EINVAL);
	forget_all();
}

static void there_is_a_limit_to_the_keys(void **state)
{
	int r = 0;
	unsigned i;

	tell();
	free((char *)(uintptr_t)told[0].path);
	told[0].path = strdup(in_folder("many", ".key"));
	for (i = 0; i < BC_KEYRING_KEYS + 1 && r >= 0; i++) {
		make_identity("many", "ed25519");
		r = read_number(0);
	}
	assert_int_equal(r, -ENOSPC);
	assert_int_equal(i, BC_KEYRING_KEYS + 1);
	assert_int_equal(sign_by(0, 0, 0, 5), 0);
	forget_all();
}

static void noise_is_answered(void **state)
{
	struct bc_apart_message request, answer;
	struct random random = { 1 };

	tell();
	for (unsigned i = 0; i <= KINDS; i++)
		assert_true(read_number(i) >= 0);
	for (unsigned i = 0; i < 20000; i++) {
		struct bc_keyring_ask a = {
			.what = (int32_t)random_below(&random, 6) - 1, .key = random_below(&random, 10),
			.md = (const int[]){ 0, NID_sha256, NID_sha1, -1 }[random_below(&random, 4)], .padding = (int32_t)random_below(&random, 4),
		};

		/* RSA takes its time. */
		if (a.what == BC_KEYRING_SIGN && a.key < 2 && i % 50)
			continue;
		request = (struct bc_apart_message){ .len = 1 + random_below(&random, 80) };
		memcpy(request.data, &a, sizeof(a));
		answer = (struct bc_apart_message){ .len = 0 };
		bc_keyring_serve(server, &request, &answer);
		assert_in_range(answer.len, sizeof(struct bc_keyring_answer), sizeof(answer.data));
		if (answer.n_fds)
			close(answer.fd[0]);
	}
	forget_all();
}

static int setup(void **state)
{
	signal(SIGPIPE, SIG_IGN);
	scratch_folder(folder, "bc-keys");
	for (size_t i = 0; i < KINDS; i++)
		make_identity(kinds[i], kinds[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_key_shakes_hands_at_both_ends),
		cmocka_unit_test(a_server_decrypts_nothing),
		cmocka_unit_test(a_key_read_anew_does_not_push_out_the_one_in_use),
		cmocka_unit_test(a_keyring_that_is_killed_is_told_of),
		cmocka_unit_test(a_key_may_come_by_standard_input),
		cmocka_unit_test(a_key_may_come_by_a_descriptor),
		cmocka_unit_test(a_key_may_stand_beside_its_certificate),
		cmocka_unit_test(a_key_with_a_passphrase_is_refused),
		cmocka_unit_test(only_what_fits_a_key_is_signed),
		cmocka_unit_test(a_key_is_held_as_long_as_somebody_reads_it),
		cmocka_unit_test(there_is_a_limit_to_the_keys),
		cmocka_unit_test(noise_is_answered),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
