"""`alias-env`: a short name for a director, stored with its CA."""

from __future__ import annotations

from meristem.cli.director import Director
from meristem.cli.director_table import show
from meristem.cli.environments import Environment
from meristem.cli.session import Session
from meristem.cli.verb import argument, command


@command("alias-env", argument("alias"))
def COMMAND(session: Session, alias: str) -> None:
    """Name the environment given by -e and store its CA certificate."""
    chosen = session.environment()
    director = Director(chosen)
    try:
        info = director.info()
    finally:
        director.close()
    stored = session.environments.find(chosen.url) or Environment(chosen.url)
    stored.alias, stored.ca_cert = alias, chosen.ca_cert
    session.environments.put(stored)
    show(session, info)
