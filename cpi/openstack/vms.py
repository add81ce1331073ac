"""VMs: all that belongs to one is made before it, so that a server which runs is a VM that is complete."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from cpi.contract import CloudError, CpiError, Facts, Json, Network, VmCreated, VMCreationFailed, VMNotFound
from cpi.openstack import flavors, floating, groups, images, marks, pools, ports, servers, userdata
from cpi.openstack.batch import Document
from cpi.openstack.cloud import Cloud
from cpi.openstack.marks import Mark
from cpi.openstack.properties import VmProperties
from cpi.openstack.refusals import AnswerLost, Refused, told
from cpi.openstack.servers import Order

REBOOT_WAIT = 60.0
"""Seconds for an orderly restart; then the power is cut."""
RUNS = "ACTIVE"


def create(
    cloud: Cloud,
    agent_id: str,
    stemcell_cid: str,
    properties: Json,
    networks: Mapping[str, Network],
    env: Json,
) -> VmCreated:
    """Make a VM and wait until nova runs it. Under a key that was used: the VM of that key, if it is this agent's."""
    wanted = VmProperties.parse(properties, cloud.config)
    cards = ports.plan(networks, wanted, cloud.config)
    if cloud.call.stemcell_api_version == 1:
        raise CloudError("stemcells of api_version 1 read their settings from a registry, which is not served here; "
                         "use one of api_version 2 or newer")  # fmt: skip
    mark = Mark("vm", cloud.call.key)
    with told(f"create VM '{mark.name}'"):
        image = images.active(cloud, stemcell_cid)
        flavor = flavors.named(cloud, wanted.instance_type)
        group_ids = groups.security_groups(cloud, (name for card in cards for name in card.groups))
        hints = groups.scheduler_hints(cloud, wanted.hints)
        addresses = floating.known(cloud, networks)
        joined = pools.chosen(cloud, wanted.pools)
        present = servers.of_mark(cloud, mark)
        if present is not None:
            known = _adopted(cloud, present, agent_id, mark)
            if known is not None:
                return VmCreated(known, ports.settled(networks, _by_network(cards, ports.of_vm(cloud, known))))
        ports.remove(cloud, ports.named(cloud, mark.text))
        try:
            made = [ports.make(cloud, card, wanted, group_ids, mark) for card in cards]
            by_network = {name: port for card, port in zip(cards, made, strict=True) for name in card.networks}
            first = next((port for card, port in zip(cards, made, strict=True) if card.gateway), made[0])
            floating.point(cloud, addresses, first)
            pools.join(cloud, joined, first, mark)
            answer = ports.settled(networks, by_network)
            settings = userdata.document(cloud.config, agent_id, mark.name, answer, env, flavor)
            tags = {"agent_id": agent_id, **pools.note(joined)}
            order = Order(
                wanted, image, flavor, [str(port["id"]) for port in made], hints, userdata.encode(settings), tags
            )
            cid = servers.boot(cloud, order, mark)
        except BaseException as error:
            raise _failed(cloud, mark, error) from error
        cloud.call.log(f"VM '{cid}' runs ({mark.name})")
        return VmCreated(cid, answer)


def delete(cloud: Cloud, cid: str) -> None:
    """Remove the VM and its ports; its persistent disks are kept, detached."""
    with told(f"delete VM '{cid}'"):
        going = f"meristem-going-{cid}"
        found = cloud.nova.find(f"/servers/{cid}")
        if found is not None:
            pools.leave(cloud, found["server"]["metadata"], _mark_text(found["server"]))
            for port in ports.of_vm(cloud, cid):
                # a server that is gone tells nothing of its ports: they carry its name until they have gone too
                if str(port["name"]).startswith("meristem-"):
                    cloud.neutron.put(f"{ports.PORTS}/{port['id']}", {"port": {"name": going}})
            servers.remove(cloud, cid)
        ports.remove(cloud, ports.named(cloud, going))


def exists(cloud: Cloud, cid: str) -> bool:
    """Whether the VM is there, running or not."""
    with told(f"look for VM '{cid}'"):
        found = cloud.nova.find(f"/servers/{cid}")
        return found is not None and found["server"]["status"] not in servers.GONE


def reboot(cloud: Cloud, cid: str) -> None:
    """Restart in order, by force if that takes too long; start it if it is off."""
    with told(f"reboot VM '{cid}'", VMNotFound):
        found = cloud.nova.get(f"/servers/{cid}")["server"]
        path = f"/servers/{cid}/action"
        if found["status"] == "SHUTOFF":
            cloud.nova.post(path, {"os-start": None})
        else:
            soft = found["status"] == RUNS
            cloud.nova.post(path, {"reboot": {"type": "SOFT" if soft else "HARD"}})
            if soft and _rests_within(cloud, cid, REBOOT_WAIT):
                return
            if soft:
                cloud.call.log(f"VM '{cid}' did not restart in order; its power is cut")
                cloud.nova.post(path, {"reboot": {"type": "HARD"}})
        cloud.await_server(cid, lambda now: _runs(cid, now))


