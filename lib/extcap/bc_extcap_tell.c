/* SPDX-License-Identifier: BSD-3-Clause */
/* The sentences that Wireshark reads. */
#include <string.h>

#include "bc_ctl_client.h"
#include "bc_extcap.h"
#include "bc_field.h"

static const char help[] =
"usage: braidcap extcap OPTIONS\n"
"\n"
"Wireshark and tshark call this, as a program of theirs by the name\n"
"braidcap-extcap (docs/wireshark.md). It has two interfaces:\n"
"\n"
"  braidcap-live   what a running capture sees, if it has --pcap-over-ip\n"
"  braidcap-find   packets of stored captures, in folders and object storage\n"
"\n"
"What Wireshark asks\n"
"      --extcap-interfaces, --extcap-dlts, --extcap-config, --extcap-version,\n"
"      --extcap-interface IF, --extcap-capture-filter BPF, --extcap-reload-option O\n"
"      --capture --fifo FILE\n"
"      --extcap-control-in FILE, --extcap-control-out FILE\n"
"\n"
"What can be set for braidcap-live\n"
"      --prefix NAME       the capture on this host (default: the only one)\n"
"      --server HOST:PORT  or one elsewhere\n"
"      --tls, --tls-ca FILE, --tls-cert FILE, --tls-key FILE\n"
"\n"
"and for braidcap-find\n"
"      --folder PATH       a folder, a file, or s3://BUCKET/PREFIX/\n"
"      --from, --to, --last\n"
"                          as for 'braidcap find'\n"
"      --priority idle|normal\n"
"      --s3-endpoint URL, --s3-profile NAME\n";

/* What comes from elsewhere must not end a sentence's word. */
static const char *clean(const char *text, char *buf, size_t size)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++)
		buf[n++] = *text == '{' || *text == '}' || (unsigned char)*text < ' ' || *text == 127 ? '?' : *text;
	buf[n] = '\0';
	return buf;
}

static void tell_interfaces(FILE *f)
{
	fputs("extcap {version=" BC_VERSION "}{display=braidcap}\n"
	      "interface {value=braidcap-live}{display=braidcap: a running capture}\n"
	      "interface {value=braidcap-find}{display=braidcap: find packets in stored captures}\n"
	      "control {number=0}{type=button}{display=Rotate}{tooltip=End the segment that the capture is writing, and begin the next}\n", f);
}

/* The stream says itself which link types it has. */
static void tell_dlts(FILE *f)
{
	fputs("dlt {number=1}{name=EN10MB}{display=As captured}\n", f);
}

static void tell_captures(FILE *f)
{
	struct bc_ctl_capture captures[BC_CTL_MAX_CAPTURES];
	uint32_t n = bc_ctl_find("", captures);
	char prefix[BC_CTL_PREFIX_MAX], address[128];

	fputs("value {arg=0}{value=}{display=the only one, or the server below}{default=true}\n", f);
	for (uint32_t i = 0; i < n; i++) {
		const json_t *tap = json_object_get(captures[i].info, "pcap_over_ip");

		if (tap) {
			clean(captures[i].prefix, prefix, sizeof(prefix));
			fprintf(f, "value {arg=0}{value=%s}{display=%s, at %s}\n", prefix, prefix,
				clean(bc_field_text(tap, "address"), address, sizeof(address)));
		}
		json_decref(captures[i].info);
	}
}

static void tell_live(FILE *f)
{
	fputs("arg {number=0}{call=--prefix}{display=Capture on this host}{type=selector}{reload=true}{placeholder=Look again}"
	      "{tooltip=One that was started with --pcap-over-ip}\n"
	      "arg {number=1}{call=--server}{display=or elsewhere}{type=string}{placeholder=host:port}"
	      "{tooltip=Where its --pcap-over-ip listens}\n"
	      "arg {number=2}{call=--tls}{display=TLS}{type=boolflag}{default=false}{group=TLS}\n"
	      "arg {number=3}{call=--tls-ca}{display=Who signs the capture's certificate}{type=fileselect}{mustexist=true}{group=TLS}\n"
	      "arg {number=4}{call=--tls-cert}{display=Own certificate}{type=fileselect}{mustexist=true}{group=TLS}\n"
	      "arg {number=5}{call=--tls-key}{display=Its key}{type=fileselect}{mustexist=true}{group=TLS}\n", f);
	tell_captures(f);
}

static void tell_find(FILE *f)
{
	fputs("arg {number=0}{call=--folder}{display=Folder}{type=string}{required=true}{placeholder=/srv/capture or s3://bucket/prefix/}"
	      "{tooltip=A folder of segments, a capture file, or s3://BUCKET/PREFIX/}\n"
	      "arg {number=1}{call=--last}{display=Only the last}{type=string}{placeholder=15m, 3h, 2d}\n"
	      "arg {number=2}{call=--from}{display=or from}{type=string}{placeholder=2026-11-29 04:30, or 04:30}\n"
	      "arg {number=3}{call=--to}{display=to}{type=string}{placeholder=2026-11-29 05:00}\n"
	      "arg {number=4}{call=--s3-endpoint}{display=Endpoint}{type=string}{group=Object storage}"
	      "{tooltip=The store's URL, if it is not AWS}\n"
	      "arg {number=5}{call=--s3-profile}{display=Profile of the credentials}{type=string}{group=Object storage}\n"
	      "arg {number=6}{call=--priority}{display=Priority}{type=selector}"
	      "{tooltip=A search gives way to captures on the same machine, unless it has normal priority}\n"
	      "value {arg=6}{value=idle}{display=idle}{default=true}\n"
	      "value {arg=6}{value=normal}{display=normal}\n", f);
}

void bc_extcap_tell(FILE *f, const struct bc_extcap_request *q)
{
	if (q->task == BC_EXTCAP_HELP)
		fputs(help, f);
	else if (q->task == BC_EXTCAP_INTERFACES)
		tell_interfaces(f);
	else if (q->task == BC_EXTCAP_DLTS)
		tell_dlts(f);
	else if (q->task == BC_EXTCAP_CONFIG && q->iface == BC_EXTCAP_LIVE)
		tell_live(f);
	else if (q->task == BC_EXTCAP_CONFIG)
		tell_find(f);
	else
		fputs("extcap {version=" BC_VERSION "}{display=braidcap}\n", f);
}
