/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_figures.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Longer than any that bench writes. */
#define FILE_MAX 65536U
#define NAME "braidcap/figures.json"

int bc_figures_path(char *buf, size_t size, struct bc_err *err)
{
	const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
	int n;

	if (geteuid() == 0)
		n = snprintf(buf, size, "/var/lib/" NAME);
	else if (data && data[0] == '/')
		n = snprintf(buf, size, "%s/" NAME, data);
	else if (home)
		n = snprintf(buf, size, "%s/.local/share/" NAME, home);
	else
		return bc_err_set(err, -ENOENT, "no home folder for measured figures: name their file with --figures");
	return n < 0 || (size_t)n >= size ? bc_err_set(err, -ENAMETOOLONG, "the path of measured figures is too long: name their "
						       "file with --figures") : 0;
}

/* A number above 0. */
static bool take(const json_t *o, const char *key, double *ret)
{
	double v = json_number_value(json_object_get(o, key));

	*ret = v;
	return isfinite(v) && v > 0;
}

static bool take_text(const json_t *o, const char *key, char *buf, size_t size)
{
	const char *text = json_string_value(json_object_get(o, key));
	size_t n = 0;

	for (; text && text[n] && n < size - 1; n++)
		buf[n] = (unsigned char)text[n] < ' ' || text[n] == 0x7f ? '?' : text[n];
	buf[n] = '\0';
	return text != NULL;
}

static bool take_packets(const json_t *list, struct bc_figures *f)
{
	json_t *o;
	size_t i;

	json_array_foreach((json_t *)list, i, o) {
		struct bc_figure *at = &f->at[f->n];

		if (i == BC_FIGURES_MAX || !take(o, "bytes", &at->bytes) || !take(o, "none_pps", &at->none_pps) ||
		    !take(o, "lz4_pps", &at->lz4_pps) || !take(o, "lz4_ratio", &at->lz4_ratio) ||
		    (i && at->bytes <= f->at[i - 1].bytes))
			return false;
		f->n++;
	}
	return f->n >= 2;
}

static bool take_all(const json_t *o, struct bc_figures *f)
{
	if (json_integer_value(json_object_get(o, "version")) != 1 || !take_text(o, "date", f->date, sizeof(f->date)) ||
	    !take_text(o, "machine", f->machine, sizeof(f->machine)))
		return false;
	if (!take(o, "disk_bytes_per_s", &f->disk_bytes_per_s))
		f->disk_bytes_per_s = 0;
	return take_packets(json_object_get(o, "packets"), f);
}

int bc_figures_read(const char *path, struct bc_figures *ret, struct bc_err *err)
{
	FILE *file = fopen(path, "re");
	struct bc_figures f = { .n = 0 };
	char text[FILE_MAX];
	json_t *json = NULL;
	size_t n;
	bool good;

	if (!file)
		return bc_err_set(err, -errno, "no measured figures in %.200s (%s): try what this machine takes with 'braidcap doctor --rate RATE', or "
				  "measure figures with 'scripts/bench written model' of the source tree", path, strerror(errno));
	n = fread(text, 1, sizeof(text), file);
	fclose(file);
	if (n < sizeof(text))
		json = json_loadb(text, n, JSON_REJECT_DUPLICATES, NULL);
	good = json && take_all(json, &f);
	json_decref(json);
	if (!good)
		return bc_err_set(err, -EINVAL, "%.200s: not as 'scripts/bench model' writes it: measure anew", path);
	*ret = f;
	return 0;
}
