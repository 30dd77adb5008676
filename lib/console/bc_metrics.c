/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_metrics.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "bc_field.h"
#include "bc_loss.h"

/* A number in an element of a list (or in the one object) of each capture. */
struct metric {
	const char *name, *type, *help;
	const char *in;			/* an object in the element; NULL: the element itself */
	const char *key;		/* a number, a boolean, or, with is, a text */
	const char *is;			/* 1 where the text is this one, else 0 */
	double scale;			/* 0: as it is */
};

#define NS 1e-9
#define PPB 1e-9

#define METRIC(n, t, h, i, k, w, s) { .name = n, .type = t, .help = h, .in = i, .key = k, .is = w, .scale = s }
#define COUNTER(n, h, i, k) METRIC(n, "counter", h, i, k, NULL, 0)
#define GAUGE(n, h, i, k) METRIC(n, "gauge", h, i, k, NULL, 0)
#define COUNTER_SCALED(n, h, i, k, s) METRIC(n, "counter", h, i, k, NULL, s)
#define GAUGE_SCALED(n, h, i, k, s) METRIC(n, "gauge", h, i, k, NULL, s)
#define STATE(n, h, k, w) METRIC(n, "gauge", h, NULL, k, w, 0)

static const struct metric of_info[] = {
	GAUGE_SCALED("braidcap_capture_start_time_seconds", "When the capture began, since 1970.",
		     NULL, "started_ns", NS),
	STATE("braidcap_capture_paused", "1 while packets are counted as paused.", "state", "paused"),
	STATE("braidcap_capture_running", "1 while packets are captured.", "state", "running"),
	COUNTER("braidcap_capture_received_packets_total", "Packets received, or lost before they were.",
		"balance", "received"),
	COUNTER("braidcap_capture_lost_packets_total", "Packets lost, whatever the reason.", "balance", "dropped"),
	GAUGE("braidcap_capture_in_flight_packets", "Packets on their way to the outputs.", "balance", "in_flight"),
	GAUGE("braidcap_capture_unaccounted_packets", "Packets of which nothing is known: 0 unless braidcap has a bug.",
	      "balance", "unaccounted"),
	GAUGE("braidcap_capture_packet_buffers", "Buffers for single packets.", "packet_buffers", "total"),
	GAUGE("braidcap_capture_packet_buffers_free", "Free buffers for single packets.", "packet_buffers", "free"),
	GAUGE("braidcap_capture_clients", "Remote nodes that a collector knows.", NULL, "clients"),
	GAUGE("braidcap_pcap_over_ip_clients", "Clients of PCAP-over-IP that are connected.", "pcap_over_ip", "open"),
	COUNTER("braidcap_pcap_over_ip_connections_total", "Connections of such clients.", "pcap_over_ip", "connected"),
	COUNTER("braidcap_pcap_over_ip_refused_connections_total", "Connections that were turned away.", "pcap_over_ip", "refused"),
	COUNTER("braidcap_pcap_over_ip_sent_packets_total", "Packets sent to clients, once for each.", "pcap_over_ip", "sent"),
	COUNTER("braidcap_pcap_over_ip_client_slow_packets_total", "Packets that clients missed because they read too slowly.",
		"pcap_over_ip", "client_slow"),
	COUNTER("braidcap_pcap_over_ip_overflowed_packets_total", "Packets that came faster than they could be prepared for any client.",
		"pcap_over_ip", "overflowed"),
	COUNTER("braidcap_pcap_over_ip_unfit_packets_total", "Packets that the stream's format has no place for.",
		"pcap_over_ip", "unfit"),
};

static const struct metric of_source[] = {
	COUNTER("braidcap_source_received_packets_total", "Packets received.", NULL, "received"),
	COUNTER("braidcap_source_received_bytes_total", "Bytes of these packets on the wire.", NULL, "received_bytes"),
	COUNTER("braidcap_source_filtered_packets_total", "Packets that outputs did not want, added up over these.",
		NULL, "filtered"),
	COUNTER("braidcap_source_late_packets_total", "Packets written after younger ones.", NULL, "late"),
	COUNTER("braidcap_source_forced_total", "How often the merge went on without this source.", NULL, "forced"),
	COUNTER("braidcap_source_stamp_ahead_packets_total", "Packets whose stamp was ahead of this host's clock.",
		NULL, "stamp_ahead"),
	STATE("braidcap_source_failed", "1 if the source ended early.", "state", "failed"),
	STATE("braidcap_source_losses_unknown", "1 if the driver does not count what it has no room for.",
	      "losses", "unknown"),
	GAUGE("braidcap_source_link_packets", "Packets that wait for the merge.", NULL, "link_used"),
	GAUGE("braidcap_source_link_size_packets", "How many can wait.", NULL, "link_size"),
	GAUGE("braidcap_source_window_bytes", "Memory of packets that wait for those of slower sources.",
	      NULL, "window_bytes"),
};

