"""Copying files to and from instances over SFTP."""

from __future__ import annotations

import posixpath
import stat
from dataclasses import dataclass
from pathlib import Path

import paramiko

from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.slug import InstanceSlug, instance
from meristem.cli.ssh_session import Host, Route, access


@dataclass(frozen=True)
class Place:
    """A path here (`target` None) or on instances."""

    target: InstanceSlug | None
    path: str


def place(text: str) -> Place:
    """Reads `group/id:path`, `group:path`, `:path` or a local path."""
    head, colon, path = text.partition(":")
    if not colon or head.startswith((".", "/")):
        return Place(None, text)
    return Place(instance(head.rpartition("@")[2]), path)


def copy(
    session: Session, deployment: str, sources: list[Place], target: Place, route: Route, *, recursive: bool
) -> None:
    """Copies to or from every matching instance."""
    remote = target.target or next(source.target for source in sources if source.target is not None)
    with access(session, deployment, remote, route) as granted:
        for host in granted.hosts:
            client = granted.connect(host)
            try:
                files = client.open_sftp()
                for source in sources:
                    if target.target is not None:
                        _upload(files, Path(source.path), target.path, recursive=recursive)
                    else:
                        _download(files, source.path, Path(_named(target.path, host)), recursive=recursive)
            except OSError as error:
                raise CliError(f"Copying with {host.instance} failed: {error.strerror or error}") from error
            finally:
                client.close()


def _named(path: str, host: Host) -> str:
    return path.replace("((instance_id))", host.instance.rpartition("/")[2])


def _upload(files: paramiko.SFTPClient, source: Path, target: str, *, recursive: bool) -> None:
    if _is_remote_directory(files, target):
        target = posixpath.join(target, source.name)
    if not source.is_dir():
        files.put(str(source), target)
        files.chmod(target, stat.S_IMODE(source.stat().st_mode))
        return
    if not recursive:
        raise CliError(f"'{source}' is a directory.", "Add -r.")
    if not _is_remote_directory(files, target):
        files.mkdir(target)
    for child in sorted(source.iterdir()):
        _upload(files, child, posixpath.join(target, child.name), recursive=True)


def _download(files: paramiko.SFTPClient, source: str, target: Path, *, recursive: bool) -> None:
    if target.is_dir():
        target = target / posixpath.basename(source.rstrip("/"))
    if not _is_remote_directory(files, source):
        files.get(source, str(target))
        return
    if not recursive:
        raise CliError(f"'{source}' is a directory.", "Add -r.")
    target.mkdir(exist_ok=True)
    for name in sorted(files.listdir(source)):
        # The other side names the files; a name must not lead out of the target.
        if "/" in name or name in (".", ".."):
            raise CliError(f"The instance sent the file name '{name}'.")
        _download(files, posixpath.join(source, name), target / name, recursive=True)


def _is_remote_directory(files: paramiko.SFTPClient, path: str) -> bool:
    try:
        mode = files.stat(path).st_mode
    except FileNotFoundError:
        return False
    return mode is not None and stat.S_ISDIR(mode)
