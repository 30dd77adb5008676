/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_option.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "bc_similar.h"

#define NAMES_MAX 128

/* The argument that getopt_long() looked at last. */
static const char *last_argument(int argc, char **argv)
{
	return optind > 0 && optind <= argc ? argv[optind - 1] : "";
}

static bool begins(const char *name, const char *typed, size_t len)
{
	return !strncmp(name, typed, len);
}

/* Was it one of the long options, given a value that it does not take? */
static bool is_valued(const char *arg, const struct option *longs)
{
	size_t len = strcspn(arg, "=");

	for (const struct option *o = longs; !strncmp(arg, "--", 2) && arg[len] && o->name; o++)
		if (o->val == optopt && begins(o->name, arg + 2, len - 2))
			return true;
	return false;
}

/* "--report or --recompress": what begins so, if it is more than one. */
static unsigned candidates(const char *name, size_t len, const struct option *longs, char text[NAMES_MAX])
{
	size_t at = 0;
	unsigned n = 0;

	text[0] = '\0';
	for (const struct option *o = longs; o->name; o++) {
		if (!begins(o->name, name, len))
			continue;
		if (at < NAMES_MAX)
			at += (size_t)snprintf(text + at, NAMES_MAX - at, "%s--%s", n ? ", " : "", o->name);
		n++;
	}
	return n;
}

static int refuse_long(const char *arg, const struct option *longs, const char *command, struct bc_err *err)
{
	size_t len = strcspn(arg, "=") - 2;
	char name[64], text[NAMES_MAX], similar[BC_SIMILAR_MAX];
	struct bc_similar s;

	if (len && candidates(arg + 2, len, longs, text) > 1)
		return bc_err_set(err, '?', "ambiguous option '%.80s': %s", arg, text);
	snprintf(name, sizeof(name), "%.*s", (int)(len < sizeof(name) ? len : sizeof(name) - 1), arg + 2);
	bc_similar_begin(&s, name);
	for (const struct option *o = longs; o->name; o++)
		bc_similar_offer(&s, o->name);
	if (s.best)
		return bc_err_set(err, '?', "unknown option '%.80s'%s", arg, bc_similar_text(&s, "--", similar));
	return bc_err_set(err, '?', "unknown option '%.80s'; see '%s --help'", arg, command);
}

int bc_option_refused_letter(int argc, char **argv, const struct option *longs)
{
	return optopt > 0 && optopt < 256 && !is_valued(last_argument(argc, argv), longs) ? optopt : 0;
}

int bc_option_next(int argc, char **argv, const char *letters, const struct option *longs, const char *command, struct bc_err *err)
{
	const char *arg;
	int c;

	opterr = 0;
	c = getopt_long(argc, argv, letters, longs, NULL);
	if (c != '?' && c != ':')
		return c;
	arg = last_argument(argc, argv);
	if (c == ':' && !strncmp(arg, "--", 2))
		return bc_err_set(err, '?', "%.80s needs a value; see '%s --help'", arg, command);
	if (c == ':')
		return bc_err_set(err, '?', "-%c needs a value; see '%s --help'", optopt, command);
	if (!optopt)
		return refuse_long(arg, longs, command, err);
	if (is_valued(arg, longs))
		return bc_err_set(err, '?', "'%.80s' takes no value", arg);
	return bc_err_set(err, '?', "unknown option '-%c'; see '%s --help'", optopt, command);
}