static const struct metric of_output[] = {
	COUNTER("braidcap_output_written_packets_total", "Packets written.", NULL, "written"),
	COUNTER("braidcap_output_written_bytes_total", "Bytes written, before compression.", NULL, "written_bytes"),
	COUNTER("braidcap_output_file_bytes_total", "Bytes written, compressed.", NULL, "file_bytes"),
	COUNTER("braidcap_output_segments_total", "Segments published.", NULL, "published"),
	GAUGE("braidcap_output_unpublished_segments", "Segments that could not be published.", NULL, "unpublished"),
	GAUGE("braidcap_output_in_flight_packets", "Packets on their way to this output.", "balance", "in_flight"),
	GAUGE("braidcap_output_unaccounted_packets", "Packets of which nothing is known: 0 unless braidcap has a bug.",
	      "balance", "unaccounted"),
	GAUGE("braidcap_output_buffers", "Buffers of --memory.", "buffers", "total"),
	GAUGE("braidcap_output_buffers_free", "Free buffers of --memory.", "buffers", "free"),
	GAUGE("braidcap_output_buffer_size_bytes", "The size of one of these.", "buffers", "bytes"),
	GAUGE("braidcap_output_backlog_chunks", "Chunks that wait for compression.", "writers", "backlog"),
	COUNTER("braidcap_output_starved_total", "How often packets waited for a buffer.", "writers", "starved"),
	COUNTER("braidcap_output_blocks_total", "Blocks compressed as asked for.", "writers", "blocks"),
	COUNTER("braidcap_output_blocks_faster_total", "Blocks compressed less under pressure.",
		"writers", "blocks_faster"),
	COUNTER("braidcap_output_blocks_stored_total", "Blocks not compressed under pressure.",
		"writers", "blocks_stored"),
	GAUGE_SCALED("braidcap_output_slowest_write_seconds", "The longest write so far.",
		     "storage", "slowest_write_ns", NS),
	GAUGE_SCALED("braidcap_output_slowest_sync_seconds", "The longest fdatasync so far.",
		     "storage", "slowest_sync_ns", NS),
	COUNTER("braidcap_output_index_skipped_packets_total", "Packets that no index tells of.",
		"index", "index_skipped"),
	COUNTER("braidcap_output_removed_segments_total", "Segments that retention removed.", "retention", "removed"),
	GAUGE("braidcap_output_kept_bytes", "Bytes that retention keeps.", "retention", "kept_bytes"),
	GAUGE_SCALED("braidcap_output_oldest_packet_timestamp_seconds", "Time of the oldest packet that retention keeps, since 1970.",
		     "retention", "oldest_ns", NS),
	COUNTER("braidcap_output_retention_failures_total", "Segments that retention could not remove or recompress.",
		"retention", "failed"),
	COUNTER("braidcap_output_move_failures_total", "Segments that could not be moved.", "hooks", "move_failed"),
	COUNTER("braidcap_output_command_failures_total", "Commands for segments that failed.",
		"hooks", "commands_failed"),
	COUNTER("braidcap_output_uploaded_segments_total", "Segments brought safely to object storage, or found there.",
		"upload", "uploaded"),
	COUNTER("braidcap_output_uploaded_bytes_total", "Bytes of these.", "upload", "uploaded_bytes"),
	COUNTER("braidcap_output_uploaded_indexes_total", "Indexes beside segments brought there, or found there.", "upload", "indexes"),
	COUNTER("braidcap_output_uploaded_index_bytes_total", "Bytes of these.", "upload", "index_bytes"),
	COUNTER("braidcap_output_upload_missed_segments_total", "Segments that were removed before they were uploaded.",
		"upload", "missed"),
	GAUGE("braidcap_output_upload_waiting_segments", "Segments that are to be uploaded, and indexes beside them.", "upload", "waiting"),
	GAUGE("braidcap_output_upload_waiting_bytes", "Bytes of these.", "upload", "waiting_bytes"),
	GAUGE("braidcap_output_upload_failed_segments", "Those of them that the store refused one by one.", "upload", "failed"),
	GAUGE_SCALED("braidcap_output_upload_oldest_waiting_timestamp_seconds", "When the oldest of them was written, since 1970; 0 without any.",
		     "upload", "oldest_waiting_ns", NS),
	GAUGE("braidcap_output_upload_store_down", "1 while the store cannot be reached, or refuses the keys.", "upload", "down"),
	GAUGE("braidcap_output_custody_records", "Records in the chain of custody.", "custody", "records"),
	GAUGE("braidcap_output_custody_waiting_segments", "Segments that have no record yet.", "custody", "waiting"),
	COUNTER("braidcap_output_custody_missed_segments_total", "Segments that were gone before they had a record.", "custody", "missed"),
	GAUGE("braidcap_output_custody_stamped_records", "Records that a time stamp covers.", "custody", "stamped"),
	GAUGE("braidcap_output_custody_unstamped_records", "Records that no time stamp covers yet.", "custody", "unstamped"),
	COUNTER("braidcap_output_custody_stamps_failed_total", "Requests for a time stamp without a good answer.", "custody", "stamps_failed"),
	GAUGE("braidcap_output_peer_up", "1 while the remote peer is connected.", "peer", "up"),
	GAUGE("braidcap_output_peer_queued_bytes", "Bytes that wait for the remote peer.", "peer", "queued_bytes"),
	GAUGE("braidcap_output_peer_spool_bytes", "Bytes of these in the spool.", "peer", "spool_bytes"),
};