def set_metadata(cloud: Cloud, cid: str, tags: Mapping[str, str]) -> None:
    """Tags as the server's metadata; its name too, where names are to be readable."""
    with told(f"set metadata of VM '{cid}'", VMNotFound):
        # PUT would take away what is not named: POST changes these entries alone, and may be sent twice
        _twice(lambda: cloud.nova.post(f"/servers/{cid}/metadata", {"metadata": marks.clean(dict(tags))}))
        if cloud.config.readable_names:
            job = tags.get("job") or tags.get("instance_group")
            name = tags.get("name") or (f"{job}/{tags.get('index') or tags.get('id', '')}" if job else "")
            name = f"compiling/{tags['compiling']}" if tags.get("compiling") else name
            if name:
                cloud.nova.put(f"/servers/{cid}", {"server": {"name": name[:255]}})


def find(cloud: Cloud, key: str) -> str | None:
    """The finished VM of this key. An unfinished one, whose creator is dead, is removed: None is then final."""
    mark = Mark("vm", key)
    with told(f"find VM of key '{key}'"):
        found = servers.of_mark(cloud, mark)
        left = [] if found else ports.named(cloud, mark.text)
        if found is None:
            # without its ports a server that is only about to be made cannot come to run
            ports.remove(cloud, left)
            waits = marks.SETTLE if left else marks.SOON
            found = marks.settled(cloud.call, lambda: servers.of_mark(cloud, mark), waits)
        if found is None:
            ports.remove(cloud, ports.named(cloud, mark.text))
            if left:
                pools.leave_all(cloud, mark)
            return None
        settled = cloud.await_server(str(found["id"]), lambda now: now is None or not servers.is_moving(now))
        if settled is not None and settled["status"] not in ("ERROR", *servers.GONE) and not left:
            servers.only(cloud, mark, str(found["id"]))
            return str(found["id"])
        cloud.call.log(f"VM '{found['id']}' was not finished: it is removed")
        _undo(cloud, mark)
        return None


def _adopted(cloud: Cloud, present: Document, agent_id: str, mark: Mark) -> str | None:
    """The CID of a VM that was made under this key before, None when it was not finished and is removed."""
    cid = str(present["id"])
    owner = present["metadata"].get("agent_id")
    if owner != agent_id:
        raise CloudError(f"VM '{cid}' exists under this key for agent {owner}; use another key or delete it")
    now = cloud.await_server(cid, lambda found: found is None or not servers.is_moving(found))
    if now is not None and now["status"] not in ("ERROR", *servers.GONE):
        cloud.call.log(f"VM '{cid}' exists")
        return cid
    _undo(cloud, mark)
    return None


def _failed(cloud: Cloud, mark: Mark, error: BaseException) -> BaseException:
    cleanup = ""
    try:
        _undo(cloud, mark)
    except Exception as second:  # whatever it is, the first error counts
        cleanup = f"{second}; what is left is found by the key, or by the name {mark.text} of its ports"
    if not isinstance(error, Exception) or (not cleanup and isinstance(error, VMCreationFailed)):
        return error
    if isinstance(error, Refused) and not cleanup and error.retry_after is not None:
        return error
    reason = error.message if isinstance(error, CpiError) else str(error)
    where = error.facts.endpoint if isinstance(error, CpiError) else str(getattr(error, "where", ""))
    retry = bool(getattr(error, "ok_to_retry", False)) and not cleanup
    facts = Facts(endpoint=where or cloud.nova.where(), cleanup=cleanup)
    return VMCreationFailed(f"VM '{mark.name}' cannot be created: {reason}", ok_to_retry=retry, facts=facts)


def _undo(cloud: Cloud, mark: Mark) -> None:
    """Servers, ports and members of this mark."""
    for found in servers.all_of_mark(cloud, mark):
        servers.remove(cloud, str(found["id"]))
    ports.remove(cloud, ports.named(cloud, mark.text))
    pools.leave_all(cloud, mark)


def _by_network(cards: list[ports.Card], made: list[Document]) -> dict[str, Document]:
    """Which port serves which network, by what the port has."""
    found: dict[str, Document] = {}
    for port in made:
        for card in cards:
            if card.net_id == port["network_id"] and set(card.addresses) <= ports.addresses_of(port):
                found.update(dict.fromkeys((name for name in card.networks if name not in found), port))
    return found


def _mark_text(server: Document) -> str:
    return str(server["metadata"].get(marks.KEY, ""))


def _runs(cid: str, now: Document | None) -> bool:
    if now is None:
        raise VMNotFound(f"VM '{cid}' is gone")
    if now["status"] == "ERROR":
        raise CloudError(f"VM '{cid}' fell into an error: {servers.fault_of(now)}")
    return now["status"] == RUNS and not servers.is_moving(now)


def _rests_within(cloud: Cloud, cid: str, seconds: float) -> bool:
    until = time.monotonic() + min(seconds, cloud.config.state_timeout)
    cloud.await_server(cid, lambda now: _runs(cid, now) or time.monotonic() > until)
    return time.monotonic() <= until


def _twice(change: Callable[[], object]) -> None:
    """A change whose answer was lost and that does the same when sent again."""
    try:
        change()
    except AnswerLost:
        change()
