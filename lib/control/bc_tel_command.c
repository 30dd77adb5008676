/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_tel_command.h"

#include <string.h>

#define BC_TEL_COMMAND_ROW(name) &bc_tel_command_##name,
static const struct bc_tel_command *const commands[] = { BC_TEL_COMMANDS(BC_TEL_COMMAND_ROW) };

#define N_COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct bc_tel_command *bc_tel_command_at(size_t i)
{
	return i < N_COMMANDS ? commands[i] : NULL;
}

const struct bc_tel_command *bc_tel_command_find(const char *name)
{
	for (size_t i = 0; i < N_COMMANDS; i++)
		if (!strcmp(commands[i]->name, name))
			return commands[i];
	return NULL;
}

void bc_tel_command_path(const struct bc_tel_command *c, char path[BC_TEL_COMMAND_PATH_MAX])
{
	snprintf(path, BC_TEL_COMMAND_PATH_MAX, BC_TEL_COMMAND_FOLDER "%s", c->name);
}
