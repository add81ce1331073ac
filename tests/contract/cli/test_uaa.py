"""Tokens from a UAA: fetched for a client, renewed once when refused, kept as refresh token for a user."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import yaml

from tests.contract.cli.test_terminal import talk


def tokens(world: Any, *issued: str) -> list[dict[str, str]]:
    """Makes the UAA hand out these tokens in turn; returns the forms it was asked with."""
    forms: list[dict[str, str]] = []
    left = list(issued)

    def grant(request: Any) -> Any:
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        forms.append({**form, "client": base64.b64decode(request.headers["Authorization"].split()[1]).decode()})
        if not left:
            return 401, {"error": "unauthorized", "error_description": "Bad credentials"}
        return {"token_type": "bearer", "access_token": left.pop(0), "refresh_token": "refresh-1"}

    world.uaa = True
    world.replies["POST /uaa/oauth/token"] = grant
    return forms


def test_client_credentials(world: Any, run: Callable[..., Any]) -> None:
    forms = tokens(world, "t1")
    world.accepted = "bearer t1"
    world.replies["GET /locks"] = []
    assert run("locks").code == 0
    assert forms == [{"grant_type": "client_credentials", "client": "admin:s3cret"}]


def test_an_old_token_is_renewed_once(world: Any, run: Callable[..., Any]) -> None:
    forms = tokens(world, "old", "new")
    world.accepted = "bearer new"
    world.replies["GET /locks"] = []
    assert run("locks").code == 0
    assert len(forms) == 2
    world.accepted = "bearer never"
    forms = tokens(world, "a", "b", "c")
    ran = run("locks")
    assert ran.code == 1
    assert "does not accept the credentials" in ran.err
    assert len(forms) == 2


def test_refusal_is_told(world: Any, run: Callable[..., Any]) -> None:
    tokens(world)
    ran = run("locks")
    assert ran.code == 1
    assert "refused: Bad credentials" in ran.err


def test_a_user_logs_in(world: Any, run: Callable[..., Any], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.delenv("BOSH_CLIENT")
    monkeypatch.delenv("BOSH_CLIENT_SECRET")
    forms = tokens(world, "t1", "t2", "t3")
    world.accepted = "bearer t2"
    code, seen = talk(["log-in"], ("Username", "eve\n"), ("Password", "hush\n"))
    assert code == 0, seen
    assert forms[0] == {"grant_type": "password", "username": "eve", "password": "hush", "client": "bosh_cli:"}
    stored = yaml.safe_load((tmp_path / "config").read_text())["environments"][0]
    assert stored["refresh_token"] == "refresh-1"
    assert "password" not in stored
    world.accepted = "bearer t3"
    world.replies["GET /locks"] = []
    assert run("locks").code == 0
    assert forms[-1] == {"grant_type": "refresh_token", "refresh_token": "refresh-1", "client": "bosh_cli:"}
