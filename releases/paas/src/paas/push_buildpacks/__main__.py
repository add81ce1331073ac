"""``python3 -m paas.push_buildpacks --config FILE``: what the platform lacks is put in, what is older is replaced; order and locks stay as the operator has them."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from paas.admin.session import AdminSession, RefusedError
from paas.push_buildpacks.buildpacks import DIGEST, buildpacks, create, upload
from paas.push_buildpacks.config import Config
from paas.serve.config import ConfigError, config_argument, read_config


def push(session: AdminSession, name: str, file: Path) -> str:
    """Put one in; what was done."""
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    found = buildpacks(session, name)
    if len(found) > 1:
        return f"left alone: there are {len(found)} of this name, for several stacks"
    if not found:
        upload(session, create(session, name)["guid"], file, digest)
        return "new"
    (present,) = found
    if present["metadata"]["annotations"].get(DIGEST) == digest:
        return "as it is"
    if present["locked"]:
        return "left alone: it is locked"
    upload(session, present["guid"], file, digest)
    return "replaced"


def main() -> int:
    """All of them; 1 where one could not be put in."""
    try:
        config = read_config(config_argument("push_buildpacks", sys.argv[1:]), Config)
        with AdminSession(config) as session:
            for name in config.order:
                done = push(session, f"{name}_buildpack", Path(config.directory, f"{name}.zip"))
                print(f"{name}_buildpack: {done}", flush=True)
    except (ConfigError, RefusedError, OSError) as error:
        print(f"push_buildpacks: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
