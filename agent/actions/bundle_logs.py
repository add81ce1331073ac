"""bundle_logs: logs to a file that the operator fetches over SSH."""

from __future__ import annotations

import os
import pwd
import tempfile
from pathlib import Path

from agent.action import Action
from agent.blobs import digest
from agent.errors import AgentError
from agent.logs import archive
from agent.shapes import Json, array_or_empty, string_or_empty
from agent.tasks.call import Call
from agent.vm import Vm


def run(vm: Vm, call: Call) -> Json:
    """Argument: {owning_user, log_type, filters}. ``logs_tar_path`` and ``sha512``; remove_file removes it."""
    request = call.object(0, "request")
    kinds = string_or_empty(request.get("log_type")) or "job"
    vm.layout.scratch.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix="bosh-logs-", suffix=".tgz", dir=vm.layout.scratch)
    os.close(descriptor)
    path = Path(name)
    try:
        archive.pack(vm.layout, kinds, [str(f) for f in array_or_empty(request.get("filters"))], path)
        owner = string_or_empty(request.get("owning_user"))
        if owner and os.geteuid() == 0:
            os.chown(path, pwd.getpwnam(owner).pw_uid, -1)
    except KeyError:
        path.unlink()
        raise AgentError(f"bundle_logs: user {request.get('owning_user')} does not exist on this VM") from None
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return {"logs_tar_path": name, "sha512": digest.hex_of(path, "sha512")}


ACTION = Action(run)
