"""compile_package: source by blob id, result under a new blob id."""

from __future__ import annotations

from pathlib import Path

from agent.action import Action
from agent.blobs.store import BlobRef
from agent.jobs import compile as compilation
from agent.shapes import Json, object_or_empty
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Arguments: blob id, digest, name, version, dependencies. {"result": {"blobstore_id", "sha1"}}."""
    source = BlobRef(digest=call.text(1, "digest"), blob_id=call.text(0, "blob id"))

    def deliver(packed: Path) -> Json:
        return {"blobstore_id": vm.blobs.store(packed)}

    name, version = call.text(2, "name"), call.text(3, "version")
    return compilation.compile_package(vm, call, source, name, version, object_or_empty(call.optional(4)), deliver)


ACTION = Action(run, asynchronous=True)
