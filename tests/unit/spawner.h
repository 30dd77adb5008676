/* SPDX-License-Identifier: BSD-3-Clause */
/* Spawners of one command each, which a test begins and ends all at once. */
#ifndef SPAWNER_H
#define SPAWNER_H

#include "bc_test.h"

#include "bc_spawner.h"

#define SPAWNERS 16

static struct spawners {
	const char *command[SPAWNERS];
	struct bc_spawner *spawner[SPAWNERS];
	unsigned n;
} spawners;

static inline struct bc_spawner *spawner_of(const char *command)
{
	unsigned i = spawners.n++;

	assert_true(i < SPAWNERS);
	spawners.command[i] = command;
	assert_int_equal(bc_spawner_new(&(struct bc_spawner_config){ .command = &spawners.command[i], .n = 1 }, &spawners.spawner[i], NULL), 0);
	return spawners.spawner[i];
}

static inline void spawners_end(void)
{
	while (spawners.n)
		bc_spawner_free(spawners.spawner[--spawners.n]);
}

#endif
