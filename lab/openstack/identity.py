"""Keystone's first contents: the administrator, an account for each service, the catalogue."""

from __future__ import annotations

import os
import pwd
import time

from lab.errors import LabError
from lab.openstack.daemons import await_port
from lab.openstack.http import admin_token, ask
from lab.openstack.stack import PASSWORD, REGION, Stack

INTERFACES = ("public", "internal", "admin")
CATALOGUE = {
    "glance": ("image", ""),
    "placement": ("placement", ""),
    "nova": ("compute", "/v2.1"),
    "neutron": ("network", ""),
    "cinder": ("block-storage", "/v3"),
}
"""Service -> its type and the path of its endpoint."""


def make(stack: Stack) -> None:
    """Keys, tables, administrator; then keystone itself is started and asked for the rest."""
    from lab.openstack.services import start_api

    settings = stack.configuration("keystone", "keystone.conf")
    owner = pwd.getpwuid(os.getuid()).pw_name
    stack.once("keystone-manage", "keystone-manage", *settings, "db_sync")
    for command, folder in (("fernet_setup", "fernet"), ("credential_setup", "credential")):
        stack.path("etc/keystone", folder).mkdir(parents=True, exist_ok=True)
        account = ("--keystone-user", owner, "--keystone-group", owner)
        stack.once("keystone-manage", "keystone-manage", *settings, command, *account)
    urls = [word for one in INTERFACES for word in (f"--bootstrap-{one}-url", stack.identity_url)]
    first = ("--bootstrap-password", PASSWORD, "--bootstrap-region-id", REGION, *urls)
    stack.once("keystone-manage", "keystone-manage", *settings, "bootstrap", *first)
    start_api(stack, "keystone")
    await_port(stack.port("keystone"), 60, "keystone")
    _accounts(stack, _first_token(stack))


def _first_token(stack: Stack) -> str:
    for _ in range(100):
        try:
            return admin_token(stack.identity_url, PASSWORD)
        except OSError:
            time.sleep(0.3)
    raise LabError(f"keystone takes no administrator; see {stack.path('log/keystone.log')}")


def _accounts(stack: Stack, token: str) -> None:
    url = stack.identity_url

    def post(kind: str, plural: str, **fields: object) -> str:
        return str(ask("POST", f"{url}/{plural}", {kind: fields}, token)[0][kind]["id"])

    known = ask("GET", f"{url}/roles", None, token)[0]["roles"]
    roles = {str(role["name"]): str(role["id"]) for role in known}
    if "service" not in roles:
        roles["service"] = post("role", "roles", name="service")
    project = post("project", "projects", name="service", domain_id="default")
    for name, (kind, path) in CATALOGUE.items():
        user = post("user", "users", name=name, password=PASSWORD, domain_id="default", default_project_id=project)
        for role in ("admin", "service"):
            ask("PUT", f"{url}/projects/{project}/users/{user}/roles/{roles[role]}", None, token)
        service = post("service", "services", name=name, type=kind)
        for interface in INTERFACES:
            endpoint = stack.url(name) + path
            post("endpoint", "endpoints", interface=interface, url=endpoint, region_id=REGION, service_id=service)
