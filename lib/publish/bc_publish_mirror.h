/* SPDX-License-Identifier: BSD-3-Clause */
/* A mirror of an output whose packets go to a publisher's subscribers, under one client's name. */
#ifndef BC_PUBLISH_MIRROR_H
#define BC_PUBLISH_MIRROR_H

#include <stdbool.h>

#include "bc_format.h"
#include "bc_mirror.h"
#include "bc_publisher.h"

/*
 * NULL without memory; for bc_mirror_free(), after which what was put is still sent. p outlives it. client is copied.
 * format: of what is put. nanoseconds: packets go out as pcap with nanoseconds, otherwise with microseconds as
 * osmo-pcap's.
 */
struct bc_mirror *bc_publish_mirror_new(struct bc_publisher *p, const char *client, enum bc_format format,
					bool nanoseconds);

#endif
