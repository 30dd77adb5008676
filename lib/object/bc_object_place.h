/* SPDX-License-Identifier: BSD-3-Clause */
/* Which store: the settings that a user gives, completed from the environment and AWS's files into what a request needs. */
#ifndef BC_OBJECT_PLACE_H
#define BC_OBJECT_PLACE_H

#include <stdbool.h>

#include "bc_err.h"

enum bc_addressing {
	BC_ADDRESSING_AUTO,	/* HOST at amazonaws.com, PATH elsewhere */
	BC_ADDRESSING_PATH,	/* ENDPOINT/BUCKET/KEY */
	BC_ADDRESSING_HOST,	/* BUCKET.ENDPOINT/KEY */
};

/* What the command line and the section "s3:" of YAML say. All zero is complete. Strings are the setter's. */
struct bc_object_settings {
	const char *endpoint;	/* "https://HOST[:PORT]"; NULL: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL, AWS's own of the region */
	const char *region;	/* NULL: AWS_REGION, AWS_DEFAULT_REGION, ~/.aws/config, us-east-1 */
	const char *ca;		/* PEM file of who signs the store's certificate; NULL: AWS_CA_BUNDLE, the system's */
	const char *credentials;	/* file of AWS's form; NULL: see bc_credentials_find() */
	const char *profile;	/* in AWS's files; NULL: AWS_PROFILE, or "default" */
	enum bc_addressing addressing;
	bool plain;		/* http:// is allowed to other machines, too: what is sent can be read and, coming back, changed */
};

#define BC_ENDPOINT_MAX 256
#define BC_REGION_MAX 64
#define BC_OBJECT_PATH_MAX 4096

struct bc_object_place {
	bool https;
	bool loopback;
	bool by_host;			/* the bucket goes before the host's name */
	char host[BC_ENDPOINT_MAX];	/* with :PORT if it is not the scheme's, as the Host header has it */
	char region[BC_REGION_MAX];
	char ca[BC_OBJECT_PATH_MAX];	/* "" for the system's */
};

/*
 * 0 and *ret, or -EINVAL with a line in err: an endpoint is no http(s) URL, or has a path, a user or a query; http:// to another
 * machine without plain. Reads the environment and ~/.aws/config.
 */
int bc_object_place_find(const struct bc_object_settings *s, struct bc_object_place *ret, struct bc_err *err);

/* "http[s]://HOST[:PORT]": which scheme, host, and whether it is this machine. 0, or -EINVAL with a line in err. */
int bc_object_endpoint(const char *url, struct bc_object_place *ret, struct bc_err *err);

#endif
