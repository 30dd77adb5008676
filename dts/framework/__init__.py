# SPDX-License-Identifier: BSD-3-Clause
"""A small stand-in for the framework of DPDK's DTS, whose own needs more than Debian 12 has."""
