"""``python3 make.py OUT [NAME…]``: writes OUT/NAME.zip for each buildpack beside this file, the same bytes for the same files."""

from __future__ import annotations

import stat
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
EPOCH = (2024, 1, 1, 0, 0, 0)


def make(source: Path, out: Path) -> None:
    """The zip `out` of the buildpack in the directory `source`."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
            info = zipfile.ZipInfo(path.relative_to(source).as_posix(), EPOCH)
            info.compress_type = zipfile.ZIP_DEFLATED
            mode = 0o755 if path.stat().st_mode & stat.S_IXUSR or path.parent.name == "bin" else 0o644
            info.external_attr = (stat.S_IFREG | mode) << 16
            archive.writestr(info, path.read_bytes())


def main(arguments: list[str]) -> int:
    """All of them, or those that are named."""
    if not arguments:
        print("usage: python3 make.py OUT [NAME...]", file=sys.stderr)
        return 2
    known = sorted(path.name for path in HERE.iterdir() if (path / "bin").is_dir())
    for name in arguments[1:] or known:
        if name not in known:
            print(f"no buildpack {name!r}; known are {', '.join(known)}", file=sys.stderr)
            return 1
        make(HERE / name, Path(arguments[0]) / f"{name}.zip")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
