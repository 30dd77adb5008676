/* SPDX-License-Identifier: BSD-3-Clause */
#include "bc_config_s3.h"

bool bc_config_s3_take(struct bc_object_settings *s, int o, const char *text)
{
	switch (o) {
	case BC_OPT_S3_ENDPOINT:
		s->endpoint = text;
		return true;
	case BC_OPT_S3_REGION:
		s->region = text;
		return true;
	case BC_OPT_S3_CA:
		s->ca = text;
		return true;
	case BC_OPT_S3_CREDENTIALS:
		s->credentials = text;
		return true;
	case BC_OPT_S3_PROFILE:
		s->profile = text;
		return true;
	case BC_OPT_S3_PATH_STYLE:
		s->addressing = BC_ADDRESSING_PATH;
		return true;
	case BC_OPT_S3_PLAIN:
		s->plain = true;
		return true;
	default:
		return false;
	}
}
