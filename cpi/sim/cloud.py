"""The simulated cloud: every call of the contract over one inventory. For use in process, or through the plugin."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import cast

from cpi.contract import (
    Call,
    CloudError,
    Json,
    Kind,
    Network,
    NetworkCreated,
    NetworkNotFound,
    NotSupported,
    StemcellNotFound,
    VmCreated,
    VMCreationFailed,
    VMNotFound,
    VmStatus,
)
from cpi.sim import networks as addresses
from cpi.sim.boot import status_of
from cpi.sim.clock import Clock, RealClock
from cpi.sim.config import Config
from cpi.sim.disks import Disks
from cpi.sim.fate import draw_fate
from cpi.sim.gate import Gate, Ticket
from cpi.sim.inventory import Books, Inventory, Item


def nothing() -> None:
    """Nobody is told of changes."""


class Cloud:
    """One cloud. Safe for use by several threads, and by several processes on one `state_dir`.

    `changed` is called after VMs came, went or were rebooted. Each method takes the `Call` that it serves.
    """

    def __init__(
        self,
        config: Config,
        inventory: Inventory | None = None,
        clock: Clock | None = None,
        changed: Callable[[], None] = nothing,
    ) -> None:
        self.config = config
        self.inventory = inventory or Inventory(config.state_dir)
        self.clock = clock or RealClock(config.speed)
        self._changed = changed
        self._gate = Gate(config, self.inventory, self.clock)
        self.disks = Disks(config, self._gate, self.clock)

    def calls(self) -> dict[str, int]:
        """How often each method was called, refused and failed calls too."""
        with self.inventory.transaction() as books:
            return books.counters("calls:")

    def create_stemcell(self, call: Call, image_path: str, cloud_properties: Json, env: Json) -> str:
        """Note the image; nothing of it is kept but its size."""

        def effect(books: Books, ticket: Ticket) -> str:
            known = books.by_key("stemcell", call.key) if call.key else None
            if known is not None:
                return known.cid
            path = Path(image_path)
            if not path.is_file():
                raise CloudError(f"stemcell image '{image_path}' is not a file")
            body = {"size": path.stat().st_size, "cloud_properties": cloud_properties, "env": env}
            return books.add("stemcell", call.key, body).cid

        return self._gate.pass_(call, effect)

    def delete_stemcell(self, call: Call, stemcell_cid: str) -> None:
        """Forget it; quiet when it is gone."""
        self._gate.pass_(call, lambda books, ticket: books.remove(stemcell_cid))

    def create_vm(
        self,
        call: Call,
        agent_id: str,
        stemcell_cid: str,
        cloud_properties: Json,
        networks: Mapping[str, Network],
        env: Json,
    ) -> VmCreated:
        """A VM with settings for its agent. Under a key that was used: the VM of that key, if it is the same agent's."""
        zone = self._zone(cloud_properties)

        def effect(books: Books, ticket: Ticket) -> VmCreated:
            known = books.by_key("vm", call.key) if call.key else None
            if known is not None:
                if known.text("agent_id") != agent_id:
                    raise CloudError(
                        f"VM '{known.cid}' exists for agent {known.text('agent_id')}; use another key or delete it"
                    )
                return VmCreated(known.cid, cast("Mapping[str, Json]", known.body["networks"]))
            if books.get("stemcell", stemcell_cid) is None:
                raise StemcellNotFound(f"Stemcell '{stemcell_cid}' not found")
            quota = self.config.limits.quota
            if books.number_of("vm") >= quota.get("vms", 1 << 62):
                raise VMCreationFailed(f"Quota exceeded: {quota['vms']} VMs at most", ok_to_retry=False)
            settled = addresses.settle(books, networks, quota.get("addresses"))
            now = self.clock.now()
            fate = draw_fate(self.config, self._gate, books, ticket, now)
            body: dict[str, object] = {
                "agent_id": agent_id,
                "stemcell": stemcell_cid,
                "cloud_properties": dict(cloud_properties),
                "networks": settled,
                "env": dict(env),
                "mbus": self.config.mbus,
                "zone": zone,
                "metadata": {},
                "created_at": now,
                "call": ticket.number,
                **fate.fields,
            }
            vm = books.add("vm", call.key, body, fate.ends)
            addresses.take(books, vm.cid, settled)
            return VmCreated(vm.cid, settled)

        bosh = env.get("bosh")
        groups = cast(Json, bosh).get("groups") if isinstance(bosh, Mapping) else None
        named = [str(one) for one in cast("list[object]", groups)] if isinstance(groups, list) else []
        try:
            return self._gate.pass_(call, effect, zone=zone, groups=named)
        finally:
            self._changed()

    def delete_vm(self, call: Call, vm_cid: str) -> None:
        """Remove it; its disks are kept, detached. Quiet when it is gone."""
        try:
            self._gate.pass_(call, lambda books, ticket: books.remove(vm_cid))
        finally:
            self._changed()

    def has_vm(self, call: Call, vm_cid: str) -> bool:
        """Whether it is there."""
        return self._gate.pass_(call, lambda books, ticket: books.get("vm", vm_cid) is not None)

    def reboot_vm(self, call: Call, vm_cid: str) -> None:
        """Its agent goes and comes back after another boot; one that died lives again."""

        def effect(books: Books, ticket: Ticket) -> None:
            vm = _vm(books, vm_cid)
            fate = draw_fate(self.config, self._gate, books, ticket, self.clock.now())
            books.renew(vm_cid, {**vm.body, **fate.fields})

        self._gate.pass_(call, effect)
        self._changed()

    def configure_networks(self, call: Call, vm_cid: str) -> None:
        """A VM keeps its networks for life."""

        def effect(books: Books, ticket: Ticket) -> None:
            raise NotSupported(f"the networks of VM '{vm_cid}' cannot be changed; recreate it")

        self._gate.pass_(call, effect)

    def set_vm_metadata(self, call: Call, vm_cid: str, metadata: Mapping[str, str]) -> None:
        """Replace the VM's tags."""

        def effect(books: Books, ticket: Ticket) -> None:
            books.change(vm_cid, {**_vm(books, vm_cid).body, "metadata": dict(metadata)})

        self._gate.pass_(call, effect)

    def calculate_vm_cloud_properties(self, call: Call, requirements: Json) -> Json:
        """The director's words are this cloud's words."""
        return self._gate.pass_(call, lambda books, ticket: dict(requirements))

    def get_disks(self, call: Call, vm_cid: str) -> Sequence[str]:
        """CIDs of the disks on a VM that exists."""

        def effect(books: Books, ticket: Ticket) -> list[str]:
            return [disk for disk, _ in books.attached(_vm(books, vm_cid).cid)]

        return self._gate.pass_(call, effect)

    def create_network(self, call: Call, definition: Json) -> NetworkCreated:
        """A managed network as it was asked for; the first address of a range becomes the gateway if none is given."""

        def effect(books: Books, ticket: Ticket) -> NetworkCreated:
            made = books.add("network", call.key, {"definition": dict(definition)})
            given = {key: definition[key] for key in ("range", "gateway") if definition.get(key)}
            return NetworkCreated(made.cid, {**given, "reserved": []}, {"name": made.cid})

        return self._gate.pass_(call, effect)

    def delete_network(self, call: Call, network_cid: str) -> None:
        """Remove it; NetworkNotFound when it is gone."""

        def effect(books: Books, ticket: Ticket) -> None:
            if books.get("network", network_cid) is None:
                raise NetworkNotFound(f"Network '{network_cid}' not found")
            books.remove(network_cid)

        self._gate.pass_(call, effect)

    def find(self, call: Call, kind: Kind, key: str) -> str | None:
        """The CID of what was made under this key."""

        def effect(books: Books, ticket: Ticket) -> str | None:
            found = books.by_key(kind, key)
            return None if found is None else found.cid

        return self._gate.pass_(call, effect)

    def find_all(self, call: Call, kind: Kind, keys: Sequence[str]) -> dict[str, str]:
        """The CIDs of what was made under these keys: one call, and one look at the books."""

        def effect(books: Books, ticket: Ticket) -> dict[str, str]:
            found = {key: books.by_key(kind, key) for key in keys}
            return {key: one.cid for key, one in found.items() if one is not None}

        return self._gate.pass_(call, effect)

    def vm_status(self, call: Call, vm_cids: Sequence[str], console: int) -> dict[str, VmStatus]:
        """How far each of them has come."""

        def effect(books: Books, ticket: Ticket) -> dict[str, VmStatus]:
            now = self.clock.now()
            found = {cid: books.get("vm", cid) for cid in vm_cids}
            gone = VmStatus(exists=False)
            return {cid: gone if vm is None else status_of(vm, now, console) for cid, vm in found.items()}

        return self._gate.pass_(call, effect)

    def _zone(self, cloud_properties: Json) -> str:
        zones = self.config.zones
        named = cloud_properties.get("availability_zone") or cloud_properties.get("zone")
        if named is None:
            return zones[0] if zones else ""
        if zones and named not in zones:
            raise CloudError(f"zone {named!r} does not exist; this cloud has {', '.join(zones)}")
        return str(named)


def _vm(books: Books, cid: str) -> Item:
    found = books.get("vm", cid)
    if found is None:
        raise VMNotFound(f"VM '{cid}' not found")
    return found
