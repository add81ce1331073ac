"""Sections that most services share."""

from __future__ import annotations

from lab.openstack.stack import PASSWORD, REGION, Stack

Sections = dict[str, dict[str, object]]


def account(stack: Stack, user: str) -> dict[str, object]:
    """How a service signs in to the others."""
    return {
        "auth_url": stack.identity_url,
        "auth_type": "password",
        "username": user,
        "password": PASSWORD,
        "project_name": "service",
        "user_domain_name": "Default",
        "project_domain_name": "Default",
        "region_name": REGION,
    }


def guard(stack: Stack, user: str) -> dict[str, object]:
    """How a service checks its callers; service tokens are needed for detaching volumes."""
    return {
        **account(stack, user),
        "www_authenticate_uri": stack.identity_url,
        "service_token_roles": "service",
        "service_token_roles_required": "true",
    }


def database(stack: Stack, name: str) -> dict[str, object]:
    """A small pool: several services share one server."""
    return {"max_pool_size": 5, "max_overflow": 20, "connection": stack.database(name)}


def shared(stack: Stack) -> Sections:
    """Of every service with locks and notifications."""
    return {
        "oslo_concurrency": {"lock_path": stack.path("lock")},
        "oslo_messaging_notifications": {"driver": "noop"},
    }


def broker(stack: Stack) -> str:
    """The message queue's URL."""
    return f"rabbit://guest:guest@127.0.0.1:{stack.port('rabbit')}/"