static const struct metric of_lcore[] = {
	COUNTER("braidcap_lcore_rounds_total", "Rounds of the loop.", NULL, "rounds"),
	COUNTER("braidcap_lcore_idle_rounds_total", "Rounds that found nothing to do.", NULL, "idle_rounds"),
};

static const struct metric of_stage[] = {
	COUNTER_SCALED("braidcap_stage_busy_seconds_total", "CPU time of a stage with work.", NULL, "busy_ns", NS),
	COUNTER("braidcap_stage_units_total", "What it did: packets, chunks or blocks.", NULL, "units"),
};

static const struct metric of_clock[] = {
	GAUGE_SCALED("braidcap_clock_error_seconds", "How far stamps of the host clock are off: root mean square.",
		     NULL, "rms_ns", NS),
	GAUGE_SCALED("braidcap_clock_offset_seconds", "The last offset from the system clock.", NULL, "offset_ns", NS),
	GAUGE_SCALED("braidcap_clock_rate_ratio", "How much faster the counter runs than was said.",
		     NULL, "rate_ppb", PPB),
	COUNTER("braidcap_clock_steps_total", "Steps of the system clock.", NULL, "steps"),
};

static const struct metric of_store[] = {
	GAUGE_SCALED("braidcap_store_oldest_packet_timestamp_seconds", "Time of the oldest packet, since 1970.",
		     NULL, "oldest_ns", NS),
	GAUGE_SCALED("braidcap_store_newest_segment_timestamp_seconds", "When the last published segment begins.",
		     NULL, "newest_ns", NS),
	GAUGE("braidcap_store_bytes", "Bytes of all segments.", NULL, "bytes"),
	GAUGE("braidcap_store_segments", "Segments with packets.", NULL, "segments"),
	GAUGE("braidcap_store_bad_files", "Files and folders that could not be read.", NULL, "bad"),
};

static const struct metric of_disk[] = {
	GAUGE("braidcap_disk_size_bytes", "Size of the file system of a path.", NULL, "bytes"),
	GAUGE("braidcap_disk_free_bytes", "What is free of it.", NULL, "free"),
};

/* ---- the format ---- */

