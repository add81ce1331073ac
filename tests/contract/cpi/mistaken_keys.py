"""Mistakes with keys."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

from cpi.contract import (
    VmCreated,
    implements,
)
from tests.contract.cpi.mistakes import Creating, caught_by
from tests.contract.cpi.tiny_cloud import BOOT, TinyCloud


@caught_by("key.twice.vm")
class KeyIgnored(TinyCloud):
    def by_key(self, kind, key):
        there = [cid for cid, item in self.items[kind].items() if key and item["key"] == key]
        caller = threading.current_thread().__dict__.get("finding", False)
        return (there[-1] if there else None) if caller else None

    @implements
    def find(self, kind, key):
        threading.current_thread().__dict__["finding"] = True
        try:
            return self.by_key(kind, key)
        finally:
            threading.current_thread().__dict__["finding"] = False


@caught_by("key.twice.disk")
class DoubleDisks(TinyCloud):
    @implements
    def create_disk(self, call, size, vm_cid):
        if self.by_key("disk", call.key):
            cid = f"disk-{next(self.numbers)}"
            self.items["disk"][cid] = {"key": None, "size": size, "vm": None, "metadata": {}}
            return cid
        return super().create_disk(call, size, vm_cid)


@caught_by("key.find.vm")
class FindsNothing(TinyCloud):
    @implements
    def find(self, kind, key):
        return None


@caught_by("key.find.nothing")
class FindsAnything(TinyCloud):
    @implements
    def find(self, kind, key):
        return self.by_key(kind, key) or next(iter(self.items[kind]), None)


@caught_by("key.find-all")
class FindsTheFirstOnly(TinyCloud):
    @implements
    def find_all(self, kind, keys):
        return dict(list(super().find_all(kind, keys).items())[:1])


@caught_by("key.find-all")
class FindsOfEveryKind(TinyCloud):
    @implements
    def find_all(self, kind, keys):
        return {key: cid for one in ("vm", "disk") for key, cid in super().find_all(one, keys).items()}


@caught_by("key.other-agent")
class AnyAgent(Creating):
    def create(self, well, call, agent_id, *rest):
        known = self.by_key("vm", call.key)
        return VmCreated(known, self.items["vm"][known]["networks"]) if known else well()


class Cold(Creating):
    """The first VM takes long, as on a machine that stands still for a moment: it tells little of how long the next ones take."""

    COLD = 0.5

    def __init__(self):
        super().__init__()
        self.cold = True

    @implements
    def create_vm(self, call, agent_id, stemcell_cid, cloud_properties, networks, env):
        if self.cold:
            self.cold = False
            time.sleep(self.COLD)
        return super().create_vm(call, agent_id, stemcell_cid, cloud_properties, networks, env)


@caught_by("key.lost.vm")
class HalfMade(Cold):
    """Leaves what it had begun when its time is over, found under another name."""

    def create(self, well, call, *rest):
        if self.by_key("vm", call.key):
            return well()
        port = f"port-{call.key}"
        self.items["network"][port] = {"key": None}
        made = well()
        self.items["network"].pop(port, None)
        return made


@caught_by("time.late")
class NeverLooksAtTheClock(Cold):
    """Made after its time, and under no key."""

    def create(self, well, call, *rest):
        time.sleep(2 * BOOT)
        made = TinyCloud.create_vm(self, replace(call, expires=None), *rest)
        if call.expires is not None and time.monotonic() > call.expires:
            self.items["vm"][made.cid]["key"] = None
        return made


class Doubles(TinyCloud):
    """A second object under the same key, which the first one keeps."""

    doubled = ""

    def add(self, kind, call, **fields):
        with self.guard:
            if kind != self.doubled or not self.by_key(kind, call.key):
                return super().add(kind, call, **fields)
            cid = f"{kind}-{next(self.numbers)}"
            self.items[kind][cid] = {"key": None, **fields}
            return cid


@caught_by("key.lost.stemcell")
class DoubleStemcells(Doubles):
    doubled = "stemcell"


@caught_by("key.lost.snapshot")
class DoubleSnapshots(Doubles):
    doubled = "snapshot"
