"""`scp`: files to and from instances, over SFTP."""

from __future__ import annotations

from typing import Any

from meristem.cli import ssh_route
from meristem.cli.failure import CliError
from meristem.cli.file_copy import Place, copy, place
from meristem.cli.session import Session
from meristem.cli.verb import argument, command, flag


@command(
    "scp",
    argument("paths", nargs=-1, required=True, metavar="FROM... TO"),
    flag("-r", "--recursive", help="Copy directories too."),
    *ssh_route.parameters(),
)
def COMMAND(session: Session, paths: tuple[str, ...], recursive: bool, **gateway: Any) -> None:
    """Copy files. Remote paths are GROUP/ID:PATH, GROUP:PATH or :PATH; `((instance_id))` in a local path names the instance."""
    route = ssh_route.chosen(**gateway)
    places = [place(path) for path in paths]
    if len(places) < 2:
        raise CliError("scp needs at least one source and a destination.", "For example: scp web/0:/tmp/x .")
    *sources, target = places
    remote = [one for one in places if one.target is not None]
    if not remote:
        raise CliError("Neither source nor destination is on an instance.", "Write GROUP/ID:PATH for one of them.")
    if target.target is not None and any(source.target is not None for source in sources):
        raise CliError("Copying from instance to instance is not supported.", "Copy by way of this machine.")
    _check_one_target(remote)
    copy(session, session.deployment(), sources, target, route, recursive=recursive)


def _check_one_target(remote: list[Place]) -> None:
    if len({place.target for place in remote}) > 1:
        raise CliError("All remote paths must be on the same instances.", "Run scp once for each.")
