"""Fingerprints of jobs, packages and licenses: the identity by which a director knows their content.

`digest("v2" + for each file sorted by path: path + digest(content) + mode + ",".join(sorted extra chunks))`, SHA-1 hex
by default, SHA-256 hex with `sha2`; file digests keep their `sha256:` prefix inside.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from meristem.formats import digests


@dataclass(frozen=True)
class SourceFile:
    """A file that goes into an archive. `name` is its path there; `with_mode` is false for packaging hooks, licenses."""

    path: Path
    name: str
    with_mode: bool = True

    @property
    def executable(self) -> bool:
        """True when any x bit is set."""
        return bool(self.path.lstat().st_mode & 0o111)


def calculate(
    files: Iterable[SourceFile], chunks: Iterable[str] = (), *, follow_symlinks: bool = False, sha2: bool = False
) -> str:
    """The fingerprint as hex. Packages do not follow symlinks, jobs do."""
    algorithm = "sha256" if sha2 else "sha1"
    parts = ["v2"]
    in_order = sorted(files, key=lambda item: item.name)
    parts += [_file_part(file, algorithm, follow_symlinks=follow_symlinks) for file in in_order]
    parts.append(",".join(sorted(chunks)))
    return digests.of_bytes("".join(parts).encode(), algorithm).hex


def _file_part(file: SourceFile, algorithm: str, *, follow_symlinks: bool) -> str:
    mode = file.path.lstat().st_mode
    is_link = stat.S_ISLNK(mode) and not follow_symlinks
    target = os.readlink(file.path).encode() if is_link else None
    digest = digests.of_file(file.path, algorithm) if target is None else digests.of_bytes(target, algorithm)
    if not file.with_mode:
        kind = ""
    elif is_link:
        kind = "symlink"
    else:
        kind = "100755" if mode & 0o111 else "100644"
    return f"{file.name}{digest}{kind}"
