"""A process of the director's dies in the middle of a deploy, told once for all clouds whose VMs a watcher boots.

`fault` is the delay of the cloud in which it is killed; `wanted` a manifest with one VM more."""

from __future__ import annotations

from typing import Any, Protocol

from lab import cgroups
from tests.clouds.watched_site import WatchedSite, meanwhile
from tests.e2e.lab.shop import NAME
from tests.e2e.lab.site import until
from tests.e2e.loopback.api import running


class Delay(Protocol):
    """`met`: how many requests it has held."""

    met: int


GROWN = {"store/0", "web/0", "web/1"}


def kill_the_worker(site: WatchedSite, fault: Delay, wanted: dict[str, Any]) -> None:
    """The deploy goes on with another worker."""
    with meanwhile(lambda: fault.met, lambda: [cgroups.kill_pid(pid) for pid in site.workers()]):
        site.api.deploy(wanted, seconds=240)
    assert running(site.api.instances(NAME)) == GROWN


def kill_the_director(site: WatchedSite, fault: Delay, wanted: dict[str, Any]) -> None:
    """The next one goes on with the task."""
    task = site.begin(wanted)
    until("the creation is under way", 60, lambda: fault.met > 0, pause=0.01)
    assert site.director is not None
    site.director.kill()
    site.death(10)
    site.start()
    site.ready()
    site.api.wait(task, seconds=240)
    assert running(site.api.instances(NAME)) == GROWN
