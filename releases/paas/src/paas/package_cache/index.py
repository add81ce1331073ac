"""``python3 -m paas.package_cache.index ROOT``: writes the indexes anew after files were put in."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from paas.package_cache import npm, simple


@dataclass(frozen=True)
class Count:
    """Files of each kind."""

    simple: int
    npm: int
    gems: int


def index(root: Path) -> Count:
    """All indexes below `root`. TarballError names a file that cannot be one."""
    gems = root / "gems"
    gems.mkdir(parents=True, exist_ok=True)
    return Count(simple.index(root), npm.index(root), sum(1 for path in gems.rglob("*.gem") if path.is_file()))


def main() -> int:
    """Say how many files there are."""
    if len(sys.argv) != 2:
        print("usage: python3 -m paas.package_cache.index ROOT", file=sys.stderr)
        return 2
    try:
        count = index(Path(sys.argv[1]))
    except (npm.TarballError, OSError) as error:
        print(f"package_cache: {error}", file=sys.stderr)
        return 1
    print(f"package_cache: {count.simple} files for pip, {count.npm} for npm, {count.gems} gems")
    return 0


if __name__ == "__main__":
    sys.exit(main())
