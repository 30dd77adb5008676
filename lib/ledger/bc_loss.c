/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_loss.h"

static const struct {
	const char *name;
	enum bc_loss_at at;
	bool fails;
	const char *meaning;
	const char *hint;
} rows[BC_LOSS_COUNT] = {
#define BC_LOSS_ROW(id, ...) [id] = { __VA_ARGS__ },
	BC_LOSSES(BC_LOSS_ROW)
#undef BC_LOSS_ROW
};

const char *bc_loss_name(enum bc_loss loss)
{
	return rows[loss].name;
}

const char *bc_loss_meaning(enum bc_loss loss)
{
	return rows[loss].meaning;
}

const char *bc_loss_hint(enum bc_loss loss)
{
	return rows[loss].hint;
}

enum bc_loss_at bc_loss_at(enum bc_loss loss)
{
	return rows[loss].at;
}

bool bc_loss_fails(enum bc_loss loss)
{
	return rows[loss].fails;
}
