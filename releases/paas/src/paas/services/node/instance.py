"""An instance of a service as its node keeps it, and one binding of it."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

PASSWORD_BYTES = 24


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """One app's (or key's) own credentials. Names and passwords are made before the service is told of them."""

    id: str
    username: str
    password: str
    options: dict[str, Any] = {}

    @classmethod
    def new(cls, id: str, options: dict[str, Any]) -> Binding:
        """A binding with a user name and password that nobody has."""
        return cls(id=id, username=f"u{secrets.token_hex(8)}", password=new_password(), options=options)


class Instance(msgspec.Struct, frozen=True, kw_only=True):
    """`name`: letters and digits, unique in the service; `number`: unique on the node, the smallest that was free.

    `size` is its share of the node's capacity; `password` is for the service's own use; `made` once it serves.
    """

    name: str
    number: int
    plan: str
    size: int
    limits: dict[str, int]
    password: str
    made: bool = False
    bindings: dict[str, Binding] = {}

    def limit(self, name: str, default: int) -> int:
        """One of the plan's limits."""
        return self.limits.get(name, default)


def new_password() -> str:
    """192 random bits, fit for a URL."""
    return secrets.token_urlsafe(PASSWORD_BYTES)
