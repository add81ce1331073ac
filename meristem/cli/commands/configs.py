"""`configs`: the current ones, or older too."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command, option


@command(
    "configs",
    option("--name", help="Only this name."),
    option("--type", "kind", help="Only this type."),
    option("-r", "--recent", is_flag=False, flag_value=1, default=1, type=int, metavar="[N]", help="Last N of each."),
)
def COMMAND(session: Session, name: str | None, kind: str | None, recent: int) -> None:
    """List configs."""
    query = {"type": kind, "name": name, "limit": str(recent), "latest": "true" if recent <= 1 else None}
    found = session.director().rows("/configs", query)
    rows = [
        [
            text(row.get("id")) + ("*" if row.get("current") else ""),
            *(text(row.get(key)) for key in ("type", "name", "team", "created_at")),
        ]
        for row in found
    ]
    notes = ["(*) Currently active"] if any(row.get("current") for row in found) else []
    if recent <= 1:
        notes.append("Only showing active configs. To see older versions use the --recent=10 option.")
    session.screen.table(Table("configs", ["ID", "Type", "Name", "Team", "Created At"], rows, notes))
