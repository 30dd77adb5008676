/* SPDX-License-Identifier: BSD-3-Clause */
/* A libpcap whose devices have no nanoseconds, as nflog and usbmon have none. */
int pcap_set_tstamp_precision(void *handle, int precision)
{
	(void)handle;
	(void)precision;
	return -12;	/* PCAP_ERROR_TSTAMP_PRECISION_NOTSUP */
}
