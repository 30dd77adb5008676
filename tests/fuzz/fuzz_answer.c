/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Any bytes as what a capture answers on its telemetry socket: ctl prints it for people, and the console as metrics, whatever is missing
 * or of a wrong type. Nothing that a terminal would take for a command comes out.
 */
#include <stdlib.h>
#include <string.h>

#include "bc_ctl_client.h"
#include "bc_metrics.h"
#include "bc_tel_command.h"

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
		json_decref(answer);
	} else if (!err.msg[0]) {
		abort();
	}
	free(reply);
	return 0;
}
