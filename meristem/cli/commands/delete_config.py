"""`delete-config`."""

from __future__ import annotations

from meristem.cli.director import ApiError, escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.verb import argument, command, option


@command(
    "delete-config", argument("config_id", required=False, metavar="[ID]"), option("--name"), option("--type", "kind")
)
def COMMAND(session: Session, config_id: str | None, name: str | None, kind: str | None) -> None:
    """Delete a config by ID, or the latest of --type and --name."""
    director = session.director()
    if not config_id and not (kind and name):
        raise CliError("Either <ID> or parameters --type and --name must be provided")
    session.screen.confirm()
    try:
        if config_id:
            director.send("DELETE", f"/configs/{escaped(config_id)}")
        else:
            director.send("DELETE", "/configs", query={"type": kind, "name": name})
    except ApiError as error:
        if error.status != 404:
            raise
        session.screen.line("No configs to delete: no matches found.")
