"""Who asks, and what they may do (director API §3)."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from fnmatch import fnmatchcase

from msgspec import Struct
from starlette.requests import Request

from director.api.desk import Desk, User
from director.model.errors import BadRequest, Forbidden

ADMIN = ("bosh.admin",)
READ = ("bosh.admin", "bosh.read")
LIST = READ
CONTEXT = 64


class Caller(Struct, frozen=True):
    """An authenticated user. ``context_id`` is the request's X-Bosh-Context-Id."""

    name: str
    scopes: tuple[str, ...]
    context_id: str = ""


class Unauthorized(Exception):
    """No or wrong credentials: 401 with the contract's text."""


def identify(request: Request, desk: Desk) -> Caller | None:
    """The user whose basic credentials came along; None without or with wrong ones."""
    header = request.headers.get("authorization", "")
    kind, _, payload = header.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, separator, password = base64.b64decode(payload, validate=True).decode().partition(":")
    except ValueError:  # not base64, not ASCII or not UTF-8
        return None
    if not separator or not name or not password:
        return None
    user = next((one for one in desk.users if _same(one, name, password)), None)
    return Caller(user.name, user.scopes, context_of(request)) if user else None


def require(request: Request, desk: Desk, scopes: Sequence[str] = ADMIN) -> Caller:
    """The caller, who must have one of the scopes (``*`` in one stands for any team)."""
    caller = identify(request, desk)
    if caller is None:
        raise Unauthorized
    uuid = desk.house.site.uuid
    wanted = [*scopes, *(one.replace("bosh.", f"bosh.{uuid}.") for one in scopes if one in ("bosh.admin", "bosh.read"))]
    for have in caller.scopes:
        if any(have == one or ("*" in one and fnmatchcase(have, one)) for one in wanted):
            return caller
    raise Forbidden(f"Require one of the scopes: {', '.join(wanted)}")


def context_of(request: Request) -> str:
    """X-Bosh-Context-Id; 70010 for more than 64 characters."""
    text = request.headers.get("x-bosh-context-id", "")
    if len(text) > CONTEXT:
        raise BadRequest(
            "X-Bosh-Context-Id cannot be more than 64 characters in length", code=70010, remedy="Shorten the header"
        )
    return text


def _same(user: User, name: str, password: str) -> bool:
    # both are compared whatever the name, so that time tells nothing
    right_name = hmac.compare_digest(user.name.encode(), name.encode())
    right_password = hmac.compare_digest(user.password.encode(), password.encode())
    return bool(user.name and user.password) and right_name and right_password
