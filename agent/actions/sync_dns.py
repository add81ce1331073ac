"""sync_dns: DNS records by blob id."""

from __future__ import annotations

from agent.action import Action
from agent.blobs.store import BlobRef
from agent.errors import ArgumentError
from agent.jobs import dns
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> str:
    """Arguments: blob id, digest, version. ``synced``; nothing is done if the version is not newer."""
    version = call.optional(2)
    if not isinstance(version, int):
        raise ArgumentError("sync_dns: version: expected an integer")
    dns.sync(vm, BlobRef(digest=call.text(1, "digest"), blob_id=call.text(0, "blob id")), version)
    return "synced"


ACTION = Action(run)
