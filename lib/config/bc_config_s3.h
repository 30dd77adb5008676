/* SPDX-License-Identifier: BSD-3-Clause */
/* The options that say where an object store is, of commands that read from one or bring to it. */
#ifndef BC_CONFIG_S3_H
#define BC_CONFIG_S3_H

#include <getopt.h>
#include <stdbool.h>

#include "bc_object_place.h"

/* What getopt_long() returns for them. */
enum {
	BC_OPT_S3_ENDPOINT = 1024, BC_OPT_S3_REGION, BC_OPT_S3_CA, BC_OPT_S3_CREDENTIALS, BC_OPT_S3_PROFILE, BC_OPT_S3_PATH_STYLE, BC_OPT_S3_PLAIN,
};

/* Rows of a struct option[]. */
#define BC_S3_OPTIONS \
	{ "s3-endpoint", required_argument, NULL, BC_OPT_S3_ENDPOINT }, { "s3-region", required_argument, NULL, BC_OPT_S3_REGION }, \
	{ "s3-ca", required_argument, NULL, BC_OPT_S3_CA }, { "s3-credentials", required_argument, NULL, BC_OPT_S3_CREDENTIALS }, \
	{ "s3-profile", required_argument, NULL, BC_OPT_S3_PROFILE }, { "s3-path-style", no_argument, NULL, BC_OPT_S3_PATH_STYLE }, \
	{ "s3-plain", no_argument, NULL, BC_OPT_S3_PLAIN }

/* Lines of --help, to column 78. */
#define BC_S3_HELP \
	"      --s3-endpoint URL   the store (default: AWS_ENDPOINT_URL, or AWS)\n" \
	"      --s3-region REGION  (default: AWS_REGION, or us-east-1)\n" \
	"      --s3-ca FILE        who signs its certificate (default: AWS_CA_BUNDLE, or\n" \
	"                          the system's)\n" \
	"      --s3-credentials FILE\n" \
	"                          of the form of ~/.aws/credentials (default: that, or\n" \
	"                          AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)\n" \
	"      --s3-profile NAME   in that file (default: AWS_PROFILE, or default)\n" \
	"      --s3-path-style     ENDPOINT/BUCKET, also at AWS\n" \
	"      --s3-plain          allow http:// to another machine\n"

/* Takes option o; text stays the caller's. False: it is none of these. */
bool bc_config_s3_take(struct bc_object_settings *s, int o, const char *text);

#endif
