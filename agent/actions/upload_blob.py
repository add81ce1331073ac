"""upload_blob: a secret blob that comes over the bus and is kept until it is installed."""

from __future__ import annotations

import base64
import binascii

from agent import durable
from agent.action import Action
from agent.blobs import digest
from agent.errors import ArgumentError, DigestMismatch
from agent.shapes import as_string
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> str:
    """Argument: {blob_id, checksum, payload (base64)}. The blob id. Repeatable."""
    request = call.object(0, "request")
    blob_id = as_string(request.get("blob_id"), "upload_blob: blob_id")
    checksum = as_string(request.get("checksum"), "upload_blob: checksum")
    try:
        content = base64.b64decode(str(request.get("payload") or ""), validate=True)
    except binascii.Error:
        raise ArgumentError("upload_blob: payload: expected base64") from None
    path = vm.blobs.sensitive(blob_id)
    durable.write_bytes(path, content)
    try:
        digest.verify(path, checksum, f"blob {blob_id}")
    except DigestMismatch:
        path.unlink()
        raise
    return blob_id


ACTION = Action(run, asynchronous=True)
