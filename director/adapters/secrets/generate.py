"""Making the value of a variable, by type."""

from __future__ import annotations

from typing import Any

from director.adapters.secrets import certificates, key_pairs, passwords
from director.adapters.secrets.options import Options
from director.model.deployment import Document

TYPES = ("password", "certificate", "rsa", "ssh", "user")
SET_ONLY = ("value", "json")


def generate(name: str, kind: str, given: Document, authority: dict[str, str] | None = None) -> Any:
    """Blocking: keys take up to a second. Raises `BadRequest` (540005) for a type or an option that it cannot serve."""
    options = Options(name, given)
    if kind == "password":
        return passwords.password(options)
    if kind == "user":
        return passwords.user(options)
    if kind == "rsa":
        return key_pairs.rsa(options)
    if kind == "ssh":
        return key_pairs.ssh(options)
    if kind == "certificate":
        return certificates.certificate(options, authority)
    if kind in SET_ONLY:
        raise options.fault(f"type '{kind}' is set, never generated", "Set its value through the variables API.")
    raise options.fault(f"type '{kind}' is not known", f"Use one of {', '.join(TYPES)}.")
