"""How rendered templates reach an agent that does not read signed URLs for them: as a message.

The stock agent knows a signed URL for packages only; without credentials for the blobstore it gets the archive by upload_blob.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib

from director.model.errors import DirectorError
from director.model.instance import InstanceSpec
from director.model.rows import VmRow
from director.steps.agent_call import act, is_ours
from director.steps.apply_spec import signs
from director.steps.step import Io

LARGEST = 760_000  # bytes; in base64 and JSON this stays below the bus' limit of 1 MiB


async def deliver(io: Io, spec: InstanceSpec, vm: VmRow) -> None:
    """Send the archive ahead of the spec where that is needed."""
    if not spec.templates_blob or not signs(vm) or await is_ours(io, vm.agent_id):
        return
    content = await asyncio.to_thread((await io.blobs.path(spec.templates_blob)).read_bytes)
    if len(content) > LARGEST:
        raise DirectorError(
            f"The rendered templates of {spec.name} have {len(content)} bytes; this agent takes at most {LARGEST} by message",
            remedy="Use a stemcell with Meristem's agent, or give agents a blobstore they can read (agent.env.bosh.blobstores).",
        )
    blob = {
        "blob_id": spec.templates_blob,
        "checksum": f"sha1:{hashlib.sha1(content).hexdigest()}",  # noqa: S324  # the algorithm every agent knows
        "payload": base64.b64encode(content).decode(),
    }
    await act(io, vm.agent_id, "upload_blob", blob)
