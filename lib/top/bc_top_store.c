/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_top_store.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "bc_ctl_client.h"
#include "bc_field.h"
#include "bc_find_flows.h"
#include "bc_flows_print.h"
#include "bc_view_value.h"

#define FLOWS_MAX 500U
#define PATH_SIZE 4096

/* A path that the capture names, as we have to name it: it may have another folder to work in. */
static void our_path(uint64_t pid, const char *path, char buf[PATH_SIZE])
{
	if (path[0] == '/')
		snprintf(buf, PATH_SIZE, "%s", path);
	else
		snprintf(buf, PATH_SIZE, "/proc/%llu/cwd/%s", (unsigned long long)pid, path);
}

static const char *newest_of(const json_t *output)
{
	const json_t *segments = json_object_get(output, "segments");

	return bc_field_text(json_array_get(segments, json_array_size(segments) - 1), "path");
}

static json_t *look_at(uint64_t pid, const json_t *output)
{
	const char *segment = newest_of(output);
	json_t *ret = json_pack("{s:o}", "segment", json_string(segment));
	char path[PATH_SIZE];
	struct statvfs st;

	our_path(pid, bc_field_text(output, "name"), path);
	if (!statvfs(path, &st)) {
		json_object_set_new(ret, "size", bc_view_u64((uint64_t)st.f_blocks * st.f_frsize));
		json_object_set_new(ret, "free", bc_view_u64((uint64_t)st.f_bavail * st.f_frsize));
	}
	return ret;
}

/* ---- flows ---- */

/* The output whose last segment has the youngest packet. */
static const char *newest_of_all(const json_t *outputs)
{
	const char *newest = "";
	uint64_t last_ns = 0;
	json_t *o;
	size_t i;

	json_array_foreach((json_t *)outputs, i, o) {
		const json_t *segments = json_object_get(o, "segments"), *s = json_array_get(segments, json_array_size(segments) - 1);

		if (s && bc_field_u64(s, "last_ns") >= last_ns) {
			last_ns = bc_field_u64(s, "last_ns");
			newest = bc_field_text(s, "path");
		}
	}
	return newest;
}

static json_t *list_of(struct bc_flows *flows)
{
	uint32_t n;
	const struct bc_flow *flow = bc_flows_sorted(flows, BC_FLOWS_BYTES, &n);
	json_t *list = json_array();

	for (uint32_t i = 0; i < n && i < FLOWS_MAX; i++) {
		char name[BC_FLOWS_TEXT_MAX];

		bc_flows_text(&flow[i].key, BC_FLOWS_BY_FLOW, name);
		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o}", "name", name, "packets", bc_view_u64(flow[i].packets),
						      "bytes", bc_view_u64(flow[i].bytes),
						      "ns", bc_view_u64(flow[i].last_ns - flow[i].first_ns)));
	}
	return list;
}

/* Only a file is read: a folder would be searched as a whole. */
static int read_flows(char *path, struct bc_flows *flows, struct bc_err *err)
{
	const struct bc_find_flows_config cfg = { .expression = "", .paths = &path, .n_paths = 1, .to_ns = UINT64_MAX };
	struct bc_find_extent extent;
	struct stat st;
	int r;

	if (stat(path, &st) || !S_ISREG(st.st_mode))
		return bc_err_set(err, -ENOENT, "the newest segment is not to be found here: %.200s", path);
	r = bc_find_flows(&cfg, flows, &extent, err);
	if (!r && extent.without)
		r = bc_err_set(err, -ENODATA, "the newest segment has no index of flows (--index flows)");
	return r;
}

static void put_flows(json_t *ret, uint64_t pid, const char *segment, const json_t *last)
{
	struct bc_flows *flows;
	char path[PATH_SIZE];
	struct bc_err err;

	if (!*segment) {
		json_object_set_new(ret, "why", json_string("no segment has been published yet, or there is no folder of segments"));
		return;
	}
	json_object_set_new(ret, "segment", json_string(segment));
	if (!strcmp(segment, bc_field_text(last, "segment")) && json_object_get(last, "flows")) {
		json_object_set(ret, "flows", json_object_get(last, "flows"));
		return;
	}
	our_path(pid, segment, path);
	flows = bc_flows_new(BC_FLOWS_BY_FLOW);
	if (!flows)
		return;
	if (read_flows(path, flows, &err))
		json_object_set_new(ret, "why", bc_view_string(err.msg));
	else
		json_object_set_new(ret, "flows", list_of(flows));
	bc_flows_free(flows);
}

/* ---- questions ---- */

json_t *bc_top_store(void *ctx, const char *prefix, const json_t *last)
{
	json_t *info, *outputs, *o, *list, *ret = NULL;
	int fd = bc_ctl_connect(prefix, NULL);
	uint64_t pid;
	size_t i;

	if (fd < 0)
		return NULL;
	if (!bc_ctl_ask(fd, "/braidcap/info", NULL, &info, NULL)) {
		pid = bc_field_u64(info, "pid");
		if (!bc_ctl_ask(fd, "/braidcap/segments", "1", &outputs, NULL)) {
			list = json_array();
			json_array_foreach(outputs, i, o)
				json_array_append_new(list, look_at(pid, o));
			ret = json_pack("{s:o}", "outputs", list);
			if (ctx)
				put_flows(ret, pid, newest_of_all(outputs), last);
			json_decref(outputs);
		}
		json_decref(info);
	}
	close(fd);
	return ret;
}

json_t *bc_top_rotate(void *ctx, const char *prefix, const json_t *last)
{
	struct bc_err err;
	json_t *answer, *ret;
	int fd = bc_ctl_connect(prefix, &err), r;

	if (fd < 0)
		return json_pack("{s:o}", "message", bc_view_string(err.msg));
	r = bc_ctl_ask(fd, "/braidcap/rotate", NULL, &answer, &err);
	close(fd);
	if (r)
		return json_pack("{s:o}", "message", bc_view_string(err.msg));
	ret = json_pack("{s:s}", "message", "new segments have been asked for");
	json_decref(answer);
	return ret;
}
