"""Where the platform is, who works on it, and in which space."""

from __future__ import annotations

import os
import sys
from typing import Any

import click

from paas.client import find
from paas.client.errors import ClientError
from paas.client.session import Session
from paas.client.settings import Place
from paas.client.show import as_json, document, pairs, say
from paas.client.token import user_name


@click.command()
@click.argument("url", required=False)
@click.option("-o", "org", metavar="ORG", help="Work in this organization.")
@click.option("-s", "space", metavar="SPACE", help="Work in this space.")
@click.option("--skip-ssl-validation", is_flag=True, help="Trust any certificate.")
@click.option("--unset", is_flag=True, help="Forget the platform.")
@as_json
@click.pass_obj
def target(
    session: Session,
    url: str | None,
    org: str | None,
    space: str | None,
    skip_ssl_validation: bool,
    unset: bool,
    json: bool,
) -> None:
    """Say which platform, organization and space to work in; or show them."""
    settings = session.settings
    if unset:
        settings.api, settings.links, settings.access_token, settings.refresh_token = "", {}, "", ""
        settings.org, settings.space, settings.connect = None, None, ""
    if url:
        _api(session, url, skip_ssl_validation)
    if org:
        _org(session, org)
    if space:
        found = find.space(session, space)
        settings.space = Place(found["guid"], found["name"])
    session.save()
    _show(session, json)


@click.command()
@click.argument("url", required=False)
@click.option("--skip-ssl-validation", is_flag=True, help="Trust any certificate.")
@click.pass_obj
def api(session: Session, url: str | None, skip_ssl_validation: bool) -> None:
    """Say which platform to work with; or show it."""
    if url:
        _api(session, url, skip_ssl_validation)
        session.save()
    _show(session, False)


@click.command()
@click.option("-a", "url", metavar="URL", help="The platform.")
@click.option("-u", "user", metavar="USER", help="Or PAAS_USERNAME.")
@click.option("-p", "password", metavar="PASSWORD", help="Or PAAS_PASSWORD, which others on this machine do not see.")
@click.option("-o", "org", metavar="ORG", help="Work in this organization.")
@click.option("-s", "space", metavar="SPACE", help="Work in this space.")
@click.option("--skip-ssl-validation", is_flag=True, help="Trust any certificate.")
@click.pass_obj
def login(
    session: Session,
    url: str | None,
    user: str | None,
    password: str | None,
    org: str | None,
    space: str | None,
    skip_ssl_validation: bool,
) -> None:
    """Log in."""
    if url:
        _api(session, url, skip_ssl_validation)
    user = user or os.environ.get("PAAS_USERNAME") or _asked("User", False)
    password = password or os.environ.get("PAAS_PASSWORD") or _asked("Password", True)
    session.uaa.log_in(user, password)
    session.save()
    _settle(session, org, space)
    session.save()
    _show(session, False)


@click.command()
@click.argument("user", required=False)
@click.argument("password", required=False)
@click.option("--client-credentials", is_flag=True, help="USER and PASSWORD are a client's id and secret.")
@click.pass_obj
def auth(session: Session, user: str | None, password: str | None, client_credentials: bool) -> None:
    """Log in without questions; USER and PASSWORD or PAAS_USERNAME and PAAS_PASSWORD."""
    user, password = user or os.environ.get("PAAS_USERNAME"), password or os.environ.get("PAAS_PASSWORD")
    if not user or password is None:
        raise ClientError(
            "User name and password are wanted.", "Give them as arguments, or PAAS_USERNAME and PAAS_PASSWORD."
        )
    if client_credentials:
        session.settings.refresh_token = ""
        session.uaa.log_in_client(user, password)
    else:
        session.uaa.log_in(user, password)
    session.save()
    say("You are logged in.")


@click.command()
@click.pass_obj
def logout(session: Session) -> None:
    """Log out."""
    settings = session.settings
    if settings.refresh_token:
        session.uaa.revoke()
    settings.access_token = settings.refresh_token = ""
    settings.org = settings.space = None
    session.save()
    say("You are logged out.")


@click.command()
@click.pass_obj
def passwd(session: Session) -> None:
    """Change your password."""
    me = user_name(session.settings.access_token)
    guid = session.uaa.find(me) or session.api.get("/v3/users", usernames=me)["resources"][0]["guid"]
    old = _asked("Your password", True)
    new = _asked("The new one", True)
    session.uaa.change_password(guid, old, new)
    say("Your password is changed.")


@click.command()
@click.argument("path")
@click.option("-X", "method", default="GET", help="GET, POST, PATCH, PUT or DELETE.")
@click.option("-d", "body", help="The body, or @FILE.")
@click.pass_obj
def curl(session: Session, path: str, method: str, body: str | None) -> None:
    """Ask the API for PATH."""
    more: dict[str, Any] = {}
    if body is not None:
        try:
            more["content"] = open(body[1:], "rb").read() if body.startswith("@") else body.encode()  # noqa: SIM115
        except OSError as error:
            raise ClientError(f"{body[1:]}: {error.strerror}") from None
        more["headers"] = {"Content-Type": "application/json"}
    answer = session.api.send(method, path if path.startswith("/") else f"/{path}", **more)
    if answer.headers.get("content-type", "").startswith("application/json"):
        document(answer.json())
    else:
        click.echo(answer.text)


def _api(session: Session, url: str, skip_verify: bool) -> None:
    whole = url if "://" in url else f"https://{url}"
    if session.settings.api != whole.rstrip("/"):
        session.settings.access_token = session.settings.refresh_token = ""
        session.settings.org = session.settings.space = None
    session.settings.skip_verify = skip_verify
    session.discover(whole.rstrip("/"))


def _org(session: Session, name: str) -> None:
    found = find.org(session, name)
    session.settings.org = Place(found["guid"], found["name"])
    session.settings.space = None
    spaces = session.api.get("/v3/spaces", organization_guids=found["guid"], per_page=2)["resources"]
    if len(spaces) == 1:
        session.settings.space = Place(spaces[0]["guid"], spaces[0]["name"])


def _settle(session: Session, org: str | None, space: str | None) -> None:
    """What was named, or what there is only one of."""
    if org:
        _org(session, org)
    elif session.settings.org is None:
        orgs = session.api.get("/v3/organizations", per_page=2)["resources"]
        if len(orgs) == 1:
            _org(session, orgs[0]["name"])
    if space:
        found = find.space(session, space)
        session.settings.space = Place(found["guid"], found["name"])


def _show(session: Session, json: bool) -> None:
    settings = session.settings
    facts = {
        "api": settings.api,
        "user": user_name(settings.access_token),
        "org": settings.org.name if settings.org else "",
        "space": settings.space.name if settings.space else "",
    }
    if json:
        document(facts)
        return
    if not settings.api:
        raise ClientError("No platform is targeted.", "paas target URL")
    wanted = {
        "user": "not logged in; paas login",
        "org": "none; paas target -o ORG",
        "space": "none; paas target -s SPACE",
    }
    pairs([(name, value or wanted.get(name, "")) for name, value in facts.items()])


def _asked(what: str, hidden: bool) -> str:
    if not sys.stdin.isatty():
        raise ClientError(
            f"{what} is wanted, and nobody is here to ask.", "Give -u and -p, or PAAS_USERNAME and PAAS_PASSWORD."
        )
    return click.prompt(what, hide_input=hidden)
