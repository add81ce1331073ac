"""``/oauth/authorize``: a form for name and password; then a code goes to the client by the user's browser. RFC 6749, 4.1."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from paas.database.transaction import Transaction
from paas.uaa.body import form, single
from paas.uaa.clients import Client
from paas.uaa.codes import Code, add_code
from paas.uaa.errors import UaaError, bad_credentials, invalid_request
from paas.uaa.grants import available
from paas.uaa.scopes import granted
from paas.uaa.service import Uaa, uaa_of

CARRIED = (
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
)
CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
}
PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Log in</title>
<style>body{{font:1rem sans-serif;max-width:22rem;margin:4rem auto}}input{{width:100%;margin:.3rem 0 1rem;padding:.4rem;box-sizing:border-box}}</style>
</head><body><h1>Log in</h1><p>{client} asks who you are.</p>{problem}
<form method="post" action="/oauth/authorize">{carried}
<label>Email<input name="username" autocomplete="username" value="{name}" required autofocus></label>
<label>Password<input name="password" type="password" autocomplete="current-password" required></label>
<button type="submit">Log in</button></form></body></html>
"""


async def show(request: Request) -> Response:
    """The form."""
    fields = single([], request)
    client, problem = _checked(uaa_of(request), fields)
    return problem or _page(client, fields, "", "", 200)


async def log_in(request: Request) -> Response:
    """What was put into the form: to the client with a code, or the form again with what was wrong."""
    uaa, fields = uaa_of(request), await form(request)
    client, problem = _checked(uaa, fields)
    if problem is not None:
        return problem
    name = fields.get("username", "")
    try:
        user = await uaa.login.check(name, fields.get("password", ""))
    except UaaError as error:
        return _page(client, fields, name, error.description, 401)

    async def code(transaction: Transaction) -> str:
        scope = granted(await available(uaa, transaction, client, user), fields.get("scope", ""), "user")
        what = Code(
            user_id=user.id,
            client_id=client.id,
            redirect_uri=fields["redirect_uri"],
            scope=scope,
            challenge=fields.get("code_challenge", ""),
            nonce=fields.get("nonce", ""),
        )
        return await add_code(transaction, what)

    try:
        return _back(fields, code=await uaa.database.run(code))
    except UaaError as error:
        return _back(fields, error=error.error, error_description=error.description)


def _checked(uaa: Uaa, fields: dict[str, str]) -> tuple[Client, Response | None]:
    """The client, and the answer where the request cannot be followed. Who has no good redirect_uri is told here, not sent anywhere."""
    client = uaa.clients.get(fields.get("client_id", ""))
    if client is None:
        raise bad_credentials("No client with requested id")
    if not client.takes(fields.get("redirect_uri", "")):
        raise invalid_request("Invalid redirect uri; give one that is registered for the client")
    problem: tuple[str, str] | None = None
    challenge = fields.get("code_challenge", "")
    if fields.get("response_type") != "code":
        problem = "unsupported_response_type", "Unsupported response types; it must be code"
    elif "authorization_code" not in client.config.grant_types:
        problem = "unauthorized_client", "The client may not use the grant authorization_code"
    elif challenge and fields.get("code_challenge_method") != "S256":
        problem = "invalid_request", "Unsupported code challenge method; it must be S256"
    elif challenge and not CHALLENGE.fullmatch(challenge):
        problem = "invalid_request", "The code_challenge must be the base64url of a SHA-256"
    elif client.public and not challenge:
        problem = "invalid_request", "A client without a secret must send a code_challenge"
    if problem is None:
        return client, None
    return client, _back(fields, error=problem[0], error_description=problem[1])


def _back(fields: dict[str, str], **what: str) -> Response:
    if state := fields.get("state"):
        what["state"] = state
    target = urlsplit(fields["redirect_uri"])
    query = urlencode([*parse_qsl(target.query, keep_blank_values=True), *what.items()])
    return RedirectResponse(target._replace(query=query).geturl(), 302, HEADERS)


def _page(client: Client, fields: dict[str, str], name: str, problem: str, status: int) -> Response:
    carried = "".join(
        f'<input type="hidden" name="{key}" value="{escape(fields[key])}">' for key in CARRIED if key in fields
    )
    shown = f'<p role="alert">{escape(problem)}</p>' if problem else ""
    body = PAGE.format(client=escape(client.id), problem=shown, carried=carried, name=escape(name))
    return HTMLResponse(body, status, HEADERS)


ROUTES = [(["GET"], "/oauth/authorize", show), (["POST"], "/oauth/authorize", log_in)]
