"""`config`: one config, by id or by type and name."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.director import escaped
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import argument, command, option
from meristem.formats.values import Hash, is_hash


@command("config", argument("config_id", required=False, metavar="[ID]"), option("--name"), option("--type", "kind"))
def COMMAND(session: Session, config_id: str | None, name: str | None, kind: str | None) -> None:
    """Show a config by ID, or the latest of --type and --name."""
    config = _find(session, config_id, kind, name)
    cells = [text(config.get(key)) for key in ("id", "type", "name", "created_at", "content")]
    header = ["ID", "Type", "Name", "Created At", "Content"]
    session.screen.table(Table("config", header, [cells], transpose=True))


def _find(session: Session, config_id: str | None, kind: str | None, name: str | None) -> Hash:
    if config_id:
        found = session.director().get(f"/configs/{escaped(config_id)}")
        if is_hash(found):
            return found
        raise CliError(f"No config with id '{config_id}'.", "See `configs`.")
    if not (kind and name):
        raise CliError("Either <ID> or parameters --type and --name must be provided")
    rows = session.director().rows("/configs", {"type": kind, "name": name, "latest": "true"})
    if not rows:
        raise CliError("No config", f"No config of type '{kind}' and name '{name}'.")
    return rows[0]
