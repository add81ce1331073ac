"""`unalias-env`: forget a stored environment."""

from __future__ import annotations

from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.verb import argument, command


@command("unalias-env", argument("alias"))
def COMMAND(session: Session, alias: str) -> None:
    """Forget a stored environment with its credentials."""
    environments = session.environments
    found = environments.find(alias)
    if found is None:
        raise CliError(f"No environment is stored as '{alias}'.", "See `environments`.")
    environments.remove(found)
