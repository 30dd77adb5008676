/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * libmicrohttpd, and GnuTLS behind it, loaded (bc_library.h) when a console is served. Instead of their own headers: calls
 * look the same.
 */
#ifndef BC_MHD_H
#define BC_MHD_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <microhttpd.h>

#include "bc_err.h"

#define BC_MHD_FUNCTIONS(X) \
	X(add_response_header) X(basic_auth_get_username_password) X(create_response_from_buffer) X(create_response_from_callback) \
	X(destroy_response) X(free) X(get_connection_info) X(lookup_connection_value) X(queue_response) X(start_daemon) X(stop_daemon)
#define BC_GNUTLS_FUNCTIONS(X) \
	X(certificate_get_peers) X(certificate_verify_peers) X(pcert_deinit) X(pcert_list_import_x509_raw) X(privkey_deinit) \
	X(privkey_import_ext4) X(privkey_init) X(x509_crt_deinit) X(x509_crt_get_dn_by_oid) X(x509_crt_import) \
	X(x509_crt_init)

struct bc_mhd {
#define BC_MHD_MEMBER(name) __typeof__(MHD_##name) *name;
	BC_MHD_FUNCTIONS(BC_MHD_MEMBER)
#undef BC_MHD_MEMBER
};

struct bc_gnutls {
#define BC_GNUTLS_MEMBER(name) __typeof__(gnutls_##name) *name;
	BC_GNUTLS_FUNCTIONS(BC_GNUTLS_MEMBER)
#undef BC_GNUTLS_MEMBER
};

/* Load both, if nobody has. Before any call. 0, or -ENOENT with a line in err. Any thread. */
int bc_mhd_load(struct bc_err *err);

/* Their functions; NULL each before they are loaded. */
const struct bc_mhd *bc_mhd(void);
const struct bc_gnutls *bc_gnutls(void);

#define MHD_add_response_header bc_mhd()->add_response_header
#define MHD_basic_auth_get_username_password bc_mhd()->basic_auth_get_username_password
#define MHD_create_response_from_buffer bc_mhd()->create_response_from_buffer
#define MHD_create_response_from_callback bc_mhd()->create_response_from_callback
#define MHD_destroy_response bc_mhd()->destroy_response
#define MHD_free bc_mhd()->free
#define MHD_get_connection_info bc_mhd()->get_connection_info
#define MHD_lookup_connection_value bc_mhd()->lookup_connection_value
#define MHD_queue_response bc_mhd()->queue_response
#define MHD_start_daemon bc_mhd()->start_daemon
#define MHD_stop_daemon bc_mhd()->stop_daemon
#define gnutls_certificate_get_peers bc_gnutls()->certificate_get_peers
#define gnutls_certificate_verify_peers bc_gnutls()->certificate_verify_peers
#define gnutls_pcert_deinit bc_gnutls()->pcert_deinit
#define gnutls_pcert_list_import_x509_raw bc_gnutls()->pcert_list_import_x509_raw
#define gnutls_privkey_deinit bc_gnutls()->privkey_deinit
#define gnutls_privkey_import_ext4 bc_gnutls()->privkey_import_ext4
#define gnutls_privkey_init bc_gnutls()->privkey_init
#define gnutls_x509_crt_deinit bc_gnutls()->x509_crt_deinit
#define gnutls_x509_crt_get_dn_by_oid bc_gnutls()->x509_crt_get_dn_by_oid
#define gnutls_x509_crt_import bc_gnutls()->x509_crt_import
#define gnutls_x509_crt_init bc_gnutls()->x509_crt_init

#endif
