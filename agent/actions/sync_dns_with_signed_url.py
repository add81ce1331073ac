"""sync_dns_with_signed_url: DNS records by signed URL."""

from __future__ import annotations

from agent.action import Action
from agent.blobs.store import BlobRef, headers_of
from agent.errors import ArgumentError
from agent.jobs import dns
from agent.shapes import as_string
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> str:
    """Argument: {signed_url, multi_digest, version, blobstore_headers}. ``synced``."""
    request = call.object(0, "request")
    version = request.get("version")
    if not isinstance(version, int):
        raise ArgumentError("sync_dns_with_signed_url: version: expected an integer")
    blob = BlobRef(
        digest=as_string(request.get("multi_digest"), "sync_dns_with_signed_url: multi_digest"),
        signed_url=as_string(request.get("signed_url"), "sync_dns_with_signed_url: signed_url"),
        headers=headers_of(request.get("blobstore_headers")),
    )
    dns.sync(vm, blob, version)
    return "synced"


ACTION = Action(run)
