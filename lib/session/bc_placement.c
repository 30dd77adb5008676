/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_placement.h"

#include <errno.h>
#include <string.h>

#include "bc_source_kind.h"

/* The node of a DPDK device by its devargs: of the port itself, or of the kernel interface that it stands on. */
static int devargs_numa(const char *devargs, const struct bc_topology *topo)
{
	char word[64];
	const char *iface = strstr(devargs, ",iface=");
	int numa;

	snprintf(word, sizeof(word), "%.*s", (int)strcspn(devargs, ","), devargs);
	numa = bc_topology_pci_numa(topo, word);
	if (numa >= 0 || !iface)
		return numa;
	iface += strlen(",iface=");
	snprintf(word, sizeof(word), "%.*s", (int)strcspn(iface, ","), iface);
	return bc_topology_net_numa(topo, word);
}

static int source_numa(const struct bc_source_config *s, const struct bc_topology *topo)
{
	if (s->kind->target == BC_TARGET_PORT)
		return devargs_numa(s->target, topo);
	return s->kind->target == BC_TARGET_INTERFACE ? bc_topology_net_numa(topo, s->target) : -1;
}

/* Driver options behind the first comma would drown what matters, as would our keys beside a queue. */
static void name_source(const struct bc_source_config *s, char *name, size_t size)
{
	if (s->kind->poll_mode)
		snprintf(name, size, "%.*s", (int)strcspn(s->spec, ","), s->spec);
	else
		snprintf(name, size, "%s", s->queues > 1 ? s->target : s->spec);
}

static int add_source(const struct bc_source_config *s, const struct bc_topology *topo, struct bc_plan_request *req,
		      struct bc_err *err)
{
	/* Who asks for several rings of the kernel wants several cores. */
	const bool busy = s->kind->poll_mode || s->queues > 1;

	if (s->queues > BC_MAX_SOURCES - req->n_sources)
		return bc_err_set(err, -EINVAL, "-i %.128s: more than %d sources in total; each queue counts "
				  "as one",
				  s->spec, BC_MAX_SOURCES);
	for (uint32_t q = 0; q < s->queues; q++) {
		struct bc_plan_source *p = &req->source[req->n_sources++];

		name_source(s, p->name, sizeof(p->name));
		p->queue = s->queues > 1 ? (int)q : -1;
		p->numa = source_numa(s, topo);
		p->busy = busy;
		p->waits = s->kind->blocking;
	}
	return 0;
}

bool bc_placement_needs_devices(const struct bc_config *cfg)
{
	for (uint32_t i = 0; i < cfg->n_sources; i++)
		if (cfg->sources[i].kind->target == BC_TARGET_PORT || cfg->sources[i].kind->target == BC_TARGET_INTERFACE)
			return true;
	return false;
}

static void add_output(const struct bc_output_config *o, struct bc_plan_request *req)
{
	struct bc_plan_output *p = &req->output[req->n_outputs++];

	snprintf(p->name, sizeof(p->name), "%s", o->dest);
	p->writers = o->writers;
	/* A stream codec compresses behind the lanes, in threads of its own. */
	p->compressing = bc_codec_is_block(o->codec);
}

int bc_placement_request(const struct bc_config *cfg, const struct bc_topology *topo, struct bc_plan_request *ret,
			 struct bc_err *err)
{
	struct bc_plan_request req = { .lcores = cfg->lcores, .busy_poll = cfg->busy_poll };

	for (uint32_t i = 0; i < cfg->n_sources; i++) {
		int r = add_source(&cfg->sources[i], topo, &req, err);

		if (r)
			return r;
	}
	for (uint32_t o = 0; o < cfg->n_outputs; o++)
		add_output(&cfg->outputs[o], &req);
	*ret = req;
	return 0;
}

void bc_placement_request_collect(const struct bc_collect_config *cfg, struct bc_plan_request *ret)
{
	*ret = (struct bc_plan_request){ .lcores = cfg->common.lcores, .busy_poll = cfg->common.busy_poll };
	/* More clients than a plan can name need no more lcores. */
	ret->n_sources = cfg->n_clients < BC_MAX_SOURCES ? cfg->n_clients : BC_MAX_SOURCES;
	for (uint32_t i = 0; i < ret->n_sources; i++)
		ret->source[i].queue = ret->source[i].numa = -1;
	for (uint32_t i = 0; i < cfg->n_allow; i++) {
		struct bc_plan_source *p = &ret->source[cfg->allow[i].client];

		if (cfg->allow[i].client < ret->n_sources)
			snprintf(p->name, sizeof(p->name), "%s", cfg->allow[i].name);
	}
	add_output(&cfg->common.outputs[0], ret);
}
