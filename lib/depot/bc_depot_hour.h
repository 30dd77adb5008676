/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Catalogues of hours (bc_hour.h) beside objects that were listed: the ends of many in one request. They are fetched when an object of
 * theirs is asked about, kept in memory up to a limit, and believed as far as the list says the same of the object. Any thread.
 */
#ifndef BC_DEPOT_HOUR_H
#define BC_DEPOT_HOUR_H

#include "bc_depot_priv.h"

struct bc_depot_hours;

/* NULL without memory. All functions take NULL as one without catalogues. */
struct bc_depot_hours *bc_depot_hours_new(struct bc_depot *d);
void bc_depot_hours_free(struct bc_depot_hours *h);

/* An object that was listed: is it a catalogue? Then it is kept in mind. */
bool bc_depot_hours_learn(struct bc_depot_hours *h, const struct bc_known *k);

enum bc_depot_hour {
	BC_DEPOT_HOUR_NOT,	/* no catalogue has the object's end */
	BC_DEPOT_HOUR_HAS,	/* one has */
	BC_DEPOT_HOUR_SOON,	/* one is on its way, and may have it */
};

/* Never waits for the store; begins to fetch the catalogue beside the object. */
enum bc_depot_hour bc_depot_hours_ask(struct bc_depot_hours *h, const struct bc_known *k);

/* Is there room for another catalogue on its way, beside those that are? */
bool bc_depot_hours_has_room(struct bc_depot_hours *h);

/* Wait until it is known whether a catalogue has its end. */
void bc_depot_hours_wait(struct bc_depot_hours *h, const struct bc_known *k);

/* The object's end, which the caller frees, and its length; NULL: no catalogue has it. Waits. */
uint8_t *bc_depot_hours_tail(struct bc_depot_hours *h, const struct bc_known *k, size_t *ret_len);

#endif
