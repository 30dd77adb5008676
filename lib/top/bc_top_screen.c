/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_top_screen.h"

#include <curses.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "bc_top_model.h"

/* An Escape is a key of its own after so many ms. */
#define ESCAPE_MS 50

struct bc_top_screen {
	SCREEN *screen;
	attr_t look[BC_TOP_STYLES];
};

/* What a style is without and with colour; -1: the terminal's own. */
static const struct {
	attr_t plain, coloured;
	short colour;
} looks[BC_TOP_STYLES] = {
	[BC_TOP_PLAIN] = { A_NORMAL, A_NORMAL, -1 },
	[BC_TOP_BAR] = { A_REVERSE, A_REVERSE, -1 },
	[BC_TOP_HEAD] = { A_BOLD, A_BOLD, -1 },
	[BC_TOP_GOOD] = { A_NORMAL, A_NORMAL, COLOR_GREEN },
	[BC_TOP_WARN] = { A_BOLD, A_NORMAL, COLOR_YELLOW },
	[BC_TOP_BAD] = { A_BOLD | A_UNDERLINE, A_BOLD, COLOR_RED },
	[BC_TOP_DIM] = { A_NORMAL, A_DIM, -1 },
};

static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR");

	return !(no && *no) && has_colors() && start_color() == OK && use_default_colors() == OK;
}

static void set_looks(struct bc_top_screen *s)
{
	const bool colour = wants_colour();

	for (short i = 0; i < BC_TOP_STYLES; i++) {
		s->look[i] = colour ? looks[i].coloured : looks[i].plain;
		if (colour && looks[i].colour >= 0 && init_pair((short)(i + 1), looks[i].colour, -1) == OK)
			s->look[i] |= (attr_t)COLOR_PAIR(i + 1);
	}
}

int bc_top_screen_open(struct bc_top_screen **ret, struct bc_err *err)
{
	const char *term = getenv("TERM");
	struct bc_top_screen *s;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return bc_err_set(err, -ENOTTY, "it needs a terminal, for input and output: without one use 'braidcap ctl stats', or "
				  "'braidcap ctl --json'");
	s = calloc(1, sizeof(*s));
	if (!s)
		return bc_err_set(err, -ENOMEM, "no memory for the screen");
	s->screen = newterm(NULL, stdout, stdin);
	/* One that cannot place the cursor, such as "dumb", would only be scrolled. */
	if (!s->screen || !tigetstr("cup")) {
		if (s->screen)
			bc_top_screen_close(s);
		else
			free(s);
		return bc_err_set(err, -ENOTTY, "a terminal of the kind '%.40s' is not known, or too simple: set TERM, for instance to "
				  "xterm, or install ncurses-term", term ? term : "");
	}
	cbreak();
	noecho();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_MS);
	curs_set(0);
	set_looks(s);
	*ret = s;
	return 0;
}

void bc_top_screen_close(struct bc_top_screen *s)
{
	if (!s)
		return;
	endwin();
	delscreen(s->screen);
	free(s);
}

void bc_top_screen_size(const struct bc_top_screen *s, uint32_t *ret_rows, uint32_t *ret_columns)
{
	*ret_rows = (uint32_t)getmaxy(stdscr);
	*ret_columns = (uint32_t)getmaxx(stdscr);
}

/* Characters of one style at a time. */
static void draw_row(const struct bc_top_screen *s, const struct bc_top_grid *g, uint32_t row)
{
	uint32_t end;

	for (uint32_t at = 0; at < g->columns; at = end) {
		for (end = at + 1; end < g->columns && g->style[row][end] == g->style[row][at]; end++)
			;
		attrset(s->look[g->style[row][at]]);
		mvaddnstr((int)row, (int)at, &g->text[row][at], (int)(end - at));
	}
}

void bc_top_screen_draw(struct bc_top_screen *s, const struct bc_top_grid *g)
{
	erase();
	for (uint32_t row = 0; row < g->rows; row++)
		draw_row(s, g, row);
	refresh();
}

int bc_top_screen_key(struct bc_top_screen *s)
{
	static const struct {
		int theirs, ours;
	} keys[] = {
		{ KEY_UP, BC_TOP_UP }, { KEY_DOWN, BC_TOP_DOWN }, { KEY_RIGHT, BC_TOP_NEXT }, { '\t', BC_TOP_NEXT },
		{ KEY_LEFT, BC_TOP_PREVIOUS }, { KEY_BTAB, BC_TOP_PREVIOUS }, { KEY_PPAGE, BC_TOP_PAGE_UP },
		{ KEY_NPAGE, BC_TOP_PAGE_DOWN }, { KEY_HOME, BC_TOP_HOME },
	};
	int key = getch();

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (keys[i].theirs == key)
			return keys[i].ours;
	if (key == KEY_RESIZE)
		return BC_TOP_RESIZED;
	return key == ERR ? BC_TOP_NO_KEY : key < 0x80 ? key : 0;
}
