# SPDX-License-Identifier: BSD-3-Clause
"""
A real object store for suites: one Ceph monitor, one OSD and one S3 gateway on loopback, in memory, without the machine's
configuration. It takes 15 s to start (two minutes on a busy machine), so that all suites of a run share one: `store()`.

By hand: PYTHONPATH=dts python3 -m framework.s3 FOLDER   starts one, says how to reach it, and ends it with Ctrl-C.
"""

import atexit
import ctypes
import hashlib
import hmac
import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from .process import end, free_port, tool, unique, wait_until

PROGRAMS = ("radosgw", "ceph-mon", "ceph-osd", "ceph", "radosgw-admin", "monmaptool", "openssl")
ACTIONS = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts",
           "s3:ListBucketMultipartUploads"}
START_SECONDS = 180  # on a loaded machine

CONF = """\
[global]
fsid = {fsid}
mon_host = [v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]
public_addr = 127.0.0.1
public_network = 127.0.0.0/8
cluster_network = 127.0.0.0/8
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
ms_mon_client_mode = crc
ms_mon_service_mode = crc
ms_mon_cluster_mode = crc
ms_client_mode = crc
ms_service_mode = crc
ms_cluster_mode = crc
ms_bind_port_min = {osd_min}
ms_bind_port_max = {osd_max}
run_dir = {d}/run
admin_socket = {d}/run/$name.$pid.asok
log_file = {d}/log/$name.log
log_to_stderr = false
crash_dir = {d}/log
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_pool_default_pgp_num = 4
osd_pool_default_pg_autoscale_mode = off
osd_crush_chooseleaf_type = 0
osd_class_load_list = *
osd_class_default_list = *
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_data_avail_crit = 1
mon_data_avail_warn = 2
mon_cluster_log_file = {d}/log/cluster.log
osd_objectstore = memstore
memstore_device_bytes = 4294967296
osd_op_num_shards = 1
osd_op_num_threads_per_shard = 2
[mon.a]
mon_data = {d}/mon
[osd.0]
osd_data = {d}/osd
[client.rgw]
rgw_data = {d}/rgw
rgw_frontends = beast endpoint=127.0.0.1:{port} ssl_endpoint=127.0.0.1:{tls} ssl_certificate={d}/cert.pem ssl_private_key={d}/key.pem
rgw_dns_name = localhost
rgw_enable_usage_log = false
rgw_cache_enabled = false
rgw_thread_pool_size = 32
rgw_run_sync_thread = false
"""


def _die_with_us():
    os.setsid()
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


class Failed(Exception):
    """A request that the store refused."""

    def __init__(self, status, code):
        super().__init__(f"{status} {code}")
        self.status, self.code = status, code


