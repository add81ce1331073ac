"""The watcher: what vCenter does with a VM happens to its guest, and what a guest does to itself is told to vCenter."""

from __future__ import annotations

import time

import pytest

from tests.e2e.lab.shop import NAME, manifest
from tests.e2e.lab.site import until

CYCLES = 3
"""Seconds, and cycles of monit: only after one does it write down that a job that was just started is its own. After a power cut before that, it stays stopped."""


@pytest.fixture(scope="module")
def web(site):
    site.api.deploy(manifest(web=1, stemcell="latest"))
    [row] = site.group("web")
    time.sleep(CYCLES)
    return row


def state(site, row):
    return site.seen.vm(row["vm_cid"]).runtime.powerState


def switched_off(site, row):
    """Whether it is off. systemd may lose the word while it starts something else: it is said again."""
    if row["vm_cid"] in site.host.inventory().domains:
        site.shell(row, "systemctl poweroff")
    return state(site, row) == "poweredOff"


def test_a_reset_boots_the_guest_anew(site, web):
    before = site.life(web)
    site.seen.run(site.seen.vm(web["vm_cid"]).ResetVM_Task())
    until("the guest is booted anew", 30, lambda: site.anew(web, before))


def test_power_off_and_on(site, web):
    vm = site.seen.vm(web["vm_cid"])
    site.seen.run(vm.PowerOffVM_Task())
    until("the guest is off", 10, lambda: web["vm_cid"] not in site.host.inventory().domains)
    site.seen.run(vm.PowerOnVM_Task())
    until("the guest answers again", 30, lambda: site.serves(web))


def test_a_guest_that_switches_itself_off_is_off_in_vcenter(site, web):
    until("vCenter knows", 30, lambda: switched_off(site, web), pause=1)
    site.seen.run(site.seen.vm(web["vm_cid"]).PowerOnVM_Task())
    until("the guest answers again", 30, lambda: site.serves(web))


def test_another_watcher_takes_the_guests_over(site, web):
    before = site.life(web)
    site.unwatch()
    assert site.answers(web)
    vm = site.seen.vm(web["vm_cid"])
    site.watch()
    site.seen.run(vm.ResetVM_Task())
    until("the guest is booted anew", 30, lambda: site.anew(web, before))
    assert {row["vm_cid"] for row in site.api.instances(NAME)} == set(site.host.inventory().domains)
