"""VMs of a test, and what nova tells its administrator of them."""

from __future__ import annotations

import base64
import json


class Booted:
    """Makes VMs and takes them away at the end of a test."""

    def __init__(self, tenant, cpi, stemcell) -> None:
        self.tenant, self.cpi, self.stemcell = tenant, cpi, stemcell
        self.made: list[str] = []

    def __call__(self, properties=None, networks=None, *, key=None, stemcell=None, env=None, **over):
        wanted = {"instance_type": self.tenant.small, **(properties or {})}
        entries = networks or {"a": self.tenant.manual("10.11.0.100")}
        cid, _ = self.cpi(
            "create_vm", "agent", stemcell or self.stemcell, wanted, entries, [], env or {}, key=key, **over
        )
        self.made.append(cid)
        return self.tenant.member.compute.get_server(cid)

    def ports(self, server):
        return list(self.tenant.member.network.ports(device_id=server.id))

    def seen_by_admin(self, server):
        path = f"/servers/{server.id}"
        return self.tenant.admin.compute.get(path, microversion="2.79").json()["server"]

    def settings(self, server):
        return json.loads(base64.b64decode(self.seen_by_admin(server)["OS-EXT-SRV-ATTR:user_data"]))