static void head(FILE *f, const char *name, const char *type, const char *help)
{
	fprintf(f, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void label(FILE *f, char before, const char *name, const char *value)
{
	fprintf(f, "%c%s=\"", before, name);
	for (; *value; value++)
		switch (*value) {
		case '\\':
		case '"':
			fprintf(f, "\\%c", *value);
			break;
		case '\n':
			fputs("\\n", f);
			break;
		default:
			/* For a terminal that shows them. */
			fputc((unsigned char)*value < ' ' || *value == 0x7f ? '?' : *value, f);
		}
	fputc('"', f);
}

static void label_number(FILE *f, const char *name, uint64_t value)
{
	fprintf(f, ",%s=\"%" PRIu64 "\"", name, value);
}

/* Counters are whole where they can be: a double would lose the end of a large one. */
static void value(FILE *f, const json_t *v, const struct metric *m)
{
	if (m->is)
		fprintf(f, "} %d\n", !strcmp(json_string_value(v), m->is));
	else if (json_is_boolean(v))
		fprintf(f, "} %d\n", json_is_true(v));
	else if (m->scale)
		fprintf(f, "} %.15g\n", json_number_value(v) * m->scale);
	else
		fprintf(f, "} %" JSON_INTEGER_FORMAT "\n", json_integer_value(v));
}

/* The number, boolean or text of a metric; NULL: the element has none. */
static const json_t *find(const json_t *element, const struct metric *m)
{
	const json_t *v = json_object_get(m->in ? json_object_get(element, m->in) : element, m->key);

	if (m->is)
		return json_is_string(v) ? v : NULL;
	return json_is_integer(v) || json_is_boolean(v) ? v : NULL;
}

/* ---- what elements are called ---- */

typedef void (*labels)(FILE *f, const json_t *capture, const json_t *element, size_t i);

static void of_capture(FILE *f, const json_t *capture, const json_t *element, size_t i)
{
	label(f, '{', "capture", bc_field_text(capture, "prefix"));
}

/* Outputs may have the same name, and sources of a port do; their numbers stay. */
static void source_labels(FILE *f, const json_t *capture, const json_t *s, size_t i)
{
	of_capture(f, capture, NULL, 0);
	label(f, ',', "source", bc_field_text(s, "name"));
	label(f, ',', "interface", bc_field_text(s, "interface"));
	label_number(f, "queue", bc_field_u64(s, "queue"));
	label_number(f, "n", i);
}

static void output_labels(FILE *f, const json_t *capture, const json_t *o, size_t i)
{
	of_capture(f, capture, NULL, 0);
	label(f, ',', "output", bc_field_text(o, "name"));
	label_number(f, "n", i);
}

static void lcore_labels(FILE *f, const json_t *capture, const json_t *l, size_t i)
{
	of_capture(f, capture, NULL, 0);
	label_number(f, "lcore", i);
	label_number(f, "cpu", bc_field_u64(l, "cpu"));
}

static void no_labels(FILE *f, const json_t *now, const json_t *store, size_t i)
{
	fputc('{', f);
}

static void disk_labels(FILE *f, const json_t *now, const json_t *d, size_t i)
{
	label(f, '{', "path", bc_field_text(d, "path"));
}

/* ---- groups of metrics ---- */

/* Each metric over the elements of the list key of all captures; key's object itself, if it is none. */
static void print_group(FILE *f, const json_t *captures, const char *key, const struct metric *m, size_t n, labels name)
{
	const json_t *capture, *element, *v;
	size_t c, i;

	for (; n--; m++) {
		head(f, m->name, m->type, m->help);
		json_array_foreach((json_t *)captures, c, capture) {
			const json_t *of = json_object_get(capture, key);

			if (json_is_object(of) && (v = find(of, m))) {
				fputs(m->name, f);
				name(f, capture, of, 0);
				value(f, v, m);
			}
			json_array_foreach((json_t *)of, i, element)
				if ((v = find(element, m))) {
					fputs(m->name, f);
					name(f, capture, element, i);
					value(f, v, m);
				}
		}
	}
}

static void loss(FILE *f, const char *metric, labels name, const json_t *capture, const json_t *element, size_t i,
		 const char *reason, json_int_t count)
{
	fputs(metric, f);
	name(f, capture, element, i);
	label(f, ',', "reason", reason);
	fprintf(f, "} %" JSON_INTEGER_FORMAT "\n", count);
}

static bool is_known(const char *reason)
{
	for (int l = 0; l < BC_LOSS_COUNT; l++)
		if (!strcmp(reason, bc_loss_name((enum bc_loss)l)))
			return true;
	return false;
}

/* All that are possible, so that a rate sees the first one; and those of another version. */
static void losses_of(FILE *f, const char *metric, labels name, const json_t *capture, const json_t *element, size_t i, bool output)
{
	const json_t *dropped = json_object_get(element, "dropped");
	const char *reason;
	const json_t *count;

	for (int l = 0; l < BC_LOSS_COUNT; l++) {
		reason = bc_loss_name((enum bc_loss)l);
		if ((bc_loss_at((enum bc_loss)l) == BC_LOSS_AT_OUTPUT) == output || json_object_get(dropped, reason))
			loss(f, metric, name, capture, element, i, reason, (json_int_t)bc_field_u64(dropped, reason));
	}
	json_object_foreach((json_t *)dropped, reason, count)
		if (!is_known(reason))
			loss(f, metric, name, capture, element, i, reason, json_integer_value(count));
}

static void print_losses(FILE *f, const json_t *captures, const char *key, const char *metric, labels name, bool output)
{
	const json_t *capture, *element;
	size_t c, i;

	head(f, metric, "counter", output ? "Packets lost at the output." : "Packets lost at the source, or before it.");
	json_array_foreach((json_t *)captures, c, capture)
		json_array_foreach(json_object_get(capture, key), i, element)
			losses_of(f, metric, name, capture, element, i, output);
}

static void print_stages(FILE *f, const json_t *captures)
{
	const json_t *capture, *lcore, *stage, *v;
	size_t c, l, s;

	for (size_t i = 0; i < sizeof(of_stage) / sizeof(of_stage[0]); i++) {
		const struct metric *m = &of_stage[i];

		head(f, m->name, m->type, m->help);
		json_array_foreach((json_t *)captures, c, capture)
			json_array_foreach(json_object_get(capture, "lcores"), l, lcore)
				json_array_foreach(json_object_get(lcore, "stages"), s, stage) {
					v = find(stage, m);
					if (!v)
						continue;
					fputs(m->name, f);
					lcore_labels(f, capture, lcore, l);
					label(f, ',', "stage", bc_field_text(stage, "name"));
					label_number(f, "n", s);
					value(f, v, m);
				}
	}
}

/* When packets reach a writer, after their timestamps. */
static void print_delay(FILE *f, const json_t *captures)
{
	static const struct { const char *key, *quantile; } row[] = { { "p50", "0.5" }, { "p99", "0.99" }, { "p999", "0.999" } };
	static const char name[] = "braidcap_capture_merge_delay_seconds";
	const json_t *capture;
	size_t c;

	head(f, name, "summary", "From a packet's timestamp until a writer had it.");
	json_array_foreach((json_t *)captures, c, capture) {
		const json_t *d = json_object_get(json_object_get(capture, "info"), "merge_delay_ns");

		if (!json_is_object(d))
			continue;
		for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
			fputs(name, f);
			of_capture(f, capture, NULL, 0);
			fprintf(f, ",quantile=\"%s\"} %.15g\n", row[i].quantile, (double)bc_field_u64(d, row[i].key) * NS);
		}
		fprintf(f, "%s_count", name);
		of_capture(f, capture, NULL, 0);
		fprintf(f, "} %" PRIu64 "\n", bc_field_u64(d, "samples"));
	}
}

static void print_captures(FILE *f, const json_t *captures)
{
	const json_t *capture;
	size_t c;

	head(f, "braidcap_capture_up", "gauge", "1 if the capture answers.");
	json_array_foreach((json_t *)captures, c, capture) {
		fputs("braidcap_capture_up", f);
		of_capture(f, capture, NULL, 0);
		fprintf(f, "} %d\n", json_is_object(json_object_get(capture, "info")));
	}
	head(f, "braidcap_capture_info", "gauge", "The capture's version.");
	json_array_foreach((json_t *)captures, c, capture)
		if (json_object_get(capture, "info")) {
			fputs("braidcap_capture_info", f);
			of_capture(f, capture, NULL, 0);
			label(f, ',', "version", bc_field_text(json_object_get(capture, "info"), "version"));
			fputs("} 1\n", f);
		}
}

#define GROUP(f, captures, key, table, name) print_group(f, captures, key, table, sizeof(table) / sizeof((table)[0]), name)

void bc_metrics_print(FILE *f, const json_t *now)
{
	const json_t *captures = json_object_get(now, "captures");
	json_t *alone = json_pack("[O]", now);

	print_captures(f, captures);
	GROUP(f, captures, "info", of_info, of_capture);
	print_delay(f, captures);
	GROUP(f, captures, "sources", of_source, source_labels);
	print_losses(f, captures, "sources", "braidcap_source_lost_packets_total", source_labels, false);
	GROUP(f, captures, "outputs", of_output, output_labels);
	print_losses(f, captures, "outputs", "braidcap_output_lost_packets_total", output_labels, true);
	GROUP(f, captures, "lcores", of_lcore, lcore_labels);
	print_stages(f, captures);
	GROUP(f, captures, "clock", of_clock, of_capture);
	/* These are no capture's. */
	GROUP(f, alone, "store", of_store, no_labels);
	GROUP(f, alone, "disks", of_disk, disk_labels);
	json_decref(alone);
}
