"""Codes of the authorization code grant: used once, within five minutes."""

from __future__ import annotations

import base64
import hashlib
import secrets
from datetime import timedelta

import msgspec
from sqlalchemy import delete, func, insert

from paas.database.transaction import Transaction
from paas.uaa.schema import codes

LIFE = timedelta(minutes=5)


class Code(msgspec.Struct, frozen=True, kw_only=True):
    """What a code stands for. `challenge`: of PKCE, method S256; empty where there is none."""

    user_id: str
    client_id: str
    redirect_uri: str
    scope: list[str]
    challenge: str
    nonce: str


async def add_code(transaction: Transaction, what: Code) -> str:
    """The code, of which only a digest is kept."""
    code = secrets.token_urlsafe(24)
    values = {**msgspec.structs.asdict(what), "digest": _digest(code), "expires": func.now() + LIFE}
    await transaction.execute(insert(codes).values(**values))
    return code


async def take_code(transaction: Transaction, code: str) -> Code | None:
    """What the code stood for, which is over now; None where it was used, or is too old."""
    found = (
        delete(codes)
        .where(codes.c.digest == _digest(code))
        .returning(codes, (codes.c.expires > func.now()).label("good"))
    )
    row = (await transaction.execute(found)).first()
    if row is None or not row.good:
        return None
    return Code(
        user_id=row.user_id,
        client_id=row.client_id,
        redirect_uri=row.redirect_uri,
        scope=row.scope,
        challenge=row.challenge,
        nonce=row.nonce,
    )


def challenge_of(verifier: str) -> str:
    """PKCE's S256 (RFC 7636, 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _digest(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
