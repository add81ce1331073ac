"""Turn one request into one hook call: arguments checked and typed on the way in, results shaped on the way out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from cpi.contract import (
    API_VERSION,
    KINDS,
    Call,
    CloudError,
    DiskHint,
    Info,
    InvalidCall,
    Json,
    MethodNotImplemented,
    Network,
    NetworkCreated,
    VmCreated,
    VmStatus,
)
from cpi.plugins import Plugin
from cpi.vm_status import CONSOLE_MOST, all_json

Reader = Callable[[str, object], object]


def _text(where: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidCall(f"{where} must be a string that is not empty, not {value!r}")
    return value


def _optional_text(where: str, value: object) -> str | None:
    return None if value is None else _text(where, value)


def _size(where: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InvalidCall(f"{where} must be a number of MiB above 0, not {value!r}")
    return value


def _hash(where: str, value: object) -> Json:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidCall(f"{where} must be a hash, not {value!r}")
    return cast(Json, value)


def _texts(where: str, value: object) -> Sequence[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in cast("list[object]", value)):
        raise InvalidCall(f"{where} must be a list of strings, not {value!r}")
    return cast("list[str]", value)


def _tags(where: str, value: object) -> Mapping[str, str]:
    return {str(key): "" if item is None else str(item) for key, item in _hash(where, value).items()}


def _networks(where: str, value: object) -> Mapping[str, Network]:
    return {name: Network.parse(name, _hash(f"{where}.{name}", entry)) for name, entry in _hash(where, value).items()}


def _console(where: str, value: object) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise InvalidCall(f"{where} must be a number of bytes, not {value!r}")
    return min(value, CONSOLE_MOST)


def _kind(where: str, value: object) -> str:
    if value not in KINDS:
        raise InvalidCall(f"{where} must be one of {', '.join(KINDS)}, not {value!r}")
    return cast(str, value)


Signature = tuple[tuple[str, Reader], ...]
VM: Signature = (("vm_cid", _text),)
DISK: Signature = (("disk_cid", _text),)
SIGNATURES: dict[str, tuple[Signature, Signature]] = {
    "create_stemcell": ((("image_path", _text), ("cloud_properties", _hash)), (("env", _hash),)),
    "delete_stemcell": ((("stemcell_cid", _text),), ()),
    "create_vm": (
        (("agent_id", _text), ("stemcell_cid", _text), ("cloud_properties", _hash), ("networks", _networks)),
        (("disk_cids", _texts), ("env", _hash)),
    ),
    "delete_vm": (VM, ()),
    "reboot_vm": (VM, ()),
    "configure_networks": ((*VM, ("networks", _networks)), ()),
    "create_disk": ((("size", _size), ("cloud_properties", _hash)), (("vm_cid", _optional_text),)),
    "delete_disk": (DISK, ()),
    "attach_disk": ((*VM, *DISK), ()),
    "detach_disk": ((*VM, *DISK), ()),
    "info": ((), ()),
    "has_vm": (VM, ()),
    "has_disk": (DISK, ()),
    "set_vm_metadata": ((*VM, ("metadata", _tags)), ()),
    "set_disk_metadata": ((*DISK, ("metadata", _tags)), ()),
    "resize_disk": ((*DISK, ("size", _size)), ()),
    "update_disk": ((*DISK, ("size", _size), ("cloud_properties", _hash)), ()),
    "get_disks": (VM, ()),
    "snapshot_disk": (DISK, (("metadata", _tags),)),
    "delete_snapshot": ((("snapshot_cid", _text),), ()),
    "create_network": ((("definition", _hash),), ()),
    "delete_network": ((("network_cid", _text),), ()),
    "calculate_vm_cloud_properties": ((("requirements", _hash),), ()),
    "find": ((("kind", _kind), ("key", _text)), ()),
    "find_all": ((("kind", _kind), ("keys", _texts)), ()),
    "vm_status": ((("vm_cids", _texts),), (("console", _console),)),
}
"""Method -> (required, optional) arguments in their order."""

MUST_RETURN = {
    "create_stemcell": str, "create_vm": VmCreated, "create_disk": str, "snapshot_disk": str, "attach_disk": DiskHint,
    "create_network": NetworkCreated,
}  # fmt: skip


def invoke(plugin: Plugin, call: Call, arguments: Sequence[object]) -> object:
    """Run one call of the plugin; the value returned is JSON-shaped. CpiError for everything the contract foresees."""
    signature = SIGNATURES.get(call.method)
    if signature is None or call.method not in plugin.capabilities:
        if call.method == "info":
            return _info(plugin, None)
        raise MethodNotImplemented(f"CPI '{plugin.name}' does not implement '{call.method}'")
    values = _read(call.method, signature, arguments)
    result = cast(object, plugin.caller(call.method)(call=call, **values))
    return _shape(plugin, call, result)


def _read(method: str, signature: tuple[Signature, Signature], arguments: Sequence[object]) -> dict[str, object]:
    required, optional = signature
    named = (*required, *optional)
    if not len(required) <= len(arguments) <= len(named):
        wanted = str(len(required)) if not optional else f"{len(required)} to {len(named)}"
        names = ", ".join(name for name, _ in named)
        raise InvalidCall(f"{method} takes {wanted} arguments ({names}), got {len(arguments)}")
    padded = [*arguments, *[None] * (len(named) - len(arguments))]
    return {
        name: reader(f"{method}: argument {name}", value) for (name, reader), value in zip(named, padded, strict=True)
    }


def _shape(plugin: Plugin, call: Call, result: object) -> object:
    expected = MUST_RETURN.get(call.method)
    if expected is not None and (not isinstance(result, expected) or result == ""):
        raise CloudError(
            f"CPI '{plugin.name}' returned {result!r} from {call.method}, the contract wants {expected.__name__}"
        )
    if call.method == "info":
        return _info(plugin, cast("Info | None", result))
    if isinstance(result, VmCreated):
        return result.cid if call.api_version < 2 else [result.cid, dict(result.networks)]
    if isinstance(result, DiskHint):
        if not result.value:
            raise CloudError(f"CPI '{plugin.name}' returned an empty disk hint")
        return None if call.api_version < 2 else result.value
    if call.method == "vm_status":
        return _statuses(plugin, result)
    if call.method == "find_all":
        return _found(plugin, result)
    if isinstance(result, NetworkCreated):
        return [result.cid, dict(result.addresses), dict(result.cloud_properties)]
    return result


def _statuses(plugin: Plugin, result: object) -> dict[str, object]:
    known = cast("Mapping[str, object]", result) if isinstance(result, Mapping) else {}
    if not isinstance(result, Mapping) or not all(isinstance(one, VmStatus) for one in known.values()):
        raise CloudError(
            f"CPI '{plugin.name}' returned {result!r} from vm_status, the contract wants a VmStatus for each CID"
        )
    return all_json(cast("Mapping[str, VmStatus]", known))


def _found(plugin: Plugin, result: object) -> dict[str, str]:
    known = cast("Mapping[object, object]", result) if isinstance(result, Mapping) else {}
    if not isinstance(result, Mapping) or not all(isinstance(one, str) and one for one in known.values()):
        raise CloudError(f"CPI '{plugin.name}' returned {result!r} from find_all, the contract wants CIDs by key")
    return {str(key): str(cid) for key, cid in known.items()}


def _info(plugin: Plugin, info: Info | None) -> dict[str, object]:
    known = info or Info(())
    return {
        "stemcell_formats": list(known.stemcell_formats),
        "api_version": min(known.api_version, API_VERSION),
        "meristem": {"capabilities": sorted(plugin.capabilities)},
    }
