"""Security groups and server groups, by name or id."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping

from cpi.contract import CloudError, Json
from cpi.openstack.batch import Document
from cpi.openstack.cloud import Cloud


def security_groups(cloud: Cloud, wanted: Iterable[str]) -> Mapping[str, str]:
    """Name or id -> id, with one request for all of them."""
    names = list(dict.fromkeys(wanted))
    if not names:
        return {}
    listed = cloud.neutron.pages("/security-groups", "security_groups", {"fields": ["id", "name"]})
    return {name: _one(listed, name, "security group", f"neutron at {cloud.neutron.where()}") for name in names}


def scheduler_hints(cloud: Cloud, hints: Json) -> Json:
    """As nova takes them: a server group by its id, though it may be given by name."""
    group = hints.get("group")
    if group is None or (isinstance(group, str) and is_uuid(group)):
        return hints
    if not isinstance(group, str):
        raise CloudError("cloud_properties of the VM: scheduler_hints.group must be the name or id of a server group")
    listed = cloud.nova.get("/os-server-groups")["server_groups"]
    return {**hints, "group": _one(listed, group, "server group", f"nova at {cloud.nova.where()}")}


def is_uuid(text: str) -> bool:
    """Whether it is an id and no name."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _one(listed: list[Document], name: str, what: str, where: str) -> str:
    found = [str(one["id"]) for one in listed if name == one["id"]] or [
        str(one["id"]) for one in listed if name == one["name"]
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise CloudError(f"{what} '{name}': {where} has {len(found)} of this name ({', '.join(found)}); give the id")
    known = ", ".join(sorted(str(one["name"]) for one in listed)) or "none"
    raise CloudError(f"{what} '{name}': {where} has none of this name or id; this project sees: {known}")
