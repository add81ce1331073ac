"""`env`: who and what the director is."""

from __future__ import annotations

from meristem.cli.director_table import show
from meristem.cli.session import Session
from meristem.cli.table import Table
from meristem.cli.verb import command, flag
from meristem.formats.values import text_or_none


@command("environment", flag("--details", help="Show certificate expiry too."))
def COMMAND(session: Session, details: bool) -> None:
    """Show the director environment."""
    director = session.director()
    show(session, director.info(authenticated=True))
    if details:
        rows = director.rows("/director/certificate_expiry")
        cells = [
            [text_or_none(row.get(key)) or "" for key in ("certificate_path", "expiry", "days_left")] for row in rows
        ]
        session.screen.table(Table("certificates", ["Certificate", "Expiry Date (UTC)", "Days Left"], cells))
