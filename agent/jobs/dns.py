"""DNS records of the deployment: records.json for jobs, and the hosts file."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any

from agent import durable
from agent.blobs.store import BlobRef
from agent.errors import AgentError
from agent.shapes import Json, array_or_empty, as_object, object_or_empty

if TYPE_CHECKING:
    from agent.vm import Vm

_lock = threading.Lock()

_LOCAL = """127.0.0.1 localhost {name}

::1 localhost ip6-localhost ip6-loopback
fe00::0 ip6-localnet
ff00::0 ip6-mcastprefix
ff02::1 ip6-allnodes
ff02::2 ip6-allrouters
ff02::3 ip6-allhosts
"""


def sync(vm: Vm, blob: BlobRef, version: int) -> None:
    """Fetch and put in force, if ``version`` is newer. AgentError if the blob is not of that version."""
    with _lock:
        if version <= _present(vm):
            return
        with vm.blobs.fetched(blob) as path:
            raw = path.read_bytes()
        try:
            records = as_object(json.loads(raw), "DNS records")
        except ValueError as error:
            raise AgentError(f"DNS records: not valid JSON ({error})") from None
        if records.get("version") != version:
            raise AgentError(f"DNS records: version {version} was announced, the blob is {records.get('version')}")
        write_hosts(vm, records)
        durable.write_bytes(vm.layout.dns_records, raw, mode=0o640)
        vm.platform.own(vm.layout.dns_records, 0o640)


def write_hosts(vm: Vm, records: Json) -> None:
    """/etc/hosts from ``records``; with {} only the VM's own names."""
    text = _LOCAL.format(name=vm.settings.agent_id)
    pairs: list[Any] = array_or_empty(records.get("records"))
    text += "".join(f"{address} {name}\n" for address, name in pairs)
    path = vm.layout.etc / "hosts"
    if durable.same_content(path, text.encode()):
        return
    try:
        durable.write_text(path, text)
    except OSError:
        # A file that the container's host mounted there cannot be replaced, only rewritten.
        path.write_text(text)


def _present(vm: Vm) -> int:
    found = object_or_empty(durable.read_json(vm.layout.dns_records)).get("version")
    return found if isinstance(found, int) else 0
