"""``python3 -m paas.package_cache --config FILE``: puts the seeds in, writes the indexes and turns into nginx."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from paas.package_cache.config import Config
from paas.package_cache.index import index
from paas.package_cache.npm import TarballError
from paas.package_cache.site import site
from paas.serve.config import ConfigError, config_argument, read_config
from paas.serve.nginx import become_nginx


def main() -> int:
    """Ends only when it cannot begin."""
    try:
        config = read_config(config_argument("package_cache", sys.argv[1:]), Config)
        text = site(config)
        root = Path(config.root)
        for seed in config.seeds:
            sow(Path(seed), root)
        index(root)
        become_nginx(config.nginx, text, Path(config.run), Path(config.log))
    except (ConfigError, TarballError, OSError) as error:
        print(f"paas.package_cache: {error}", file=sys.stderr)
    return 2


def sow(seed: Path, root: Path) -> None:
    """Copy files of `seed` that `root` lacks; what an operator added stays."""
    for file in sorted(seed.rglob("*")):
        target = root / file.relative_to(seed)
        if file.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            temporary = target.with_name(f".{target.name}.new")
            shutil.copyfile(file, temporary)
            temporary.rename(target)


if __name__ == "__main__":
    sys.exit(main())
