"""fetch_logs_with_signed_url: logs to a URL that the director made."""

from __future__ import annotations

from agent.action import Action
from agent.blobs import digest
from agent.blobs.store import headers_of
from agent.logs import archive
from agent.shapes import Json, array_or_empty, as_string
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Argument: {signed_url, log_type, filters, blobstore_headers}. ``sha1``."""
    request = call.object(0, "request")
    url = as_string(request.get("signed_url"), "fetch_logs_with_signed_url: signed_url")
    kinds = as_string(request.get("log_type"), "fetch_logs_with_signed_url: log_type")
    with vm.blobs.scratch() as folder:
        packed = folder / "logs.tgz"
        archive.pack(vm.layout, kinds, [str(f) for f in array_or_empty(request.get("filters"))], packed)
        vm.blobs.send(url, headers_of(request.get("blobstore_headers")), packed)
        return {"sha1": digest.of_file(packed)}


ACTION = Action(run, asynchronous=True)
