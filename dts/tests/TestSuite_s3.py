# SPDX-License-Identifier: BSD-3-Clause
"""The object store that other suites use, and the proxy before it: they do what the suites take for granted."""

import pytest

from framework.s3 import Failed, User, store
from framework.s3proxy import Cut, Proxy, Refuse
from framework.test_suite import TestSuite, func_test, verify


class TestS3(TestSuite):
    def set_up_test_case(self):
        self.store = store()
        self.admin = self.store.admin
        self.bucket = self.admin.bucket()

    @func_test
    def test_objects_are_kept(self):
        self.admin.put(self.bucket, "a/b c+ü", b"bytes")
        verify(self.admin.get(self.bucket, "a/b c+ü") == b"bytes", "other bytes")
        verify(self.admin.objects(self.bucket) == {"a/b c+ü": 5}, "another list")

    @func_test
    def test_a_killed_gateway_keeps_objects(self):
        self.admin.put(self.bucket, "k", b"bytes")
        self.store.kill_gateway()
        with pytest.raises(OSError):
            self.admin.get(self.bucket, "k")
        self.store.start_gateway()
        verify(self.admin.get(self.bucket, "k") == b"bytes", "other bytes")

    @func_test
    def test_a_policy_allows_what_it_says(self):
        writer = self.store.user()
        self.admin.allow(self.bucket, writer, "s3:PutObject")
        writer.put(self.bucket, "k", b"x")
        for attempt in (lambda: writer.get(self.bucket, "k"), lambda: writer.remove(self.bucket, "k"), lambda: writer.objects(self.bucket)):
            with pytest.raises(Failed) as failed:
                attempt()
            verify(failed.value.code == "AccessDenied", failed.value)

    @func_test
    def test_object_lock_forbids_removal(self):
        bucket = self.admin.bucket(lock=True)
        version = self.admin.put(bucket, "k", b"x")["x-amz-version-id"]
        with pytest.raises(Failed) as failed:
            self.admin.request("DELETE", bucket, "k", query={"versionId": version})
        verify(failed.value.code == "AccessDenied", failed.value)

    @func_test
    def test_a_key_can_be_taken_away(self):
        user = self.store.user()
        bucket = user.bucket()
        self.store.remove_key(user)
        with pytest.raises(Failed) as failed:
            user.objects(bucket)
        verify(failed.value.code == "InvalidAccessKeyId", failed.value)
        self.store.new_key(user)
        verify(user.objects(bucket) == {}, "not empty")

    @func_test
    def test_the_proxy_fails_what_it_is_told_to(self):
        faults = {1: Refuse(503, "SlowDown"), 2: Cut(), 3: Cut(answer=True)}
        with Proxy(self.store.port, lambda method, path, n: faults.get(n)) as proxy:
            port = proxy.server.server_address[1]
            user = User(port, "admin", self.admin.key, self.admin.secret)
            with pytest.raises(Failed):
                user.put(self.bucket, "one", b"x")
            for key in ("two", "three"):
                with pytest.raises(OSError):
                    user.put(self.bucket, key, b"x")
            user.put(self.bucket, "four", b"x" * 100000)
        verify(set(self.admin.objects(self.bucket)) == {"three", "four"}, self.admin.objects(self.bucket))
