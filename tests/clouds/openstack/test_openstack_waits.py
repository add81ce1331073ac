"""Waiting for what the cloud is at work on: many threads ask together, and never more often than they may."""

from __future__ import annotations

import time

from cpi.openstack import batch
from lab.openstack import outage
from tests.clouds.openstack.fault_proxy import FaultProxy
from tests.clouds.openstack.tenant import Cpi

SERVICES = ("keystone", "glance", "nova", "neutron", "cinder", "placement")
MANY = 8
SETTLED = 4
"""Lists, one after the other, after which all are taken to wait together."""


def is_list(request):
    method, path = request
    return method == "GET" and "/volumes/detail" in path


def test_many_who_wait_ask_in_one_list(tenant, same):
    proxy = FaultProxy({name: tenant.stack.url(name) for name in SERVICES})
    worker = Cpi({**tenant.properties, "auth_url": proxy.auth_url})
    try:
        with outage.frozen(tenant.stack, "cinder-volume"):
            calls = [worker.begin("create_disk", 1024, {}, None, wait_resource_poll_interval=1) for _ in range(MANY)]
            while sum(method == "POST" for method, path in proxy.seen if "/volumes" in path) < MANY:
                time.sleep(0.05)
            until = time.monotonic() + 90
            # one that begins to wait by itself looks at its own volume first
            while not all(is_list(one) for one in proxy.seen[-SETTLED:]):
                assert time.monotonic() < until, proxy.seen[-SETTLED:]
                time.sleep(0.05)
            before = len(proxy.seen)
            time.sleep(6)
            asked = proxy.seen[before:]
        disks = [call.result() for call in calls]
        # one whose thread was not let on in time asks for itself, and meets the others again the next time
        assert sum(not is_list(one) for one in asked) <= MANY // 2, asked
        assert 4 <= len(asked) <= 2 * MANY, asked  # one by one they would be six times as many
        for disk in disks:
            worker("delete_disk", disk)
    finally:
        worker.close()
        proxy.close()


def test_the_longest_pause_is_the_one_that_was_set():
    for waited in (0.0, 3.0, 10.0, 30.0, 3000.0):
        assert 0 < batch.pause(waited, 1.5) <= 1.5
    assert batch.pause(0.5, 30.0) <= batch.FIRST