class User:
    """Keys, and the requests that suites make with them; signed here anew, so that they check what braidcap signs."""

    def __init__(self, port, name, key, secret):
        self.port, self.name, self.key, self.secret = port, name, key, secret

    def _sign(self, method, path, query, headers, body):
        now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        digest = hashlib.sha256(body).hexdigest()
        headers.update({"host": f"127.0.0.1:{self.port}", "x-amz-date": now, "x-amz-content-sha256": digest})
        names = sorted(headers)
        canonical = "\n".join([method, path, query, *(f"{n}:{headers[n]}" for n in names), "", ";".join(names), digest])
        scope = f"{now[:8]}/us-east-1/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = ("AWS4" + self.secret).encode()
        for part in (now[:8], "us-east-1", "s3", "aws4_request"):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.key}/{scope}, SignedHeaders={';'.join(names)}, "
                                    f"Signature={signature}")

    def request(self, method, bucket, key="", query=None, headers=None, body=b""):
        """The answer's headers, in lower case, and its body; Failed."""
        path = urllib.parse.quote(f"/{bucket}/{key}" if key else f"/{bucket}", safe="/-._~")
        line = "&".join(f"{urllib.parse.quote(n, safe='-._~')}={urllib.parse.quote(v, safe='-._~')}"
                        for n, v in sorted((query or {}).items()))
        headers = {n.lower(): v for n, v in (headers or {}).items()}
        self._sign(method, path, line, headers, body)
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        try:
            connection.request(method, path + (f"?{line}" if line else ""), body, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            root = ET.fromstring(data) if data.startswith(b"<") else None
            raise Failed(answer.status, root.findtext("Code") if root is not None else "")
        return {n.lower(): v for n, v in answer.getheaders()}, data

    def put(self, bucket, key, body, **headers):
        return self.request("PUT", bucket, key, headers=headers, body=body)[0]

    def get(self, bucket, key):
        return self.request("GET", bucket, key)[1]

    def head(self, bucket, key):
        return self.request("HEAD", bucket, key)[0]

    def remove(self, bucket, key):
        self.request("DELETE", bucket, key)

    def objects(self, bucket, prefix="", hidden=False):
        """{key: size} of all, over all pages; hidden: also of those whose name begins with a dot."""
        found, query = {}, {"list-type": "2", "prefix": prefix}
        while True:
            root = ET.fromstring(self.request("GET", bucket, query=query)[1])
            ns = root.tag[:root.tag.index("}") + 1]
            for e in root.iter(f"{ns}Contents"):
                found[e.findtext(f"{ns}Key")] = int(e.findtext(f"{ns}Size"))
            token = root.findtext(f"{ns}NextContinuationToken")
            if not token:
                return {k: v for k, v in found.items() if hidden or "/." not in f"/{k}"}
            query["continuation-token"] = token

    def uploads(self, bucket):
        """The keys of multipart uploads that are neither completed nor aborted."""
        root = ET.fromstring(self.request("GET", bucket, query={"uploads": ""})[1])
        ns = root.tag[:root.tag.index("}") + 1]
        return [e.findtext(f"{ns}Key") for e in root.iter(f"{ns}Upload")]

    def bucket(self, lock=False):
        """A new bucket. lock: with Object Lock, under which nothing can be removed for a day."""
        name = unique("bucket").lower()
        self.request("PUT", name, headers={"x-amz-bucket-object-lock-enabled": "true"} if lock else {})
        if lock:
            rule = (b"<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
                    b"<Mode>COMPLIANCE</Mode><Days>1</Days></DefaultRetention></Rule></ObjectLockConfiguration>")
            self.request("PUT", name, query={"object-lock": ""}, body=rule)
        return name

    def allow(self, bucket, user, *actions):
        """A policy that allows another user these actions ("s3:PutObject") and no others, not even with objects of its own."""
        common = {"Principal": {"AWS": [f"arn:aws:iam:::user/{user.name}"]}, "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]}
        statements = [{"Effect": "Allow", "Action": list(actions), **common}, {"Effect": "Deny", "Action": sorted(ACTIONS - set(actions)), **common}]
        self.request("PUT", bucket, query={"policy": ""}, body=json.dumps({"Version": "2012-10-17", "Statement": statements}).encode())


class Ceph:
    """The store: `endpoint` and `tls` are its URLs, `ca` whose certificate the latter shows, `admin` a user who may do everything."""

    def __init__(self, folder):
        self.folder = Path(folder)
        self.processes = {}
        self.port, self.tls_port, mon2, mon1 = (free_port() for _ in range(4))
        self.endpoint, self.tls = f"http://127.0.0.1:{self.port}", f"https://127.0.0.1:{self.tls_port}"
        self.ca = self.folder / "cert.pem"
        for name in ("mon", "osd", "rgw", "run", "log"):
            (self.folder / name).mkdir()
        tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout",
             self.folder / "key.pem", "-out", self.ca, "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=IP:127.0.0.1,DNS:localhost")
        osd = 30000 + os.getpid() % 400 * 64
        self.fsid = Path("/proc/sys/kernel/random/uuid").read_text().strip()
        self.conf = self.folder / "ceph.conf"
        self.conf.write_text(CONF.format(d=self.folder, fsid=self.fsid, mon1=mon1, mon2=mon2, osd_min=osd, osd_max=osd + 63,
                                         port=self.port, tls=self.tls_port))
        try:
            self._start_cluster(mon1, mon2)
            self.start_gateway()
            self.admin = self.user("admin")
        except BaseException:
            self.end()
            raise

    def _ceph(self, program, *args, **options):
        return tool(program, "-c", self.conf, *args, timeout=START_SECONDS, **options)

    def _start(self, name, *argv):
        with open(self.folder / "log" / f"{name}.out", "ab") as out:
            self.processes[name] = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                                    preexec_fn=_die_with_us)

    def _start_cluster(self, mon1, mon2):
        monmap, osd_id = self.folder / "monmap", Path("/proc/sys/kernel/random/uuid").read_text().strip()
        tool("monmaptool", "--create", "--clobber", "--fsid", self.fsid, "--addv", "a", f"[v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]", monmap)
        self._ceph("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--mon-data", self.folder / "mon")
        self._start("mon", "ceph-mon", "-c", self.conf, "-i", "a", "-f")
        wait_until(lambda: self._ceph("ceph", "--connect-timeout", "5", "mon", "stat", check=False).returncode == 0, "Ceph's monitor", START_SECONDS)
        self._ceph("ceph", "osd", "new", osd_id)
        self._ceph("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd_id, "--osd-data", self.folder / "osd")
        self._start("osd", "ceph-osd", "-c", self.conf, "-i", "0", "-f")
        wait_until(lambda: "1 up" in self._ceph("ceph", "osd", "stat", check=False).stdout, "Ceph's OSD", START_SECONDS)

    def answers(self):
        try:
            line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            line.request("GET", "/")
            return line.getresponse().status == 200
        except OSError:
            return False

    def start_gateway(self):
        """It answers when this returns; what clients had begun is kept."""
        self._start("rgw", "radosgw", "-c", self.conf, "-n", "client.rgw", "-f")
        wait_until(self.answers, "the S3 gateway", START_SECONDS)

    def kill_gateway(self):
        end(self.processes.pop("rgw"))

    def freeze_gateway(self):
        self.processes["rgw"].send_signal(signal.SIGSTOP)

    def thaw_gateway(self):
        self.processes["rgw"].send_signal(signal.SIGCONT)

    def _admin(self, *args):
        return self._ceph("radosgw-admin", "-n", "client.rgw", *args)

    def user(self, name=None):
        """A new user, with keys of its own."""
        name = name or unique("user")
        self._admin("user", "create", f"--uid={name}", f"--display-name={name}", f"--access-key={name}key", f"--secret={name}secret")
        return User(self.port, name, f"{name}key", f"{name}secret")

    def remove_key(self, user):
        """The store does not know the user's key any more."""
        self._admin("key", "rm", f"--uid={user.name}", f"--access-key={user.key}", "--key-type=s3")

    def new_key(self, user):
        user.key, user.secret = unique("key"), unique("secret")
        self._admin("key", "create", f"--uid={user.name}", f"--access-key={user.key}", f"--secret={user.secret}", "--key-type=s3")

    def environment(self, user=None, endpoint=None):
        """What braidcap needs to reach it."""
        user = user or self.admin
        return {"AWS_ACCESS_KEY_ID": user.key, "AWS_SECRET_ACCESS_KEY": user.secret, "AWS_ENDPOINT_URL": endpoint or self.endpoint,
                "AWS_REGION": "us-east-1", "AWS_CA_BUNDLE": str(self.ca)}

    def end(self):
        for process in self.processes.values():
            end(process)
        self.processes.clear()


_shared = None


def store():
    """The store of this run, started if need be; SKIP where Ceph is not installed."""
    global _shared
    missing = [p for p in PROGRAMS if not shutil.which(p)]
    if missing:
        pytest.skip(f"needs Ceph's {', '.join(missing)}: scripts/setup.sh test installs them")
    if _shared is None:
        folder = tempfile.mkdtemp(prefix="bc-ceph-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        _shared = Ceph(folder)
        atexit.register(_shared.end)
    if "rgw" not in _shared.processes:
        _shared.start_gateway()
    return _shared


def other_ca(folder):
    """A certificate that has nothing to do with the store's."""
    tool("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", folder / "other.key",
         "-out", folder / "other.pem", "-days", "2", "-subj", "/CN=other")
    return folder / "other.pem"


def main():
    ceph = Ceph(sys.argv[1])
    try:
        for name, value in ceph.environment().items():
            print(f"export {name}={value}")
        print(f"# over TLS: AWS_ENDPOINT_URL={ceph.tls}", flush=True)
        signal.pause()
    except KeyboardInterrupt:
        pass
    finally:
        ceph.end()


if __name__ == "__main__":
    main()
