"""compile_package_with_signed_url: source and result by signed URL; the director chose the result's blob id."""

from __future__ import annotations

from pathlib import Path

from agent.action import Action
from agent.blobs.store import BlobRef, headers_of
from agent.jobs import compile as compilation
from agent.shapes import Json, as_string, object_or_empty
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Argument: one object, see the protocol. {"result": {"sha1"}}."""
    request = call.object(0, "request")

    def text(key: str) -> str:
        return as_string(request.get(key), f"compile_package_with_signed_url: {key}")

    headers = headers_of(request.get("blobstore_headers"))
    source = BlobRef(digest=text("digest"), signed_url=text("package_get_signed_url"), headers=headers)
    upload = text("upload_signed_url")

    def deliver(packed: Path) -> Json:
        vm.blobs.send(upload, headers, packed)
        return {}

    dependencies = object_or_empty(request.get("deps"))
    return compilation.compile_package(vm, call, source, text("name"), text("version"), dependencies, deliver)


ACTION = Action(run, asynchronous=True)
