"""fetch_logs: logs to a new blob id."""

from __future__ import annotations

from agent.action import Action
from agent.blobs import digest
from agent.logs import archive
from agent.shapes import Json, array_or_empty
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Arguments: type (comma list of job, agent, system), filters. ``blobstore_id`` and ``sha1``."""
    with vm.blobs.scratch() as folder:
        packed = folder / "logs.tgz"
        archive.pack(vm.layout, call.text(0, "type"), [str(f) for f in array_or_empty(call.optional(1))], packed)
        return {"blobstore_id": vm.blobs.store(packed), "sha1": digest.of_file(packed)}


ACTION = Action(run, asynchronous=True)
