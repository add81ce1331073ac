"""`log-out`: forget stored credentials."""

from __future__ import annotations

from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.verb import command


@command("log-out")
def COMMAND(session: Session) -> None:
    """Forget the stored credentials of the environment."""
    name = session.settings.environment
    environments = session.environments
    stored = environments.find(name) if name else None
    if stored is None:
        raise CliError(f"Nothing is stored for environment '{name}'.", "Give -e URL|ALIAS; see `environments`.")
    stored.username = stored.password = stored.refresh_token = ""
    environments.put(stored)
    session.screen.line(f"Logged out from '{stored.url}'")
