"""The watcher: what nova does with a VM happens to its guest, and what a guest does to itself is told to nova."""

from __future__ import annotations

import time

import pytest

from tests.e2e.lab.shop import NAME, manifest
from tests.e2e.lab.site import until

CYCLES = 3
"""Seconds, and cycles of monit: only after one does it write down that a job that was just started is its own. After a power cut before that, it stays stopped."""


@pytest.fixture(scope="module")
def web(site):
    wanted = manifest(web=1, stemcell="latest")
    wanted["instance_groups"][0]["persistent_disk_type"] = "bigger"  # as an earlier file leaves it
    site.api.deploy(wanted)
    [row] = site.group("web")
    time.sleep(CYCLES)
    return row


def status(site, row):
    return site.tenant.member.compute.get_server(row["vm_cid"]).status


def switched_off(site, row):
    """Whether it is off. systemd may lose the word while it starts something else: it is said again."""
    if row["vm_cid"] in site.host.inventory().domains:
        site.shell(row, "systemctl poweroff")
    return status(site, row) == "SHUTOFF"


def test_a_reboot_boots_the_guest_anew(site, web):
    before = site.life(web)
    site.tenant.member.compute.reboot_server(web["vm_cid"], "HARD")
    until("the guest is booted anew", 30, lambda: site.anew(web, before))
    assert status(site, web) == "ACTIVE"


def test_a_guest_that_switches_itself_off_is_off_in_nova(site, web):
    until("nova knows", 30, lambda: switched_off(site, web), pause=1)
    before = site.life(web)
    site.tenant.member.compute.start_server(web["vm_cid"])
    until("the guest answers again", 30, lambda: site.anew(web, before))


def test_another_watcher_takes_the_guests_over(site, web):
    before = site.life(web)
    site.unwatch()
    assert site.answers(web)
    site.watch()
    site.tenant.member.compute.reboot_server(web["vm_cid"], "HARD")
    until("the guest is booted anew", 30, lambda: site.anew(web, before))
    assert {row["vm_cid"] for row in site.api.instances(NAME)} == set(site.host.inventory().domains)
