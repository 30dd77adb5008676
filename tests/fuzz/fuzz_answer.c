/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as what a capture answers on its telemetry socket: ctl prints it for people, the console as metrics, and top shows it,
 * whatever is missing or of a wrong type. Nothing that a terminal would take for a command comes out.
 */
#include <stdlib.h>
#include <string.h>

#include "bc_ctl_client.h"
#include "bc_metrics.h"
#include "bc_tel_command.h"
#include "bc_top_page.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);

/* UTF-8 passes; DEL and what is below a space does not, but for a newline. */
static void check_printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (((uint8_t)text[i] < ' ' && text[i] != '\n') || text[i] == 127)
			abort();
}

static void print(void (*how)(FILE *, const json_t *), const json_t *answer)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	how(f, answer);
	if (fclose(f))
		abort();
	check_printable(text, len);
	free(text);
}

static void print_all(const json_t *answer)
{
	const struct bc_tel_command *c;

	for (size_t i = 0; (c = bc_tel_command_at(i)); i++)
		if (c->print)
			print(c->print, answer);
	print(bc_metrics_print, answer);
}

/* The answer as each part of a capture, seconds after it began. */
static json_t *capture_of(const json_t *answer, int seconds)
{
	static const char *const parts[] = { "sources", "outputs", "lcores", "clock" };
	json_t *info = json_pack("{s:i, s:i, s:I, s:O}", "pid", 1, "started_ns", 1, "now_ns", (json_int_t)seconds * 1000000000, "balance", answer);
	json_t *capture = json_pack("{s:s, s:o}", "prefix", "p", "info", info);

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		json_t *part = json_object_get(answer, parts[i]);

		json_object_set(capture, parts[i], part ? part : (json_t *)answer);
	}
	return json_pack("[o, O]", capture, answer);
}

/* Two looks at it, and every view of it. */
static void show(const json_t *answer)
{
	static const uint32_t sizes[][2] = { { 24, 80 }, { 9, 30 }, { 40, 170 } };
	static struct bc_top_grid grid;
	struct bc_top top = { 0 };

	for (int seconds = 1; seconds <= 2; seconds++) {
		json_t *captures = capture_of(answer, seconds);

		bc_top_take(&top, captures, (uint64_t)seconds);
		bc_top_take_store(&top, "p", json_incref((json_t *)answer));
		json_decref(captures);
	}
	for (int i = 0; i < BC_TOP_VIEWS * BC_TOP_SORTS; i++) {
		const uint32_t *size = sizes[i % 3];

		bc_top_press(&top, i % BC_TOP_VIEWS ? BC_TOP_NEXT : 's');
		bc_top_grid_clear(&grid, size[0], size[1]);
		bc_top_page(&top, &grid);
		for (uint32_t row = 0; row < grid.rows; row++)
			check_printable(grid.text[row], grid.columns);
	}
	bc_top_clear(&top);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	static const char head[] = "{\"/braidcap/ledger\": ";
	char *reply = malloc(sizeof(head) + len + 1);
	struct bc_err err = { .msg = "" };
	json_t *answer;

	memcpy(reply, head, sizeof(head) - 1);
	memcpy(reply + sizeof(head) - 1, input, len);
	reply[sizeof(head) - 1 + len] = '}';
	if (bc_ctl_parse(reply, sizeof(head) + len, "/braidcap/ledger", &answer, &err) == 0) {
		print_all(answer);
		show(answer);
		json_decref(answer);
	} else if (!err.msg[0]) {
		abort();
	}
	free(reply);
	return 0;
}
