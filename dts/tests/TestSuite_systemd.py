# SPDX-License-Identifier: BSD-3-Clause
"""The units, started by a real systemd."""

from framework.booted import booted
from framework.test_suite import TestSuite, func_test, verify

# Functions for the scripts below; v0 is where captures listen, and send N puts N packets there.
COMMON = r"""
ip link add v0 type veth peer name v1
for i in v0 v1; do echo 1 > /proc/sys/net/ipv6/conf/$i/disable_ipv6; ip link set "$i" up; done
ip addr add 192.0.2.2/24 dev v1
ip neigh add 192.0.2.9 lladdr 02:00:00:00:00:01 dev v1
ip link set lo up
install -d -o braidcap -g braidcap -m 750 /srv/capture
mkdir -p /etc/braidcap
send() { for _ in $(seq "$1"); do echo packet > /dev/udp/192.0.2.9/9; done; }
as_user() { setpriv --reuid=braidcap --regid=braidcap --init-groups "$@"; }
soon() { for _ in $(seq 600); do if "$@" > /dev/null 2>&1; then return; fi; sleep 0.1; done; echo "not soon: $*"; journalctl --no-pager -n 40; exit 1; }
config() { cat > "/etc/braidcap/$1.yaml"; }
received() { as_user braidcap ctl --prefix "braidcap-$1" stats | grep -q "^received *$2 "; }
# All that the unit has said: it may have ended before the journal has taken the last line.
said() { journalctl --sync; journalctl --no-pager "$@"; }
main_pid() { systemctl show -P MainPID "$1"; }
another_pid() { [ "$(main_pid "$1")" != 0 ] && [ "$(main_pid "$1")" != "$2" ]; }
"""


class TestSystemd(TestSuite):
    def run_booted(self, script):
        with booted(self.folder) as machine:
            return machine.run(COMMON + script)

    @func_test
    def a_capture_is_restarted_and_loses_nothing_by_a_reload(self):
        """Started, in the slice that comes first, reloaded, killed and stopped; what it published is whole, and the last line says so."""
        said = self.run_booted(r"""
config capture <<< 'sources: [ v0 ]
outputs: [ { dest: /srv/capture/, on_segment: "echo \"$1\" >> /srv/capture/list" } ]'
systemctl start braidcap@capture
soon received capture 0
grep -q /braidcap.slice/ "/proc/$(main_pid braidcap@capture)/cgroup"
[ "$(systemctl show -P CPUWeight braidcap.slice)" = 1000 ]
send 20; soon received capture 20
systemctl reload braidcap@capture
soon grep -q pcapng /srv/capture/list
send 10; soon received capture 30
on_disk() { [ "$(stat -c %s /srv/capture/tmp-* | sort -n | tail -1)" -gt 0 ]; }
soon on_disk
pid=$(main_pid braidcap@capture)
kill -9 "$pid"
soon another_pid braidcap@capture "$pid"
soon received capture 0
send 5; soon received capture 5
systemctl stop braidcap@capture
as_user braidcap recover /srv/capture/
as_user braidcap verify /srv/capture/
said -u braidcap@capture
""")
        verify("; 35 packets, 0 back in time" in said, said)
        verify("5 received = 5 written + 0 filtered + 0 dropped" in said, said)

    @func_test
    def a_dpdk_port_is_captured(self):
        """A DPDK port under the unit's restrictions, without hugepages."""
        said = self.run_booted(r"""
config port <<< 'sources: [ "dpdk:net_af_packet0,iface=v0" ]
no_huge: yes
outputs: [ { dest: /srv/capture/ } ]'
systemctl start braidcap@port
soon received port 0
send 20; soon received port 20
systemctl stop braidcap@port
said -u braidcap@port
""")
        verify("20 received = 20 written + 0 filtered + 0 dropped" in said, said)

    @func_test
    def a_collector_stores_and_the_console_shows(self):
        """What a node sends over TCP is stored; the console counts it for Prometheus."""
        said = self.run_booted(r"""
config collect <<< 'listen: [ 6001 ]
allow: [ node=127.0.0.1 ]
outputs: [ { dest: /srv/capture/ } ]'
systemctl start braidcap-collect@collect braidcap-console
soon as_user braidcap ctl --prefix braidcap-collect stats
braidcap capture -i v0 -c 20 -w osmo://127.0.0.1:6001 --quiet --prefix sender &
soon braidcap ctl --prefix sender stats
send 20; wait $!
soon received collect 20
counted() { curl -s http://127.0.0.1:9470/metrics | grep 'braidcap_source_received_packets_total.*collect.*} 20$'; }
soon counted; counted
systemctl stop braidcap-collect@collect braidcap-console
said -u braidcap-collect@collect -u braidcap-console
""")
        verify("20 received = 20 written + 0 filtered + 0 dropped" in said, said)
        verify("} 20\n" in said, said)

    @func_test
    def an_upload_reaches_the_network(self):
        """The upload's unit says what the network says, and lacks no right."""
        self.run_booted(r"""
printf 'BRAIDCAP_FOLDER=/srv/capture\nBRAIDCAP_STORE=s3://bucket/site/\nBRAIDCAP_OPTIONS=--s3-endpoint https://127.0.0.1:1\n' > /etc/braidcap/site.env
printf 'AWS_ACCESS_KEY_ID=a\nAWS_SECRET_ACCESS_KEY=b\n' >> /etc/braidcap/site.env
braidcap capture -i v0 -d 1 -w /srv/capture/ --quiet
chown -R braidcap: /srv/capture
systemctl start --no-block braidcap-upload@site
tried() { journalctl --no-pager -u braidcap-upload@site | grep 'Failed to connect'; }
soon tried
""")
