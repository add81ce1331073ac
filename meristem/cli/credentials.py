"""Authorization headers: basic, or bearer tokens from the UAA that /info names."""

from __future__ import annotations

import base64
import ssl

import httpx2

from meristem.cli.environments import Environment
from meristem.cli.failure import CliError
from meristem.formats.values import Hash, Value, as_value, is_hash, text_or_none


def uaa_url(info: Hash) -> str | None:
    """The UAA of a director, None for basic authentication."""
    section = info.get("user_authentication")
    options = section.get("options") if is_hash(section) else None
    if is_hash(section) and section.get("type") == "uaa" and is_hash(options):
        return text_or_none(options.get("url"))
    return None


class Credentials:
    """What is sent with each request; tokens are fetched when first needed and renewed once after a 401."""

    def __init__(self, environment: Environment, context: ssl.SSLContext) -> None:
        self._environment = environment
        self._context = context
        self._token = ""

    def header(self, info: Hash) -> dict[str, str]:
        """The Authorization header, empty without credentials."""
        url = uaa_url(info)
        if url is None:
            if not self._environment.username:
                return {}
            pair = f"{self._environment.username}:{self._environment.password}".encode()
            return {"Authorization": "Basic " + base64.b64encode(pair).decode()}
        if not self._token:
            self._token = self._fetch(url)
        return {"Authorization": self._token} if self._token else {}

    def renew(self, info: Hash) -> bool:
        """Fetches a new token; False if there is none to fetch."""
        url = uaa_url(info)
        if url is None or not (self._environment.username or self._environment.refresh_token):
            return False
        self._token = self._fetch(url)
        return bool(self._token)

    def _fetch(self, url: str) -> str:
        if self._environment.refresh_token:
            form = {"grant_type": "refresh_token", "refresh_token": self._environment.refresh_token}
            answer = request_token(url, self._context, form)
        elif self._environment.username:
            client = (self._environment.username, self._environment.password)
            answer = request_token(url, self._context, {"grant_type": "client_credentials"}, client)
        else:
            return ""
        return f"{text_or_none(answer.get('token_type')) or 'bearer'} {text_or_none(answer.get('access_token')) or ''}"


def request_token(
    url: str, context: ssl.SSLContext, form: dict[str, str], client: tuple[str, str] = ("bosh_cli", "")
) -> Hash:
    """POST /oauth/token; the reply with access_token, refresh_token, token_type."""
    try:
        answer = httpx2.post(
            url.rstrip("/") + "/oauth/token",
            data=form,
            auth=client,
            verify=context,
            headers={"Accept": "application/json"},
        )
    except httpx2.TransportError as error:
        raise CliError(f"Cannot reach the UAA at {url}: {error}") from error
    parsed: Value = None
    if answer.content:
        try:
            parsed = as_value(answer.json())
        except ValueError:
            parsed = None
    if answer.status_code != 200 or not is_hash(parsed):
        reason = text_or_none(parsed.get("error_description")) if is_hash(parsed) else None
        raise CliError(f"The UAA at {url} refused: {reason or answer.status_code}", "Run log-in again.")
    return parsed
