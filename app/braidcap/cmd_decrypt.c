/* SPDX-License-Identifier: BSD-3-Clause */
#include "cmd_decrypt.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bc_age_file.h"
#include "bc_option.h"

static const char help[] =
	"usage: braidcap decrypt -i KEYFILE [-w OUT] FILE.age\n"
	"       braidcap decrypt -i KEYFILE FILE.age...\n"
	"\n"
	"Decrypt what 'braidcap encrypt' or age encrypted: FILE.age becomes FILE, byte for byte as it was. It gets its name only\n"
	"when it is whole.\n"
	"\n"
	"  -i, --identity KEYFILE  the key, as 'braidcap keygen' and age-keygen make it; again for more\n"
	"  -w OUT                  another name than FILE; - for stdout, which then also gets what is before damage\n"
	"      --quiet             say only what fails\n"
	"  -h, --help              this text\n"
	"\n"
	"Exit status: 0 done, 1 a file could not be decrypted, 2 bad usage.\n";

enum option_code { OPT_QUIET = 256 };

struct how {
	struct bc_age_identities ids;
	const char *out;
	bool quiet;
};

static int decrypt_to(const struct how *how, const char *path, const char *out, struct bc_err *err)
{
	uint64_t bytes;
	int r;

	if (!strcmp(out, "-"))
		return bc_age_decrypt_file(path, &how->ids, STDOUT_FILENO, &bytes, err);
	r = bc_age_decrypt_to(path, &how->ids, out, err);
	if (!r && !how->quiet)
		printf("%s\n", out);
	return r;
}

static int decrypt(const struct how *how, const char *path)
{
	const size_t len = strlen(path), ext = strlen(BC_AGE_EXT);
	char out[PATH_MAX] = "";
	struct bc_err err;
	struct stat st;
	int r = 0;

	if (how->out)
		r = decrypt_to(how, path, how->out, &err);
	else if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		r = bc_err_set(&err, -EISDIR, "%s: a folder: name the files in it, %s/*%s", path, path, BC_AGE_EXT);
	else if (len <= ext || len >= sizeof(out) || strcmp(path + len - ext, BC_AGE_EXT))
		r = bc_err_set(&err, -EINVAL, "%s: its name does not end in %s: say with -w where to", path, BC_AGE_EXT);
	else
		r = decrypt_to(how, path, memcpy(out, path, len - ext), &err);
	if (r)
		fprintf(stderr, "braidcap: %s\n", err.msg);
	return r ? 1 : 0;
}

/* 0; 1: --help; -EINVAL. */
static int parse(struct how *how, int argc, char **argv, struct bc_err *err)
{
	static const struct option options[] = {
		{ "identity", required_argument, NULL, 'i' }, { "quiet", no_argument, NULL, OPT_QUIET }, { "help", no_argument, NULL, 'h' }, { 0 },
	};
	int o, r = 0;

	while (!r && (o = bc_option_next(argc, argv, ":i:w:h", options, "braidcap decrypt", err)) != -1) {
		if (o == 'h')
			return 1;
		if (o == '?')
			return -EINVAL;
		how->quiet |= o == OPT_QUIET;
		if (o == 'w')
			how->out = optarg;
		else if (o == 'i')
			r = bc_age_identities_read(&how->ids, optarg, err);
	}
	if (r)
		return bc_err_prefix(err, r, "--identity");
	if (!how->ids.n)
		return bc_err_set(err, -EINVAL, "no key: name its file with -i");
	if (how->out && argc - optind > 1)
		return bc_err_set(err, -EINVAL, "-w: one name, and several files");
	return optind < argc ? 0 : bc_err_set(err, -EINVAL, "no file to decrypt; see 'braidcap decrypt --help'");
}

int cmd_decrypt(int argc, char **argv)
{
	struct how how = { .out = NULL };
	struct bc_err err;
	int status = 0, r = parse(&how, argc, argv, &err);

	for (int i = optind; !r && i < argc; i++)
		status |= decrypt(&how, argv[i]);
	bc_age_identities_wipe(&how.ids);
	if (r > 0)
		fputs(help, stdout);
	else if (r)
		fprintf(stderr, "braidcap: %s\n", err.msg);
	return r < 0 ? 2 : status;
}
