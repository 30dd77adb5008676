# SPDX-License-Identifier: BSD-3-Clause
"""A ClickHouse server of a test's own."""

import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request

import pytest

from .process import end, free_port, wait_until

_CONFIG = """<yandex>
<logger><level>warning</level><log>{folder}/log</log><errorlog>{folder}/errors</errorlog></logger>
<listen_host>127.0.0.1</listen_host><http_port>{http}</http_port><tcp_port>{tcp}</tcp_port>
<path>{folder}/data/</path><tmp_path>{folder}/tmp/</tmp_path><mark_cache_size>67108864</mark_cache_size>
<users_config>users.xml</users_config><default_profile>default</default_profile>
<default_database>default</default_database><timezone>UTC</timezone>
</yandex>"""

_USERS = """<yandex>
<profiles><default><max_memory_usage>1000000000</max_memory_usage></default></profiles>
<users><default><password/><networks><ip>127.0.0.1</ip></networks><profile>default</profile><quota>default</quota></default></users>
<quotas><default/></quotas>
</yandex>"""


class ClickHouse:
    """It answers when this is entered."""

    def __init__(self, folder):
        self.program = shutil.which("clickhouse-server", path="/usr/sbin:/usr/bin:/usr/local/bin")
        if not self.program:
            pytest.skip("needs clickhouse-server")
        self.folder = folder
        self.port = free_port()

    def __enter__(self):
        (self.folder / "config.xml").write_text(_CONFIG.format(folder=self.folder, http=self.port, tcp=free_port()))
        (self.folder / "users.xml").write_text(_USERS)
        self.process = subprocess.Popen([self.program, f"--config-file={self.folder}/config.xml"], cwd=self.folder,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(self._answers, "clickhouse-server answers", timeout=120)
        except BaseException:
            end(self.process)
            raise
        return self

    def __exit__(self, *exc):
        end(self.process)

    def _answers(self):
        assert self.process.poll() is None, f"clickhouse-server ended: {(self.folder / 'errors').read_text()[-2000:]}"
        try:
            return self.query("SELECT 1") == [["1"]]
        except OSError:
            return False

    def query(self, sql, data=b""):
        """The rows of the answer, as lists of text. data: what is inserted."""
        url = f"http://127.0.0.1:{self.port}/?" + urllib.parse.urlencode({"query": sql})
        try:
            with urllib.request.urlopen(url, data=data, timeout=60) as answer:
                return [line.split("\t") for line in answer.read().decode().splitlines()]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{sql}: {e.read().decode()}") from e
