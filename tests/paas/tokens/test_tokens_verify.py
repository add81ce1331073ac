"""Tokens are checked by published keys: good, expired, forged, of a rotated key, with the issuer away."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import time
from collections.abc import AsyncIterator

import pytest
from joserfc.jwk import RSAKey
from paas.tokens.client import ServiceClient, ServiceToken
from paas.tokens.errors import KeysAwayError, NoTokenError, TokenExpiredError, TokenInvalidError
from paas.tokens.verify import Verifier, bearer

from tests.paas.tokens.token_issuer import Issuer


@pytest.fixture
async def issuer() -> AsyncIterator[Issuer]:
    one = Issuer()
    one.add("one")
    async with one.running():
        yield one


@pytest.fixture
async def verifier(issuer: Issuer) -> AsyncIterator[Verifier]:
    one = Verifier(f"{issuer.url}/token_keys", issuer=issuer.url)
    yield one
    await one.close()


async def test_a_good_token_says_who_and_what(issuer: Issuer, verifier: Verifier) -> None:
    claims = await verifier.verify(issuer.token(user_name="ann", scope=["a.b", "c.d"]))
    assert (claims.user_name, claims.scope) == ("ann", {"a.b", "c.d"})
    assert claims.allows("x.y", "c.d") and not claims.allows("x.y")


async def test_many_tokens_need_the_keys_once(issuer: Issuer, verifier: Verifier) -> None:
    await asyncio.gather(*(verifier.verify(issuer.token()) for _ in range(20)))
    assert issuer.asked == 1


async def test_an_expired_token_is_told_apart(issuer: Issuer, verifier: Verifier) -> None:
    with pytest.raises(TokenExpiredError):
        await verifier.verify(issuer.token(exp=int(time.time()) - 1))


async def test_a_new_key_is_learnt_and_the_old_one_still_holds(
    issuer: Issuer, verifier: Verifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = issuer.token()
    await verifier.verify(old)
    issuer.add("two")
    monkeypatch.setattr("paas.tokens.verify.REFETCH_SECONDS", 0)
    await verifier.verify(issuer.token(name="two"))
    await verifier.verify(old)
    assert issuer.asked == 2


async def test_made_up_key_names_do_not_make_it_ask_each_time(issuer: Issuer, verifier: Verifier) -> None:
    await verifier.verify(issuer.token())
    stranger = RSAKey.generate_key(2048)
    for number in range(20):
        with pytest.raises(TokenInvalidError, match="key that is not known"):
            await verifier.verify(issuer.token(stranger, name=f"made-up-{number}"))
    assert issuer.asked <= 20 / 4


def _base64(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def _part(value: object) -> str:
    return _base64(json.dumps(value).encode())


def _forged(issuer: Issuer) -> dict[str, str]:
    good = issuer.token()
    head, body, signature = good.split(".")
    said = {"iss": issuer.url, "sub": "g", "jti": "j", "client_id": "cf", "iat": 1, "exp": int(time.time()) + 60}
    signed = f"{_part({'alg': 'HS256', 'kid': 'one'})}.{_part(said)}"
    public = issuer.keys["one"].as_pem(private=False)
    return {
        "empty": "",
        "no token": "rubbish",
        "not base64": "a.b.c",
        "not ASCII": "ä.ö.ü",
        "without a signature": f"{head}.{body}.",
        "another's body": f"{head}.{_part(said | {'scope': ['cloud_controller.admin']})}.{signature}",
        "unsigned": f"{_part({'alg': 'none', 'kid': 'one'})}.{_part(said)}.",
        "header that is a list": f"{_part([])}.{body}.{signature}",
        "key's name a number": f"{_part({'alg': 'RS256', 'kid': 7})}.{body}.{signature}",
        "of another key": issuer.token(RSAKey.generate_key(2048)),
        "HMAC with the public key": f"{signed}.{_base64(hmac.digest(public, signed.encode(), 'sha256'))}",
        "of another issuer": issuer.token(iss="https://elsewhere"),
        "without an end": issuer.token(exp=None),
        "scope no list": issuer.token(scope=5),
    }


async def test_what_does_not_hold_is_invalid(issuer: Issuer, verifier: Verifier) -> None:
    for what, token in _forged(issuer).items():
        with pytest.raises(TokenInvalidError):
            await verifier.verify(token)
            pytest.fail(f"taken: {what}")


async def test_with_the_issuer_away_nothing_is_known() -> None:
    issuer = Issuer()
    issuer.add("one")
    verifier = Verifier(f"{issuer.url}/token_keys")
    try:
        with pytest.raises(KeysAwayError, match=r"/token_keys gives no keys"):
            await verifier.verify(issuer.token())
        async with issuer.running():
            assert (await verifier.verify(issuer.token())).client_id == "cf"
    finally:
        await verifier.close()


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("bearer a.b.c", "a.b.c"),
        ("Bearer  a.b.c ", "a.b.c"),
        ("Basic a", None),
        ("bearer ", None),
        ("", None),
        (None, None),
    ],
)
def test_a_header_holds_a_token_or_not(header: str | None, token: str | None) -> None:
    assert bearer(header) == token


async def test_a_component_asks_once_for_its_token_and_again_when_told(issuer: Issuer) -> None:
    own = ServiceToken(ServiceClient(token_url=f"{issuer.url}/oauth/token", client_id="cc", client_secret="secret"))
    try:
        assert set(await asyncio.gather(*(own.get() for _ in range(10)))) == {"token 1"}
        own.forget()
        assert await own.get() == "token 2"
        issuer.life = 0
        own.forget()
        assert [await own.get(), await own.get()] == ["token 3", "token 4"]
    finally:
        await own.close()


async def test_a_refused_client_is_named_and_its_secret_is_not(issuer: Issuer) -> None:
    own = ServiceToken(ServiceClient(token_url=f"{issuer.url}/oauth/token", client_id="cc", client_secret="hidden"))
    try:
        with pytest.raises(NoTokenError, match="refuses client cc: status 401") as caught:
            await own.get()
        assert "hidden" not in str(caught.value)
    finally:
        await own.close()
