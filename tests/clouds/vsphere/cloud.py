"""The CPI as a director calls it: arguments through the dispatch, results in the shapes of the wire."""

from __future__ import annotations

import itertools
import time

from cpi import plugins, settings
from cpi.contract import Call, CpiError
from cpi.dispatch import invoke


class Cloud:
    """The plugin with properties of one test; `made` are the keys that it used, so that what it leaves is removed."""

    def __init__(self, vcenter, run):
        self.vcenter = vcenter
        self.run = run
        self.plugin = plugins.load("vsphere")
        self.numbers = itertools.count()
        self.made = {"vm": [], "disk": [], "stemcell": [], "snapshot": []}
        self.logged = []
        self.properties = {
            "host": vcenter.address,
            "user": vcenter.user,
            "password": vcenter.password,
            "connection_options": {"down_seconds": 10},
            "datacenters": [
                {
                    "name": vcenter.datacenter,
                    "datastore_pattern": f"^{vcenter.datastores[0]}$",
                    "persistent_datastore_pattern": f"^{vcenter.datastores[0]}$",
                    "clusters": [vcenter.clusters[0]],
                }
            ],
            "agent": {"mbus": "nats://u:agent-secret@10.0.0.1:4222", "ntp": ["10.0.0.1"]},
        }

    def with_(self, **changes):
        """The same with other properties."""
        other = Cloud(self.vcenter, self.run)
        other.numbers, other.made, other.logged = self.numbers, self.made, self.logged
        other.properties = settings.merge(self.properties, changes)
        return other

    def with_datacenter(self, **changes):
        return self.with_(datacenters=[{**self.properties["datacenters"][0], **changes}])

    def through(self, wire, **connection):
        return self.with_(host=wire.address, connection_options=connection)

    def owns(self, name):
        return self.run in name

    def key(self, kind):
        key = f"{kind}-{self.run}-{next(self.numbers)}"
        self.made[kind].append(key)
        return key

    def call(self, method, *arguments, key=None, seconds=60.0):
        call = Call(
            method=method,
            properties=self.properties,
            key=key,
            expires=time.monotonic() + seconds,
            log=self.logged.append,
        )
        return invoke(self.plugin, call, list(arguments))

    def create_stemcell(self, image, key=None, **more):
        return self.call("create_stemcell", str(image), {"name": "test"}, key=key or self.key("stemcell"), **more)

    def create_vm(self, stemcell, key=None, agent="agent", env=None, networks=None, disks=(), **properties):
        properties = {"cpu": 2, "ram": 1024, "disk": 2048, **properties}
        seconds = properties.pop("seconds", 60.0)
        found = self.call(
            "create_vm", agent, stemcell, properties, networks or network(), list(disks), env or {},
            key=key or self.key("vm"), seconds=seconds,
        )  # fmt: skip
        return found[0]

    def create_disk(self, size=64, vm=None, key=None, **properties):
        return self.call("create_disk", size, properties, vm, key=key or self.key("disk"))

    def clean(self):
        """Remove what is left of each key; a test that removed all itself finds nothing to do."""
        for kind, method in (("vm", "delete_vm"), ("snapshot", "delete_snapshot"), ("disk", "delete_disk"), ("stemcell", "delete_stemcell")):  # fmt: skip
            for key in self.made[kind]:
                cid = self.call("find", kind, key)
                if cid is not None:
                    self.call(method, cid)


def network(ip="10.7.0.10", name="DC0_DVPG0", **more):
    """The networks argument with one manual network."""
    entry = {"type": "manual", "ip": ip, "netmask": "255.255.255.0", "gateway": "10.7.0.1", "dns": ["10.7.0.2"]}
    return {"default": {**entry, "default": ["dns", "gateway"], "cloud_properties": {"name": name}, **more}}


def refused(text, function, *arguments, **more):
    """The error that a call must end with, its message holding all of `text`."""
    try:
        function(*arguments, **more)
    except CpiError as error:
        for part in [text] if isinstance(text, str) else text:
            assert part in error.message, error.message
        return error
    raise AssertionError(f"{text!r} was expected; the call went through")
