#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# Install what braidcap needs on Debian 12. Does nothing, and needs no rights, where all of it is there.
# usage: scripts/setup.sh [run|test]     run: to build and to run it; test (default): to run its tests, too
set -euo pipefail

run=(gcc libc6-dev meson ninja-build pkgconf python3 libdpdk-dev dpdk dpdk-dev libpcap-dev liblz4-dev libzstd-dev
	zlib1g-dev libisal-dev liblzma-dev libbz2-dev liblzo2-dev libxxhash-dev libhwloc-dev libcyaml-dev libyaml-dev libjansson-dev libzmq3-dev libssl-dev libcurl4-openssl-dev libexpat1-dev liburing-dev libseccomp-dev libmicrohttpd-dev libgnutls28-dev libncurses-dev lz4 wireshark-common)
test=(libcmocka-dev openssl libcap2-bin python3-pytest python3-zmq tshark zstd gzip xz-utils bzip2 lzop tcpdump iproute2 util-linux mount e2fsprogs fuse3 libfuse3-dev
	stenographer systemd-container tmux zsh curl age prometheus chromium clickhouse-server radosgw ceph-mon ceph-osd)

case "${1:-test}" in
run) wanted=("${run[@]}") ;;
test) wanted=("${run[@]}" "${test[@]}") ;;
*)
	echo "usage: scripts/setup.sh [run|test]" >&2
	exit 2
	;;
esac

missing=()
for package in "${wanted[@]}"; do
	status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
	[ "$status" = "install ok installed" ] || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
	echo "setup: all ${#wanted[@]} packages are there"
	exit 0
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "setup: missing: ${missing[*]}; neither root nor sudo: install them as root" >&2
		exit 1
	fi
	as_root=(sudo)
fi
echo "setup: installing with apt-get: ${missing[*]}"
"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}"
echo "setup: done"
