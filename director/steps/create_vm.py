"""create_vm: the row and the addresses first, then the VM under its key, then its metadata."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from msgspec.structs import replace

from director.model.actions import CreateVm
from director.model.errors import BadRequest, CloudError, CloudNotSupported, CloudUnsettled
from director.model.rows import AddressRow, DiskRow, InstanceRow, JournalEntry, PossibleOrphanRow, Row, VmRow
from director.ports.cloud import Cloud, VmCreated
from director.ports.store import Changes
from director.steps import lookup, made
from director.steps.found import Question
from director.steps.step import Adopt, Intent, Io, Outcome, Recovery, Repeat, StepRun, Unknown
from director.steps.vm_env import env

PAUSE = 0.25
LONGEST_PAUSE = 15.0


class CreateVmStep(StepRun[CreateVm]):
    """See recovery.md: nothing is made before a row with our key for it is committed."""

    kind = "create_vm"

    async def intend(self, io: Io) -> Intent:
        args = self.args
        stemcell = await lookup.stemcell(io, args.vm.stemcell_name, args.vm.stemcell_version, args.vm.cpi)
        row = VmRow(
            agent_id=args.agent_id,
            object_key=args.object_key,
            deployment=args.deployment,
            instance_id=args.instance_id,
            cpi=args.vm.cpi,
            purpose=args.purpose,
            active=not args.standby,
            stemcell=(args.vm.stemcell_name, args.vm.stemcell_version),
            stemcell_api=stemcell.api_version,
            cloud_properties=args.vm.cloud_properties,
            env=args.vm.env,
            networks=args.vm.networks,
            tags=args.tags,
        )
        return Intent(args.object_key, Changes(put=[row]) + await self._addresses(io))

    async def run(self, io: Io, intent: Intent) -> Outcome:
        cloud = await io.clouds.get(self.args.vm.cpi)
        for left in range(io.site.max_vm_create_tries - 1, -1, -1):
            try:
                return await self._made(io, cloud, await self._create(io, cloud))
            except (CloudUnsettled, CloudNotSupported):
                raise
            except CloudError as error:
                if not error.ok_to_retry or not left:
                    raise
                io.log.debug(f"create_vm for agent {self.args.agent_id} failed, {left} tries left: {error.message}")
                await self._clear(io, cloud)
                # a cloud that refuses for its rate wants to be left alone for a moment
                await io.clock.sleep(min(PAUSE * 2 ** (io.site.max_vm_create_tries - 1 - left), LONGEST_PAUSE))
        raise AssertionError("unreachable: the last try returns or raises")

    @property
    def made_under(self) -> Question:
        return Question(self.args.vm.cpi, "vm", self.args.object_key)

    async def recover(self, io: Io, entry: JournalEntry) -> Recovery:
        cloud = await io.clouds.get(self.args.vm.cpi)
        found = await made.find(io, self.made_under)
        if isinstance(found, Unknown):
            return Unknown(found.message, await self._listed(io, entry))
        return Repeat() if found is None else Adopt(await self._made(io, cloud, VmCreated(found)))

    async def _create(self, io: Io, cloud: Cloud) -> VmCreated:
        args = self.args
        stemcell = await lookup.stemcell(io, args.vm.stemcell_name, args.vm.stemcell_version, args.vm.cpi)
        disks = [await io.store.get(DiskRow, key) for key in args.disk_keys]
        await io.agents.admit([args.agent_id])  # done for the whole plan before; after a restart perhaps not
        identity = await io.agents.identity(args.agent_id, bootstrap=True)
        secret = {"properties": args.vm.cloud_properties, "networks": args.vm.networks, "env": args.vm.env}
        open: dict[str, Any] = await io.secrets.interpolate(
            secret, args.deployment, await lookup.pins(io, args.variable_set)
        )
        return await cloud.create_vm(
            args.agent_id,
            stemcell.cid,
            open["properties"],
            open["networks"],
            [one.cid for one in disks if one is not None and one.cid],
            env(io, args, open["env"], identity),
            key=args.object_key,
            stemcell_api=stemcell.api_version,
            log=io.log.cpi,
        )

    async def _clear(self, io: Io, cloud: Cloud) -> None:
        """Before another try: what the failed one may have left under our key goes. A CPI that cannot look must have cleaned up itself."""
        left = await made.find(io, self.made_under)
        if isinstance(left, str):
            await cloud.delete_vm(left, log=io.log.cpi)

    async def _made(self, io: Io, cloud: Cloud, vm: VmCreated) -> Outcome:
        args = self.args
        row = await io.store.get(VmRow, args.agent_id)
        assert row is not None  # committed with the intent
        now = io.clock.now()
        created_at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        try:
            await cloud.set_vm_metadata(
                vm.cid, {**args.tags, **args.metadata, "created_at": created_at}, log=io.log.cpi
            )
        except CloudNotSupported:
            pass
        except CloudUnsettled:
            raise
        except CloudError as error:
            # the VM is there and must not be lost for its tags
            io.log.warning(f"VM '{vm.cid}' is without its metadata: {error.message}")
        put: list[Row] = [replace(row, cid=vm.cid, created_at=now, networks=vm.networks or row.networks)]
        instance = await io.store.get(InstanceRow, args.instance_id) if args.instance_id and not args.standby else None
        if instance is not None:
            put.append(replace(instance, agent_id=args.agent_id))
        return Outcome(Changes(put=put), {"cid": vm.cid})

    async def _listed(self, io: Io, entry: JournalEntry) -> Changes:
        """As a possible orphan, in place of its row. Its addresses are nobody else's until it is found or dismissed."""
        args = self.args
        row = await io.store.get(VmRow, args.agent_id)
        instance = await io.store.get(InstanceRow, args.instance_id) if args.instance_id else None
        own = [str(one["ip"]) for one in args.vm.networks.values() if one.get("ip")]
        held = [await io.store.get(AddressRow, one) for one in own]
        owner = args.instance_id if args.instance_id and not args.standby else args.agent_id
        orphan = PossibleOrphanRow(
            object_key=args.object_key,
            kind="vm",
            cpi=args.vm.cpi,
            deployment=args.deployment,
            instance_name=instance.name if instance is not None else args.purpose,
            az=instance.az if instance is not None else "",
            agent_id=args.agent_id,
            addresses=tuple(own),
            cloud_properties=args.vm.cloud_properties,
            tags=args.tags,
            since=entry.intended_at,
            task=entry.task_id,
        )
        moved = [replace(one, owner=args.object_key) for one in held if one is not None and one.owner == owner]
        return Changes(put=[orphan, *moved], delete=[(VmRow, row.key)] if row is not None else ())

    async def _addresses(self, io: Io) -> Changes:
        """Rows for the addresses of manual and vip networks; those that the owner has no more use for go."""
        args = self.args
        owner = args.instance_id if args.instance_id and not args.standby else args.agent_id
        put: list[Row] = []
        expect: list[tuple[type[Row], str, Row | None]] = []
        wanted: set[str] = set()
        for network, settings in args.vm.networks.items():
            address = settings.get("ip")
            if settings.get("type", "manual") == "dynamic" or not address:
                continue
            wanted.add(address)
            known = await io.store.get(AddressRow, address)
            if known is not None and known.owner != owner:
                lost = await io.store.get(PossibleOrphanRow, known.owner)
                raise BadRequest(
                    f"Address {address} of network '{network}' is held by '{known.owner}' of deployment '{known.deployment}'",
                    code=130010,
                    remedy="It is a possible orphan's: see `meristem possible-orphans`."
                    if lost is not None
                    else "Deploy again: the plan is older than the reservation.",
                )
            static = known.static if known is not None else False
            put.append(
                AddressRow(address=address, network=network, deployment=args.deployment, owner=owner, static=static)
            )
            expect.append((AddressRow, address, known))
        for vm in await io.store.find(VmRow, instance_id=args.instance_id) if args.instance_id else []:
            if vm.agent_id != args.agent_id:
                wanted.update(one.get("ip", "") for one in vm.networks.values())
        held = await io.store.find(AddressRow, owner=owner)
        stale = [(AddressRow, one.key) for one in held if one.address not in wanted]
        return Changes(put=put, delete=stale, expect=expect)
