"""`environments`: what alias-env stored."""

from __future__ import annotations

from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command


@command("environments")
def COMMAND(session: Session) -> None:
    """List stored environments."""
    rows = sorted([known.url, known.alias] for known in session.environments.all())
    session.screen.table(Table("environments", ["URL", "Alias"], rows))
