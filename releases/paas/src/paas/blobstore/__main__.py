"""``python3 -m paas.blobstore --config FILE``: writes nginx's configuration and turns into nginx."""

from __future__ import annotations

import sys
from pathlib import Path

from paas.blobstore.config import Config
from paas.blobstore.site import site, users
from paas.serve.config import ConfigError, config_argument, read_config
from paas.serve.nginx import become_nginx


def main() -> int:
    """Ends only when it cannot begin."""
    try:
        config = read_config(config_argument("blobstore", sys.argv[1:]), Config)
        text = site(config)
        root, run = Path(config.root), Path(config.run)
        (root / "blobs").mkdir(parents=True, exist_ok=True)
        run.mkdir(parents=True, exist_ok=True)
        file = run / "users"
        file.touch(mode=0o600)
        file.chmod(0o600)
        file.write_text(users(config))
        become_nginx(config.nginx, text, run, Path(config.log))
    except (ConfigError, OSError) as error:
        print(f"paas.blobstore: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
