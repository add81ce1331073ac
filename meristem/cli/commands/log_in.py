"""`log-in`: check and store credentials."""

from __future__ import annotations

from meristem.cli.credentials import request_token, uaa_url
from meristem.cli.director import Director
from meristem.cli.environments import Environment
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.verb import command
from meristem.formats.values import text_or_none


@command("log-in")
def COMMAND(session: Session) -> None:
    """Ask for user and password, check them at the director and store them."""
    environment = session.environment()
    if not session.settings.client:
        environment.username = environment.password = environment.refresh_token = ""
    session.screen.line(f"Using environment '{environment.alias or environment.url}'\n")
    director = Director(environment)
    try:
        uaa = uaa_url(director.info())
        user = environment.username or session.screen.ask("Username")
        password = environment.password or session.screen.ask("Password", secret=True)
        if uaa and not session.settings.client:
            form = {"grant_type": "password", "username": user, "password": password}
            token = request_token(uaa, director.tls, form)
            environment.username = environment.password = ""
            environment.refresh_token = text_or_none(token.get("refresh_token")) or ""
        else:
            environment.username, environment.password = user, password
        checked = Director(environment)
        try:
            accepted = bool(checked.info(authenticated=True).get("user"))
        finally:
            checked.close()
    finally:
        director.close()
    if not accepted:
        raise CliError(f"Invalid credentials for '{environment.url}'.", "Check user and password.")
    if not session.settings.client:
        stored = session.environments.find(environment.url) or Environment(environment.url)
        stored.username, stored.password = environment.username, environment.password
        stored.refresh_token, stored.ca_cert = environment.refresh_token, environment.ca_cert
        session.environments.put(stored)
    session.screen.line(f"Logged in to '{environment.url}'")
