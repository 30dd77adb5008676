/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_codec_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "bc_codec_ops.h"

struct text {
	char *buf;
	size_t len;
};

static void __attribute__((format(printf, 2, 3))) add(struct text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->len, BC_CODEC_TEXT_MAX - t->len, fmt, ap);
	va_end(ap);
	if (n > 0)
		t->len += (size_t)n < BC_CODEC_TEXT_MAX - t->len ? (size_t)n : BC_CODEC_TEXT_MAX - 1 - t->len;
}

static unsigned libtrace_place(const struct bc_codec_row *row)
{
	return row->libtrace_place;
}

static unsigned archive_place(const struct bc_codec_row *row)
{
	return row->archive_place;
}

/* Those with a place, by their places; then those without one, in the table's order. Without none. Returns their number. */
static unsigned in_order(unsigned (*place)(const struct bc_codec_row *), enum bc_codec ret[BC_CODEC_COUNT])
{
	unsigned n = 0;

	for (unsigned p = 1; p <= BC_CODEC_COUNT; p++)
		for (enum bc_codec c = BC_CODEC_NONE + 1; c < BC_CODEC_COUNT; c++)
			if (place(bc_codec_row(c)) == p % BC_CODEC_COUNT)
				ret[n++] = c;
	return n;
}

static void add_names(struct text *t)
{
	for (enum bc_codec c = BC_CODEC_NONE + 1; c < BC_CODEC_COUNT; c++)
		add(t, "%s%s, ", bc_codec_name(c), c == BC_CODEC_DEFAULT ? "~(default)" : "");
	add(t, "%s", bc_codec_name(BC_CODEC_NONE));
}

/* Of two other names of which one begins with the other, the short one says it. */
static void add_type(struct text *t, const struct bc_codec_row *row, const char *more)
{
	const char *first = row->alias[0], *second = row->alias[1];

	if (second && strncmp(second, first, strlen(first)) == 0)
		second = NULL;
	add(t, "%s", row->name);
	if (first)
		add(t, "~(%s%s%s%s)", first, second ? ",~" : "", second ? second : "", more);
}

static void add_types(struct text *t)
{
	enum bc_codec c[BC_CODEC_COUNT];
	unsigned n = in_order(libtrace_place, c);

	for (unsigned i = 0; i < n; i++) {
		add_type(t, bc_codec_row(c[i]), "");
		add(t, ", ");
	}
	add_type(t, bc_codec_row(BC_CODEC_NONE), ";~default");
}

static void add_extensions(struct text *t)
{
	for (enum bc_codec c = BC_CODEC_NONE + 1; c < BC_CODEC_COUNT; c++)
		add(t, "%s%s", t->len ? ", " : "", bc_codec_ext(c));
}

static void add_range(struct text *t, int min, int max, int def)
{
	if (def == min)
		add(t, "%d~(default)~to~%d", min, max);
	else if (def == max)
		add(t, "%d~to~%d~(default)", min, max);
	else
		add(t, "%d~to~%d,~default~%d", min, max, def);
}

static bool as_the_next(enum bc_codec c)
{
	const struct bc_codec_row *a = bc_codec_row(c), *b = a + 1;

	return c + 1 < BC_CODEC_COUNT && !a->optional && !b->optional && a->level_min == b->level_min &&
	       a->level_max == b->level_max && a->level_default == b->level_default;
}

static void add_levels(struct text *t)
{
	for (enum bc_codec c = BC_CODEC_NONE + 1; c < BC_CODEC_COUNT; c++) {
		const struct bc_codec_row *row = bc_codec_row(c);

		add(t, "%s", row->name);
		if (as_the_next(c)) {
			add(t, "~and~");
			continue;
		}
		add(t, row->optional ? ",~where~it~is~built~in: " : ":~");
		add_range(t, row->level_min, row->level_max, row->level_default);
		if (c + 1 < BC_CODEC_COUNT)
			add(t, "; ");
	}
}

const char *bc_codec_text(enum bc_codec_text what, char buf[BC_CODEC_TEXT_MAX])
{
	static void (*const writer[BC_CODEC_TEXT_COUNT])(struct text *t) = {
		[BC_CODEC_TEXT_NAMES] = add_names,
		[BC_CODEC_TEXT_TYPES] = add_types,
		[BC_CODEC_TEXT_EXTENSIONS] = add_extensions,
		[BC_CODEC_TEXT_LEVELS] = add_levels,
	};
	struct text t = { .buf = buf };

	writer[what](&t);
	return buf;
}

static const char *sentence(const enum bc_codec *c, unsigned n, const char *last, char *buf)
{
	struct text t = { .buf = buf };

	for (unsigned i = 0; i < n; i++)
		add(&t, "%s%s", i == 0 ? "" : i + 1 < n ? ", " : last, bc_codec_name(c[i]));
	return buf;
}

const char *bc_codec_names(const char *last, char buf[BC_CODEC_TEXT_MAX])
{
	enum bc_codec c[BC_CODEC_COUNT];

	for (unsigned i = 0; i < BC_CODEC_COUNT; i++)
		c[i] = (enum bc_codec)((i + 1) % BC_CODEC_COUNT);
	return sentence(c, BC_CODEC_COUNT, last, buf);
}

const char *bc_codec_archive_names(const char *last, char buf[BC_CODEC_TEXT_MAX])
{
	enum bc_codec c[BC_CODEC_COUNT];
	unsigned n = in_order(archive_place, c);

	while (n > 0 && !archive_place(bc_codec_row(c[n - 1])))
		n--;
	return sentence(c, n, last, buf);
}
