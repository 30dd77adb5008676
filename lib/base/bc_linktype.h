/* SPDX-License-Identifier: BSD-3-Clause */
/* The link types whose headers are looked into, by their numbers in capture files: tcpdump.org/linktypes.html. */
#ifndef BC_LINKTYPE_H
#define BC_LINKTYPE_H

#define LINKTYPE_NULL 0
#define LINKTYPE_ETHERNET 1
#define LINKTYPE_PPP 9
#define LINKTYPE_PPP_HDLC 50
#define LINKTYPE_PPP_ETHER 51
#define LINKTYPE_RAW 101
#define LINKTYPE_C_HDLC 104
#define LINKTYPE_LOOP 108
#define LINKTYPE_LINUX_SLL 113
#define LINKTYPE_IPV4 228
#define LINKTYPE_IPV6 229
#define LINKTYPE_LINUX_SLL2 276

#endif
